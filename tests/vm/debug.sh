#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Compiles a kernel that looks for mistakes, from DIR/source into DIR/build,
# with what debug.config switches on: KASAN, lockdep, kmemleak and the like.
# Its drivers are built in, so that there are no modules to install.
#
#   debug.sh DIR
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
dir=$(cd "$1" && pwd)
build=$dir/build

kernel_make() {
	if ! nice make -C "$dir/source" O="$build" "$@" >>"$dir/log" 2>&1; then
		tail -n 20 "$dir/log" >&2
		echo "kipc: debug: no kernel; the whole log: $dir/log" >&2
		exit 1
	fi
}

# An option whose conditions do not hold disappears without a word: a kernel
# that does not look would pass everything.
configure() {
	local line
	kernel_make tinyconfig
	(cd "$build" && "$dir/source/scripts/kconfig/merge_config.sh" -m -O . .config \
		"$here/debug.config") >>"$dir/log" 2>&1
	kernel_make olddefconfig
	while read -r line; do
		if ! grep -qxF "$line" "$build/.config"; then
			echo "kipc: debug: this kernel has no $line" >&2
			exit 1
		fi
	done < <(grep '^CONFIG_' "$here/debug.config")
}

# The image knows all symbols that a module can use.
compile() {
	kernel_make -j"$(nproc)" bzImage modules_prepare
	cp "$build/vmlinux.symvers" "$build/Module.symvers"
}

# What modprobe has to know: everything is there already.
list_built_in() {
	local modules=$dir/lib/modules/$1
	mkdir -p "$modules"
	cp "$build"/modules.builtin{,.modinfo} "$modules"
	: >"$modules/modules.order"
	depmod -b "$dir" "$1"
}

mkdir -p "$build"
: >"$dir/log"
configure
compile
release=$(make -s -C "$dir/source" O="$build" kernelrelease)
list_built_in "$release"
ln -sfn build "$dir/headers"
ln -sfn build/arch/x86/boot/bzImage "$dir/vmlinuz"
cp "$here/debug.config" "$dir"
echo "$release" >"$dir/stamp"
echo "built linux $release"
