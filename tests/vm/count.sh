#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Counts what one round trip costs, without noise: on a machine with one
# processor whose clock advances 1 ns per instruction, so that a figure is the
# same in every run to about 0.03 %.  Emulated times are no evidence of speed;
# system calls, context switches and instructions are.
#
#   count.sh [6.1|6.12...]
#
# The rows go to the terminal and to build/vm/count-6.1.txt and so on.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
program=build/tests/vm/roundtrip

count() {
	local series=$1 out=$top/build/vm/count-$1
	"$top/tests/vm/fetch.sh" qemu "$series"
	"$top/tests/vm/kmod.sh" "$series"
	echo "linux $(cat "$top/build/vm/linux-$series/stamp"), one CPU, instructions counted"
	"$top/tests/vm/run.sh" -i -k "$series" -t 400 -o "$out" -- sh -c \
		"insmod build/kmod-$series/kipc.ko && $program && rmmod kipc" | tee "$out.txt"
}

[ -x "$top/$program" ] || make -s -C "$top" vm-programs
[ $# -gt 0 ] || set -- 6.1 6.12
for series; do
	count "$series"
done
