#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The program printed in README.md compiles as printed, runs and says what the
# README says it says; then the two halves of hello and of sum, either one first.
#
#   BUILD=build CC=gcc SAN=0 tools/examples/test-readme.sh      (after make lib tools)
set -eu

cd "$(dirname "$0")/../.."
build=${BUILD:-build}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "kipc: test-readme: $*" >&2
	exit 1
}

# The first block marked c, and the block after "prints:".
awk '/^```c$/ { on = 1; next } /^```$/ { if (on) exit } on' README.md >"$dir/readme.c"
awk '/prints:$/ { seen = 1 } seen && /^```$/ { if (on) exit; on = 1; next } on' README.md >"$dir/wanted"
[ -s "$dir/readme.c" ] || fail 'README.md has no block marked c'
[ -s "$dir/wanted" ] || fail 'README.md does not say what the example prints'
lines=$(grep -c . "$dir/readme.c")
[ "$lines" -le 25 ] || fail "the example has grown to $lines lines"

# A library with sanitizers needs a program with sanitizers.
sanitize=
[ "${SAN:-}" != 1 ] || sanitize=-fsanitize=address,undefined
${CC:-gcc} -Wall -Wextra -Werror -Ilib/include "$dir/readme.c" -o "$dir/readme" \
	"$build/lib/libkipc.a" -lnuma -luring -pthread $sanitize
timeout 20 "$dir/readme" >"$dir/got" || fail "the example ended with $?"
cmp -s "$dir/wanted" "$dir/got" ||
	fail "the example printed '$(cat "$dir/got")', README.md says '$(cat "$dir/wanted")'"

i=0
while [ $i -lt 10 ]; do
	i=$((i + 1))
	echo "hello number $i"
done >"$dir/wanted"
name="readme-$$"

hello() {
	first=$1 second=$2
	timeout 20 "$build/tools/examples/hello_$first" "shm://$name" >>"$dir/hello" &
	timeout 20 "$build/tools/examples/hello_$second" "shm://$name" >>"$dir/hello" ||
		fail "hello_$second ended with $?"
	wait $! || fail "hello_$first ended with $?"
	cmp -s "$dir/wanted" "$dir/hello" || fail "hello_recv printed '$(cat "$dir/hello")'"
	rm "$dir/hello"
}
hello recv send
hello send recv

# sum FIRST STATUS NUMBER...: what the client prints, and how it ends; the server ends when it leaves.
sum() {
	first=$1 wanted=$2 status=0
	shift 2
	if [ "$first" = serve ]; then
		timeout 20 "$build/tools/examples/sum_serve" "shm://$name" &
		timeout 20 "$build/tools/examples/sum_call" "shm://$name" "$@" >"$dir/sum" 2>&1 || status=$?
		wait $! || fail "sum_serve ended with $?"
	else
		timeout 20 "$build/tools/examples/sum_call" "shm://$name" "$@" >"$dir/sum" 2>&1 &
		timeout 20 "$build/tools/examples/sum_serve" "shm://$name" || fail "sum_serve ended with $?"
		wait $! || status=$?
	fi
	[ $status = "$wanted" ] || fail "sum_call $* ended with $status"
}
sum serve 0 1 -2 30
[ "$(cat "$dir/sum")" = "$(printf 'negative -2\nsum 29')" ] || fail "sum_call printed '$(cat "$dir/sum")'"
sum call 0
[ "$(cat "$dir/sum")" = "$(printf 'negative 0\nsum 0')" ] || fail "sum_call printed '$(cat "$dir/sum")'"
sum call 1 9223372036854775807 1
grep -q '^sum: the server says: ' "$dir/sum" || fail "sum_call printed '$(cat "$dir/sum")'"
echo "6 passed, 0 failed, 0 skipped"
