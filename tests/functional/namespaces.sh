#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Containers: sockets of other network namespaces whose packets leave by an accelerated interface.
#
#   con 172.20.0.2, fd00:20::2      server            cli 10.9.0.2, 10.99.0.2 behind it
#   con0 ---- conh --\
#   two 172.20.0.3    br0 ---- (NAT) ---- wan0 ---- cli0
#   two0 ---- twoh --/              \---- lan0 ---- far
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=${BYTES:-3000000}
topology
sysctl -qw net.ipv6.conf.all.forwarding=1
sysctl -qw net.ipv4.tcp_wmem="4096 65536 300000"
slow_path 40ms 20mbit
ip link add br0 type bridge
ip addr add 172.20.0.1/24 dev br0
ip -6 addr add fd00:20::1/64 dev br0 nodad
ip link set br0 up
# container NAME NUMBER: a namespace behind the bridge
container() {
	ip netns add "$1"
	ip link add "${1}h" type veth peer name "${1}0" netns "$1"
	ip link set "${1}h" master br0
	ip link set "${1}h" up
	ip netns exec "$1" ip link set lo up
	ip netns exec "$1" ip addr add "172.20.0.$2/24" dev "${1}0"
	ip netns exec "$1" ip -6 addr add "fd00:20::$2/64" dev "${1}0" nodad
	ip netns exec "$1" ip link set "${1}0" up
	ip netns exec "$1" ip route add default via 172.20.0.1
	ip netns exec "$1" ip -6 route add default via fd00:20::1
	ip netns exec "$1" sysctl -qw net.ipv4.tcp_wmem="4096 65536 300000"
}
container con 2
client ip addr add 10.99.0.2/32 dev lo
client ip -6 route add default via fd00:9::1
ip route add 10.99.0.2 via 10.9.0.2
nft -f - <<-'NFT'
	table ip nat {
	    chain post { type nat hook postrouting priority srcnat;
	        ip saddr 172.20.0.0/24 oifname "wan0" snat to 10.9.0.1; }
	    chain pre { type nat hook prerouting priority dstnat;
	        iifname "wan0" tcp dport 8001 dnat to 172.20.0.2:5001; }
	}
NFT
con() { ip netns exec con "$@"; }
con python3 "$HERE/traffic.py" serve 5001 "$BYTES" >/dev/null &
until_true 30 sh -c 'ip netns exec con ss -tlnH | grep -q :5001'
before=$(con sysctl -n net.ipv4.tcp_congestion_control)
require
container two 3 # younger than the module
ip netns exec two python3 "$HERE/traffic.py" serve 5001 "$BYTES" >/dev/null &
until_true 30 sh -c 'ip netns exec two ss -tlnH | grep -q :5001'
put subnetAccEnable 1
put wanIf wan0

# in_ns NAME: congestion control of the namespace's connections
in_ns() { ip netns exec "$1" ss -tinH state established "sport = :5001" | grep -oE ' (zeta|cubic|reno) ' | tr -d ' ' | sort -u; }
has() { [ "$(in_ns "$1")" = "$2" ]; }
whole() { [ "$(cut -d' ' -f1 /tmp/out)" = "$BYTES" ]; }
fetch() { "$@" python3 "$HERE/traffic.py" fetch "$host" "$port" "$BYTES" >/tmp/out 2>&1 & }

# during NAME NAMESPACE CONTROL HOST PORT CLIENT...: what the server's socket uses while CLIENT fetches
during() {
	local name=$1 ns=$2 control=$3 host=$4 port=$5
	shift 5
	hold
	fetch "$@"
	check "$name: $control" until_true 30 has "$ns" "$control"
	released $!
	check "$name: whole" whole
}
during "a published port, through NAT" con zeta 10.9.0.1 8001 client
at_least "NumOfAccFlows counted it" 1 "$(stat_of SocketsAdopted)"
client ip route add 172.20.0.0/24 via 10.9.0.1
during "a routed container" con zeta 172.20.0.2 5001 client
during "IPv6" con zeta fd00:20::2 5001 client
during "a container younger than the module" two zeta 172.20.0.3 5001 client
same "each was adopted, and no socket of the client, which is on this machine, too" 4 "$(stat_of SocketsAdopted)"

# What the container opens: it sends, the client receives.
client python3 - "$BYTES" <<-'PY' >/tmp/sink &
	import socket, sys
	s = socket.create_server(("", 7001))
	c, _ = s.accept()
	n = 0
	while data := c.recv(65536):
	    n += len(data)
	print(n)
PY
until_true 30 sh -c 'ip netns exec cli ss -tlnH | grep -q :7001'
con python3 - "$BYTES" <<-'PY' &
	import socket, sys
	s = socket.create_connection(("10.9.0.2", 7001))
	s.sendall(b"x" * int(sys.argv[1]))
PY
out_of() { con ss -tinH state established "dport = :7001" | grep -q ' zeta '; }
check "what a container opens, through NAT" until_true 30 out_of
released $!
check "all of it arrives" until_true 30 grep -qx "$BYTES" /tmp/sink

# Not: what does not leave by the interface.
# never NAME HOST PORT CLIENT...: nothing is adopted while CLIENT fetches
never() {
	local name=$1 host=$2 port=$3 adopted
	adopted=$(stat_of SocketsAdopted)
	shift 3
	fetch "$@"
	released $!
	check "$name: whole" whole
	same "$name: not adopted" "$adopted" "$(stat_of SocketsAdopted)"
}
never "between two containers" 172.20.0.2 5001 ip netns exec two
never "by an interface that is not attached" 172.20.0.2 5001 far
never "to the server itself" 172.20.0.2 5001 env

# The settings are those of the engine: peers, lists, switches.
put subnetAccEnable 0
never "subnetAccEnable=0, peer in the interface's subnet" 10.9.0.1 8001 client
# The client's other address is in no subnet of the server.
client ip route replace 10.9.0.1 dev cli0 src 10.99.0.2
during "subnetAccEnable=0, peer beyond it" con zeta 10.9.0.1 8001 client
client ip route del 10.9.0.1 dev cli0
put subnetAccEnable 1
handed_back() { # NAME COMMAND...
	local name=$1 host=172.20.0.2 port=5001
	shift
	hold
	fetch client
	check "$name: adopted first" until_true 30 has con zeta
	"$@"
	check "$name: handed back" until_true 30 has con "$before"
	released $!
	check "$name: whole" whole
}
handed_back "tcpAccEnable=0" put tcpAccEnable 0
during "tcpAccEnable=0" con "$before" 172.20.0.2 5001 client
put tcpAccEnable 1
handed_back "wanIf" put wanIf -wan0
put wanIf wan0
handed_back "rmmod" unload
load
put subnetAccEnable 1
put wanIf wan0

# A container that goes while a connection of it is adopted.
host=172.20.0.3 port=5001
hold
fetch client
check "a connection of a container is adopted before it goes" until_true 30 has two zeta
ip netns pids two | xargs -r kill -9
wait %2 2>/dev/null
ip netns del two

check "a container goes with its connections" until_true 30 sh -c "grep -q '^NumOfAccFlows = 0' $PROC/stats"
kill $! 2>/dev/null
# Namespaces that come and go while the module does.
(for i in 1 2 3 4 5 6 7 8; do
	ip netns add "t$i"
	ip netns del "t$i"
done) &
for _ in 1 2 3; do
	unload
	load
done
released $!
put subnetAccEnable 1
put wanIf wan0
during "after all that" con zeta 172.20.0.2 5001 client

check "the module can be unloaded" unload
finish
