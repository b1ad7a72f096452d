# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# metrics: counters and gauges in the text format of Prometheus, for the textfile
# collector of node_exporter. Documentation/metrics.rst lists them;
# contrib/prometheus has a dashboard and a timer.

# What is counted for each family: the name in the file stats, the metric, its type and meaning.
METRICS_OF_FAMILY=(
	'NumOfFlows appex_flows gauge Flows in the table.'
	'NumOfTcpFlows appex_tcp_flows gauge TCP flows in the table.'
	'NumOfAccFlows appex_accelerated_flows gauge Accelerated TCP flows.'
	'NumOfActFlows appex_active_flows gauge TCP flows that carried data in the last 10 seconds.'
	'WanInBytes appex_wan_in_bytes_total counter Bytes received by WAN interfaces.'
	'WanOutBytes appex_wan_out_bytes_total counter Bytes sent by WAN interfaces, retransmissions included.'
	'LanInBytes appex_lan_in_bytes_total counter Bytes from the local stack or network to WAN interfaces, retransmissions not included.'
	'LanOutBytes appex_lan_out_bytes_total counter Bytes from WAN interfaces to the local stack or network.'
)
# Those that are not. One that the engine has and this list does not is given by a name made of its own.
METRICS_OF_EVENTS=(
	'NfBypass appex_short_rtt_bypassed_packets_total Packets left alone because of the short round-trip time of their subnet.'
	'SocketsAdopted appex_sockets_adopted_total Sockets that were given the congestion control.'
	'SocketsHandedBack appex_sockets_handed_back_total Sockets that got their own congestion control back while they lived.'
	'AdoptFailures appex_sockets_not_adopted_total Sockets that could not be adopted and stayed as they were.'
	'OverLimitPassed appex_over_limit_passed_packets_total Packets of flows beyond the session limit that passed untouched.'
	'OverLimitRefused appex_over_limit_refused_connections_total Connections beyond the session limit that were refused.'
	'SocketsBounded appex_bounded_connections_total Connections whose peer acknowledged what was never sent.'
	'WithheldPackets appex_withheld_packets_total Packets not sent, once, to see whether the peer acknowledges them.'
	'CopiedPackets appex_copied_packets_total Packets sent twice because the path is known to lose.'
	'LoweredWindows appex_lowered_window_packets_total Packets whose window was written smaller to slow an inbound transfer down.'
	'QueueDrops appex_queue_dropped_packets_total Packets dropped by the shaper.'
	'QueueMarks appex_queue_marked_packets_total Packets marked by the shaper (ECN).'
	'ThinnedAcks appex_thinned_ack_packets_total Acknowledgements that waited in the shaper and were replaced by later ones.'
	'UnclassifiedPackets appex_unclassified_packets_total Packets whose headers were not understood and that passed untouched.'
	'RejectedWrites appex_rejected_writes_total Refused values written to /proc/net/appex.'
)

# do_metrics [FILE]: to standard output, or into FILE, whole or not at all. Exit status 0 whether it runs or not: a
# machine whose accelerator is off is to be seen as such.
do_metrics() {
	if (($# > 1)) || [[ ${1-} == -* ]]; then
		usage
		exit 1
	fi
	if [[ -z ${1-} ]]; then
		metrics
		return
	fi
	[[ -d $(dirname -- "$1") ]] || die "metrics: there is no directory $(dirname -- "$1")"
	# In the same directory, or the rename would not be one. The collector takes *.prom only.
	local new text
	text=$(metrics)
	new=$(mktemp -- "$1.XXXXXX" 2>/dev/null) || die "metrics: cannot write to $(dirname -- "$1")"
	# shellcheck disable=SC2064 # the name is known now
	trap "rm -f -- ${new@Q}" EXIT
	# mktemp's name is not to be guessed, so that nobody can have put a link there.
	printf '%s\n' "$text" >"$new" && chmod 644 "$new" && mv -fT -- "$new" "$1" || die "metrics: cannot write $1"
}

# metric NAME TYPE MEANING: the head of a metric.
metric() {
	printf '# HELP %s %s\n# TYPE %s %s\n' "$1" "$3" "$1" "$2"
}

# gauge NAME VALUE MEANING: one without labels.
gauge() {
	metric "$1" gauge "$3"
	printf '%s %s\n' "$1" "$2"
}

# label_value TEXT: as the value of a label, in LABEL.
label_value() {
	local text=${1//\\/\\\\}
	text=${text//\"/\\\"}
	LABEL=\"${text//$'\n'/\\n}\"
}

metrics() {
	local dir
	local -A COUNT=()
	engine_dirs
	gauge appex_up "$((${#ENGINES[@]} > 0))" 'Whether the accelerator is loaded.'
	((${#ENGINES[@]} > 0)) || return 0
	version_read
	metric appex_info gauge 'Version of the module, and number of engines; always 1.'
	label_value "$VERSION"
	printf 'appex_info{version=%s,engines="%d"} 1\n' "$LABEL" "${#ENGINES[@]}"
	for dir in "${ENGINES[@]}"; do
		stats_add "$dir" || :
	done
	metrics_of_families
	metrics_of_events
	metrics_of_settings
	metrics_of_interfaces
	metrics_of_rules
	metrics_of_connections
}

metrics_of_families() {
	local each name as type help family
	for each in "${METRICS_OF_FAMILY[@]}"; do
		read -r name as type help <<<"$each"
		metric "$as" "$type" "$help"
		for family in 4 6; do
			printf '%s{family="ipv%d"} %s\n' "$as" "$family" "${COUNT[V$family$name]-0}"
		done
	done
}

metrics_of_events() {
	local each name as help known=' '
	for each in "${METRICS_OF_EVENTS[@]}"; do
		read -r name as help <<<"$each"
		known+="$name "
		[[ -n ${COUNT[$name]-} ]] || continue
		metric "$as" counter "$help"
		printf '%s %s\n' "$as" "${COUNT[$name]}"
	done
	for each in "${METRICS_OF_FAMILY[@]}"; do
		name=${each%% *}
		known+="$name V4$name V6$name "
	done
	while IFS= read -r name; do
		[[ -n $name && $known != *" $name "* ]] || continue
		as=appex_$(sed 's/[A-Z]/_\L&/g; s/^_//' <<<"$name")_total
		metric "$as" counter "$name of /proc/net/appex/stats."
		printf '%s %s\n' "$as" "${COUNT[$name]}"
	done < <(printf '%s\n' "${!COUNT[@]}" | sort)
}

metrics_of_settings() {
	limits_read
	[[ -z $SESSIONS ]] || gauge appex_session_limit_flows "$SESSIONS" 'Flows that all engines together take.'
	[[ -z $ACCELERATED ]] || gauge appex_accelerated_limit_flows "$ACCELERATED" 'Flows that all engines together accelerate.'
	value_of tcpAccEnable
	[[ $GOT != [01] ]] || gauge appex_acceleration_enabled "$GOT" 'Whether TCP is accelerated (acc).'
	value_of wanKbps
	[[ ! $GOT =~ ^[0-9]+$ ]] || gauge appex_wan_limit_bits_per_second "$((GOT * 1000))" 'Outbound rate of each interface with a shaper (wankbps); 0 is no limit.'
	value_of pcapEnable
	[[ $GOT != [01] ]] || gauge appex_capture_enabled "$GOT" 'Whether accelerated packets are captured (pcapEnable).'
}

metrics_of_interfaces() {
	local name up
	local -a names
	file_read "${ENGINES[0]}/wanIf" || :
	read -ra names <<<"$GOT"
	interfaces_matching "${names[@]}"
	# Those that are not there are down; a pattern that matches nothing is no interface.
	for name in "${names[@]}"; do
		[[ $name == *[*?[]* ]] || has_word "$name" "${MATCHING[@]}" || MATCHING+=("$name")
	done
	((${#MATCHING[@]} > 0)) || return 0
	metric appex_interface_up gauge 'Whether an interface of accif is there and up, with carrier.'
	for name in "${MATCHING[@]}"; do
		file_read "$APPEX_SYSFS/$name/carrier" || :
		up=0
		[[ $GOT != 1 ]] || up=1
		label_value "$name"
		printf 'appex_interface_up{interface=%s} %d\n' "$LABEL" "$up"
	done
}

# Only root may read the rest; without it there is less to see, not nothing. Rules go by their places: what networks and
# control groups are in them is in a file for root only, and metrics are published.
metrics_of_rules() {
	local line number=0
	local -a lines=()
	{ mapfile -t lines <"$APPEX_PROC/rules"; } 2>/dev/null || return 0
	((${#lines[@]} > 0)) || return 0
	metric appex_rule_hits_total counter 'Connections that a rule has decided about since it was added.'
	for line in "${lines[@]}"; do
		number=$((number + 1))
		printf 'appex_rule_hits_total{rule="%d"} %s\n' "$number" "${line##*hits=}"
	done
}

metrics_of_connections() {
	[[ -r ${ENGINES[0]}/flows ]] && command -v awk >/dev/null || return 0
	# shellcheck disable=SC2016 # awk's own dollars
	cat -- "${ENGINES[@]/%//flows}" 2>/dev/null | awk -v words="${!WHY_TEXT[*]} accelerated by-name handshake closed not-tcp" '
		function head(name, meaning) { printf "# HELP %s %s\n# TYPE %s gauge\n", name, meaning, name }
		function mean(name, sum, meaning) { if (number) { head(name, meaning); printf "%s %.9g\n", name, sum / number } }
		/^#/ || NF < 6 { next }
		{ reason[$5]++ }
		/ mode=/ {
			number++
			for (i = 6; i <= NF; i++) {
				at = index($i, "=")
				sum[substr($i, 1, at - 1)] += substr($i, at + 1)
			}
		}
		END {
			head("appex_flows_by_reason", "Flows by why they are accelerated or not, the words of /proc/net/appex/flows.")
			# Every word each time: a series that comes and goes draws badly.
			n = split(words, word, " ")
			for (i = 1; i <= n; i++) printf "appex_flows_by_reason{reason=\"%s\"} %d\n", word[i], reason[word[i]]
			mean("appex_rtt_mean_seconds", sum["rtt_us"] / 1e6, "Smoothed round trip, mean of the accelerated connections.")
			mean("appex_base_rtt_mean_seconds", sum["base_us"] / 1e6, "Round trip without a queue, mean of the accelerated connections.")
			mean("appex_queue_mean_seconds", sum["queue_us"] / 1e6, "Time in queues, mean of the accelerated connections.")
			mean("appex_random_loss_mean_ratio", sum["loss_ppm"] / 1e6, "Random loss of the path, mean of the accelerated connections.")
			mean("appex_path_rate_mean_bits_per_second", sum["path_kbps"] * 1e3, "What the path is believed to carry, mean of the accelerated connections.")
		}'
}
