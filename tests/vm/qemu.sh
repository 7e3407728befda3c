#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the QEMU that fetch.sh unpacked, with its libraries and its firmware,
# or the host's where there is none.
top=$(cd "$(dirname "$0")/../.." && pwd)
root=$top/build/vm/qemu

if [ -x "$root/usr/bin/qemu-system-x86_64" ]; then
	lib=lib/x86_64-linux-gnu
	LD_LIBRARY_PATH=$root/usr/$lib:$root/$lib:$root/usr/$lib/pulseaudio${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	export LD_LIBRARY_PATH
	exec "$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" \
		-L "$root/usr/share/seabios" "$@"
fi
exec qemu-system-x86_64 "$@"
