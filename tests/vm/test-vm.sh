#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The VM half of the tests: builds the module for each kernel, boots the
# kernels one after the other and runs suite.sh in each.
#
#   test-vm.sh [-k 6.1|6.12|6.1-debug] [name...]
#
# -k: this kernel only; names: these programs of build/tests/vm-list only.
# Logs go to build/vm/test-6.1 and so on.  The last line is
# "test-vm: N passed, N failed, N skipped".
set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
vm=$top/build/vm
here=$top/tests/vm
kernels='6.1 6.12'
passed=0 failed=0 skipped=0

# add NAME PASSED FAILED SKIPPED
add() {
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
}

# step SERIES NAME COMMAND...: one test outside of the machine.
step() {
	local series=$1 name=$2
	shift 2
	if ! "$@" 2>&1 | sed 's/^/    /'; then
		printf '%-5s %-24s %s\n' "$series" "$name" '0 passed, 1 failed, 0 skipped'
		add "$name" 0 1 0
		return 1
	fi
	printf '%-5s %-24s %s\n' "$series" "$name" '1 passed, 0 failed, 0 skipped'
	add "$name" 1 0 0
}

# A build during the run must not change the module under the machine.
prepare_out() {
	rm -rf "$vm/test-$1"
	mkdir -p "$vm/test-$1"
	cp "$top/build/kmod-$1/kipc.ko" "$vm/test-$1/"
}

# Two processors, each a NUMA node of its own, so that placement can be seen.
# The machine writes its results one by one: what it got done counts also when
# it died.
run_suite() {
	local series=$1 out=$vm/test-$1 line seconds=2400
	shift
	case $series in
	*-debug) seconds=5400 ;;
	esac
	prepare_out "$series"
	"$here/run.sh" -k "$series" -n 2 -c 2 -m 2000 -t "${KIPC_VM_SECONDS:-$seconds}" -o "$out" -- \
		tests/vm/suite.sh "$series" "$@" 8>&-
	while read -r line; do
		# shellcheck disable=SC2086
		add $line
	done < <(cat "$out/results" 2>/dev/null)
}

# One test more: the machine came to its end, and its kernel never complained.
ends_well() {
	local out=$1 name
	if [ -e "$out/running" ]; then
		name=$(cat "$out/running")
		echo "the machine ended while it ran $name:"
		tail -n 40 "$out/$name.log" 2>/dev/null
		return 1
	fi
	[ -s "$out/results" ] && [ -s "$out/dmesg" ] && [ ! -e "$out/complaint" ]
}

while getopts k: option; do
	case $option in
	k) kernels=$OPTARG ;;
	*) sed -n 's/^#   \(test-vm.sh\)/\1/p' "$0" >&2 && exit 2 ;;
	esac
done
shift $((OPTIND - 1))

"$top/.ci/deps.sh" test vm || exit 1
# A second run in this tree would clear the folders of the first.
mkdir -p "$vm"
exec 8>"$vm/test.lock"
flock -n 8 || { echo 'another run is under way; waiting for its end' && flock 8; }
for series in $kernels; do
	# shellcheck disable=SC2086
	step "$series" kernel-and-qemu "$here/fetch.sh" qemu "$series" || continue
	step "$series" module-builds "$here/kmod.sh" "$series" || continue
	run_suite "$series" "$@"
	step "$series" machine-ends-well ends_well "$vm/test-$series"
done
echo "test-vm: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
