#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# The shaper: rate, bursts, queues, fairness, its place in the kernel's tree, and each setting.
# Figures are only judged in simulated time, where code takes none.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

topology
client ip addr add 10.9.0.3/24 dev cli0
require
shape() { python3 "$HERE/shape.py" "$@"; }
shaped() { client python3 "$HERE/shape.py" "$@"; }
simulated() { [ -n "${SIMULATED-}" ]; }
# In real time each packet costs a processor's, of which debug kernels take ten times as much.
if simulated; then PERIOD=5 FAST=300000 QUEUES_FAST=200000; else PERIOD=1 FAST=30000 QUEUES_FAST=25000; fi

# What tc tells of the shapers on a device: bytes and packets sent, drops, or packets that wait (qlen). Not by Python, which
# takes a debug kernel a second to start.
tc_of() { # FIELD [DEV [HANDLE]]
	tc -s qdisc show dev "${2:-wan0}" | awk -v field="$1" -v handle="${3-}" '
		$1 == "qdisc" { mine = $2 == "appex" && (handle == "" || $3 == handle) }
		mine && $1 == "Sent" { n["bytes"] += $2; n["packets"] += $4; n["drops"] += $7 }
		mine && $1 == "backlog" { n["qlen"] += $3 }
		END { printf "%.0f\n", n[field] }'
}
flood() { # as shape.py; until calm
	python3 "$HERE/shape.py" flood "$@" &
	flooding=$!
	sleep 2
}
calm() {
	kill "$flooding"
	wait "$flooding" 2>/dev/null
	until_true 20 sh -c "tc -s qdisc show dev ${1:-wan0} | grep -q 'backlog 0b 0p'"
}
# kbps SECONDS [DEV]: the rate that leaves, read from the shaper's own counter
kbps() {
	local before
	before=$(tc_of bytes "${2-wan0}")
	sleep "$1"
	echo $((($(tc_of bytes "${2-wan0}") - before) / (125 * $1)))
}
# holds NAME KBPS GOT: within one percent; a busy machine in real time has only to send at all
holds() {
	local slack=$(($2 / 100))
	if simulated && [ "$3" -ge $(($2 - slack)) ] && [ "$3" -le $(($2 + slack)) ] || ! simulated && [ "$3" -gt 0 ]; then
		ok "$1 ($3 kbit/s)"
	else
		not_ok "$1" "want $2 kbit/s, got $3"
	fi
}
between() { # NAME LOW HIGH GOT
	if [ -n "$4" ] && { ! simulated || { [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; }; }; then
		ok "$1 ($4)"
	else
		not_ok "$1" "want $2 to $3, got ${4:-nothing}"
	fi
}

# 1. By hand, on a device with one queue.
put wanKbps 20000
check "tc attaches the shaper" tc qdisc add dev wan0 root handle 1: appex
check "and shows it" sh -c "tc -s qdisc show dev wan0 | grep -q '^qdisc appex 1: root'"
refuse "it takes no options" tc qdisc add dev lan0 root appex limit 100
refuse "the module stays while a shaper is there" rmmod appex
refuse "and another network namespace has none" client tc qdisc add dev cli0 root appex

# 2. Rates, of many flows and of one; a change takes effect at once.
flood 10.9.0.2 8 1400
for rate in 1000 20000 "$FAST"; do
	put wanKbps "$rate"
	sleep 1
	holds "wanKbps $rate is kept to" "$rate" "$(kbps "$PERIOD")"
done
put wanKbps 1
sleep 1
put wanKbps 20000
sleep 1
holds "a rate is left for another even where a packet takes seconds" 20000 "$(kbps 2)"
put wanKbps 1000
put cmd "smMinKbps: 4000"
sleep 1
holds "smMinKbps is the lowest rate" 4000 "$(kbps "$PERIOD")"
put cmd "smMinKbps: "
put wanKbps 20000
calm

# 3. TCP, whole, and a GSO packet in pieces that let others pass.
serving 5001 5000000
frame() { # bytes of an average frame while 5 MB are fetched; the seconds in $took
	local before
	before=$(client ip -s -j link show cli0)
	took=$(client python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 5000000 | cut -d' ' -f2)
	client ip -s -j link show cli0 | python3 -c 'import json, sys
old, new = (json.loads(text)[0]["stats64"]["rx"] for text in (sys.argv[1], sys.stdin.read()))
print((new["bytes"] - old["bytes"]) // (new["packets"] - old["packets"]))' "$before"
}
frame >/tmp/frame
between "at 20 Mbit/s every frame is a packet" 1000 1514 "$(</tmp/frame)"
between "and 5 MB take two seconds" 2000 2300 "${took/./}"
put shaperEnable 0
frame >/tmp/frame
between "without a rate packets stay whole" 3000 65600 "$(</tmp/frame)"
between "shaperEnable 0 keeps to no rate (ms)" 0 500 "$((10#${took/./}))"
put shaperEnable 1
put wanKbps 0
frame >/tmp/frame
between "nor does wanKbps 0 (ms)" 0 500 "$((10#${took/./}))"
put wanKbps 20000

# 4. A sparse flow beside fifty that send all they can.
delays() {
	shaped delays 200 >/tmp/delays 2>/tmp/ready &
	local taker=$!
	until_true 10 grep -q ready /tmp/ready
	shape probes 10.9.0.2 200 20
	if wait "$taker"; then cut -d' ' -f2 /tmp/delays; else sed "s/^/# /" /tmp/ready >&2; fi
}
flood 10.9.0.2 50 1400
between "p95 of a sparse flow's delay beside fifty others, in us" 0 1500 "$(delays)"
calm

# New flows go ahead, as many as there are, but not beyond the rate: 2000 of 50 bytes each are 0.8 s of it, less
# what was saved.
put wanKbps 1000
sleep 3
from=$(date +%s%N)
traffic udp 10.9.0.2 20000 2000
until_true 20 sh -c "tc -s qdisc show dev wan0 | grep -q 'backlog 0b 0p'"
between "2000 flows of one packet each keep to the rate, in ms" 650 850 $((($(date +%s%N) - from) / 1000000))
put wanKbps 20000

# 5. Fairness among flows, then among hosts.
# shares: bytes of 10.9.0.2 and 10.9.0.3 while nine flows go to the one and one to the other
shares() {
	shaped sink 4 10 10.9.0.2 10.9.0.3 >/tmp/sink
	awk '$1 == "10.9.0.2" { a = $2 } $1 == "10.9.0.3" { b = $2 } END { print int(100 * b / (a + b)) }' /tmp/sink
}
nine=10.9.0.2,10.9.0.2,10.9.0.2,10.9.0.2,10.9.0.2,10.9.0.2,10.9.0.2,10.9.0.2,10.9.0.2,10.9.0.3
flood "$nine" 10 1400
between "each of ten flows gets a tenth, in percent" 9 10 "$(shares)"
worst=$(awk '$1 >= 6000 { if (!low || $2 < low) low = $2; if ($2 > high) high = $2 } END { print int(100 * low / high) }' /tmp/sink)
between "the one with least has most of what the one with most has, in percent" 95 100 "$worst"
put hostFairEnable 1
calm
flood "$nine" 10 1400
between "hostFairEnable gives a host half, in percent" 48 51 "$(shares)"
calm
put hostFairEnable 0

# 6. Bursts after a pause: what leaves at once.
put wanKbps 1000
burst() { # packets of 1500 bytes that leave at the same instant
	sleep 3
	local before
	before=$(tc_of packets)
	shape train 10.9.0.2 60 1458
	echo $(($(tc_of packets) - before))
	until_true 20 sh -c "tc -s qdisc show dev wan0 | grep -q 'backlog 0b 0p'"
}
if simulated; then
	# The first packet of a flow goes ahead of the clock, too.
	same "smBurstMin 16000 is eleven packets" 11 "$(burst)"
	put cmd "smBurstTolerance: 0"
	same "with smBurstTolerance 0 the last has to fit" 10 "$(burst)"
	put cmd "smBurstTolerance: 32768"
	put cmd "smBurstMin: 4500"
	same "smBurstMin 4500 is four" 4 "$(burst)"
	put cmd "smBurstMS: 240"
	same "smBurstMS 240 at 1 Mbit/s is 30000 bytes" 21 "$(burst)"
	put cmd "smBurstMS: 0"
	same "smBurstMS 0 sends packet by packet" 1 "$(burst)"
	put cmd "smBurstMS: 16"
	put cmd "smBurstMin: 16000"
fi

# 7. Queue limits. At 100 kbit/s nothing to speak of leaves meanwhile.
put wanKbps 100
filled() { # packets that wait after COUNT at once
	shape train 10.9.0.2 "$1" 1400
	tc_of qlen
	tc qdisc del dev wan0 root
	tc qdisc add dev wan0 root handle 1: appex
}
put cmd "l2wQLimit: 10 50"
between "l2wQLimit 10 50 is fifty packets" 50 50 "$(filled 200)"
put cmd "l2wQLimit: 10 20"
dropped=$(stat_of QueueDrops)
between "10 20 is twenty" 20 20 "$(filled 200)"
between "the others are counted" 160 180 $(($(stat_of QueueDrops) - dropped))
put cmd "l2wQLimit: 20000 20000"
between "twenty thousand can wait" 9980 10000 "$(filled 10000)"
put cmd "l2wQLimit: 100 20000"
between "fewer when memory gets short" 7000 9000 "$(filled 10000)"
put cmd "l2wQLimit: 0 0"
between "0 is one packet, not none" 1 1 "$(filled 40)"
put cmd "l2wQLimit: 256 2048"

# 8. A queue that stands: drops are fair and counted, ECN is marked instead.
put wanKbps 5000
dropped=$(stat_of QueueDrops) told=$(tc_of drops)
flood 10.9.0.2 2 1400
sleep 5
calm
at_least "a standing queue loses packets" 10 $(($(stat_of QueueDrops) - dropped))
same "as many as tc tells" $(($(tc_of drops) - told)) $(($(stat_of QueueDrops) - dropped))
dropped=$(stat_of QueueDrops) marked=$(stat_of QueueMarks)
flood 10.9.0.2 2 1400 2
sleep 5
calm
at_least "one that negotiated ECN is marked" 10 $(($(stat_of QueueMarks) - marked))
same "and loses none" "$dropped" "$(stat_of QueueDrops)"

# 9. Settings change and not one of 300 packets is lost (marks instead of drops: see 8).
put wanKbps 1000
shaped sink 8 0 10.9.0.2 >/tmp/sink &
sinking=$!
sleep 1
shape train 10.9.0.2 300 1400 2
sleep 0.3
for change in "wanKbps 4000" "shaperEnable 0" "shaperEnable 1" "cmd smBurstMS: 0" "cmd l2wQLimit: 1 2" \
	"hostFairEnable 1" "wanKbps 0" "cmd smMinKbps: 3000" "wanKbps 2000" "cmd smBurstMin: 1" \
	"cmd smBurstTolerance: 0" "hostFairEnable 0"; do
	put "${change%% *}" "${change#* }"
	sleep 0.05
done
wait "$sinking"
same "live changes lose nothing" "10.9.0.2 $((300 * 1400))" "$(head -n 1 /tmp/sink)"
put wanKbps 20000
for line in "smBurstMS: 16" "l2wQLimit: 256 2048" "smMinKbps: " "smBurstMin: 16000" "smBurstTolerance: 32768"; do
	put cmd "$line"
done

# 10. Below another discipline the books stay right, packets in pieces or dropped.
tc qdisc del dev wan0 root
tc qdisc add dev wan0 root handle 2: htb default 2
tc class add dev wan0 parent 2: classid 2:2 htb rate 10gbit
check "a class of htb takes it" tc qdisc add dev wan0 parent 2:2 appex
for _ in 1 2; do check "a transfer below htb is whole" client python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 5000000; done
flood 10.9.0.2 3 1400
calm
same "nothing is left in the books of either" "htb 0 0 appex 0 0 " "$(tc -s -j qdisc show dev wan0 | python3 -c 'import json, sys
for q in json.load(sys.stdin): print(q["kind"], q["qlen"], q["backlog"], end=" ")')"
tc qdisc del dev wan0 root
tc qdisc add dev wan0 root handle 3: tbf rate 50mbit burst 20000 latency 100ms
check "tbf, which looks at packets before it takes them, has it as child" tc qdisc add dev wan0 parent 3:1 appex
check "a transfer below tbf is whole" client python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 5000000
tc qdisc del dev wan0 root

# 11. Hardware queues: each has its own, all share one rate.
ip link add mq0 numtxqueues 4 type veth peer name mq1 netns cli
ip addr add 10.7.0.1/24 dev mq0
ip link set mq0 up
client ip addr add 10.7.0.2/24 dev mq1
client ip link set mq1 up
tc qdisc add dev mq0 root handle 1: mq
for queue in 1 2 3 4; do tc qdisc replace dev mq0 parent "1:$queue" handle "1$queue:" appex; done
same "four queues have one each" 4 "$(tc qdisc show dev mq0 | grep -c '^qdisc appex')"
flood 10.7.0.2 32 1400
for rate in 20000 "$QUEUES_FAST"; do
	put wanKbps "$rate"
	sleep 1
	holds "four queues share one rate" "$rate" "$(kbps "$PERIOD" mq0)"
	for queue in 1 2 3 4; do before[queue]=$(tc_of bytes mq0 "1$queue:"); done
	sleep "$PERIOD"
	least=100
	for queue in 1 2 3 4; do
		share=$((($(tc_of bytes mq0 "1$queue:") - before[queue]) * 100 / (125 * PERIOD * rate)))
		[ "$share" -ge "$least" ] || least=$share
	done
	between "and none is left out, in percent" 20 25 "$least"
done
put wanKbps 20000
# A queue that goes gives its slot back. While tc changes a device its packets are dropped at once, and a flood
# would never let simulated time go on.
calm mq0
tc qdisc replace dev mq0 parent 1:4 handle 24: tbf rate 1mbit burst 3000 limit 10000000
flood 10.7.0.2 32 1400
holds "three keep to it" 20000 "$(kbps "$PERIOD" mq0)"
calm mq0
check "a device with shapers can go" ip link del mq0

# 12. The end: also with packets waiting.
tc qdisc add dev wan0 root appex
put wanKbps 100
shape train 10.9.0.2 500 1400
check "a shaper with packets waiting can go" tc qdisc del dev wan0 root
check "the module can be unloaded" unload
finish
