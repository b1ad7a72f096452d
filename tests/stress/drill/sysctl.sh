# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Read by each bash that a script for packetdrill starts (BASH_ENV): settings are written without a process for each, which
# is most of what a script costs. DRILL_CONTROL takes the place of the congestion control that scripts ask for.
sysctl() {
	local word name value
	for word in "$@"; do
		case $word in
		-q | -e | -w | -qw) continue ;;
		*=*) name=${word%%=*} value=${word#*=} ;;
		*) command sysctl "$@" && return || return ;;
		esac
		if [ "$name" = net.ipv4.tcp_congestion_control ] && [ -n "${DRILL_CONTROL-}" ]; then value=$DRILL_CONTROL; fi
		[ -e "/proc/sys/${name//.//}" ] || continue
		printf '%s\n' "$value" >"/proc/sys/${name//.//}"
	done
}
