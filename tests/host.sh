#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs the test programs that need no module, one after the other, each under a
# watchdog, and adds up their last lines.
#
#   BUILD=build tests/host.sh [NAME...]        (after make tests; default: all)
#
# The last line is "test-host: N passed, N failed, N skipped".
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
export BUILD=${BUILD:-build}
limit=${KIPC_TEST_LIMIT:-900}
passed=0 failed=0 skipped=0

# A program without a count, or that fails without saying which test did, or
# that ran nothing, is one failure.
run_program() {
	local name=$1 log status=0 p f s start=$SECONDS
	shift
	log=$(mktemp)
	timeout -k 5 "$limit" "$@" 2>&1 </dev/null | tee "$log" || status=$?
	read -r p f s < <(sed -nE \
		's/.*\b([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped.*/\1 \2 \3/p' "$log" |
		tail -n 1)
	rm -f "$log"
	if [ -z "${p:-}" ] || [ $((p + f + s)) = 0 ]; then
		echo "$name: ended with status $status and without a count"
		p=0 f=1 s=0
	elif [ "$status" != 0 ] && [ "$f" = 0 ]; then
		echo "$name: ended with status $status"
		f=1
	fi
	[ "$status" != 124 ] || echo "$name: no end within $limit s"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	summary+=$(printf '  %-12s %4d passed %3d failed %3d skipped %4d s' \
		"$name" "$p" "$f" "$s" $((SECONDS - start)))$'\n'
}

summary=
[ $# -gt 0 ] || set -- unit hostile conformance abi uapi tools model kill long tsan
for name; do
	case $name in
	tools) run_program tools tools/test.sh ;;
	model)
		# The checker runs the code as it is written, not as it was compiled here.
		if [ "${SAN:-}" = 1 ]; then
			echo 'model: the same with sanitizers, so not run again'
		else
			run_program model tests/model/run.sh
		fi
		;;
	kill)
		# Single steps through what a sanitizer adds tell nothing about the library.
		if [ "${SAN:-}" = 1 ]; then
			echo 'kill: stepped through without sanitizers only'
		else
			run_program kill "$BUILD/tests/kill"
		fi
		;;
	tsan)
		# It is a build of the library with a sanitizer of its own.
		if [ "${SAN:-}" = 1 ]; then
			echo 'tsan: another sanitizer, so not run again'
		else
			run_program tsan "${MAKE:-make}" --no-print-directory test-tsan
		fi
		;;
	*) run_program "$name" "$BUILD/tests/$name" ;;
	esac
done
printf '\n%s' "$summary"
echo "test-host: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
