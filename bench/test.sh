#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The bench as a user meets it: wrong arguments, files that cannot be written,
# files that are none. Nothing is measured but getpid().
#
#   BUILD=build bench/test.sh        (after make bench-build)
#
# The last line is "bench: N passed, N failed, N skipped".
set -uo pipefail
export LC_ALL=C

cd "$(dirname "$0")/.." || exit 1
folder=$(realpath "${BUILD:-build}")/bench
bench=$folder/kipc-bench report=$folder/kipc-bench-report
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0
shortest='--only=limit:syscall --reps=1 --ms=1'

# same NAME WANTED GOT
same() {
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "bench: FAILED: $1: wanted '$2', got '$3'"
	fi
}

# refuse STATUS TEXT COMMAND...: ends by itself with this status, and its last line
# on stderr begins with "kipc: " and holds the text.
refuse() {
	local status=$1 text=$2 said
	shift 2
	"$@" </dev/null >"$dir/out" 2>"$dir/err"
	same "status of ${*:1:3}" "$status" $?
	said=$(tail -n 1 "$dir/err")
	[[ $said == "kipc: "*": "*"$text"* ]] && said=$text
	same "words of ${*:1:3}" "$text" "$said"
}

# To a stdout without room.
full() {
	"$@" >/dev/full
}

arguments() {
	local long
	long=$(printf 'x%.0s' {1..300})
	refuse 2 'no transport' "$bench" --only=nosuch --list
	refuse 2 'too long' "$bench" "--only=$long" --list
	refuse 2 'number from' "$bench" --sizes= --list
	refuse 2 'number from' "$bench" --sizes=7 --list
	refuse 2 'number from' "$bench" --sizes=18014398509481985K --list
	refuse 2 'number from' "$bench" --sizes=99999999999999999999M --list
	refuse 2 'number from' "$bench" --reps=-1 --list
	refuse 2 'overlap' "$bench" --sizes=8,9 --list
	refuse 2 'numbers of CPUs' "$bench" --cpus=0 --list
	refuse 2 'unknown option' "$bench" --nosuch
	refuse 1 'No such file' "$bench" $shortest "--json=$dir/no/x.json"
	refuse 1 'Is a directory' "$bench" $shortest "--json=$dir"
	refuse 2 'no results file' "$report"
	refuse 1 'No such file' "$report" "$dir/nosuch.json"
}

# What is no ordinary file is written to, and stays what it is.
files() {
	local got
	mkfifo "$dir/fifo"
	timeout 60 cat "$dir/fifo" >"$dir/copy" &
	timeout 60 "$bench" $shortest "--json=$dir/fifo" >/dev/null 2>&1
	same 'results to a pipe' 0 $?
	wait $!
	same 'it is a pipe still' yes "$([ -p "$dir/fifo" ] && echo yes)"
	timeout 60 "$bench" $shortest "--json=$dir/x.json" >/dev/null 2>&1
	same 'results to a file' 0 $?
	timeout 60 "$report" "$dir/copy" >"$dir/out" 2>&1
	same 'a report of the first' 0 $?
	timeout 60 cat "$dir/fifo" >"$dir/page" &
	timeout 60 "$report" "--html=$dir/fifo" "$dir/x.json" >/dev/null 2>&1
	same 'a page to a pipe' 0 $?
	wait $!
	same 'the whole page' '</body></html>' "$(tail -n 1 "$dir/page")"
	refuse 1 'Is a directory' "$report" "--html=$dir" "$dir/x.json"
	got=$(find "$dir" -name '*.part')
	same 'left behind' '' "$got"
}

no_room() {
	refuse 1 'stdout: No space left' full "$bench" --list
	refuse 1 'stdout: No space left' full "$bench" --help
	refuse 1 'stdout: No space left' full "$report" --help
	refuse 1 'stdout: No space left' full "$report" "$dir/x.json"
}

arguments
files
no_room
echo "bench: $passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
