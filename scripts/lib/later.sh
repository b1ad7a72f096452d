# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A command of this script that runs later by itself, outside of the session that asked for it.

# later UNIT SECONDS COMMAND TOKEN: runs "lotServer.sh COMMAND TOKEN" then; with systemd where it is. A former
# one of the same name gives way, where systemd keeps them; else the command has to know by its token that it is late.
later() {
	local unit=$1 name
	local -a settings=()
	for name in APPEX_ROOT APPEX_PROC APPEX_MODULE APPEX_RUN APPEX_SYSFS APPEX_SYSCTL APPEX_PPP APPEX_SYSTEMD APPEX_DKMS APPEX_BOOT APPEX_KERNELS APPEX_MODULES; do
		settings+=("$name=${!name}")
	done
	if [[ -d $APPEX_SYSTEMD ]] && command -v systemd-run >/dev/null; then
		# A former one that is still loaded would be in the way of the name.
		run systemctl stop "$unit.timer" "$unit.service" >/dev/null 2>&1 || :
		run systemctl reset-failed "$unit.timer" "$unit.service" >/dev/null 2>&1 || :
		! run systemd-run --quiet --collect --unit="$unit" --on-active="$2" --timer-property=AccuracySec=1s \
			"${settings[@]/#/--setenv=}" "$SELF" "$3" "$4" >/dev/null 2>&1 || return 0
	fi
	command -v setsid >/dev/null || return 1
	# shellcheck disable=SC2016 # for the inner shell
	run setsid --fork env "${settings[@]}" sh -c 'cd /; trap "" HUP; sleep "$2"; exec "$1" "$3" "$4"' \
		"$unit" "$SELF" "$2" "$3" "$4" </dev/null >/dev/null 2>&1
}

# later_not UNIT
later_not() {
	# Not waited for: this may be part of a shutdown, and a timer without its token does nothing.
	[[ ! -d $APPEX_SYSTEMD ]] || run systemctl --no-block stop "$1.timer" >/dev/null 2>&1 || :
}
