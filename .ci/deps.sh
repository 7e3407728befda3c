#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs the Debian packages that a part of the project needs.
#
#   .ci/deps.sh build|bench|peers|test|vm|debugkernel|qemu|style...
#
# Silent and quick when nothing is missing.  As root, or where sudo asks no
# password, what is missing is installed; otherwise the one apt line to run is
# printed and the status is 1.  KIPC_NO_DEPS=1 skips the check, for machines
# where the tools come from somewhere else.  Peers that this Debian does not have
# are left out: the bench says so.
set -eu

build='gcc make libc6-dev pkg-config libnuma-dev liburing-dev'
bench='libjansson-dev gnuplot-nox'
test='g++ libcriterion-dev valgrind strace relacy-dev spin'
peers='libck-dev libdpdk-dev libboost-dev libzmq3-dev libnng-dev libfabric-dev libucx-dev
    iceoryx libiceoryx-binding-c-dev libiceoryx-posh-dev'
vm='linux-headers-amd64 sparse busybox-static cpio xz-utils kmod procps iproute2 pahole
    ca-certificates debian-archive-keyring'
debugkernel='flex bison bc libelf-dev libssl-dev lz4 xz-utils'
qemu='qemu-system-x86 seabios'
style='clang-format sparse binutils'

usage() {
	echo 'usage: .ci/deps.sh build|bench|peers|test|vm|debugkernel|qemu|style...' >&2
	exit 2
}

wanted() {
	for what; do
		case $what in
		build) echo $build ;;
		bench) echo $build $bench ;;
		peers) echo $build g++ $peers ;;
		test) echo $build $test ;;
		vm) echo $build $vm ;;
		debugkernel) echo $build $debugkernel ;;
		qemu) echo $qemu ;;
		style) echo $style ;;
		*) usage ;;
		esac
	done
}

# Prints those of its arguments that are not installed.
missing() {
	here=" $(dpkg-query -W -f '${db:Status-Status}|${Package} ' "$@" 2>/dev/null || true)"
	for p; do
		case $here in
		*" installed|$p "*) ;;
		*) echo "$p" ;;
		esac
	done | sort -u
}

# Prints the packages without those peers that apt does not know.
known() {
	for p; do
		case " "$peers" " in
		*[[:space:]]"$p"[[:space:]]*) ;;
		*)
			echo "$p"
			continue
			;;
		esac
		if apt-cache policy "$p" | grep -q '^  Candidate: [^(]'; then
			echo "$p"
		fi
	done
}

apt() {
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq \
		-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null
}

# A fresh machine has no package lists and an old one has stale ones, so that
# a failed install is tried again after an update; the pauses outlast a busy
# mirror and another apt that holds the lists.
install() {
	log=$(mktemp)
	for pause in 0 5 20; do
		sleep $pause
		if apt install -y --no-install-recommends "$@" >"$log" 2>&1; then
			rm -f "$log"
			return 0
		fi
		apt update >>"$log" 2>&1 || true
	done
	if apt install -y --no-install-recommends "$@" >>"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	tail -n 20 "$log" >&2
	rm -f "$log"
	return 1
}

[ $# -gt 0 ] || usage
[ -z "${KIPC_NO_DEPS:-}" ] || exit 0
packages=$(wanted "$@") || exit
if ! command -v dpkg-query >/dev/null; then
	echo 'kipc: deps: no dpkg here; install the like of these, then set KIPC_NO_DEPS=1:' $packages >&2
	exit 1
fi
packages=$(missing $packages)
[ -n "$packages" ] || exit 0

if [ "$(id -u)" = 0 ]; then
	sudo=
elif sudo -n true 2>/dev/null; then
	sudo=sudo
else
	echo 'kipc: deps: packages are missing; run: sudo apt-get install' \
		'--no-install-recommends' $packages >&2
	exit 1
fi
if [ "$(known $packages)" != "$packages" ]; then
	apt update >/dev/null 2>&1 || true
	packages=$(known $packages)
	[ -n "$packages" ] || exit 0
fi
echo 'installing' $packages
if ! install $packages; then
	echo 'kipc: deps: apt could not install:' $packages >&2
	exit 1
fi
