# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# status: what is running and how it is set, in the original's form.

# The counters of the file stats that are summed over the engines.
SESSION_COUNTERS=(NumOfFlows NumOfTcpFlows NumOfAccFlows NumOfActFlows)
BYTE_COUNTERS=(WanInBytes WanOutBytes LanInBytes LanOutBytes)

# stats_add DIR: adds the counters of one engine to COUNT[name].
stats_add() {
	local line name value
	local -a lines=()
	{ mapfile -t lines <"$1/stats"; } 2>/dev/null || return 1
	for line in "${lines[@]}"; do
		line=${line//[[:space:]]/}
		name=${line%%=*} value=${line#*=}
		[[ $line == *=* && -n $value && $value != *[!0-9]* ]] || continue
		COUNT[$name]=$((${COUNT[$name]-0} + value))
	done
}

row() {
	local text
	printf -v text '%-20s %s' "$1" "$2"
	say "$text"
}

# value_of NAME: a file or a key of cmd of engine 0, in GOT.
value_of() {
	if [[ -e $APPEX_PROC/$1 ]]; then
		file_read "$APPEX_PROC/$1" || :
	else
		GOT=${CMD[$1]-}
	fi
}

# do_status [--json]
do_status() {
	json_flag "$@"
	if ((${#REST[@]} > 0)); then
		usage
		exit 1
	fi
	if [[ -n $JSON_WANTED ]]; then
		status_json
		return
	fi
	engine_dirs
	say_title '[Running Status]'
	if ((${#ENGINES[@]} > 0)) || module_loaded; then
		say "$PRODUCT is running!"
	else
		say "$PRODUCT is NOT running!"
	fi
	version_read
	row version "$VERSION"
	say ''
	status_license
	if ((${#ENGINES[@]} > 0)); then
		say ''
		status_connections
		say ''
		status_configuration
	fi
	status_why
	try_note
	guard_status
	conflicts_note
}

# version_read: of the module that runs, or else of the one that is installed, in VERSION.
version_read() {
	CMD=() GOT=
	if ((${#ENGINES[@]} > 0)); then
		cmd_read "${ENGINES[0]}" || :
		value_of version
	elif command -v modinfo >/dev/null; then
		GOT=$(modinfo -F version "${APPEX_MODULE:-appex}" 2>/dev/null) || GOT=
	fi
	VERSION=$GOT
}

# limits_read: how many sessions all engines take, and accelerate, in SESSIONS and
# ACCELERATED; empty where nothing runs.
limits_read() {
	local dir first second
	SESSIONS='' ACCELERATED=''
	for dir in "${ENGINES[@]}"; do
		cmd_read "$dir" 2>/dev/null || continue
		read -r first second _ <<<"${CMD[engine]-}"
		[[ ! $first =~ ^[0-9]+$ ]] || SESSIONS=$((${SESSIONS:-0} + first))
		[[ ! $second =~ ^[0-9]+$ ]] || ACCELERATED=$((${ACCELERATED:-0} + second))
	done
}

# status_license: the original's block, for scripts that look for it. There is
# no licence to buy and nothing expires; the sessions are the engine's limits.
status_license() {
	limits_read
	say_title '[License Information]'
	row License 'GPL-2.0 (valid on current device)'
	row MaxSession "${SESSIONS:-unlimited}"
	row MaxTcpAccSession "${ACCELERATED:-unlimited}"
	row 'MaxBandwidth(kbps)' unlimited
	row ExpireDate never
}

status_connections() {
	local dir family
	local -A COUNT=()
	for dir in "${ENGINES[@]}"; do
		stats_add "$dir" || :
	done
	say_title '[Connection Information]'
	for family in '' V4 V6; do
		[[ -n ${COUNT[${family}NumOfFlows]+known} || -z $family ]] || continue
		row "${family}TotalFlow" "${COUNT[${family}NumOfFlows]-0}"
		row "${family}NumOfTcpFlows" "${COUNT[${family}NumOfTcpFlows]-0}"
		row "${family}TotalAccTcpFlow" "${COUNT[${family}NumOfAccFlows]-0}"
		row "${family}TotalActiveTcpFlow" "${COUNT[${family}NumOfActFlows]-0}"
	done
}

# status_configuration: what the engine has, not what the file says.
status_configuration() {
	local pair i
	local -a names
	cmd_read "${ENGINES[0]}" || :
	say_title '[Running Configuration]'
	for pair in accif:wanIf lanif:lanIf; do
		file_read "${ENGINES[0]}/${pair#*:}" || :
		read -ra names <<<"$GOT"
		# The original prints eight names, absent ones as blanks.
		for ((i = ${#names[@]}; i < 8; i++)); do
			[[ $pair != accif:* ]] || names+=('')
		done
		row "${pair%:*}" "${names[*]}"
	done
	for pair in acc:tcpAccEnable advacc:trackRandomLoss advinacc:advAccEnable \
		wankbps:wanKbps waninkbps:wanInKbps csvmode:conservMode \
		subnetAcc:subnetAccEnable maxmode:maxTxEnable pcapEnable:pcapEnable; do
		value_of "${pair#*:}"
		row "${pair%:*}" "$GOT"
	done
	for pair in shortRttMS:shortRttMS byteCacheEnable:byteCacheEnable; do
		value_of "${pair#*:}"
		GOT=${GOT%% *}
		[[ -z $GOT || $GOT == 0 ]] || row "${pair%:*}" "$GOT"
	done
}

# status_json: the same in one line of JSON.
status_json() {
	local OBJECT='' nested name each
	local -A COUNT=()
	engine_dirs
	if ((${#ENGINES[@]} > 0)) || module_loaded; then
		json_put running true
	else
		json_put running false
	fi
	version_read
	json_put_string version "$VERSION"
	json_put engines "${#ENGINES[@]}"
	limits_read
	json_put_number session_limit "$SESSIONS"
	json_put_number accelerated_session_limit "$ACCELERATED"
	for each in "${ENGINES[@]}"; do
		stats_add "$each" || :
	done
	connections_json
	json_put connections "$JSON"
	settings_json
	json_put settings "$JSON"
	try_read
	JSON=null
	[[ -z $TRY_END ]] || JSON=$((TRY_END - $(uptime_seconds)))
	json_put trial_ends_in_seconds "$JSON"
	why
	json_put_number tcp_connections "$WHY_TCP"
	json_put_number tcp_connections_accelerated "$WHY_ACC"
	findings_json
	json_put findings "$JSON"
	say "{$OBJECT}"
}

# connections_json: COUNT's sessions, of all families and of each, in JSON.
connections_json() {
	local OBJECT='' nested family name
	for family in all: ipv4:V4 ipv6:V6; do
		nested=$OBJECT OBJECT=
		for name in flows:NumOfFlows tcp_flows:NumOfTcpFlows accelerated_flows:NumOfAccFlows active_flows:NumOfActFlows; do
			json_put_number "${name%:*}" "${COUNT[${family#*:}${name#*:}]-0}"
		done
		JSON="{$OBJECT}" OBJECT=$nested
		json_put "${family%:*}" "$JSON"
	done
	JSON="{$OBJECT}"
}

# settings_json: what engine 0 has, by the names in the configuration, all as text, in JSON.
settings_json() {
	local OBJECT='' name
	if ((${#ENGINES[@]} > 0)); then
		cmd_read "${ENGINES[0]}" || :
		for name in accif:wanIf lanif:lanIf; do
			file_read "${ENGINES[0]}/${name#*:}" || :
			json_put_string "${name%:*}" "$GOT"
		done
		for name in "${KEY_ORDER[@]}"; do
			case ${KEY_TARGET[$name]} in
			file:* | cmd:*)
				value_of "${KEY_TARGET[$name]#*:}"
				json_put_string "$name" "$GOT"
				;;
			esac
		done
	fi
	JSON="{$OBJECT}"
}

# findings_json: FINDINGS, in JSON.
findings_json() {
	local each list='' OBJECT word interface text
	for each in "${FINDINGS[@]}"; do
		word=${each%%$'\t'*} text=${each##*$'\t'}
		interface=${each#*$'\t'} interface=${interface%$'\t'*}
		OBJECT=
		json_put_string code "$word"
		if [[ -n $interface ]]; then json_put_string interface "$interface"; else json_put interface null; fi
		json_put_string text "$text"
		list+="${list:+, }{$OBJECT}"
	done
	JSON="[$list]"
}
