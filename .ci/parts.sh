# SPDX-License-Identifier: MIT
#
# Sourced by run and test.sh: runs parts one after the other and adds up the
# last line "N passed, N failed, N skipped" of each.  What failed is said once
# more before the sum: of a long log often the end alone is kept.

passed=0 failed=0 skipped=0 summary='' failures=''

# The lines of a log that name what failed: Criterion's, counts, verdicts.
named() {
	grep -aE '\[FAIL\]|\[----\]|\b[1-9][0-9]* failed|^ *(fail|FAIL)\b|the machine ended|without a count|ended with status' "$1" |
		sed -E 's/^ +//; s/\x1b\[[0-9;]*m//g' | awk '!seen[$0]++' | head -n 40
}

# part NAME COMMAND...: a part that fails without saying which test did, or that
# gives no count, is one failure.
part() {
	local name=$1 log status=0 p f s start=$SECONDS
	shift
	log=$(mktemp)
	echo "== $name"
	"$@" 2>&1 | tee "$log" || status=$?
	read -r p f s < <(sed -nE \
		's/.*\b([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped.*/\1 \2 \3/p' "$log" |
		tail -n 1)
	if [ -z "${p:-}" ]; then
		p=0 f=1 s=0
		echo "$name: ended with status $status and without a count" | tee -a "$log"
	elif [ "$status" != 0 ] && [ "$f" = 0 ]; then
		f=1
		echo "$name: ended with status $status" | tee -a "$log"
	fi
	[ "$f" = 0 ] || failures+="== $name"$'\n'$(named "$log")$'\n'
	rm -f "$log"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	summary+=$(printf '%-9s %5d passed %3d failed %3d skipped %5d s' \
		"$name" "$p" "$f" "$s" $((SECONDS - start)))$'\n'
}

# The last line, and the status that goes with it.
total() {
	[ -z "$failures" ] || printf '\nwhat failed:\n%s' "$failures"
	printf '\n%s' "$summary"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}
