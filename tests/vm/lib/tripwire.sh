# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The kernel-log tripwire: one complaint of the kernel fails the run that caused it. Sourced, never run.

# "BUG" and "WARNING" count as whole words, so that a DEBUG or a lower-case word in a driver's name does not.
# hung_task and lockup lines are included: a machine that stands still is not a pass.
TRIPWIRE='(^|[^[:alnum:]_])(BUG|WARNING|Oops|KASAN|KCSAN|UBSAN)([^[:alnum:]_]|$)|Kernel panic|possible recursive locking'
TRIPWIRE+='|suspicious RCU|sleeping function called|[Uu]nable to handle|general protection|detected stalls'
TRIPWIRE+='|self-detected stall|soft lockup|blocked for more than|refcount_t:|rust_kernel: panicked|scheduling while atomic'
TRIPWIRE+='|list_(add|del) corruption|unregister_netdevice: waiting'

# tripwire FILE: print the first complaint with what surrounds it and fail, or succeed silently.
tripwire() {
	local line
	line=$(grep -nEm 1 -e "$TRIPWIRE" "$1" | cut -d: -f1) || true
	[ -n "$line" ] || return 0
	printf 'tripwire: the kernel complained, line %s of its log:\n' "$line"
	sed -n "$((line > 3 ? line - 3 : 1)),$((line + 30))p" "$1" | tr -d '\r' | sed 's/^/tripwire: | /'
	return 1
}
