#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks the form of the sources: clang-format, lengths, licence lines, marks of
# unfinished work, the shell's grammar.  A line per violation; the last line is
# "style: N passed, N failed, N skipped".
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
longest_function=80 longest_file=500

files() {
	find . \( -path ./build -o -path ./.git \) -prune -o -type f \( "$@" \) -print |
		sed 's|^\./||' | grep -v '\.mod\.c$' | sort
}

c_files() {
	files -name '*.[ch]'
}

scripts() {
	files -name '*.sh' -o -path './.ci/run' -o -path './tests/vm/init' -o -path './tests/vm/stage2'
}

makefiles() {
	files -name '*.mk' -o -name Makefile -o -name Kbuild
}

# check NAME COMMAND...: the command prints violations; without any it passed.
check() {
	local name=$1 lines
	shift
	lines=$("$@" 2>&1)
	if [ -z "$lines" ]; then
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	echo "$lines" | sed "s/^/style: $name: /"
}

# A clang-format that cannot run must not look like one that found nothing.
misformatted() {
	local said
	said=$(c_files | xargs -r -P 2 -n 16 clang-format --dry-run -Werror 2>&1) && return
	echo "$said" | awk -F: '
	/clang-format-violations/ && !seen[$1]++ { print $1 ":" $2 ": clang-format would change it"; any = 1 }
	END { exit !any }' || echo "$said"
}

# From the brace in the first column to its fellow.
long_functions() {
	c_files | xargs -r awk -v most=$longest_function '
	FNR == 1 { start = 0 }
	/^{/ { start = FNR }
	/^}/ {
		if (start && FNR - start - 1 > most)
			print FILENAME ":" start ": a function of " FNR - start - 1 " lines"
		start = 0
	}'
}

# The public header is one file and its own manual, however much there is to say.
long_files() {
	{ c_files; scripts; files -name '*.py'; } | grep -vx 'lib/include/kipc.h' | xargs -r awk -v most=$longest_file '
	FNR == most + 1 { print FILENAME ": more than " most " lines" }'
}

unlicensed() {
	{ c_files; scripts; makefiles; files -name '*.py'; } | xargs -r awk '
	FNR == 1 { if (name && !found) print name ": no SPDX line"; name = FILENAME; found = 0 }
	FNR <= 3 && /SPDX-License-Identifier: / { found = 1 }
	END { if (name && !found) print name ": no SPDX line" }'
}

unfinished() {
	{ c_files; scripts; makefiles; files -name '*.py' -o -name '*.md'; } |
		grep -vx '.ci/style.sh' | xargs -r grep -nwE 'TODO|FIXME|XXX' |
		sed -E 's/^([^:]*:[0-9]+):.*/\1: marks unfinished work/'
}

trailing_blanks() {
	{ c_files; scripts; makefiles; files -name '*.py'; } | xargs -r grep -nE '[[:blank:]]$' |
		sed -E 's/^([^:]*:[0-9]+):.*/\1: blanks at the end of the line/'
}

bad_grammar() {
	local script
	for script in $(scripts); do
		bash -n "$script"
	done
}

check format misformatted
check functions long_functions
check files long_files
check licences unlicensed
check unfinished unfinished
check blanks trailing_blanks
check scripts bad_grammar
echo "style: $passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
