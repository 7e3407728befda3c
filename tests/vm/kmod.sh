#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Builds the module for a kernel that fetch.sh obtained: build/kmod-6.1/kipc.ko
# from a copy of kmod/, so that the builds for several kernels stand side by
# side.  A warning of the compiler (W=1) or of sparse (C=2) is a failure.
#
#   kmod.sh 6.1|6.12
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
series=$1
headers=$top/build/vm/linux-$series/headers
dir=$top/build/kmod-$series

# What a finished build was made from: nothing is done when it has not changed.
fingerprint() {
	cat "$top/build/vm/linux-$series/stamp"
	cd "$top/kmod" && find . -type f \( -name '*.[ch]' -o -name Kbuild \) -print0 |
		sort -z | xargs -0 sha256sum
}

# That the compiler is another patch level of the kernel's own is no fault of
# this source.
warnings() {
	grep -E 'warning:|error:|WARNING:|ERROR:' "$dir/log" | grep -v 'the compiler differs' || true
}

mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
fingerprint >"$dir/fingerprint.new"
if [ -e "$dir/kipc.ko" ] && cmp -s "$dir/fingerprint" "$dir/fingerprint.new"; then
	exit 0
fi
find "$dir" -mindepth 1 ! -name fingerprint.new ! -name lock -delete
(cd "$top/kmod" && find . -type f \( -name '*.[ch]' -o -name Kbuild \) -print0 |
	cpio -pdm0 --quiet "$dir")
if ! make -C "$headers" M="$dir" W=1 C=2 modules >"$dir/log" 2>&1; then
	cat "$dir/log" >&2
	echo "kipc: kmod: no module for linux $series" >&2
	exit 1
fi
if [ -n "$(warnings)" ]; then
	warnings >&2
	echo "kipc: kmod: linux $series: the build warns" >&2
	rm -f "$dir/kipc.ko"
	exit 1
fi
mv "$dir/fingerprint.new" "$dir/fingerprint"
