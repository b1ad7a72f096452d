# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The commands: what start, stop, reload and the others do, in which order, and
# how far each goes back when it cannot go on.

usage() {
	cat <<-EOT
		Usage: $0 {start | stop | reload | restart | boot | try | confirm | check | status | stats | flows | rules | metrics | uninstall}

		  start             load the accelerator with the settings of $CONFIG_FILE
		  stop              unload it; open connections go on
		  reload            take over a changed configuration without unloading
		  restart           stop, then start
		  try [SECONDS]     start, and stop again after 60 seconds (or SECONDS) unless
		                    confirmed: for a machine that only the network reaches
		  confirm           keep what "try" started
		  boot              what the service runs: as reload, but refuses after two
		                    crashes in a row within ten minutes of a start
		  check [FILE]      check a configuration and say what means something else
		                    than with LotServer; touches nothing
		  status (st)       show whether it runs, its sessions and its settings, and why
		                    connections are not accelerated
		  stats [all] [N]   show sessions and rates every 5 seconds, N times;
		        [flows]     "all" adds the LAN side and retransmissions, "flows"
		                    the busiest connections, which a terminal always gets
		  flows             list all connections, and why each is accelerated or not
		  rules             list the rules and how many connections each has met;
		   [add|del RULE]   change them, now and for later starts
		  metrics [FILE]    write counters for Prometheus, FILE in one piece
		  --json            behind status, stats, flows and rules: JSON instead
		  uninstall         stop and remove everything the installation put in
		    (uninst) [-f]   place; -f also without the installation's record
		  -h, --help        this text
	EOT
}

main() {
	# The PPP daemon calls a link with a name of its own.
	case ${0##*/} in
	pppup | ip-up.local)
		ppp_hook + "${1-}"
		exit 0
		;;
	pppdown | ip-down.local)
		ppp_hook - "${1-}"
		exit 0
		;;
	esac
	case ${1-} in
	start | stop | reload | restart | confirm | boot)
		require_root
		lock
		"do_$1"
		;;
	try)
		require_root
		lock
		do_try "${2-}"
		;;
	# What "try" has armed calls this; it waits for a command that is at work.
	try-ends)
		require_root
		lock 600
		do_try_ends "${2-}"
		;;
	# So does what start has armed.
	lasted)
		require_root
		lock 600
		do_lasted "${2-}"
		;;
	# What the capture runs in, launched by start and reload.
	capture-runs)
		require_root
		do_capture
		;;
	uninstall | uninst)
		require_root
		lock
		do_uninstall "${2-}"
		;;
	status | st)
		do_status "${@:2}"
		;;
	check) do_check "${2-}" ;;
	stats) do_stats "${@:2}" ;;
	flows) do_flows "${@:2}" ;;
	metrics) do_metrics "${@:2}" ;;
	rules)
		[[ -z ${2-} || ${2-} == --json ]] || {
			require_root
			lock
		}
		do_rules "${@:2}"
		;;
	-h | --help | help) usage ;;
	renew | renewLic) say "$PRODUCT needs no licence: there is nothing to renew." ;;
	*)
		usage
		exit 1
		;;
	esac
}

do_start() {
	if engine_running; then
		# The original's streams: an error only where the directory is there.
		if [[ -d $APPEX_PROC ]]; then
			warn "$PRODUCT is running!"
		else
			say "$PRODUCT is running!"
		fi
		exit 1
	fi
	config_load
	offload_check
	start_configured
}

# start_configured [UNDO]: everything after the last check that touches nothing.
start_configured() {
	engine_count
	wan_list
	ROLLBACK=${1:-start_undo}
	guard_begin
	offload_apply "${MATCHING[@]}" || exit 1
	memory_apply || exit 1
	module_load || exit 1
	engines_wait || exit 1
	settings_apply || exit 1
	rules_apply || exit 1
	interfaces_apply || exit 1
	ppp_install
	settings_check || exit 1
	# A shaper obeys settings that are there by now.
	shape_apply "${MATCHING[@]}"
	ROLLBACK=
	guard_watch
	capture_apply
	short_rtt_note
	absent_note
	say ''
	after_load
}

# start_undo: takes back whatever of a start was done.
start_undo() {
	module_unload || :
	offload_restore keep_none || :
	memory_restore || :
	ppp_remove
	guard_undo
}

# absent_note: says of each two-sided feature that is on that there is none here.
absent_note() {
	local name
	for name in byteCacheEnable dataCompEnable httpCompEnable; do
		[[ ${CONFIG[$name]} != 1 ]] || warn "[warn] $name=\"1\": this version has no such feature and works without it"
	done
}

# short_rtt_note: what the original's start says, and scripts look for.
short_rtt_note() {
	[[ ${CONFIG[shortRttMS]} == 0 ]] || say 'Short-RTT bypass has been enabled'
}

# settings_apply: writes every setting to every engine and reads it back.
settings_apply() {
	local dir
	engine_dirs
	for dir in "${ENGINES[@]}"; do
		settings_of "$dir"
		settings_write "$dir" && settings_verify "$dir" || return 1
	done
}

# settings_check: the second look, after everything else. The original looks
# twice more at intervals of a second because its daemon could still change a
# value; here a write either holds when it returns or fails.
settings_check() {
	local dir
	for dir in "${ENGINES[@]}"; do
		settings_of "$dir"
		settings_verify "$dir" || return 1
		list_holds "$dir" wanIf "${WAN_LIST[@]}" || return 1
	done
}

# wan_list: the entries for wanIf in WAN_LIST (with accppp the links that are up
# now too), and the devices they mean now in MATCHING.
wan_list() {
	local entry
	local -a ppp=()
	read -ra WAN_LIST <<<"${CONFIG[accif]}"
	if [[ ${CONFIG[accppp]} == 1 ]]; then
		interfaces_matching 'ppp*'
		for entry in "${MATCHING[@]}"; do
			has_word "$entry" "${WAN_LIST[@]}" || WAN_LIST+=("$entry")
		done
	fi
	for entry in "${WAN_LIST[@]}"; do
		interfaces_matching "$entry"
		((${#MATCHING[@]} > 0)) || warn "[warn] no interface $entry at present: it is accelerated as soon as it appears (its offloads and queues stay as they are until then and a reload)"
	done
	interfaces_matching "${WAN_LIST[@]}"
}

# interfaces_apply: lanIf, then wanIf, to every engine. One write replaces the
# list at once, so an interface that stays is never off.
interfaces_apply() {
	local dir
	local -a lan
	read -ra lan <<<"${CONFIG[lanif]}"
	for dir in "${ENGINES[@]}"; do
		list_write "$dir" lanIf "${lan[@]}" && list_write "$dir" wanIf "${WAN_LIST[@]}" || return 1
	done
}

# list_write DIR FILE ENTRY...
list_write() {
	local dir=$1 file=$2
	shift 2
	if ! put "$dir/$file" "$*"; then
		warn "Failed to write configuration: $file($*)"
		return 1
	fi
	list_holds "$dir" "$file" "$@"
}

# list_holds DIR FILE ENTRY...: exactly these are in the list, as whole words.
list_holds() {
	local dir=$1 file=$2
	local -a got
	shift 2
	file_read "$dir/$file" && read -ra got <<<"$GOT" && [[ ${got[*]} == "$*" ]] && return 0
	warn "Failed to write configuration: $file($*)"
	return 1
}

do_stop() {
	# Somebody else may have unloaded the module, or a stop was killed when it had.
	if ! engine_running; then
		capture_stop
		ppp_remove
		try_forget
	fi
	if engine_running; then
		stop_running || exit 1
	elif leftovers; then
		# A start that was killed before it loaded the module.
		leftovers_restore || exit 1
		guard_forget
	else
		# One that was killed before it did anything has left its mark.
		[[ ! -e $GUARD_FILE ]] || guard_undo
		warn "$PRODUCT is not running!"
		exit 1
	fi
	try_forget
	say "$PRODUCT is stopped!"
}

# stop_running: a signal from here on does not leave it half stopped.
stop_running() {
	local status=0
	trap '' HUP INT QUIT ABRT TERM
	capture_stop
	module_unload || status=1
	ppp_remove
	leftovers_restore || status=1
	((status != 0)) || guard_forget
	return "$status"
}

# leftovers: whether something that start changed still waits to be put back.
leftovers() {
	record_read
	memory_read
	shape_read
	((${#RECORD[@]} + ${#MEMORY[@]} + ${#SHAPED[@]} > 0))
}

leftovers_restore() {
	local status=0
	shape_remove || status=1
	offload_restore keep_none || status=1
	memory_restore || status=1
	return "$status"
}

do_restart() {
	# A configuration that cannot start must not stop what runs.
	config_load
	offload_check
	if engine_running; then
		stop_running || exit 1
	fi
	start_configured
}

# do_reload: new settings without unloading. On failure the old ones come back
# and acceleration goes on.
do_reload() {
	if ! engine_running; then
		do_start
		return 0
	fi
	config_load
	offload_check
	engine_count
	engine_dirs
	((ENGINE_COUNT == ${#ENGINES[@]})) ||
		warn "[warn] ${#ENGINES[@]} engines are running, the configuration means $ENGINE_COUNT: that takes a restart"
	wan_list
	local -a devices=("${MATCHING[@]}")
	reload_remember
	offload_mark
	ROLLBACK=reload_undo
	offload_apply "${devices[@]}" || exit 1
	settings_apply || exit 1
	interfaces_apply || exit 1
	settings_check || exit 1
	rules_apply || exit 1
	ROLLBACK=
	absent_note
	# Last, what the new configuration no longer wants changed.
	local status=0
	shape_apply "${devices[@]}"
	capture_apply
	interfaces_with_lower "${devices[@]}"
	offload_restore keep_wanted || status=1
	memory_change || status=1
	ppp_install
	return "$status"
}

# reload_remember: what the engines have now, as settings_of would give it, so
# that reload_undo can write it. Every engine has the same.
reload_remember() {
	local name
	OLD_SETTINGS=()
	cmd_read "${ENGINES[0]}" || exit 1
	for name in "${KEY_ORDER[@]}"; do
		case ${KEY_TARGET[$name]} in
		file:*)
			file_read "${ENGINES[0]}/${KEY_TARGET[$name]#file:}" || continue
			OLD_SETTINGS+=("file ${KEY_TARGET[$name]#file:} $GOT")
			;;
		cmd:*) OLD_SETTINGS+=("cmd ${KEY_TARGET[$name]#cmd:} ${CMD[${KEY_TARGET[$name]#cmd:}]-}") ;;
		esac
	done
	file_read "${ENGINES[0]}/wanIf" || :
	OLD_WAN=$GOT
	file_read "${ENGINES[0]}/lanIf" || :
	OLD_LAN=$GOT
}

reload_undo() {
	local dir
	SETTINGS=("${OLD_SETTINGS[@]}")
	for dir in "${ENGINES[@]}"; do
		settings_write "$dir" || :
		put "$dir/lanIf" "$OLD_LAN" || :
		put "$dir/wanIf" "$OLD_WAN" || :
	done
	offload_restore keep_old || :
	warn "Reload failed: $PRODUCT goes on with its former settings"
}
