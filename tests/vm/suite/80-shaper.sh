#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The shaper on several processors: the script attaches it and puts everything back, hardware queues share a
# rate, and it comes and goes under load.
# Sabotage: no rate is configured.
set -u
. tests/vm/lib/suite.sh

nic=$(nic 0)
begin "$nic"
# The path's own bottleneck is far away.
path_up 0 200 20 0 || exit 1
http_file long 24000000
machine_state >/run/before

# sent DEV: the time in nanoseconds, the bytes that the shapers of a device have sent by then, and the time after that
sent() {
	date +%s%N
	tc -s qdisc show dev "$1" | awk '/^qdisc/ { ours = $2 == "appex" } /^ Sent/ && ours { sum += $2 } END { print sum }'
	date +%s%N
}
# rate DEV: kbit/s over about five seconds, by the clock, and no more than they were: the processor may have been away
# between a clock and its bytes
rate() {
	local -a before after
	mapfile -t before < <(sent "$1")
	sleep 5
	mapfile -t after < <(sent "$1")
	echo $(((after[1] - before[1]) * 8000000 / (after[2] - before[0])))
}
# at_most KBPS GOT: what was missed before the five seconds began may be made up for in them, which is smBurstMS of
# 300 or 6 percent, and one more for the clock.
at_most() { [ "$2" -le $(($1 * 107 / 100)) ]; }
# keeps_to KBPS DEV: the processor is emulated, and may be away for a while: it has to come near in one of three
# tries, and never to send more. Figures are judged in simulated time (tests/functional/shaper.sh).
keeps_to() {
	local got
	for _ in 1 2 3; do
		got=$(rate "$2")
		echo "$got kbit/s"
		at_most "$1" "$got" || return 1
		[ "$got" -lt $(($1 * 80 / 100)) ] || return 0
	done
	return 1
}
shaped() { tc qdisc show dev "$1" | grep -c '^qdisc appex'; }

# What a late timer has missed is made up for.
product_set smBurstMS 300
product_set wankbps 2000
if sabotaged; then product_set wankbps 0; fi
check "start succeeds" lotserver start
check "the interface has a shaper" test "$(shaped "$nic")" -ge 1
background get http_get 0 4 long
check "a download is adopted" until_true 20 all_are zeta 0
check "it gets 2 Mbit/s" keeps_to 2000 "$nic"
product_set wankbps 12000
check "reload with 12 Mbit/s succeeds" lotserver reload
# How soon a connection finds the new room is its congestion control's business.
check "the same download is held to 12 Mbit/s" at_most 12000 "$(rate "$nic")"
check "and arrives unchanged" awaited get

# Inbound control writes windows and its shaper replaces acknowledgements, but not of segments that are signed: these would be
# refused by who gets them.
product_set waninkbps 2000
product_set advinacc 1
check "reload with an inbound limit succeeds" lotserver reload
check "receive buffers may grow as on a large machine" test "$(awk '{ print $3 }' /proc/sys/net/ipv4/tcp_rmem)" -gt 16000000
refused_signatures() { client 0 nstat -asz TcpExtTCPMD5Failure TcpExtTCPAOBad 2>/dev/null | awk '$1 ~ /^TcpExt/ { sum += $2 } END { print sum }'; }
# pushed KIND PORT: half a megabyte from the client to the server arrives whole; by how many windows were lowered goes to $lowered
pushed() {
	local before taker
	before=$(counter LoweredWindows)
	timeout 60 python3 tests/stress/kinds.py take "$1" 10.9.0.2 "$2" 500000 >"/run/take.$1" 2>&1 &
	taker=$!
	until_true 20 grep -q ready "/run/take.$1"
	check "$1: an upload" client 0 timeout 60 python3 tests/stress/kinds.py push "$1" 10.8.0.1 "$2" 500000
	wait "$taker"
	same "$1: it arrives whole" "ready 500000" "$(xargs <"/run/take.$1")"
	lowered=$(($(counter LoweredWindows) - before))
}
pushed plain 6001
check "its windows are made smaller" test "$lowered" -gt 0
for kind in md5 ao; do
	pushed "$kind" 6002
	same "$kind: its windows are left alone" 0 "$lowered"
done
same "no signature was refused" 0 "$(refused_signatures)"
product_set waninkbps 0
product_set advinacc 0
check "reload without a limit succeeds" lotserver reload
check "unloading is refused while a shaper is there" sh -c '! rmmod appex 2>/dev/null'

# Four hardware queues, floods from every processor. They yield to the kernel's own threads, which on a real-time kernel send and
# receive: what a ping waits for is to be the shaper.
ip netns add far
ip link add mq0 numtxqueues 4 numrxqueues 4 type veth peer name mq1 numtxqueues 4 numrxqueues 4 netns far
ip address add 10.66.0.1/24 dev mq0
ip link set mq0 up
ip -n far address add 10.66.0.2/24 dev mq1
ip -n far link set mq1 up
until_true 5 sh -c 'ping -c 1 -W 1 10.66.0.2 >/dev/null'
by_hand() {
	local queue
	tc qdisc replace dev mq0 root handle 1: mq
	for queue in 1 2 3 4; do tc qdisc replace dev mq0 parent "1:$queue" appex || return 1; done
}
check "four queues get one each by hand" by_hand
check "all four are there" test "$(shaped mq0)" = 4
for _ in 1 2 3 4; do
	nice -n 19 python3 tests/functional/shape.py flood 10.66.0.2 8 1400 &
	floods="${floods-} $!"
done
waiting() { tc -s qdisc show dev mq0 | awk '/backlog/ { sum += $3 } END { exit !(sum > 500) }'; }
# A rate that an emulated processor can exceed.
engine_write wanKbps 6000
check "packets of all of them wait" until_true 60 waiting
check "four queues and four senders keep to 6 Mbit/s together" keeps_to 6000 mq0
engine_write wanKbps 3000
check "and to 3 Mbit/s when that is written" keeps_to 3000 mq0
# Behind what waits there it would be seconds; a few milliseconds are other queues' packets, the rest the processor's.
swift() { ping -q -c 20 -i 0.2 10.66.0.2 | awk -F/ '/^rtt/ { found = 1; exit !($5 < 100) } END { if (!found) exit 1 }'; }
check "a ping beside them is not kept waiting" until_true 30 swift

# Comings and goings under load, settings changing all the time.
coming_and_going() {
	local round
	for round in $(seq 12); do
		engine_write wanKbps $((round * 7000 % 50000)) || return 1
		tc qdisc replace dev mq0 parent "1:$((round % 4 + 1))" pfifo || return 1
		engine_write hostFairEnable $((round % 2)) || return 1
		tc qdisc replace dev mq0 parent "1:$((round % 4 + 1))" appex || return 1
		if [ $((round % 4)) = 0 ]; then
			ip link set mq0 down && ip link set mq0 up || return 1
			ethtool -L mq0 tx 2 2>/dev/null && ethtool -L mq0 tx 4 2>/dev/null
			by_hand || return 1
		fi
		if [ $((round % 3)) = 0 ]; then
			tc qdisc replace dev mq0 root appex && tc qdisc del dev mq0 root && by_hand || return 1
		fi
	done
}
check "shapers come and go under load" coming_and_going
engine_write wanKbps 6000
sleep 1
check "and the last ones keep to 6 Mbit/s" keeps_to 6000 mq0
# shellcheck disable=SC2086 # several
kill $floods
wait 2>/dev/null

# The end: stop takes off its own and those made by hand.
background stopping http_get 0 4 long
check "another download is adopted" until_true 20 all_are zeta 0
check "stop during a download succeeds" lotserver stop
check "nothing of it is loaded" stopped
check "the download arrives unchanged" awaited stopping
check "the hand-made queues can send" ping -q -c 20 -i 0.02 10.66.0.2
same "no shaper is left" 0 "$(tc qdisc show | grep -c appex)"
ip link del mq0
ip netns del far
# What the kernel numbers by itself is another number.
machine_state >/run/after
same "queueing disciplines and all else are as before" "$(cat /run/before)" "$(cat /run/after)"
finish
