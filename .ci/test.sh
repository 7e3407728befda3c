#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What "make test" runs: the set-up, then both halves of the tests.
#
#   test.sh [MAKE]
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
make=${1:-make}
. .ci/parts.sh

.ci/deps.sh test vm || exit 1
part test-host "$make" --no-print-directory test-host
part test-vm "$make" --no-print-directory test-vm
total
