# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The kernel-log tripwire: one complaint of the kernel fails the run that caused it. Sourced after host.sh.

# tripwire FILE: print the first complaint with what surrounds it and fail, or succeed silently. What counts
# is in tests/lab/tripwire, for every kernel of the project; a device that cannot go because somebody
# still holds it is added, as interfaces that vanish are tested here only.
tripwire() {
	local found line
	[ -s "$1" ] || return 0
	# The check itself fails when it finds something, which must not end or empty the pipe under pipefail.
	found=$({ "$VM_TOP/tests/lab/tripwire" "$1" 2>&1 || true; } | grep -a '^[0-9]') ||
		found=$(grep -an 'unregister_netdevice: waiting for' "$1") || return 0
	line=${found%%:*}
	printf 'tripwire: the kernel complained, line %s of its log:\n' "$line"
	sed -n "$((line > 3 ? line - 3 : 1)),$((line + 30))p" "$1" | tr -d '\r' | sed 's/^/tripwire: | /'
	return 1
}
