#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Obtains what the test machines are made of, once, below build/vm:
#
#   linux-6.1/, linux-6.12/   a Debian kernel image and its headers, unpacked
#   linux-6.1-debug/          6.1 from Debian's source, compiled by debug.sh;
#                             only when it is asked for: 2 GB, half an hour
#   qemu/                     QEMU of bookworm-backports, unpacked
#
# Nothing is installed.  The packages come through an apt configuration of its
# own, whose mirror is the one that the host's apt uses.  A folder counts as
# obtained when the file "stamp" stands in it, which is written last.
#
#   fetch.sh [-u] [6.1|6.12|6.1-debug|qemu...]     -u: newer versions where there are any
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
vm=$top/build/vm
codename=bookworm
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
apt=$vm/apt

die() {
	echo "kipc: fetch: $*" >&2
	exit 1
}

# The base address from which the host's apt takes a release, such as
# "bookworm-security"; empty when it takes none of that name.
host_mirror() {
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 2>/dev/null |
		awk -v r="$1" '$1 == r && $2 == "main" { print $3; exit }'
}

write_sources() {
	local own main security suite
	own=$(. /etc/os-release && echo "${VERSION_CODENAME:-$codename}")
	main=$(host_mirror "$own")
	security=$(host_mirror "$own-security")
	[ -n "$main" ] || die "apt has no Debian mirror for $own: add one to its sources"
	for suite in $codename $codename-updates $codename-backports; do
		echo "deb [signed-by=$keyring] $main $suite main"
	done
	if [ -n "$security" ]; then
		echo "deb [signed-by=$keyring] $security $codename-security main"
	fi
}

# Installed packages are the host's, so that apt only asks for the libraries
# that the host lacks.
private_apt() {
	local tool=$1
	shift
	"$tool" -qq -o Dir::State="$apt/state" -o Dir::State::status=/var/lib/dpkg/status \
		-o Dir::Cache="$apt/cache" -o Dir::Etc::sourcelist="$apt/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o APT::Architecture=amd64 \
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
		-o APT::Install-Recommends=false "$@"
}

# The lists are taken once per run.  A suite that the mirror does not carry
# (backports, on some) is a warning for apt and not an error.
update_lists() {
	local pause
	[ -z "${lists_taken:-}" ] || return 0
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
	write_sources >"$apt/sources.list"
	for pause in 1 5 15 0; do
		if private_apt apt-get update >"$apt/log" 2>&1; then
			lists_taken=yes
			return 0
		fi
		sleep $pause
	done
	# One suite may be missing while the others arrived.
	if private_apt apt-cache show linux-image-amd64 >/dev/null 2>&1; then
		lists_taken=yes
		return 0
	fi
	tail -n 5 "$apt/log" >&2
	die 'the package lists could not be taken'
}

# Downloads packages into a folder; "name" or "name=version" or "name/suite".
download() {
	local into=$1 pause
	shift
	mkdir -p "$into"
	for pause in 2 10 0; do
		if (cd "$into" && private_apt apt-get download "$@") >"$apt/log" 2>&1; then
			return 0
		fi
		sleep $pause
	done
	tail -n 5 "$apt/log" >&2
	return 1
}

unpack() {
	local root=$1 deb
	shift
	for deb; do
		dpkg -x "$deb" "$root"
	done
}

# The names of the newest normal image of a kernel series, without prefix:
# 6.1.0-56-amd64, 6.12.117+deb12-amd64.
newest_release() {
	private_apt apt-cache --names-only search "^linux-headers-${1//./\\.}\\.[0-9][^ ]*-amd64\$" |
		awk '{ sub(/^linux-headers-/, "", $1); print $1 }' |
		grep -vE -- '-(rt|cloud)-amd64$' | sort -V | tail -n 1
}

# The unsigned image appears first and is the same; the signed one serves
# where the archive already dropped the other.
fetch_kernel() {
	local series=$1 dir=$vm/linux-$1 work=$vm/linux-$1.new release common
	update_lists
	release=$(newest_release "$series")
	[ -n "$release" ] || die "the archive has no kernel $series"
	common=${release%-amd64}
	rm -rf "$work"
	mkdir -p "$work"
	download "$work/debs" "linux-headers-$release" "linux-headers-$common-common" \
		"linux-kbuild-$(kbuild_of "$release")" || die "no headers for $release"
	download "$work/debs" "linux-image-$release-unsigned" ||
		download "$work/debs" "linux-image-$release" || die "no image for $release"
	unpack "$work" "$work"/debs/*.deb
	rm -rf "$work/debs"
	repair_headers "$work" "$dir" "$release"
	depmod -b "$work" "$release"
	rm -rf "$dir"
	mv "$work" "$dir"
	ln -s "usr/src/linux-headers-$release" "$dir/headers"
	ln -s "boot/vmlinuz-$release" "$dir/vmlinuz"
	echo "$release" >"$dir/stamp"
	echo "fetched linux $release"
}

# The package of build tools that the headers ask for: named after the series
# on 6.1, after the release on later kernels.
kbuild_of() {
	private_apt apt-cache depends "linux-headers-$1" |
		awk '$1 == "Depends:" && $2 ~ /^linux-kbuild-/ { sub(/^linux-kbuild-/, "", $2); print $2; exit }'
}

# The headers name each other by absolute path; here they live below $dir.
repair_headers() {
	local root=$1 dir=$2 release=$3 link target
	sed -i "s|/usr/src/|$dir/usr/src/|g" "$root/usr/src/linux-headers-$release/Makefile"
	for link in "$root/usr/src/linux-headers-$release"/{scripts,tools} \
		"$root/lib/modules/$release"/{build,source}; do
		target=$(readlink "$link" 2>/dev/null) || continue
		case $target in
		/*) ln -sfn "$dir$target" "$link" ;;
		esac
	done
}

# The headers of a kernel that lies where it was compiled need no repair, and
# a compilation that was interrupted goes on where it was.
fetch_debug_kernel() {
	local series=${1%-debug} dir=$vm/linux-$1
	"$top/.ci/deps.sh" debugkernel
	if [ -n "$update" ] || [ ! -e "$dir/source/Makefile" ]; then
		update_lists
		rm -rf "$dir"
		download "$dir/debs" "linux-source-$series" || die "no source of linux $series"
		unpack "$dir/unpacked" "$dir"/debs/*.deb
		tar -C "$dir" -xf "$dir/unpacked/usr/src/linux-source-$series.tar.xz"
		rm -rf "$dir/debs" "$dir/unpacked"
		mv "$dir/linux-source-$series" "$dir/source"
	fi
	rm -f "$dir/stamp"
	"$top/tests/vm/debug.sh" "$dir"
}

# QEMU 10 forks two and a half times faster than Debian 12's own 7.2.
fetch_qemu() {
	local dir=$vm/qemu work=$vm/qemu.new
	update_lists
	rm -rf "$work"
	mkdir -p "$work"
	if ! unpack_qemu "$work"; then
		rm -rf "$work"
		return 1
	fi
	rm -rf "$dir"
	mv "$work" "$dir"
	if ! "$top/tests/vm/qemu.sh" --version >"$dir/version"; then
		rm -rf "$dir"
		return 1
	fi
	sed 1q "$dir/version" >"$dir/stamp"
	echo "fetched $(cat "$dir/stamp")"
}

unpack_qemu() {
	local work=$1 packages
	packages=$(private_apt apt-get install -s -t $codename-backports --reinstall \
		qemu-system-x86 seabios 2>/dev/null | awk '
		$1 == "Inst" { version = $3 ~ /^\[/ ? $4 : $3
			       sub(/^\(/, "", version); print $2 "=" version }')
	[ -n "$packages" ] || return 1
	download "$work/debs" $packages || return 1
	unpack "$work" "$work"/debs/*.deb || return 1
	rm -rf "$work/debs"
}

# The headers know where they lie, so that a moved tree has to be made again;
# QEMU leans on libraries of the host, which may go.
present() {
	local dir=$vm/${1/#6/linux-6}
	[ -e "$dir/stamp" ] || return 1
	if [ "$1" = qemu ]; then
		"$top/tests/vm/qemu.sh" --version >/dev/null 2>&1
	else
		grep -qF "$dir/" "$dir/headers/Makefile" && configured_alike "$1"
	fi
}

configured_alike() {
	case $1 in
	*-debug) cmp -s "$top/tests/vm/debug.config" "$vm/linux-$1/debug.config" ;;
	esac
}

# Its stamp keeps the next run from looking for a better one again.
take_host_qemu() {
	echo 'no QEMU from backports; taking the one of the host' >&2
	"$top/.ci/deps.sh" qemu
	mkdir -p "$vm/qemu"
	"$top/tests/vm/qemu.sh" --version | sed 1q >"$vm/qemu/stamp"
}

fetch() {
	local what=$1
	if [ -z "$update" ] && present "$what"; then
		return 0
	fi
	case $what in
	6.*-debug) fetch_debug_kernel "$what" ;;
	6.*) fetch_kernel "$what" ;;
	qemu) fetch_qemu || take_host_qemu ;;
	*) die "nothing known about '$what'" ;;
	esac
}

update=
if [ "${1:-}" = -u ]; then
	update=yes
	shift
fi
[ $# -gt 0 ] || set -- qemu 6.1 6.12
mkdir -p "$vm"
exec 9>"$vm/lock"
flock 9
for what; do
	fetch "$what"
done
