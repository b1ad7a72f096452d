#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# The flow table and the counters: local and forwarded, both families, limits
# and expiry; interfaces that come, go and change their names.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=1000000
topology
traffic serve 5001 "$BYTES" >/dev/null &
far python3 "$HERE/traffic.py" serve 5005 "$BYTES" >/dev/null &
until_true 30 sh -c 'ss -tlnH | grep -q :5001 && ip netns exec far ss -tlnH | grep -q :5005'
require
put wanIf wan0
# The interface counts what it is given: without offloads that is what leaves.
single_segments wan0
fetch() { client python3 "$HERE/traffic.py" fetch "$@" "$BYTES" >/dev/null; }
device_bytes() { cat "/sys/class/net/wan0/statistics/$1"; }

# 1. Bytes: the counters follow what the interface itself counted.
tx=$(device_bytes tx_bytes) rx=$(device_bytes rx_bytes)
fetch 10.9.0.1 5001
tx=$(($(device_bytes tx_bytes) - tx)) rx=$(($(device_bytes rx_bytes) - rx))
near() { # NAME WANT GOT: the interface also counts 14 bytes a frame and ARP
	if [ "$3" -le "$2" ] && [ "$3" -ge $(($2 * 93 / 100 - 2000)) ]; then ok "$1"; else
		not_ok "$1" "interface counted $2, stats $3"
	fi
}
near "WanOutBytes is what left" "$tx" "$(stat_of WanOutBytes)"
at_least "WanInBytes is what came" 500 "$(stat_of WanInBytes)"
same "V4WanOutBytes has all of it" "$(stat_of WanOutBytes)" "$(stat_of V4WanOutBytes)"
same "nothing was IPv6" 0 "$(stat_of V6WanOutBytes)"
# A clean path: nothing is sent twice, or hardly.
ratio=$(awk -v o="$(stat_of WanOutBytes)" -v i="$(stat_of LanInBytes)" 'BEGIN { printf "%d", (o - i) * 1000 / o }')
if [ "$ratio" -le 10 ] && [ "$ratio" -ge 0 ]; then ok "the retransmission ratio is about 0"; else
	not_ok "the retransmission ratio is about 0" "$ratio/1000"
fi
fetch fd00:9::1 5001
at_least "IPv6 is counted" "$BYTES" "$(stat_of V6WanOutBytes)"
# shellcheck disable=SC2016 # awk's own dollars
check "all is V4 plus V6" awk '
	{ v[$1] = $3 }
	END { exit v["WanOutBytes"] != v["V4WanOutBytes"] + v["V6WanOutBytes"] }' "$PROC/stats"

# 2. Loss shows as a ratio.
client tc qdisc replace dev cli0 root netem delay 5ms
check "packets are lost" tc qdisc replace dev wan0 root netem loss 10% limit 10000
out=$(stat_of WanOutBytes) in=$(stat_of LanInBytes)
fetch 10.9.0.1 5001
out=$(($(stat_of WanOutBytes) - out)) in=$(($(stat_of LanInBytes) - in))
lost=$(tc -s qdisc show dev wan0)
tc qdisc del dev wan0 root
client tc qdisc del dev cli0 root
percent=$(((out - in) * 100 / out))
if [ "$percent" -ge 5 ] && [ "$percent" -le 25 ]; then ok "10 % loss is a retransmission ratio of about 10 %"; else
	not_ok "10 % loss is a retransmission ratio of about 10 %" "$percent % of $out; $lost"
fi

# 3. Flows: local, forwarded, other protocols.
at_least "local TCP flows are known" 1 "$(stat_of NumOfTcpFlows)"
no_flows() { [ "$(stat_of NumOfFlows)" = 0 ]; }
check "and forgotten once they are closed" until_true 30 no_flows
fetch 10.8.0.2 5005
at_least "a forwarded flow is known" 1 "$(stat_of NumOfFlows)"
# Old flows may expire meanwhile: none of the fifty, or all of them.
before=$(stat_of NumOfFlows)
client python3 "$HERE/traffic.py" udp 10.9.0.1 9000 50
now=$(stat_of NumOfFlows)
if [ "$now" -le $((before + 5)) ]; then ok "with tcpOnly=1 UDP is not tracked"; else
	not_ok "with tcpOnly=1 UDP is not tracked" "$before flows before, $now after"
fi
put cmd "tcpOnly: 0"
client python3 "$HERE/traffic.py" udp 10.9.0.1 9000 50
at_least "with tcpOnly=0 it is" $((before + 40)) "$(stat_of NumOfFlows)"
# One reading: flows come and go between two.
# shellcheck disable=SC2016 # awk's own dollars
check "the sum of both families is the whole" awk '
	{ v[$1] = $3 }
	END { exit !(v["NumOfTcpFlows"] == v["V4NumOfTcpFlows"] + v["V6NumOfTcpFlows"] && v["NumOfTcpFlows"] + 40 <= v["NumOfFlows"]) }' "$PROC/stats"
put cmd "ipv6Only: 1"
out=$(stat_of V4WanOutBytes)
fetch 10.9.0.1 5001
same "with ipv6Only=1 IPv4 is left alone" "$out" "$(stat_of V4WanOutBytes)"
put cmd "ipv6Only: 0"

# 4. Expiry and the session limit.
put cmd "flowShortTimeout: 1000"
check "one-way flows expire after flowShortTimeout" until_true 10 \
	sh -c "[ \"\$(awk '\$1 == \"NumOfFlows\" { print \$3 }' $PROC/stats)\" -le $((before + 12)) ]"
put cmd "flowShortTimeout: 30000"
now=$(stat_of NumOfFlows)
rest=$(cmd engine | cut -d' ' -f2-)
put cmd "engine: $((now + 10)) $rest"
client python3 "$HERE/traffic.py" udp 10.9.0.1 20000 500
if [ "$(stat_of NumOfFlows)" -le $((now + 11)) ]; then ok "the session limit bounds the table"; else
	not_ok "the session limit bounds the table" "$(stat_of NumOfFlows) flows, limit $((now + 10))"
fi
check "beyond the limit traffic still passes" fetch 10.9.0.1 5001
put cmd "engine: 100000 $rest"
client python3 "$HERE/traffic.py" udp 10.9.0.1 1024 30000
at_least "thirty thousand flows fit" 30000 "$(stat_of NumOfFlows)"
put cmd "flowShortTimeout: 1000"
check "and expire" until_true 20 \
	sh -c "[ \"\$(awk '\$1 == \"NumOfFlows\" { print \$3 }' $PROC/stats)\" -le 200 ]"

# 5. Interfaces that come, go, and change their names.
put wanIf "new* wan0"
counts() { # NAME: traffic over interface NAME is counted
	local before
	before=$(stat_of V4WanOutBytes)
	ping -qc 2 -i 0.2 10.7.0.2 >/dev/null 2>&1 || true
	[ "$(stat_of V4WanOutBytes)" -gt "$before" ]
}
ip netns add late
ip link add new0 type veth peer name peer0 netns late
ip addr add 10.7.0.1/24 dev new0
ip link set new0 up
ip netns exec late ip addr add 10.7.0.2/24 dev peer0
ip netns exec late ip link set peer0 up
check "an interface that appears is attached by its pattern" counts
ip link set new0 down
ip link set new0 name other0
ip link set other0 up
refuse "renamed away from the pattern it is detached" counts
ip link set other0 down
ip link set other0 name newer
ip link set newer up
check "renamed back it is attached" counts
ip link del newer
check "it vanishes while attached" test -r "$PROC/stats"
same "the list keeps what was written" "new* wan0" "$(get wanIf)"
ip link add wan0x type dummy
ip link set wan0x up
ip addr add 10.7.0.1/24 dev wan0x
refuse "wan0 does not match wan0x" counts
unload
kill %1 %2 2>/dev/null
finish
