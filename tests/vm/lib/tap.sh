# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# TAP lines ("ok 1 - name", "not ok 2 - name") for tests on both sides of the virtual machine. Sourced.

TAP_PASSED=0
TAP_FAILED=0

ok() {
	TAP_PASSED=$((TAP_PASSED + 1))
	echo "ok $((TAP_PASSED + TAP_FAILED)) - $1"
}

# bad NAME [WHY [FILE]]: a failure, the reason, and the end of FILE, all as TAP comments.
bad() {
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $((TAP_PASSED + TAP_FAILED)) - $1"
	[ -z "${2-}" ] || echo "#   $2"
	[ -z "${3-}" ] || tail -n 20 "$3" | sed 's/^/#   | /'
}

# check NAME COMMAND...: ok if COMMAND succeeds; its output is shown only if it fails.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then ok "$name"; else bad "$name" "failed: $* ${output:+: $output}"; fi
}

# same NAME WANTED GOT: ok if both texts are equal; their difference is shown if not.
same() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		bad "$1"
		diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | sed 's/^/#   /' || true
	fi
}

# finish: the summary line; fails if a test failed or if none ran.
finish() {
	echo "1..$((TAP_PASSED + TAP_FAILED))"
	echo "$TAP_PASSED passed, $TAP_FAILED failed"
	[ "$TAP_FAILED" = 0 ] && [ "$TAP_PASSED" -gt 0 ]
}
