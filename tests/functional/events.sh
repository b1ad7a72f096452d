#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# What happens to a machine while connections are accelerated: connection tracking comes and goes, offloads are switched,
# the carrier goes, the clock jumps, memory is short, a namespace with traffic in it is deleted. Each download has to
# arrive whole.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=5000000
topology
slow_path 20ms 20mbit
serving 5001 "$BYTES"
require
attach

# begin NAME: starts a download; what it is counted by does not depend on who is quick enough to see it.
begin() {
	local before
	before=$(stat_of SocketsAdopted)
	client python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 "$BYTES" >/tmp/out 2>&1 &
	download=$!
	check "$1: a download is accelerated" until_true 20 sh -c "[ \$(awk '/^SocketsAdopted/ { print \$3 }' $PROC/stats) -gt $before ]"
}
# arrives NAME: and is checked to the last byte by who fetches it.
arrives() {
	if wait "$download"; then ok "$1: it arrives whole"; else not_ok "$1: it arrives whole" "$(cat /tmp/out)"; fi
}

begin tracking
for _ in 1 2 3 4 5; do
	nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c ct state established counter accept'
	sleep 0.1
	nft delete table inet t
	sleep 0.1
done
arrives tracking

begin offloads
for _ in 1 2 3 4 5; do
	for state in off on; do
		ethtool -K wan0 tso "$state" gso "$state" gro "$state" sg "$state" >/dev/null 2>&1
		sleep 0.1
	done
done
arrives offloads

begin carrier
sleep 0.3
client ip link set cli0 down
check "carrier: it is gone" until_true 30 grep -q 0 /sys/class/net/wan0/carrier
sleep 2
client ip link set cli0 up
client ip route replace default via 10.9.0.1
slow_path 20ms 20mbit
arrives carrier
client ip -6 addr add fd00:9::2/64 dev cli0 nodad 2>/dev/null

begin clock
now=$(date +%s)
check "clock: it jumps ten years" date -s "@$((now + 315360000))"
for days in -1 365 -30 0; do
	sleep 0.2
	check "clock: it jumps to $days days from now" date -s "@$((now + days * 86400))"
done
arrives clock
begin "after the jumps"
arrives "after the jumps"

# TCP is allowed less than it uses: buffers do not grow, packets are pruned.
# Below a megabyte for each processor nobody counts, so a few connections hold more than that unread.
ip netns exec cli python3 "$HERE/traffic.py" hold 10.9.0.1 5001 20 >/dev/null &
held=$!
until_true 30 sh -c "[ \$(awk '/^NumOfAccFlows/ { print \$3 }' $PROC/stats) -ge 20 ]"
sleep 1
begin memory
sleep 0.3
kept=$(sysctl -n net.ipv4.tcp_mem)
sysctl -qw net.ipv4.tcp_mem="10 20 40"
sleep 0.5
# Whoever asked for memory first counts it, in its own namespace.
pressure=$({ nstat -asz TcpExtTCPMemoryPressures; client nstat -asz TcpExtTCPMemoryPressures; } | awk '/Pressures / { n += $2 } END { print n }')
sysctl -qw net.ipv4.tcp_mem="$kept"
at_least "memory: it was short" 1 "$pressure"
arrives memory
kill -9 "$held"
wait "$held" 2>/dev/null
begin "after the pressure"
arrives "after the pressure"

# A server in a namespace of its own behind this machine, as in a container, deleted while it sends.
ip netns add box
ip link add box0 type veth peer name in0 netns box
ip addr add 10.6.0.1/24 dev box0
ip link set box0 up
ip -n box addr add 10.6.0.2/24 dev in0
ip -n box link set lo up
ip -n box link set in0 up
ip -n box route add default via 10.6.0.1
# How often the kernel itself tries to be rid of what nobody owns any more; eight times take minutes.
ip netns exec box sysctl -qw net.ipv4.tcp_orphan_retries=2
ip netns exec box python3 "$HERE/traffic.py" serve 5003 50000000 >/dev/null &
server=$!
until_true 30 sh -c 'ip netns exec box ss -tlnH | grep -q :5003'
ip netns exec cli python3 "$HERE/traffic.py" fetch 10.6.0.2 5003 50000000 >/dev/null 2>&1 &
fetcher=$!
check "namespace: a guest's connection is accelerated" until_true 30 sh -c "[ \$(awk '/^NumOfAccFlows/ { print \$3 }' $PROC/stats) -gt 0 ]"
ip link del box0
ip netns del box
kill -9 "$server" "$fetcher"
wait "$server" "$fetcher" 2>/dev/null
check "namespace: nothing of it is left" until_true 60 sh -c "[ \$(awk '/^NumOfAccFlows/ { print \$3 }' $PROC/stats) = 0 ]"
begin "after the namespace"
arrives "after the namespace"
check "the module unloads" rmmod appex
finish
