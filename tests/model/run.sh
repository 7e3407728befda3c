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

# compile MODEL SOURCES FOLDER: the model over the library's code in SOURCES.
compile() {
	${CC:-gcc} -std=gnu11 -O1 -g -D_GNU_SOURCE -fno-strict-aliasing \
		-Wall -Wextra -Wno-unused ${4:+-w} -include tests/model/checker.h \
		-I"$2/lib" -I"$2/lib/include" -I"$2/kmod/uapi" \
		-c -o "$3/model.o" "tests/model/$1.c" &&
		${CXX:-g++} -o "$3/model" "$3/model.o" "$out/checker.o"
}

# How many executions each model needs: a twin is found well before.
executions() {
	awk -v m="$1" -v f="$factor" '$1 == "#executions" && $2 == m { print $3 * f }' tests/model/twins
}

model() {
	local dir=$out/$1 said
	mkdir -p "$dir"
	if ! said=$(compile "$1" . "$dir" 2>&1); then
		verdict FAIL "$1" '' 'does not compile' "$said"
	elif said=$("$dir/model" "$(executions "$1")" 2>&1); then
		verdict pass "$1" '' 'the real code' "$said"
	else
		verdict FAIL "$1" '' 'the real code' "$said"
	fi
}

# twin MODEL NEEDED NAME FILE SCRIPT
twin() {
	local dir=$out/twin said status=0
	rm -rf "$dir"
	mkdir -p "$dir"
	cp -r lib kmod/uapi "$dir/" && mkdir "$dir/kmod" && mv "$dir/uapi" "$dir/kmod/"
	sed -E -i "$5" "$dir/$4"
	if cmp -s "$4" "$dir/$4"; then
		verdict FAIL "$1" "$2" "$3" 'the script changes nothing'
		return
	elif ! said=$(compile "$1" "$dir" "$dir" quiet 2>&1); then
		verdict FAIL "$1" "$2" "$3" "does not compile: $said"
		return
	fi
	said=$("$dir/model" "$(executions "$1")" 2>&1) || status=$?
	case $status in
	0) verdict FAIL "$1" "$2" "$3" "not rejected: $said" ;;
	1) verdict pass "$1" "$2" "$3" "rejected: $said" ;;
	*) verdict FAIL "$1" "$2" "$3" "ended with status $status: $said" ;;
	esac
}

twins() {
	local model needed name file script
	while IFS='|' read -r model needed name file script; do
		read -r model <<<"$model"
		[ "$model" = "$1" ] || continue
		read -r needed <<<"$needed"
		read -r name <<<"$name"
		read -r file <<<"$file"
		twin "$model" "$needed" "$name" "$file" "${script# }"
	done < <(grep -v '^#' tests/model/twins)
}

relacy() {
	local name
	if [ ! -e "$out/checker.o" ]; then
		missing relacy 'relacy is not installed: .ci/deps.sh test'
		return
	fi
	for name; do
		model "$name"
		twins "$name"
	done
}

relacy ${*:-ring}
echo "test-model: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
