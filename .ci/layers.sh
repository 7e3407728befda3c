#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks that dependencies run one way: includes, symbols, and the words that
# one file alone may use.  A line per violation; the last line is
# "layers: N passed, N failed, N skipped".
#
#   layers.sh        (after "make": the symbols are those of build/lib)
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0 skipped=0

# Who may include what: the first row that fits a file counts.  A path is one in
# the project, "system" any header that is not; <...> narrows that to headers
# that fit.  SELF is the file's own name without its ending.
rules='
kmod/uapi/         <linux/(types|ioctl)[.]h>  kmod/uapi/
kmod/              <linux/  <asm/  <net/net_namespace[.]h>  <net/netns/generic[.]h>  <trace/  kmod/
lib/include/       <std(int|bool|def|arg)[.]h>  <sys/types[.]h>
lib/core/          <std(int|bool|def)[.]h>  <string[.]h>  <errno[.]h>  <limits[.]h>  <linux/types[.]h>  <immintrin[.]h>  lib/core/  kmod/uapi/kipc_(ring|queue)[.]h  lib/include/
lib/os/            system  lib/os/  kmod/uapi/  lib/core/(atomic|copy)[.]h
lib/transport/     system  lib/transport[.]h  lib/include/  lib/core/  lib/os/  kmod/uapi/  lib/transport/[a-z]+_[a-z]+[.]h  lib/transport/SELF[.]h
lib/call/          system  lib/(use|calls|transport)[.]h  lib/include/  lib/os/sys[.]h  lib/call/
lib/chan[.]c       system  lib/[a-z_]+[.]h  lib/include/  lib/os/fork[.]h
lib/use[.][ch]     system  lib/(use|transport)[.]h  lib/os/fork[.]h
lib/uri[.]c        system  lib/[a-z_]+[.]h  lib/include/  lib/os/  kmod/uapi/kipc_(ring|queue)[.]h
lib/               system  lib/[a-z_]+[.]h  lib/include/
tools/cmd_(ls|show)[.]c  system  lib/include/  tools/  kmod/uapi/
tools/             system  lib/include/  tools/
bench/[a-z_]+[.]h  system  bench/
bench/(base|limit|peer)_  system  bench/
bench/peers/       system  bench/
bench/             system  bench/  lib/include/
tests/conformance/ system  lib/include/  tests/conformance/  tests/harness[.]h
tests/uapi/        system  kmod/uapi/  tests/uapi/  tests/harness[.]h
tests/kill/        system  lib/include/  tests/kill/  tests/sweep[.]h
tests/model/       system  tests/model/  lib/  kmod/uapi/
tests/stress/      system  lib/include/  tests/stress/  tests/sweep[.]h
tests/tsan/        system  lib/include/  lib/os/map[.]h  tests/tsan/
tests/vm/          system  kmod/uapi/  lib/include/  tests/vm/  tests/harness[.]h
tests/             system  tests/  lib/  kmod/uapi/
'

sources() {
	find kmod lib tools bench tests -name '*.[ch]' ! -name '*.mod.c' "$@" | sort
}

# check NAME COMMAND...: the command prints violations; without any it passed.
check() {
	local name=$1 lines
	shift
	lines=$("$@")
	if [ -z "$lines" ]; then
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	echo "$lines" | sed "s/^/layers: $name: /"
}

# Where the whole run is automatic, what is missing was not built: a failure.
skip() {
	if [ -n "${CI:-}" ]; then
		failed=$((failed + 1))
	else
		skipped=$((skipped + 1))
	fi
	echo "layers: $1: not checked: $2"
}

# A header is looked for beside the file, then in the folders that the builds
# give with -I.
include_directions() {
	# shellcheck disable=SC2046
	awk -v rules="$rules" '
	BEGIN {
		count = split(rules, row, "\n")
		folders = split("lib/include kmod/uapi lib tests .", folder, " ")
		for (i = 1; i < ARGC; i++)
			exists[ARGV[i]] = 1
	}
	function plain(path) {
		while (sub(/[^\/]+\/\.\.\//, "", path))
			;
		sub(/^\.\//, "", path)
		return path
	}
	function resolve(file, name, quoted,    dir, path, i) {
		dir = file
		sub(/[^\/]*$/, "", dir)
		if (quoted && (path = plain(dir name)) in exists)
			return path
		for (i = 1; i <= folders; i++)
			if ((path = plain(folder[i] "/" name)) in exists)
				return path
		return quoted ? plain(dir name) : "<" name ">"
	}
	function allowed(file, target,    i, n, words, j, word, self) {
		self = file
		sub(/.*\//, "", self)
		sub(/\.[ch]$/, "", self)
		for (i = 1; i <= count; i++) {
			n = split(row[i], words, " ")
			if (!n || file !~ ("^" words[1]))
				continue
			for (j = 2; j <= n; j++) {
				word = words[j]
				sub(/SELF/, self, word)
				if (word == "system" ? target ~ /^</ : target ~ ("^" word))
					return 1
			}
			return 0
		}
		return 0
	}
	/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
		quoted = /include[ \t]*"/
		name = $0
		sub(/^[^<"]*[<"]/, "", name)
		sub(/[>"].*/, "", name)
		target = resolve(FILENAME, name, quoted)
		if (!allowed(FILENAME, target))
			print FILENAME ":" FNR ": may not include " target
	}' $(sources)
}

# only_in FILE PATTERN WHAT FOLDER...: a word that one file alone may use.
only_in() {
	local file=$1 pattern=$2 what=$3
	shift 3
	find "$@" -name '*.[ch]' ! -name '*.mod.c' ! -path "$file" -print0 | sort -z |
		xargs -0r grep -nE -- "$pattern" | sed "s|^\([^:]*:[0-9]*\):.*|\1: $what|"
}

# A cast to a function pointer type, written out or through a callback typedef.
function_casts() {
	local names
	# shellcheck disable=SC2046
	names=$(sed -nE 's/^typedef .*\(\*([A-Za-z0-9_]+)\)\(.*/\1/p' $(sources) | sort -u | paste -sd'|')
	# shellcheck disable=SC2046
	grep -nE "\([A-Za-z_][A-Za-z0-9_ *]*\(\*\)\([^()]*\)\) *[A-Za-z_&(]${names:+|\((${names})\) *[A-Za-z_&(]}" \
		$(sources) | sed 's|^\([^:]*:[0-9]*\):.*|\1: casts a function pointer|'
}

# What an object gives to others carries the name of the project.
symbol_prefixes() {
	find build/lib -name '*.o' -print0 | sort -z | xargs -0r nm -Ag --defined-only |
		awk '{ sub(/:.*/, "", $1); if ($NF !~ /^kipc_/) print $1 ": symbol " $NF " lacks the prefix" }' |
		grep -vE 'symbol (__asan_|__odr_asan|__ubsan_|DW\.ref)'
}

exported_symbols() {
	diff <(sed -nE 's/^[ \t]+(kipc_[a-z0-9_]+);.*/\1/p' lib/libkipc.map | sort) \
		<(nm -D --defined-only build/lib/libkipc.so.0 |
			awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort) |
		sed -n 's/^< \(.*\)/lib\/libkipc.map: \1 is not in the library/p
			s/^> \(.*\)/lib\/libkipc.map: \1 is exported and not listed/p'
}

# The kernel has one name space for all modules.
module_symbols() {
	nm -Ag --defined-only "$1"/*.o 2>/dev/null | grep -v 'kipc\.mod\.o\|/kipc\.o' |
		awk '$NF !~ /^(kipc_|__kipc_|init_module$|cleanup_module$|__tracepoint_kipc|__SCT__tp_func_kipc|__SCK__tp_func_kipc|__traceiter_kipc|__probestub_kipc|__bpf_trace)/ {
			sub(/:.*/, "", $1); print $1 ": symbol " $NF " lacks the prefix" }' |
		grep -vE 'symbol __(UNIQUE_ID|initcall|exitcall|mod_)'
}

check includes include_directions
check versions only_in kmod/compat.h 'LINUX_VERSION_CODE|KERNEL_VERSION|LINUX_VERSION_' \
	'tests the kernel version' kmod
check orders only_in lib/core/atomic.h '__ATOMIC_|memory_order_|__sync_' \
	'names a memory order' lib tools
check bug-on only_in none '\bBUG(_ON)?\(' 'can stop the kernel' kmod
check casts function_casts
if [ -e build/lib/libkipc.so.0 ]; then
	check prefixes symbol_prefixes
	check exports exported_symbols
else
	skip symbols 'build/lib/libkipc.so.0 is not there: make first'
fi
module=$(compgen -G 'build/kmod-6.*/kipc.ko' | head -n 1)
if [ -n "$module" ]; then
	check module-symbols module_symbols "${module%/*}"
else
	skip module-symbols 'no module below build: make test-vm first'
fi
echo "layers: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
