#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The tests of one kernel; runs inside the test machine.
#
#   suite.sh 6.1|6.12|6.1-debug [name...]
#
# Loads the module, OUTDIR/kipc.ko, runs the programs that build/tests/vm-list
# names over it (lines "name path arguments..."; those given, or all), unloads it
# and looks for what is left.  Prints a line per program.  In OUTDIR, "results"
# gets a line "name passed failed skipped" for each, and NAME.log its output.
set -u

series=$1
shift
out=/run/out
module=$out/kipc.ko
list=build/tests/vm-list
hold=build/tests/vm/hold
kmemleak=/sys/kernel/debug/kmemleak
names=/run/kipc-names
export KIPC_REQUIRE=kmod,root,strace,io_uring
# An emulated machine is ten to twenty times slower, a kernel that checks itself
# four to eight times more.
export KIPC_TEST_SCALE=${KIPC_TEST_SCALE:-0.1} KIPC_TEST_DEADLINE=300
limit=${KIPC_VM_LIMIT:-1000}
case $series in
*-debug) KIPC_TEST_DEADLINE=1200 limit=${KIPC_VM_LIMIT:-2400} ;;
esac

# record NAME PASSED FAILED SKIPPED [REMARK]
record() {
	echo "$1 $2 $3 $4" >>$out/results
	printf '%-5s %-24s %s passed, %s failed, %s skipped%s\n' \
		"$series" "$1" "$2" "$3" "$4" "${5:+  ($5)}"
}

# check NAME COMMAND...: one test, passed when the command succeeds.
check() {
	local name=$1
	shift
	echo "$name" >$out/running
	if "$@" >"$out/$name.log" 2>&1; then
		record "$name" 1 0 0
	else
		record "$name" 0 1 0
		sed 's/^/    /' "$out/$name.log"
	fi
}

# The three numbers of a program's last line "N passed, N failed, N skipped".
counts() {
	sed -nE 's/.*\b([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped.*/\1 \2 \3/p' "$1" |
		tail -n 1
}

# A program without its last line, or that fails without saying which test
# did, or that ran nothing, is one failure.
run_program() {
	local name=$1 log=$out/$1.log status=0 remark= start=$SECONDS
	local passed failed skipped
	shift
	echo "$name" >$out/running
	timeout -k 5 "$limit" "$@" >"$log" 2>&1 </dev/null || status=$?
	read -r passed failed skipped < <(counts "$log")
	if [ -z "${passed:-}" ]; then
		passed=0 failed=1 skipped=0 remark="no result, status $status"
	elif [ "$status" != 0 ] && [ "$failed" = 0 ]; then
		failed=1 remark="status $status"
	elif [ $((passed + failed + skipped)) = 0 ]; then
		failed=1 remark='it ran nothing'
	fi
	[ "$status" != 124 ] || remark="no end within $limit s"
	record "$name" "$passed" "$failed" "$skipped" "${remark:-$((SECONDS - start)) s}"
	if [ "$failed" != 0 ]; then
		tail -n 200 "$log" | sed 's/^/    /'
	elif [ "$skipped" != 0 ]; then
		grep -i 'skipped ' "$log" | sed 's/^/    /'
	fi
}

# As the udev rule does it.
admit_group() {
	grep -q '^kipc:' /etc/group || echo 'kipc:x:990:' >>/etc/group
	chgrp kipc /dev/kipc && chmod 0660 /dev/kipc
}

load() {
	insmod "$module" && [ -c /dev/kipc ] && admit_group
}

# A group that memory is charged to, so that what the module loses is missed
# there and not by the whole machine.
enter_group() {
	group=/sys/fs/cgroup/hold
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p $group
	echo 256M >$group/memory.max
	echo $BASHPID >$group/cgroup.procs
}

# A process holds a channel, its control handle closed, until its input ends.
# What it uses is compared where freed memory is free at once: KASAN keeps it.
refuses_in_use() {
	local status=0 word holder group
	coproc HOLD {
		enter_group
		[ -e $kmemleak ] || set -- $group/memory.current
		exec "$hold" "$@" 2>&1
	}
	holder=$HOLD_PID
	exec 7<&"${HOLD[0]}"	# bash closes its own when the process ends
	read -rt 60 -u 7 word
	if [ "$word" != ready ]; then
		echo "hold: $word"
		return 1
	fi
	if rmmod kipc; then
		echo 'rmmod succeeded although a channel was open'
		status=1
	fi
	exec {HOLD[1]}>&-
	if ! wait "$holder"; then
		echo 'the holder failed: the memory of closed channels does not come back'
		cat <&7
		status=1
	fi
	exec 7<&-
	return $status
}

# Its functions are remembered: kmemleak tells addresses, when it is gone.
unload() {
	[ ! -e $kmemleak ] || grep '\[kipc\]' /proc/kallsyms >>$names
	rmmod kipc
}

nothing_left() {
	local status=0 path
	for path in /dev/kipc /sys/module/kipc /sys/class/misc/kipc /sys/kernel/debug/kipc; do
		if [ -e $path ]; then
			echo "$path is still there"
			status=1
		fi
	done
	if grep -w kipc /proc/misc || grep '^kipc' /proc/slabinfo || grep '\[kipc\]' /proc/kallsyms; then
		status=1
	fi
	return $status
}

# Only a kernel of debug.sh can tell.  Objects younger than five seconds are not
# reported, and a pointer that was in a register during one scan is found by the
# next.
nothing_lost() {
	local round lost
	for round in 1 2; do
		sleep 6
		echo scan >$kmemleak
	done
	lost=$(grep -c '^unreferenced object' $kmemleak) || return 0
	echo "the module lost $lost objects; the first of them:"
	head -n 60 $kmemleak | name_functions
	return 1
}

# Addresses are equally long, so that they compare as words do.
name_functions() {
	awk 'NR == FNR { if (tolower($2) == "t") who[$1 ""] = $3; next }
		match($0, /0xffffffff[0-9a-f]+$/) {
			last = ""
			for (at in who)
				if (at <= substr($0, RSTART + 2) && at > last)
					last = at
			if (last != "")
				$0 = substr($0, 1, RSTART - 1) who[last]
		}
		{ print }' $names -
}

run_list() {
	local name words
	while read -r name words; do
		case $name in
		'' | '#'*) continue ;;
		esac
		[ $# -eq 0 ] || [[ " $* " = *" $name "* ]] || continue
		# shellcheck disable=SC2086
		run_program "$name" $words
	done <"$list"
}

rm -f $out/results
check load load
[ -e /dev/kipc ] || exit 1
check has-tests test -s "$list"
run_list "$@"
check rmmod-in-use refuses_in_use
check rmmod unload
check nothing-left nothing_left
check load-again load
check rmmod-again unload
check nothing-left-again nothing_left
[ ! -e $kmemleak ] || check nothing-lost nothing_lost
rm -f $out/running
awk '{ failed += $3 } END { exit failed != 0 }' $out/results
