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

do_status() {
	engine_dirs
	say_title '[Running Status]'
	if ((${#ENGINES[@]} > 0)) || module_loaded; then
		say "$PRODUCT is running!"
	else
		say "$PRODUCT is NOT running!"
	fi
	CMD=() GOT=
	if ((${#ENGINES[@]} > 0)); then
		cmd_read "${ENGINES[0]}" || :
		value_of version
	elif command -v modinfo >/dev/null; then
		GOT=$(modinfo -F version "${APPEX_MODULE:-appex}" 2>/dev/null) || GOT=
	fi
	row version "$GOT"
	say ''
	status_license
	((${#ENGINES[@]} > 0)) || return 0
	say ''
	status_connections
	say ''
	status_configuration
}

# status_license: the original's block, for scripts that look for it. There is
# no licence to buy and nothing expires; the sessions are the engine's limits.
status_license() {
	local sessions='' accelerated='' dir first second
	for dir in "${ENGINES[@]}"; do
		cmd_read "$dir" 2>/dev/null || continue
		read -r first second _ <<<"${CMD[engine]-}"
		[[ ! $first =~ ^[0-9]+$ ]] || sessions=$((${sessions:-0} + first))
		[[ ! $second =~ ^[0-9]+$ ]] || accelerated=$((${accelerated:-0} + second))
	done
	say_title '[License Information]'
	row License 'GPL-2.0 (valid on current device)'
	row MaxSession "${sessions:-unlimited}"
	row MaxTcpAccSession "${accelerated:-unlimited}"
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
