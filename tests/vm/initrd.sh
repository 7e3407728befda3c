#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Builds the initramfs for a kernel that fetch.sh obtained, where it is older
# than its parts, and prints its path.
#
#   initrd.sh 6.1|6.12
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
dir=$(cd "$here/../../build/vm/linux-$1" && pwd)
release=$(cat "$dir/stamp")
initrd=$dir/initrd

fresh() {
	local part
	for part in "$dir/stamp" "$here/init" "$here/stage2" "$here/initrd.sh"; do
		[ "$initrd" -nt "$part" ] || return 1
	done
}

# Prints the files of the modules that make a 9p root over PCI, each after
# what it needs; built-in ones have no file.
module_files() {
	local module
	for module in virtio_pci 9pnet_virtio 9p overlay; do
		modprobe -d "$dir" -S "$release" --show-depends $module
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

build() {
	local root file name
	root=$(mktemp -d "$dir/initrd.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf '$root'" EXIT
	mkdir -p "$root/bin" "$root/modules"
	cp "$(command -v busybox)" "$root/bin/busybox"
	: >"$root/modules/order"
	cp "$here/init" "$here/stage2" "$root"
	chmod +x "$root/init"
	for file in $(module_files); do
		name=$(basename "${file%.xz}")
		case $file in
		*.xz) xz -dc "$file" >"$root/modules/$name" ;;
		*) cp "$file" "$root/modules/$name" ;;
		esac
		echo "$name" >>"$root/modules/order"
	done
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$initrd.new"
	mv "$initrd.new" "$initrd"
}

exec 9>"$dir/lock"
flock 9
fresh || build
echo "$initrd"
