#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Boots a kernel under QEMU with the host's files, runs a command there as
# root and returns the command's exit status.
#
#   run.sh [-k 6.1|6.12] [-t seconds] [-c cpus] [-m MB] [-n numa-nodes] [-i]
#          [-o OUTDIR] [-a kernel-arguments] -- command...
#
# The project appears at its own path and is the working directory; what the
# command writes is gone afterwards, except below /run/out, which is OUTDIR.
# There the files "console" and "dmesg" keep the kernel's log, "complaint" the
# line of it that made a run fail.  -i counts instructions: one processor, whose
# clock advances 1 ns per instruction.
#
# Status: the command's; 1 also when the kernel complained; 124 on a timeout;
# 125 when the machine ended without its word, as after a panic.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests/vm
complaints='BUG:|WARNING:|UBSAN|possible (circular|recursive)|kmemleak: [1-9]'
complaints+='|blocked for more than|Oops|general protection|INFO: trying to register'

usage() {
	sed -n '/^#   run.sh/,/command/s/^# *//p' "$0" >&2
	exit 2
}

die() {
	echo "kipc: vm: $*" >&2
	exit 125
}

kernel=6.1 seconds=300 cpus=2 memory=1500 nodes=0 icount= out= extra=
while getopts k:t:c:m:n:io:a: option; do
	case $option in
	k) kernel=$OPTARG ;;
	t) seconds=$OPTARG ;;
	c) cpus=$OPTARG ;;
	m) memory=$OPTARG ;;
	n) nodes=$OPTARG ;;
	i) icount=yes ;;
	o) out=$OPTARG ;;
	a) extra=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage

dir=$top/build/vm/linux-$kernel
[ -e "$dir/stamp" ] || "$here/fetch.sh" qemu "$kernel" >&2
release=$(cat "$dir/stamp")
initrd=$("$here/initrd.sh" "$kernel")

keep=yes
if [ -z "$out" ]; then
	keep=
	out=$(mktemp -d "$top/build/vm/run.XXXXXX")
	trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -f "$out"/{dmesg,console,complaint,qemu.err}

{
	printf 'release=%q modules=%q\n' "$release" "$dir/lib/modules/$release"
	printf 'cwd=%q seconds=%q patient=%q\n' "$top" "$seconds" "$icount"
} >"$out/settings"
printf '%q ' "$@" >"$out/cmd"

# Placement can be tested on emulated nodes, but not speed.
numa_options() {
	local i j share=$((memory / nodes))
	[ "$cpus" -ge "$nodes" ] || cpus=$nodes
	for ((i = 0; i < nodes; i++)); do
		numa+=(-object "memory-backend-ram,id=m$i,size=${share}M")
		numa+=(-numa "node,nodeid=$i,memdev=m$i")
	done
	for ((i = 0; i < cpus; i++)); do
		numa+=(-numa "cpu,node-id=$((i * nodes / cpus)),socket-id=$i")
	done
	for ((i = 0; i < nodes; i++)); do
		for ((j = i + 1; j < nodes; j++)); do
			numa+=(-numa "dist,src=$i,dst=$j,val=$((10 + 10 * (j - i)))")
		done
	done
	memory=$((share * nodes))
}

boot() {
	local -a accel numa=()
	local line='console=ttyS0 quiet loglevel=4 panic=-1 oops=panic panic_on_warn=1'
	line+=' mitigations=off nokaslr'
	accel=(-accel "${KIPC_VM_ACCEL:-tcg,thread=multi,tb-size=256}")
	if [ -n "$icount" ]; then
		cpus=1
		accel=(-accel tcg,thread=single -icount shift=0,align=off,sleep=off
			-rtc base=2026-01-01,clock=vm)
	fi
	[ "$nodes" -lt 1 ] || numa_options
	# Whatever ends this script ends the machine too.
	setpriv --pdeathsig TERM timeout -k 5 "$seconds" "$here/qemu.sh" -M q35 "${accel[@]}" -cpu max \
		-smp "$cpus,sockets=$cpus" -m "$memory" "${numa[@]}" \
		-kernel "$dir/vmlinuz" -initrd "$initrd" -append "$line $extra" \
		-no-reboot -nodefaults -nic none -display none \
		-chardev "file,id=console,path=$out/console" -serial chardev:console \
		-chardev stdio,id=output,signal=off -serial chardev:output \
		-device isa-debug-exit,iobase=0xf4,iosize=0x04 \
		-fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
		-device virtio-9p-pci,fsdev=root,mount_tag=hostroot \
		-fsdev "local,id=out,path=$out,security_model=none" \
		-device virtio-9p-pci,fsdev=out,mount_tag=out \
		</dev/null 2>"$out/qemu.err"
}

show_end() {
	{
		echo "kipc: vm: linux $release: $1; the log ends:"
		[ ! -s "$out/qemu.err" ] || sed 's/^/  qemu: /' "$out/qemu.err"
		tail -n 40 "$out/console" 2>/dev/null | tr -d '\r' | sed 's/^/  | /'
		[ -z "$keep" ] || echo "  the whole log: $out/console"
	} >&2
}

# The word that the machine wrote to the exit port is its status + 1, and QEMU
# leaves with twice that + 1.  Everything else, 0 above all, which is how it
# leaves after a panic, is a failure.
judge() {
	local code=$1
	if [ "$code" = 124 ] || [ "$code" = 137 ]; then
		show_end "no end within $seconds s"
		return 124
	fi
	if [ $((code % 2)) -eq 0 ] || [ "$code" -lt 3 ]; then
		show_end 'it ended without a word'
		return 125
	fi
	return $(((code >> 1) - 1))
}

complained() {
	local line
	line=$(cat "$out/dmesg" "$out/console" 2>/dev/null | tr -d '\r' |
		grep -aEm 1 "$complaints") || return 1
	echo "$line" >"$out/complaint"
	echo "kipc: vm: linux $release complained: $line" >&2
}

code=0
boot || code=$?
status=0
judge "$code" || status=$?
if complained && [ "$status" = 0 ]; then
	show_end 'the kernel complained'
	status=1
elif [ "$status" = 0 ] && [ ! -s "$out/dmesg" ]; then
	show_end 'it left no kernel log'
	status=125
fi
exit "$status"
