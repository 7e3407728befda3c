# SPDX-License-Identifier: MIT
#
# Sourced by run and test.sh: runs parts one after the other and adds up the
# last line "N passed, N failed, N skipped" of each.

passed=0 failed=0 skipped=0 summary=

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
	rm -f "$log"
	if [ -z "${p:-}" ]; then
		p=0 f=1 s=0
		echo "$name: ended with status $status and without a count"
	elif [ "$status" != 0 ] && [ "$f" = 0 ]; then
		f=1
		echo "$name: ended with status $status"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	summary+=$(printf '%-9s %5d passed %3d failed %3d skipped %5d s' \
		"$name" "$p" "$f" "$s" $((SECONDS - start)))$'\n'
}

# The last line, and the status that goes with it.
total() {
	printf '\n%s' "$summary"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}
