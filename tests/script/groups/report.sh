# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# status and stats: the original's form, sums over engines, terminal or not.

# breaks: test_status_when_stopped | lib/report.sh | s/say "$PRODUCT is NOT running!"/say "$PRODUCT is running!"/
# breaks: test_status_when_running | lib/report.sh | s/%-20s %s/%-18s %s/
# breaks: test_status_sums_the_engines | lib/report.sh | s/COUNT\[$name\]=.*/COUNT[$name]=$value/
# breaks: test_optional_rows | lib/report.sh | s/\[\[ -z $GOT || $GOT == 0 \]\] || row/row/
# breaks: test_titles_on_a_terminal_only | lib/common.sh | s/if \[\[ -t 1 \]\]; then/if true; then/
# breaks: test_stats_rates | lib/stats.sh | s/for name in "${!NOW\[@\]}"; do/for name in; do/
# breaks: test_rates_are_exact | lib/stats.sh | s/\* 100 \/ 128/* 100 \/ 125/
# breaks: test_stats_all | lib/stats.sh | s/(sent - local_bytes) \* 1000 \/ sent/(sent - local_bytes) * 1000 \/ (local_bytes + 1)/
# breaks: test_stats_count_and_interval | lib/stats.sh | s/^\t\tcount=1$/\t\tcount=2/
# breaks: test_stats_when_stopped | lib/stats.sh | s/say "$PRODUCT is NOT running!"/:/
# breaks: test_stats_with_several_engines | lib/stats.sh | s/((${#ENGINES\[@\]} > 1)) || return 0/return 0/
# breaks: test_stats_on_a_terminal | lib/stats.sh | s/printf '\\e\[H\\e\[2J'/:/
# breaks: test_stats_survives_a_reload_of_the_engine | lib/stats.sh | s/((DIFFERENCE >= 0)) || .*/:/

# counters FACTOR: a file stats.
counters() {
	local f=$1
	cat >"$FAKE_STATE/stats.new" <<-EOT
		NumOfFlows = $((10 * f))
		NumOfTcpFlows = $((8 * f))
		NumOfAccFlows = $((6 * f))
		NumOfActFlows = $((4 * f))
		WanInBytes = $((12800 * f))
		WanOutBytes = $((1280000 * f))
		LanInBytes = $((1024000 * f))
		LanOutBytes = $((12800 * f))
		V4NumOfFlows = $((9 * f))
		V4NumOfTcpFlows = $((8 * f))
		V4NumOfAccFlows = $((6 * f))
		V4NumOfActFlows = $((4 * f))
		V4WanInBytes = $((12800 * f))
		V4WanOutBytes = $((1280000 * f))
		V4LanInBytes = $((1024000 * f))
		V4LanOutBytes = $((12800 * f))
		V6NumOfFlows = $f
		V6NumOfTcpFlows = 0
		V6NumOfAccFlows = 0
		V6NumOfActFlows = 0
		V6WanInBytes = 0
		V6WanOutBytes = 0
		V6LanInBytes = 0
		V6LanOutBytes = 0
		NfBypass = $((f - 1))
	EOT
	mv "$FAKE_STATE/stats.new" "$FAKE_STATE/stats"
}

test_status_when_stopped() {
	ok_lot status
	like "$OUT" $'[[]Running Status]\nLotServer is NOT running!\nversion *[[]License Information]*'
	unlike "$OUT" '*Connection Information*'
	unlike "$OUT" '*Running Configuration*'
}

test_status_when_running() {
	config 'accif="eth0 eth1"' engineNum=1 wankbps=5000 lanif=lan0
	ok_lot start
	counters 3
	ok_lot st
	local expected
	expected="[Running Status]
LotServer is running!
version              9.8.7

[License Information]
License              GPL-2.0 (valid on current device)
MaxSession           1000
MaxTcpAccSession     900
MaxBandwidth(kbps)   unlimited
ExpireDate           never

[Connection Information]
TotalFlow            30
NumOfTcpFlows        24
TotalAccTcpFlow      18
TotalActiveTcpFlow   12
V4TotalFlow          27
V4NumOfTcpFlows      24
V4TotalAccTcpFlow    18
V4TotalActiveTcpFlow 12
V6TotalFlow          3
V6NumOfTcpFlows      0
V6TotalAccTcpFlow    0
V6TotalActiveTcpFlow 0

[Running Configuration]
accif                eth0 eth1$(printf "%6s" "")
lanif                lan0
acc                  1
advacc               1
advinacc             0
wankbps              5000
waninkbps            0
csvmode              0
subnetAcc            0
maxmode              0
pcapEnable           0

[Acceleration]
accelerated          0 of 0 TCP connections
absent               there is no interface eth0: it is accelerated as soon as it appears
absent               there is no interface eth1: it is accelerated as soon as it appears"
	is "$OUT" "$expected"
}

test_status_sums_the_engines() {
	config accif=eth0 'cpuID="0 1 2"'
	ok_lot start
	counters 1
	ok_lot status
	like "$OUT" $'*MaxSession           3000\n*TotalFlow            30\n*'
}

test_optional_rows() {
	config accif=eth0 engineNum=1
	ok_lot start
	ok_lot status
	unlike "$OUT" '*shortRttMS*'
	config accif=eth0 engineNum=1 shortRttMS=12 byteCacheEnable=1
	ok_lot reload
	ok_lot status
	like "$OUT" $'*shortRttMS           12\nbyteCacheEnable      1\n*'
}

test_titles_on_a_terminal_only() {
	config accif=eth0 engineNum=1
	ok_lot start
	ok_lot status
	unlike "$OUT" $'*\e*'
	like "$(on_terminal "$LOT status")" $'*\e[[]37;40;1m[[]Running Status]\e[[]0m*'
}

# Rates over an interval that is not exactly a second: within a fifth.
near() {
	local found=${1%.*} expected=$2
	((found > expected * 8 / 10 && found < expected * 12 / 10)) || fail "expected about $expected, found $1"
}

rate() {
	sed -n "s/^$1: \([0-9.]*\) kbit.*/\1/p; s/.*\t$1: \([0-9.]*\) kbit.*/\1/p" "$T/out" | head -n 1
}

test_stats_rates() {
	config accif=eth0 engineNum=1
	ok_lot start
	counters 1
	# Kept in step: the script looks once at its start and once 2 s later.
	(
		sleep 1
		counters 3
	) &
	APPEX_STATS_INTERVAL=2 run_lot stats
	is "$STATUS" 0
	like "$OUT" $'engine#0:\ntotal sessions: 30, tcp sessions: 24, accelerated tcp sessions: 18, active tcp sessions: 12, \nin: *ipv4 total sessions: 27,*ipv6 total sessions: 3,*Short-RTT bypassed packets: 2*'
	unlike "$OUT" '*retransmission*'
	unlike "$OUT" $'*\e*'
	near "$(rate in)" 100
	near "$(rate out)" 10000
}

# The original counts 128 bytes a kbit.
test_rates_are_exact() {
	with_parts 'declare -A NOW=([time]=7000000 [0/WanInBytes]=1281000) BEFORE=([time]=2000000 [0/WanInBytes]=1000)
		rate_of 0/WanInBytes && echo "$RATE"'
	is "$OUT" 2000.00
	# An hour at 400 Gbit/s does not overflow.
	with_parts 'declare -A NOW=([time]=3600000000 [0/WanInBytes]=180000000000000) BEFORE=([time]=0)
		rate_of 0/WanInBytes && echo "$RATE"'
	is "$OUT" 390625000.00
	with_parts 'declare -A NOW=([time]=1 [0/WanOutBytes]=1000 [0/LanInBytes]=667) BEFORE=([time]=0)
		retransmitted 0/ && echo "$RATIO"'
	is "$OUT" 33.3
}

test_stats_all() {
	config accif=eth0 engineNum=1
	ok_lot start
	counters 1
	(
		sleep 1
		counters 3
	) &
	APPEX_STATS_INTERVAL=2 run_lot stats all
	is "$STATUS" 0
	near "$(rate 'wan out')" 10000
	near "$(rate 'lan in')" 8000
	near "$(rate 'lan out')" 100
	like "$OUT" $'*\nretransmission ratio: 20.0 %\n*'
}

test_stats_count_and_interval() {
	config accif=eth0 engineNum=1
	ok_lot start
	local before=$SECONDS
	APPEX_STATS_INTERVAL=1 run_lot stats
	is "$(grep -c '^engine#0:' "$T/out")" 1
	APPEX_STATS_INTERVAL=1 run_lot stats 2 all
	is "$(grep -c '^engine#0:' "$T/out")" 2
	like "$OUT" '*retransmission ratio: 0.0 %*'
	((SECONDS - before >= 3)) || fail "it did not wait: $((SECONDS - before)) s"
	run_lot stats some
	is "$STATUS" 1
	like "$OUT" 'Usage: *'
}

test_stats_when_stopped() {
	run_lot stats
	is "$STATUS$OUT" '1LotServer is NOT running!'
}

test_stats_with_several_engines() {
	config accif=eth0 'cpuID="0 1"'
	ok_lot start
	counters 1
	APPEX_STATS_INTERVAL=1 run_lot stats
	like "$OUT" $'engine#0:\n*engine#1:\n*Total:\ntotal sessions: 20, *'
}

test_stats_on_a_terminal() {
	config accif=eth0 engineNum=1
	ok_lot start
	APPEX_STATS_INTERVAL=1 like "$(on_terminal "APPEX_STATS_INTERVAL=1 $LOT stats 2")" $'*\e[[]H\e[[]2J*engine#0:*\e[[]H\e[[]2J*engine#0:*'
}

test_stats_survives_a_reload_of_the_engine() {
	config accif=eth0 engineNum=1
	ok_lot start
	counters 9
	(
		sleep 1
		counters 1
	) &
	APPEX_STATS_INTERVAL=2 run_lot stats
	is "$STATUS" 0
	near "$(rate out)" 5000
}
