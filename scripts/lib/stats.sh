# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# stats: sessions and rates, from the differences between two looks. On a terminal,
# and where asked for, with the busiest connections below.

# Seconds between two looks, and how long the original lets a screen run.
STATS_INTERVAL=${APPEX_STATS_INTERVAL:-5}
STATS_RUN_MAX=65535

# do_stats [all] [flows] [N] [--json]: on a terminal a screen that is drawn anew until stopped (or
# N times), elsewhere plain blocks, N or one.
do_stats() {
	local all='' count='' flows='' arg i
	json_flag "$@"
	[[ ! -t 1 || -n $JSON_WANTED ]] || flows=1
	for arg in "${REST[@]}"; do
		if [[ $arg == all ]]; then
			all=1
		elif [[ $arg == flows ]]; then
			flows=1
		elif [[ $arg =~ ^[1-9][0-9]{0,8}$ ]]; then
			count=$arg
		else
			usage
			exit 1
		fi
	done
	whole "$STATS_INTERVAL" 1 3600 || die "APPEX_STATS_INTERVAL must be a whole number of seconds from 1 to 3600"
	if ! engine_running; then
		stats_stopped
	fi
	if [[ -z $count ]]; then
		count=1
		[[ ! -t 1 || -n $JSON_WANTED ]] || count=$((STATS_RUN_MAX / STATS_INTERVAL))
	fi
	local -A NOW=() BEFORE=()
	local TOP_NOW='' TOP_BEFORE='' ROOM=''
	stats_look
	[[ -z $flows ]] || top_look
	for ((i = 0; i < count; i++)); do
		stats_shift
		TOP_BEFORE=$TOP_NOW
		sleep "$STATS_INTERVAL"
		stats_look
		[[ -z $flows ]] || top_look
		((${#ENGINES[@]} > 0)) || stats_stopped
		if [[ -n $JSON_WANTED ]]; then
			stats_json "$flows" || exit 0
			continue
		fi
		[[ ! -t 1 ]] || printf '\e[H\e[2J'
		stats_show "$all" || exit 0
		if [[ -n $flows ]]; then
			top_room
			top_show "$(((NOW[time] - BEFORE[time]) / 1000))" "$ROOM" || exit 0
		fi
	done
}

# stats_stopped: there is nothing to show.
stats_stopped() {
	if [[ -n $JSON_WANTED ]]; then
		say '{"running": false}'
	else
		say "$PRODUCT is NOT running!"
	fi
	exit 1
}

# stats_look: every counter of every engine, in NOW[engine/name], and the time.
stats_look() {
	local i name
	local -A COUNT
	NOW=()
	engine_dirs
	for i in "${!ENGINES[@]}"; do
		COUNT=()
		stats_add "${ENGINES[i]}" || continue
		for name in "${!COUNT[@]}"; do
			NOW[$i/$name]=${COUNT[$name]}
			NOW[total/$name]=$((${NOW[total/$name]-0} + COUNT[$name]))
		done
	done
	NOW[time]=${EPOCHREALTIME//[!0-9]/}
}

stats_shift() {
	local name
	BEFORE=()
	for name in "${!NOW[@]}"; do
		BEFORE[$name]=${NOW[$name]}
	done
}

# stats_show ALL: fails when nobody reads any more.
stats_show() {
	local i
	for i in "${!ENGINES[@]}"; do
		printf 'engine#%d:\n' "$i" 2>/dev/null || return 1
		stats_block "$i" "$1" || return 1
	done
	((${#ENGINES[@]} > 1)) || return 0
	printf 'Total:\n' 2>/dev/null && stats_block total "$1"
}

# stats_block WHO ALL: all families, then IPv4 and IPv6 where they are counted.
stats_block() {
	local who=$1 all=$2 family label bypass
	stats_rows "$who" '' '' "$all" || return 1
	if [[ -n ${NOW[$who/V4NumOfFlows]+known} ]]; then
		for family in 4 6; do
			label="ipv$family "
			stats_rows "$who" "V$family" "$label" "$all" || return 1
		done
	fi
	bypass=${NOW[$who/NfBypass]-0}
	((bypass == 0)) || printf 'Short-RTT bypassed packets: %d\n' "$bypass" 2>/dev/null || return 1
	printf '\n' 2>/dev/null
}

# stats_rows WHO PREFIX LABEL ALL
stats_rows() {
	local who=$1 key=$1/$2 label=$3
	printf '%stotal sessions: %d, tcp sessions: %d, accelerated tcp sessions: %d, active tcp sessions: %d, \n' \
		"$label" "${NOW[${key}NumOfFlows]-0}" "${NOW[${key}NumOfTcpFlows]-0}" \
		"${NOW[${key}NumOfAccFlows]-0}" "${NOW[${key}NumOfActFlows]-0}" 2>/dev/null || return 1
	local wan_in wan_out lan_in lan_out
	rate_of "${key}WanInBytes" && wan_in=$RATE
	rate_of "${key}WanOutBytes" && wan_out=$RATE
	if [[ -z $4 ]]; then
		printf '%sin: %s kbit/s\tout: %s kbit/s\n' "$label" "$wan_in" "$wan_out" 2>/dev/null
		return
	fi
	rate_of "${key}LanInBytes" && lan_in=$RATE
	rate_of "${key}LanOutBytes" && lan_out=$RATE
	retransmitted "$key"
	printf '%swan in: %s kbit/s\twan out: %s kbit/s\n%slan out: %s kbit/s\tlan in: %s kbit/s\n%sretransmission ratio: %s %%\n' \
		"$label" "$wan_in" "$wan_out" "$label" "$lan_out" "$lan_in" "$label" "$RATIO" 2>/dev/null
}

# difference NAME: of a counter between the two looks, in DIFFERENCE. One that
# ran backwards belongs to an engine that was loaded anew.
difference() {
	DIFFERENCE=$((${NOW[$1]-0} - ${BEFORE[$1]-0}))
	((DIFFERENCE >= 0)) || DIFFERENCE=${NOW[$1]-0}
}

# rate_of NAME: kbit/s with two decimals, in RATE. A kbit is 128 bytes here, as
# in the original.
rate_of() {
	local millis=$(((NOW[time] - BEFORE[time]) / 1000)) bytes_a_second hundredths
	difference "$1"
	((millis > 0)) || millis=1
	bytes_a_second=$((DIFFERENCE * 1000 / millis))
	hundredths=$((bytes_a_second * 100 / 128))
	printf -v RATE '%d.%02d' $((hundredths / 100)) $((hundredths % 100))
}

# retransmitted PREFIX: (sent to the Internet - from the local stack) / sent, in
# percent with one decimal, in RATIO.
retransmitted() {
	local sent local_bytes tenths=0
	difference "${1}WanOutBytes" && sent=$DIFFERENCE
	difference "${1}LanInBytes" && local_bytes=$DIFFERENCE
	((sent <= local_bytes)) || tenths=$(((sent - local_bytes) * 1000 / sent))
	printf -v RATIO '%d.%d' $((tenths / 10)) $((tenths % 10))
}

# stats_json FLOWS: a look as one line of JSON. Fails when nobody reads any more.
stats_json() {
	local OBJECT='' i list='' millis=$(((NOW[time] - BEFORE[time]) / 1000))
	json_put running true
	json_put time "$((NOW[time] / 1000000))"
	json_put interval_ms "$millis"
	for i in "${!ENGINES[@]}"; do
		engine_json "$i"
		list+="${list:+, }$JSON"
	done
	json_put engines "[$list]"
	engine_json total
	json_put total "$JSON"
	if [[ -n $1 ]]; then
		top_json "$millis" "$TOP_MAX"
		json_put busiest "$JSON"
	fi
	printf '%s\n' "{$OBJECT}" 2>/dev/null
}

# engine_json WHO: counters and rates of an engine, of all families and of each, in JSON. The counters that
# are not of a family are by their names in the file stats.
engine_json() {
	local who=$1 OBJECT='' nested family name rest
	for family in all: ipv4:V4 ipv6:V6; do
		nested=$OBJECT OBJECT=
		for name in flows:NumOfFlows tcp_flows:NumOfTcpFlows accelerated_flows:NumOfAccFlows active_flows:NumOfActFlows; do
			json_put_number "${name%:*}" "${NOW[$who/${family#*:}${name#*:}]-0}"
		done
		for name in wan_in:WanInBytes wan_out:WanOutBytes lan_in:LanInBytes lan_out:LanOutBytes; do
			rest=$who/${family#*:}${name#*:}
			difference "$rest"
			json_put_number "${name%:*}_bytes" "${NOW[$rest]-0}"
			json_put "${name%:*}_bits_per_second" "$((DIFFERENCE * 8000 / (millis > 0 ? millis : 1)))"
		done
		JSON="{$OBJECT}" OBJECT=$nested
		json_put "${family%:*}" "$JSON"
	done
	nested=$OBJECT OBJECT=
	while IFS= read -r name; do
		json_put_number "$name" "${NOW[$who/$name]}"
	done < <(printf '%s\n' "${!NOW[@]}" | sed -n "s|^$who/\([A-Za-z0-9_]*\)$|\1|p" | grep -vE '^(V4|V6|NumOf.*Flows|(Wan|Lan)(In|Out)Bytes)' | sort)
	JSON="{$OBJECT}" OBJECT=$nested
	json_put events "$JSON"
	JSON="{$OBJECT}"
}
