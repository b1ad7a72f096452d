#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# What comes in: windows that make no queue, and a rate that is kept to, for this machine and for those behind it.
# Figures are only judged in simulated time, where code takes none.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=${BYTES:-300000000}
simulated() { [ -n "${SIMULATED-}" ]; }
# In real time only whether all goes on matters, so that little is enough.
simulated || BYTES=3000000

#   org namespace                 client namespace                       server
#     org0 10.7.0.2/24 ----- dn0 10.7.0.1 | cli0 10.9.0.2 ------ wan0 10.9.0.1
#                            netem 40 ms    tbf 20 Mbit/s
#
# Who sends is behind a router, for a sender notices a queue on its own machine. The path holds 100 kB, the queue eight
# times that.
topology
ip netns add org
ip link add org0 netns org type veth peer name dn0 netns cli
ip netns exec org ip link set lo up
ip netns exec org ip addr add 10.7.0.2/24 dev org0
ip netns exec org ip -6 addr add fd00:7::2/64 dev org0 nodad
client ip addr add 10.7.0.1/24 dev dn0
client ip -6 addr add fd00:7::1/64 dev dn0 nodad
ip netns exec org ip link set org0 up
client ip link set dn0 up
ip netns exec org ip route add default via 10.7.0.1
ip netns exec org ip -6 route add default via fd00:7::1
ip route add 10.7.0.0/24 via 10.9.0.2
ip -6 route add fd00:7::/64 via fd00:9::2
client sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
sender() { ip netns exec org "$@"; }
sender ethtool -K org0 tso off >/dev/null
client ethtool -K dn0 gro off >/dev/null
client tc qdisc add dev cli0 root tbf rate 20mbit burst 3200 limit 800000
client tc qdisc add dev dn0 root netem delay 40ms limit 100000
sysctl -qw net.ipv4.tcp_rmem="4096 131072 8388608"
far sysctl -qw net.ipv4.tcp_rmem="4096 131072 8388608"
sender sysctl -qw net.ipv4.tcp_congestion_control=cubic
sender python3 "$HERE/traffic.py" serve 5001 "$BYTES" >/dev/null &
sender python3 "$HERE/traffic.py" serve 5003 1000000 >/dev/null &
until_true 10 sender sh -c 'ss -tlnH | grep -q :5001 && ss -tlnH | grep -q :5003'
require
put wanIf wan0

of_queue() { # what tc tells of the queue: FIELD
	client tc -s -j qdisc show dev cli0 | python3 -c 'import json, sys
print(json.load(sys.stdin)[0][sys.argv[1]])' "$1"
}
# takes COUNT [HOST [COMMAND...]]: COUNT transfers from now on, by COMMAND
pids=()
takes() {
	local count=$1 host=${2:-10.7.0.2}
	shift
	[ $# -eq 0 ] || shift
	for _ in $(seq "$count"); do
		"$@" python3 "$HERE/traffic.py" fetch "$host" 5001 "$BYTES" >/dev/null 2>&1 &
		pids+=($!)
	done
}
end() {
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
	wait "${pids[@]}" 2>/dev/null
	pids=()
	if simulated; then sleep 3; fi
}
# look SECONDS: what the queue let through in kbit/s of frames into $rate, its mean length in bytes into $queue, drops into $drops
look() {
	local bytes drop sum=0 samples=$(($1 * 2))
	bytes=$(of_queue bytes) drop=$(of_queue drops)
	for _ in $(seq "$samples"); do
		sum=$((sum + $(of_queue backlog)))
		sleep 0.5
	done
	rate=$((($(of_queue bytes) - bytes) / (125 * $1)))
	drops=$(($(of_queue drops) - drop)) queue=$((sum / samples))
}
between() { # NAME LOW HIGH GOT
	if [ -n "$4" ] && { ! simulated || { [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; }; }; then
		ok "$1 ($4)"
	else
		not_ok "$1" "want $2 to $3, got ${4:-nothing}"
	fi
}
pause() { if simulated; then sleep "$1"; else sleep 0.3; fi; }
seconds=5
simulated || seconds=1

# 1. Without orders.
takes 1
pause 10
look "$seconds"
between "without advAccEnable a sender fills the queue, in bytes" 200000 800000 "$queue"
same "and no window is touched" 0 "$(stat_of LoweredWindows)"

# 2. With them.
end
put advAccEnable 1
takes 1
pause 6
look "$seconds"
between "with advAccEnable the queue is next to empty" 0 30000 "$queue"
between "and the path is full, in kbit/s" 18500 20100 "$rate"
same "without a lost packet" 0 "$drops"
# In real time a busy machine makes round trips vary so much that nothing is steered.
! simulated || at_least "windows were made smaller" 1 "$(stat_of LoweredWindows)"
usual=$queue

# 3. How much a flow may have in the queue.
put cmd "w2lQLimit: 1 1"
pause 10
look "$seconds"
between "w2lQLimit 1 1 leaves it less than half of that" 0 $((usual / 2)) "$queue"
between "for a part of the rate at most" 16000 20100 "$rate"
put cmd "w2lQLimit: 256 2048"
put advAccEnable 0
pause 10
look "$seconds"
between "advAccEnable 0 lets go of the flow" 100000 800000 "$queue"
end

# 4. From the beginning: the edge of windows, for several flows.
put advAccEnable 1
client python3 "$HERE/inbound.py" edges cli0 5001 $((seconds + 3)) >/tmp/edges 2>/tmp/ready &
sniffer=$!
until_true 10 grep -q ready /tmp/ready
takes 3
wait "$sniffer"
read -r windows pulled </tmp/edges
at_least "windows were seen" 50 "$windows"
same "none ends before an earlier one" 0 "$pulled"
end
put advAccEnable 0

# 5. A limit: for one flow and for several, and for those behind this machine.
put wanInKbps 8000
for flows in 1 4; do
	takes "$flows"
	pause 4
	look "$seconds"
	between "wanInKbps 8000 is kept to by $flows" 7700 8300 "$rate"
	end
done
takes 2 10.7.0.2 ip netns exec far
pause 4
look "$seconds"
between "and for others that are behind this machine" 7700 8300 "$rate"
before=$(stat_of LoweredWindows)
put shaperEnable 0
pause 4
look "$seconds"
between "shaperEnable 0 keeps to no limit" 18500 20100 "$rate"
same "and leaves windows alone" 0 "$(($(stat_of LoweredWindows) - before > 100))"
put shaperEnable 1
end
put wanInKbps 0
put advAccEnable 1
takes 1 10.7.0.2 ip netns exec far
pause 6
look "$seconds"
between "forwarded flows make no queue either" 0 30000 "$queue"
end

# 6. Which flows are left alone.
put advAccEnable 0
put wanInKbps 4000
quiet() { # NAME COMMAND...: transfers 1 MB without a touched window
	local name=$1 before
	shift
	before=$(stat_of LoweredWindows)
	check "$name: the transfer is whole" "$@"
	same "$name: no window was touched" "$before" "$(stat_of LoweredWindows)"
}
fetch() { python3 "$HERE/traffic.py" fetch "$1" 5003 1000000; }
before=$(stat_of LoweredWindows)
check "a transfer under a limit is whole" fetch 10.7.0.2
check "over IPv6, too" fetch fd00:7::2
at_least "their windows were made smaller" "$((before + 1))" "$(stat_of LoweredWindows)"
for plain in tcp_timestamps tcp_window_scaling tcp_sack; do
	sysctl -qw "net.ipv4.$plain=0"
	before=$(stat_of LoweredWindows)
	check "without $plain it is whole" fetch 10.7.0.2
	at_least "without $plain windows are made smaller" "$((before + 1))" "$(stat_of LoweredWindows)"
	sysctl -qw "net.ipv4.$plain=1"
done
put cmd "lanSegment: 0A070000/24"
pause 1
quiet "a peer that is not accelerated" fetch 10.7.0.2
put cmd "lanSegment: "
put tcpAccEnable 0
quiet "tcpAccEnable 0" fetch 10.7.0.2
put tcpAccEnable 1

# A way back that is narrower than acknowledgements need, with our queue in front of it: 800 of 66 bytes a second do not fit.
put wanInKbps 0
put cmd "smBurstMS: 0"
put wanKbps 100
tc qdisc add dev wan0 root appex
narrow() { # bytes in kbit/s into $rate
	takes 1
	pause 4
	look 4
	end
}
put advAccEnable 0
before=$(stat_of ThinnedAcks)
narrow
plain=$rate
same "acknowledgements stay as they are without advinacc" "$before" "$(stat_of ThinnedAcks)"
put advAccEnable 1
pause 1
narrow
if simulated; then
	at_least "later ones take the place of those that wait" "$((before + 500))" "$(stat_of ThinnedAcks)"
	at_least "so that more comes in, of $plain kbit/s before" $((plain * 3 / 2)) "$rate"
fi
tc qdisc del dev wan0 root
put wanKbps 0
put advAccEnable 0

# A connection that is older than the module: how its windows are scaled is not known.
put wanInKbps 0
takes 1
pause 2
simulated || sleep 0.3
put wanIf ""
rmmod appex
require
put wanInKbps 4000
put advAccEnable 1
put wanIf wan0
pause 4
same "of a connection older than the module no window is touched" 0 "$(stat_of LoweredWindows)"
end

put wanIf ""
check "rmmod" rmmod appex
finish
