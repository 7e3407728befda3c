#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The kipc command as a user meets it: wrong arguments, bytes of every length
# through cat, sides that are killed or stopped, ping, doctor, the README.
#
#   BUILD=build tools/test.sh [SCHEME...]        (after make; default: shm unix, and kmod if it runs)
#
# The last line is "tools: N passed, N failed, N skipped".
set -uo pipefail
export LC_ALL=C

cd "$(dirname "$0")/.." || exit 1
build=$(realpath "${BUILD:-build}")
kipc=$build/tools/kipc
dir=$(mktemp -d)
id=tools-$$
passed=0 failed=0 skipped=0
pids=()

# Only what was started here, by its number.
clean_up() {
	local pid
	for pid in "${pids[@]}"; do
		kill -9 "$pid" 2>/dev/null
	done
	rm -rf "$dir"
}
trap clean_up EXIT

ok() {
	passed=$((passed + 1))
}

bad() {
	failed=$((failed + 1))
	echo "tools: FAILED: $*"
}

skip() {
	skipped=$((skipped + 1))
	echo "tools: skipped: $1: $2"
}

# same NAME WANTED GOT
same() {
	if [ "$2" = "$3" ]; then ok; else bad "$1: wanted '$2', got '$3'"; fi
}

# One line on stderr that begins with "kipc: " and holds the text; nothing else.
one_line() {
	local name=$1 file=$2 text=$3 said
	said=$(<"$file")
	if [ "$(wc -l <"$file")" = 1 ] && [[ $said == "kipc: "*": "* && $said == *"$text"* ]]; then
		ok
	else
		bad "$name: wanted one line with '$text', got '$said'"
	fi
}

# refuse STATUS TEXT ARGUMENT...: ends by itself with this status and this line.
refuse() {
	local status=$1 text=$2 got
	shift 2
	timeout 20 "$kipc" "$@" </dev/null >"$dir/out" 2>"$dir/err"
	got=$?
	same "status of kipc $*" "$status" "$got"
	same "stdout of kipc $*" 0 "$(wc -c <"$dir/out")"
	one_line "kipc $*" "$dir/err" "$text"
}

# begin VARIABLE ARGUMENT...: in the background; the variable gets the pid of
# kipc itself. (Without <&0 a shell gives the background /dev/null to read. 8 and
# 9 are this script's ends of FIFOs, which nobody else may hold open.)
begin() {
	local -n begun=$1
	shift
	"$kipc" "$@" <&0 8<&- 9>&- &
	begun=$!
	pids+=("$begun")
}

# begin_flow VARIABLE ARGUMENT...: the same, its output is read from 8.
begin_flow() {
	local -n flow=$1
	shift
	rm -f "$dir/fifo"
	mkfifo "$dir/fifo"
	"$kipc" "$@" <&0 >"$dir/fifo" &
	flow=$!
	pids+=("$flow")
	exec 8<"$dir/fifo"
}

# Until the output flows: reads a little of it.
flowing() {
	head -c 300000 <&8 >/dev/null
}

# ended NAME STATUS PID: waits for it, but not for ever.
ended() {
	local status limit=${KIPC_TEST_DEADLINE:-60}
	if ! timeout "$limit" tail -s 0.02 -f --pid="$3" /dev/null; then
		bad "$1: no end within $limit s"
		kill -9 "$3"
	fi
	{ wait "$3"; } 2>/dev/null
	status=$?
	same "$1" "$2" "$status"
}

uri() {
	case $1 in
	unix) echo "unix://$dir/$id-$2" ;;
	*) echo "$1://$id-$2" ;;
	esac
}

left_behind() {
	ls /dev/shm "$dir" | grep -F "$id" | tr '\n' ' '
}

# ---- wrong arguments ---------------------------------------------------------

wrong_arguments() {
	local long
	long=$(printf 'x%.0s' {1..300})
	refuse 1 'kipc --help'
	refuse 1 'no such command' frobnicate
	refuse 1 '--send and --recv' cat shm://x
	refuse 1 '--send and --recv' cat --send --recv shm://x
	refuse 1 'URI' cat --send
	refuse 1 'too many' cat --send shm://x shm://y
	refuse 1 'unknown option' cat --frobnicate
	refuse 1 'argument missing' cat --send shm://x --size
	refuse 1 'number of bytes' cat --send --size 0 shm://x
	refuse 1 'number of bytes' cat --send --size -1 shm://x
	refuse 1 'number of bytes' cat --send --size 1X shm://x
	refuse 1 'number of bytes' cat --send --size 99999999999999999999 shm://x
	refuse 1 'number of bytes' cat --send --size 99999999999G shm://x
	refuse 1 '--size' cat --send --size 2G shm://x
	refuse 1 'number of bytes' cat --send --chunk 0 shm://x
	refuse 1 'at most' cat --send --chunk 1G "shm://$id-chunk"
	refuse 1 'number of seconds' cat --recv --timeout nan shm://x
	refuse 1 'number of seconds' cat --recv --timeout -1 shm://x
	refuse 1 'frob' cat --recv frob://x
	refuse 1 'scheme' cat --recv nonsense
	refuse 1 '' cat --recv ''
	refuse 1 '' cat --recv shm://
	refuse 1 '' cat --recv "shm://a/b"
	refuse 1 '' cat --recv "shm://$long"
	refuse 1 'size' cat --recv 'shm://x?size=0'
	refuse 1 'size' cat --recv 'shm://x?size=2G'
	refuse 1 'colour' cat --recv 'shm://x?colour=red'
	refuse 1 'wait' cat --recv 'shm://x?wait=maybe'
	refuse 1 'node' cat --recv 'shm://x?node=4096'
	refuse 1 'line?break' cat --recv $'shm://line\nbreak'
	refuse 1 'URI' ping
	refuse 1 'exclude' ping --self --listen shm://x
	refuse 1 'at least 8' ping --self --size 7
	refuse 1 'at most' ping --self --size 2G
	refuse 1 'none of' ping --self --wait maybe
	refuse 1 'whole number' ping --self --count many
	refuse 1 'name' ping --self shm://x
	refuse 1 'too many' doctor now
	KIPC_TRANSPORT=frob refuse 1 'frob' ping --self
	refuse 124 'no answer' ping --timeout 0.05 "shm://$id-nobody"
	refuse 124 'did not move' cat --recv --timeout 0.05 "shm://$id-nobody"
	refuse 124 'did not move' cat --send --timeout 0.05 "shm://$id-nobody"
	echo 'no channel' >"/dev/shm/kipc.$id-file"
	refuse 1 '' cat --recv "shm://$id-file"
	rm -f "/dev/shm/kipc.$id-file"
}

# ---- bytes ------------------------------------------------------------------

# through SCHEME FIRST BYTES LABEL [OPTION...]: both sides, which start in this
# order but may meet in the other, so that both get the options.
through() {
	local scheme=$1 first=$2 bytes=$3 label=$4 address recv send
	shift 4
	address=$(uri "$scheme" "$label")
	head -c "$bytes" /dev/urandom >"$dir/in"
	if [ "$first" = recv ]; then
		begin recv cat --recv "$@" "$address" >"$dir/copy" 2>"$dir/err.recv"
		begin send cat --send "$@" "$address" <"$dir/in" 2>"$dir/err.send"
	else
		begin send cat --send "$@" "$address" <"$dir/in" 2>"$dir/err.send"
		begin recv cat --recv "$@" "$address" >"$dir/copy" 2>"$dir/err.recv"
	fi
	ended "$scheme $label: send" 0 "$send"
	ended "$scheme $label: recv" 0 "$recv"
	if cmp -s "$dir/in" "$dir/copy"; then ok; else bad "$scheme $label: the bytes differ"; fi
	same "$scheme $label: words" '' "$(cat "$dir/err.recv" "$dir/err.send")"
}

bytes() {
	local scheme=$1 n
	for n in 0 1 127 128 129 65536 1000003; do
		through "$scheme" recv "$n" "$n-recv-first"
		through "$scheme" send "$n" "$n-send-first"
	done
	through "$scheme" recv 50000 small-chunks --chunk 7
	through "$scheme" recv 64M 64M
	through "$scheme" send 3M small-ring --size 4K
}

# Input in dribs, both sides through pipes.
dribs() {
	local address wanted got
	address=$(uri "$1" dribs)
	wanted=$(head -c 300000 /dev/urandom | tee "$dir/in" | sha256sum)
	dd if="$dir/in" bs=911 2>/dev/null | "$kipc" cat --send "$address" &
	pids+=($!)
	got=$("$kipc" cat --recv "$address" | dd bs=13 2>/dev/null | sha256sum)
	same "$1 dribs" "$wanted" "$got"
}

# ---- sides that go ------------------------------------------------------------

killed() {
	local scheme=$1 victim=$2 address recv send
	address=$(uri "$scheme" "kill-$victim")
	begin_flow recv cat --recv "$address" 2>"$dir/err.recv"
	begin send cat --send "$address" </dev/zero 2>"$dir/err.send"
	flowing
	if [ "$victim" = recv ]; then
		kill -9 "$recv"
		{ wait "$recv"; } 2>/dev/null
		ended "$scheme: send, its receiver killed" 3 "$send"
		one_line "$scheme: send, its receiver killed" "$dir/err.send" 'died or left'
	else
		kill -9 "$send"
		{ wait "$send"; } 2>/dev/null
		cat <&8 >/dev/null
		ended "$scheme: recv, its sender killed" 3 "$recv"
		one_line "$scheme: recv, its sender killed" "$dir/err.recv" 'died or left'
	fi
	exec 8<&-
}

# The sender sleeps on a stdin that says nothing when its receiver is killed.
killed_idle() {
	local scheme=$1 address recv send
	address=$(uri "$scheme" kill-idle)
	rm -f "$dir/fifo.in"
	mkfifo "$dir/fifo.in"
	begin_flow recv cat --recv "$address" 2>"$dir/err.recv"
	exec 9<>"$dir/fifo.in"
	begin send cat --send "$address" <"$dir/fifo.in" 2>"$dir/err.send"
	echo flows >&9
	read -r _ <&8
	kill -9 "$recv"
	{ wait "$recv"; } 2>/dev/null
	ended "$scheme: idle send, its receiver killed" 3 "$send"
	one_line "$scheme: idle send, its receiver killed" "$dir/err.send" 'died or left'
	exec 9>&- 8<&-
}

# Nobody reads the receiver's stdout any more; there is no room for it.
stdout_gone() {
	local scheme=$1 address recv send
	address=$(uri "$scheme" stdout-gone)
	begin_flow recv cat --recv "$address" 2>"$dir/err.recv"
	begin send cat --send "$address" </dev/zero 2>"$dir/err.send"
	flowing
	exec 8<&-
	ended "$scheme: recv, nobody reads" 1 "$recv"
	one_line "$scheme: recv, nobody reads" "$dir/err.recv" 'Broken pipe'
	ended "$scheme: send, nobody reads" 3 "$send"
	one_line "$scheme: send, nobody reads" "$dir/err.send" 'gave up: Broken pipe'

	begin recv cat --recv "$address" >/dev/full 2>"$dir/err.recv"
	begin send cat --send "$address" </dev/zero 2>"$dir/err.send"
	ended "$scheme: recv, no room" 1 "$recv"
	one_line "$scheme: recv, no room" "$dir/err.recv" 'No space left'
	ended "$scheme: send, no room" 3 "$send"
}

# Two of a kind meet, a third one comes too late.
two_of_a_kind() {
	local scheme=$1 address a b
	address=$(uri "$scheme" kind)
	begin a cat --send "$address" </dev/zero 2>"$dir/err.a"
	begin b cat --send "$address" </dev/zero 2>"$dir/err.b"
	ended "$scheme: two senders, the first" 3 "$a"
	ended "$scheme: two senders, the second" 3 "$b"
	cat "$dir/err.a" "$dir/err.b" | grep 'sends as well' | head -n 1 >"$dir/err"
	one_line "$scheme: two senders" "$dir/err" 'sends as well'
	begin a cat --recv "$address" >/dev/null 2>"$dir/err.a"
	begin b cat --recv "$address" >/dev/null 2>"$dir/err.b"
	ended "$scheme: two receivers, the first" 3 "$a"
	ended "$scheme: two receivers, the second" 3 "$b"
	cat "$dir/err.a" "$dir/err.b" | grep 'receives as well' | head -n 1 >"$dir/err"
	one_line "$scheme: two receivers" "$dir/err" 'receives as well'
}

third() {
	local scheme=$1 address recv send
	address=$(uri "$scheme" third)
	begin_flow recv cat --recv "$address" 2>/dev/null
	begin send cat --send "$address" </dev/zero 2>/dev/null
	flowing
	refuse 1 '' cat --send "$address"
	kill -TERM "$send"
	cat <&8 >/dev/null
	exec 8<&-
	ended "$scheme: send, stopped" 143 "$send"
	ended "$scheme: recv, its sender stopped" 3 "$recv"
}

# ---- ping ----------------------------------------------------------------------

pings() {
	local scheme=$1 address line listen status want mode
	address=$(uri "$scheme" ping)
	begin listen ping --listen "$address" >"$dir/out"
	line=$(timeout 20 "$kipc" ping --count 500 --size 1000 "$address")
	status=$?
	same "$scheme: ping" 0 "$status"
	[[ $line == *"over $scheme, 1000 bytes: 500 round trips, us: min "*" p50 "*" p99 "*" max "* ]] &&
		ok || bad "$scheme: ping said '$line'"
	ended "$scheme: ping --listen" 0 "$listen"
	same "$scheme: ping --listen" '500 answered' "$(<"$dir/out")"
	for mode in spin block adaptive; do
		timeout 20 "$kipc" ping --self --wait "$mode" --count 200 "$scheme://" >"$dir/out"
		same "$scheme: ping --self, $mode" 0 $?
	done
	# Asked to stop, it tells what was measured; before there is anything, it just goes.
	begin listen ping --self --count 0 "$scheme://" >"$dir/out"
	until [ "$(readlink "/proc/$listen/exe")" = "$kipc" ]; do
		:
	done
	kill -TERM "$listen"
	wait "$listen"
	status=$?
	if [ -s "$dir/out" ]; then want=0; else want=143; fi
	same "$scheme: ping stopped, having said '$(<"$dir/out")'" "$want" "$status"
}

# ---- doctor -----------------------------------------------------------------------

doctor() {
	local text
	text=$("$kipc" doctor)
	same doctor 0 $?
	for word in kmod shm unix 'auto:// takes' cpus 'numa nodes' /dev/shm memlock; do
		[[ $text == *"$word"* ]] && ok || bad "doctor does not speak of $word"
	done
	if command -v python3 >/dev/null; then
		"$kipc" doctor --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
assert [t["scheme"] for t in d["transports"]] == ["kmod", "shm", "unix"]
assert all(t["runs"] or t["why"] for t in d["transports"])
assert d["auto"] and set(d["auto_kinds"]) == {"pubsub", "queue"}
assert d["machine"]["kernel"]' && ok || bad 'doctor --json'
	else
		skip 'doctor --json' 'no python3 here'
	fi
}

# What only prints says so when it could not.
no_room() {
	local words
	for words in doctor 'doctor --json' --help --version 'cat --help' 'ping --version'; do
		# shellcheck disable=SC2086
		timeout 20 "$kipc" $words >/dev/full 2>"$dir/err"
		same "$words, no room" 1 $?
		one_line "$words, no room" "$dir/err" 'stdout: No space left'
		# shellcheck disable=SC2086
		timeout 20 "$kipc" $words >&- 2>"$dir/err"
		same "$words, no stdout" 1 $?
		one_line "$words, no stdout" "$dir/err" 'stdout: Bad file descriptor'
	done
}

# ---- all ----------------------------------------------------------------------------

runs() {
	"$kipc" doctor | grep -q "^  $1 *yes"
}

schemes=("$@")
if [ ${#schemes[@]} = 0 ]; then
	schemes=(shm unix)
	runs kmod && schemes+=(kmod)
	wrong_arguments
	doctor
	no_room
	if said=$(tools/examples/test-readme.sh 2>&1); then ok; else bad "$said"; fi
fi
for scheme in "${schemes[@]}"; do
	if ! runs "$scheme"; then
		skip "$scheme" "$("$kipc" doctor | sed -n "s/^  $scheme *no *//p")"
		continue
	fi
	bytes "$scheme"
	dribs "$scheme"
	killed "$scheme" recv
	killed "$scheme" send
	killed_idle "$scheme"
	stdout_gone "$scheme"
	two_of_a_kind "$scheme"
	third "$scheme"
	pings "$scheme"
done
same 'left behind' '' "$(left_behind)"
echo "tools: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
