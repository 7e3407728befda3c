#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs the models and their broken twins.  A model passes when the checker finds
# nothing wrong, a twin when it does.  A line each; the last one is
# "test-model: N passed, N failed, N skipped".
#
#   BUILD=build CC=gcc CXX=g++ tests/model/run.sh [MODEL...]
#
# KIPC_MODEL_FACTOR=10 looks ten times as long.  With KIPC_MODEL_HISTORY=1 set,
# build/tests/model/NAME/model prints the execution that went wrong.
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
out=${BUILD:-build}/tests/model
passed=0 failed=0 skipped=0
jobs=2
factor=${KIPC_MODEL_FACTOR:-1}

say() {
	printf '%-7s %-6s %-5s %s%s\n' "$1" "$2" "$3" "$4" "${5:+: $5}"
}

verdict() {
	if [ "$1" = pass ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	say "$@"
}

# What a fresh machine gets from .ci/deps.sh; there nothing may be missing.
missing() {
	if [ -n "${CI:-}" ]; then
		verdict FAIL "$1" '' "$2"
	else
		skipped=$((skipped + 1))
		say skip "$1" '' "$2"
	fi
}

# compile FOLDER SOURCES MODEL-SOURCES [-w]: into FOLDER/model, over the library in
# FOLDER/lib.  Functions that a model has no use for are left out, with all that they
# would need; what only a table names is nothing, and a model that gets there ends with
# a signal.  Results of read-modify-writes are often not wanted.
compile() {
	local dir=$1
	${CC:-gcc} -std=gnu11 -O0 -D_GNU_SOURCE -fno-strict-aliasing -ffunction-sections \
		-Wall -Wextra -Wno-unused-value -Wno-maybe-uninitialized ${4:-} \
		-include tests/model/checker.h -I"$dir/lib" -I"$dir/lib/include" -I"$dir/kmod/uapi" \
		-o "$dir/model" $(printf "$dir/lib/%s " $2) $(printf 'tests/model/%s ' $3) \
		-no-pie -Wl,--gc-sections,--unresolved-symbols=ignore-all "$out/checker.o" -lstdc++
}

# copy FOLDER NAME: the library's sources, with what is too large for a model scaled down.
copy() {
	local file script
	rm -rf "$1"
	mkdir -p "$1/kmod"
	cp -r lib "$1/" && cp -r kmod/uapi "$1/kmod/" || return
	while IFS='|' read -r file script; do
		edit "$1" "$file" "$script" || return
	done < <(rows scale "$2")
}

# edit FOLDER FILE SCRIPT, which must change it.
edit() {
	cp "$1/lib/$2" "$1/before" && sed -E -i "$3" "$1/lib/$2" && ! cmp -s "$1/before" "$1/lib/$2"
}

# model NAME EXECUTIONS SOURCES MODEL-SOURCES
model() {
	local dir=$out/$1 said
	if ! copy "$dir" "$1"; then
		verdict FAIL "$1" '' 'the real code' 'it cannot be scaled'
	elif ! said=$(compile "$dir" "$3" "$4" 2>&1); then
		verdict FAIL "$1" '' "does not compile: $said"
	elif said=$("$dir/model" "$2" 2>&1); then
		verdict pass "$1" '' 'the real code' "$said"
	else
		verdict FAIL "$1" '' 'the real code' "$said"
	fi
}

# twin NAME EXECUTIONS SOURCES MODEL-SOURCES NEEDED WHAT FILE SCRIPT
twin() {
	local dir=$out/$1-twin said status=0
	if ! { copy "$dir" "$1" && edit "$dir" "$7" "$8"; }; then
		verdict FAIL "$1" "$5" "$6" 'the script changes nothing'
		return
	elif ! said=$(compile "$dir" "$3" "$4" -w 2>&1); then
		verdict FAIL "$1" "$5" "$6" "does not compile: $said"
		return
	fi
	said=$("$dir/model" "$2" 2>&1) || status=$?
	case $status in
	0) verdict FAIL "$1" "$5" "$6" "not rejected: $said" ;;
	1) verdict pass "$1" "$5" "$6" "rejected: $said" ;;
	*) verdict FAIL "$1" "$5" "$6" "ended with status $status: $said" ;;
	esac
}

# search NAME MACROS: every execution of NAME.pml.  0: right; 1: wrong; anything else: no answer.
search() {
	local dir=$out/$1 said status=0
	rm -rf "$dir" && mkdir -p "$dir" && cp "tests/model/$1.pml" "$dir/" || return 2
	# shellcheck disable=SC2086
	(cd "$dir" && spin $2 -a "$1.pml" && ${CC:-gcc} -O1 -w -DSAFETY -DCOLLAPSE -o pan pan.c) \
		>"$dir/log" 2>&1 || return 2
	said=$(cd "$dir" && ./pan -m1000000 2>&1) || status=$?
	case $status:$said in
	0:*'too small'* | 0:*'out of memory'*) echo "$said" | head -n 2; return 2 ;;
	0:*'errors: 0'*) echo "$said" | sed -nE 's/^ *([0-9]+) states, stored$/\1 states/p' ;;
	0:*'assertion violated'*) echo "$said" | sed -nE 's/^pan:1: (assertion violated.*)/\1/p'; return 1 ;;
	*) return 2 ;;
	esac
}

# promela NAME: the model, then its twins.
promela() {
	local needed what macros said status
	while IFS='|' read -r what macros; do
		if said=$(search "$1" "$macros"); then
			verdict pass "$1" '' "$what" "$said"
		else
			verdict FAIL "$1" '' "$what" "$said"
		fi
	done < <(rows spin "$1")
	while IFS='|' read -r needed what macros; do
		status=0
		said=$(search "$1" "$macros") || status=$?
		if [ $status = 1 ]; then
			verdict pass "$1" "$needed" "$what" "rejected: $said"
		else
			verdict FAIL "$1" "$needed" "$what" "not rejected: $said"
		fi
	done < <(rows off "$1")
}

# Rows of tests/model/models of one kind and model: fields without the blanks around them.
rows() {
	sed -nE "s/^$1 $2 *\\| */ /p" tests/model/models | sed -E 's/^ //; s/ +\| +/|/g'
}

# check MODEL: the real code, then its twins.
check() {
	local name=$1 executions sources own needed what file script
	IFS='|' read -r executions sources own < <(rows model "$name")
	executions=$((executions * factor))
	model "$name" "$executions" "$sources" "$own"
	while IFS='|' read -r needed what file script; do
		twin "$name" "$executions" "$sources" "$own" "$needed" "$what" "$file" "$script"
	done < <(rows twin "$name")
}

# What is missing for a model, if anything.
lacking() {
	if [ -e "tests/model/$1.pml" ]; then
		command -v spin >/dev/null || echo spin
	elif [ ! -e "$out/checker.o" ]; then
		echo relacy
	fi
}

[ $# -gt 0 ] || set -- $(sed -nE 's/^(model|spin) ([a-z]+) .*/\2/p' tests/model/models | sort -u)
for name; do
	tool=$(lacking "$name")
	if [ -n "$tool" ]; then
		missing "$name" "$tool is not installed: .ci/deps.sh test"
		continue
	fi
	# Each model on its own, a few at a time; what they say is counted when all have ended.
	while [ "$(jobs -rp | wc -l)" -ge $jobs ]; do
		wait -n
	done
	if [ -e "tests/model/$name.pml" ]; then
		promela "$name" >"$out/$name.log" 2>&1 &
	else
		check "$name" >"$out/$name.log" 2>&1 &
	fi
	ran+=" $name"
done
wait
for name in ${ran:-}; do
	cat "$out/$name.log"
	rows=$(grep -cE "^(model|twin|spin|off) $name " tests/model/models)
	right=$(grep -c '^pass' "$out/$name.log")
	passed=$((passed + right)) failed=$((failed + rows - right))
done
echo "test-model: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
