#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The long run over each transport that runs without a module.
#
#   long.sh SECONDS [KIND]
#
# The last line is "test-long: N passed, N failed, N skipped".
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0 skipped=0
for scheme in shm unix; do
	last=$("${BUILD:-build}/tests/long" -s $scheme -t "${1:-300}" ${2:+-m "$2"} 2>&1 | tee /dev/stderr | tail -n 1)
	read -r p f s < <(sed -nE 's/.*\b([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped.*/\1 \2 \3/p' <<<"$last")
	passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1})) skipped=$((skipped + ${s:-0}))
done
echo "test-long: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
