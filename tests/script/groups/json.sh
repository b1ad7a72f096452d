# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# --json: well-formed whatever the values are, with names and types that stay.

# breaks: test_status_json_when_stopped | lib/report.sh | s/json_put running false/json_put running true/
# breaks: test_status_json | lib/report.sh | s/json_put_number session_limit/json_put_string session_limit/
# breaks: test_status_json_of_odd_text | lib/json.sh | s/^\ttext=${text\/\/\\"\/\\\\\\"}$/\t:/
# breaks: test_stats_json | lib/stats.sh | s/DIFFERENCE \* 8000/DIFFERENCE * 1000/
# breaks: test_stats_json_is_lines | lib/stats.sh | s/^\t\t\tcontinue$/\t\t\tbreak/
# breaks: test_stats_json_of_two_engines | lib/stats.sh | s/engine_json total/engine_json 0/
# breaks: test_rules_json | lib/rules.sh | s/json_put_number hits/json_put_string hits/
# breaks: test_flows_json | lib/flows.sh | s/gsub(\/^\\\[|\\\]$\/, "", address)//
# breaks: test_flows_text | lib/flows.sh | s/| { grep -v.*/| cat/
# breaks: test_json_names_are_documented | lib/report.sh | s/json_put_number tcp_connections /json_put_number tcpConnections /

# json EXPRESSION: of the last run's output, which must be one JSON document and nothing else; in FOUND.
json() {
	FOUND=$(/usr/bin/python3 -c '
import json, sys
d = json.load(open(sys.argv[1]), parse_constant=lambda c: sys.exit("not JSON: " + c))
print(json.dumps(eval(sys.argv[2], {"d": d}), sort_keys=True))' "$T/out" "$1" 2>&1) || fail "$1: $FOUND"
}

# json_is EXPRESSION EXPECTED, the latter as JSON.
json_is() {
	json "$1"
	is "$1 = $FOUND" "$1 = $2"
}

json_stats() {
	printf '%s\n' 'NumOfFlows = 7' 'NumOfTcpFlows = 6' 'NumOfAccFlows = 5' 'NumOfActFlows = 4' \
		"WanInBytes = $((1000 * $1))" "WanOutBytes = $((1000000 * $1))" 'LanInBytes = 1' 'LanOutBytes = 2' \
		'V4NumOfFlows = 7' "V4WanOutBytes = $((1000000 * $1))" 'V6NumOfFlows = 0' 'NfBypass = 3' 'SocketsAdopted = 9' \
		>"$FAKE_STATE/stats.new"
	mv "$FAKE_STATE/stats.new" "$FAKE_STATE/stats"
}

json_flows() {
	cat >"$FAKE_STATE/flows" <<-EOT
		# filter: ${1-}
		10.0.0.1:443 192.0.2.1:40001 tcp established accelerated if=2 idle_ms=5 control=zeta mode=max phase=cruise rate_kbps=10 path_kbps=11 base_us=100000 queue_us=7 loss_ppm=0 rtt_us=120500 cwnd=9 unsent=0 sent=8 acked=7 received=6 segments=5 again=0
		[2001:db8::1]:443 [2001:db8:0:1::2]:40002 tcp established same-subnet if=2 idle_ms=0 control=cubic rtt_us=500 cwnd=9 unsent=0 sent=0 acked=1 received=0 segments=1 again=0
		10.0.0.1:53 192.0.2.3:1 udp one-way not-tcp if=2 idle_ms=0
	EOT
}

test_status_json_when_stopped() {
	ok_lot status --json
	json_is 'd["running"], d["engines"], d["session_limit"], d["settings"], d["tcp_connections"]' '[false, 0, null, {}, null]'
	json_is '[f["code"] for f in d["findings"]]' '["not-loaded"]'
	is "$ERR" ''
	run_lot status --all
	is "$STATUS" 1
}

test_status_json() {
	veth eth0
	ip link set eth0 up
	ip link set p-eth0 up
	config accif=eth0 'cpuID="0 1"' wankbps=5000 'l2wQLimit="5 6"'
	ok_lot start
	json_stats 1
	json_flows
	ok_lot status --json
	is "$(wc -l <"$T/out")" 1
	json_is 'd["running"], d["version"], d["engines"], d["session_limit"], d["accelerated_session_limit"]' '[true, "9.8.7", 2, 2000, 1800]'
	json_is 'd["connections"]["all"]' '{"accelerated_flows": 10, "active_flows": 8, "flows": 14, "tcp_flows": 12}'
	json_is 'd["connections"]["ipv6"]["flows"]' 0
	json_is 'd["settings"]["accif"], d["settings"]["wankbps"], d["settings"]["l2wQLimit"], d["settings"]["pcapEnable"]' '["eth0", "5000", "5 6", "0"]'
	# Both engines show the same file here.
	json_is 'd["tcp_connections"], d["tcp_connections_accelerated"], d["trial_ends_in_seconds"]' '[4, 2, null]'
	json 'len(d["settings"])'
	((FOUND > 50)) || fail "only $FOUND settings"
}

# What a user may have put into a text.
test_status_json_of_odd_text() {
	config accif=eth0 engineNum=1
	ok_lot start
	printf '%s\n' 'udptun: a "b" \c' >"$APPEX_PROC/cmd"
	ok_lot status --json
	json_is 'd["settings"]["udptun"]' '"a \"b\" \\c"'
	with_parts 'json_string "$(printf "a\tb\nc\001d")" && echo "$JSON"'
	is "$OUT" '"a\tb\ncd"'
}

test_stats_json() {
	config accif=eth0 engineNum=1
	ok_lot start
	json_stats 1
	json_flows
	(
		sleep 1
		json_stats 3
	) &
	APPEX_STATS_INTERVAL=2 run_lot stats --json
	is "$STATUS" 0
	json_is 'd["running"], list(d["total"]["all"]) == list(d["engines"][0]["ipv4"]), "busiest" in d' '[true, true, false]'
	json_is 'd["total"]["all"]["wan_out_bytes"], d["total"]["events"]["NfBypass"], d["total"]["events"]["SocketsAdopted"]' '[3000000, 3, 9]'
	json_is 'sorted(d["total"]["events"])' '["NfBypass", "SocketsAdopted"]'
	# 2,000,000 bytes in two seconds, or more on a busy machine.
	json_is '2000 <= d["interval_ms"] < 60000' true
	json_is 'd["total"]["all"]["wan_out_bits_per_second"] == 2000000 * 8000 // d["interval_ms"]' true
	APPEX_STATS_INTERVAL=1 run_lot stats flows --json
	json_is 'sorted((c["remote"], c["reason"], c["rtt_ms"], c["base_rtt_ms"]) for c in d["busiest"])' \
		'[["192.0.2.1:40001", "accelerated", 120.5, 100.0], ["[2001:db8:0:1::2]:40002", "same-subnet", 0.5, null]]'
}

test_stats_json_is_lines() {
	config accif=eth0 engineNum=1
	ok_lot start
	APPEX_STATS_INTERVAL=1 ok_lot stats --json 2
	is "$(grep -c '^{"running": true, .*}$' "$T/out")/$(wc -l <"$T/out")" 2/2
	unlike "$(on_terminal "APPEX_STATS_INTERVAL=1 $LOT stats --json")" $'*\e*'
}

test_stats_json_of_two_engines() {
	config accif=eth0 'cpuID="0 1"'
	ok_lot start
	json_stats 1
	APPEX_STATS_INTERVAL=1 ok_lot stats --json
	json_is 'len(d["engines"]), d["engines"][1]["all"]["flows"], d["total"]["all"]["flows"]' '[2, 7, 14]'
}

test_json_when_stopped() {
	local each
	for each in stats flows rules; do
		run_lot "$each" --json
		is "$each $STATUS $OUT" "$each 1 {\"running\": false}"
	done
}

test_rules_json() {
	config accif=eth0 engineNum=1
	printf '%s\n' 'lport=443 mode=max' 'cgroup=/a"b\c off' >"$APPEX_ROOT/etc/rules"
	ok_lot start
	ok_lot rules --json
	json_is 'd["rules"]' '[{"hits": 0, "rule": "lport=443 mode=max"}, {"hits": 1, "rule": "cgroup=/a\"b\\c off"}]'
	: >"$APPEX_ROOT/etc/rules"
	ok_lot reload
	ok_lot rules --json
	json_is 'd["rules"]' '[]'
}

test_flows_json() {
	config accif=eth0 engineNum=1
	ok_lot start
	ok_lot flows --json
	json_is 'd["flows"]' '[]'
	json_flows
	ok_lot flows --json
	json_is 'len(d["flows"]), d["flows"][0]["local_address"], d["flows"][0]["remote_port"], d["flows"][0]["accelerated"]' '[3, "10.0.0.1", 40001, true]'
	json_is 'd["flows"][1]["local_address"], d["flows"][1]["remote_address"], d["flows"][1]["local_port"], d["flows"][1]["reason"]' '["2001:db8::1", "2001:db8:0:1::2", 443, "same-subnet"]'
	json_is 'd["flows"][0]["rtt_us"], d["flows"][0]["mode"], d["flows"][0]["interface_index"]' '[120500, "max", 2]'
	json_is 'd["flows"][2]' '{"accelerated": false, "engine": 0, "idle_ms": 0, "interface_index": 2, "local_address": "10.0.0.1", "local_port": 53, "protocol": "udp", "reason": "not-tcp", "remote_address": "192.0.2.3", "remote_port": 1, "state": "one-way"}'
}

test_flows_text() {
	config accif=eth0 engineNum=1
	ok_lot start
	json_flows
	ok_lot flows
	is "$(wc -l <"$T/out")" 3
	json_flows 10.0.0.0/8
	ok_lot flows
	like "$OUT" $'# filter: 10.0.0.0/8\n10.0.0.1:443 *'
}

# What the manual lists is what there is.
test_json_names_are_documented() {
	local name manual=$HERE/../../Documentation/metrics.rst
	veth eth0
	config accif=eth0 engineNum=1
	echo 'lport=443 off' >"$APPEX_ROOT/etc/rules"
	ok_lot start
	json_flows
	json_stats 1
	for name in status stats 'stats flows' flows rules; do
		# shellcheck disable=SC2086 # two words
		APPEX_STATS_INTERVAL=1 ok_lot $name --json
		json '[k for k in (lambda f: f(f, d))(lambda f, x: [] if isinstance(x, (str, int, float, type(None))) else sum((f(f, v) for v in x), []) if isinstance(x, list) else sum(([k] + ([] if k in ("settings", "events") else f(f, v)) for k, v in x.items()), []))]'
		for name in $(tr -d '[]",' <<<"$FOUND"); do
			grep -qF "\`\`$name\`\`" "$manual" || fail "not in the manual: $name"
		done
	done
}
