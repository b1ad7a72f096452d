#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# What happens to a machine while connections are accelerated: connection tracking comes and goes, offloads are switched,
# the MTU changes, the carrier goes, the interface moves to another namespace, the clock jumps, TCP's memory and then the
# machine's is short, a namespace with traffic in it is deleted. Each download has to arrive whole.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=5000000
topology
slow_path 20ms 20mbit
serving 5001 "$BYTES"
before=$(sysctl -n net.ipv4.tcp_congestion_control)
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

# under_way: the download has not ended, so what was just seen was seen during it.
under_way() { kill -0 "$download"; }
tracked() { nft list table inet t | grep -q 'packets [1-9]'; }
begin tracking
for _ in 1 2 3 4 5; do
	check "tracking: it comes" nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c ct state established counter accept'
	check "tracking: packets are seen with it" until_true 10 tracked
	check "tracking: the download is under way" under_way
	check "tracking: it goes" nft delete table inet t
	sleep 0.1
done
arrives tracking

# all_use CONTROL: it is that of every connection of the server.
all_use() { [ "$(control_of 5001 | sort -u)" = "$1" ]; }

FEATURES="scatter-gather tcp-segmentation-offload generic-segmentation-offload generic-receive-offload"
# switch DEVICE on|off: all of them, and that is how they are then.
switch() {
	local feature
	ethtool -K "$1" sg "$2" tso "$2" gso "$2" gro "$2" || return 1
	for feature in $FEATURES; do
		ethtool -k "$1" | grep -qx "[[:space:]]*$feature: $2" || {
			ethtool -k "$1"
			return 1
		}
	done
}
hold
begin offloads
for state in off on off on off on; do
	check "offloads: they are $state" switch wan0 "$state"
	sleep 0.2
done
check "offloads: all that was during the download" under_way
rm -f /tmp/hold
arrives offloads

# Segments are as large as the new MTU allows: it less 20 bytes of IP, 20 of TCP and 12 of timestamps.
segments_are() { ss -tinH state established "sport = :5001" | grep -q " mss:$1 "; }
# The client takes what is sent at any time, and says so in its SYN.
for device in cli0 ifb0; do client ip link set "$device" mtu 9000; done
ip link set wan0 mtu 9000
hold
begin mtu
for mtu in 1500 1200 576 9000 1280 1500; do
	check "mtu: it is set to $mtu" ip link set wan0 mtu "$mtu"
	check "mtu: segments are made for $mtu" until_true 20 segments_are $((mtu - 52))
	sleep 0.2
done
check "mtu: all that was during the download" under_way
rm -f /tmp/hold
arrives mtu
for device in cli0 ifb0; do client ip link set "$device" mtu 1500; done
ip -6 addr replace fd00:9::1/64 dev wan0 nodad # gone when the MTU was less than IPv6 needs

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

# Elsewhere the interface keeps its number, and is none of ours.
ip netns add away
ip netns exec away ip link set lo up
# What is held is the other server: this one sees nothing of it.
# shellcheck disable=SC2016 # the inner shell's
ip netns exec away sh -c 'mount -t tmpfs away /tmp && exec python3 "$1" serve 5002 1000000' sh "$HERE/traffic.py" >/dev/null &
server=$!
until_true 30 sh -c 'ip netns exec away ss -tlnH | grep -q :5002'
hold
begin moved
for round in 1 2 3; do
	check "moved: its connection is accelerated, time $round" until_true 30 all_use zeta
	check "moved: the interface leaves, time $round" ip link set wan0 netns away
	check "moved: its connection uses $before again, time $round" until_true 30 all_use "$before"
	same "moved: no connection is counted, time $round" 0 "$(stat_of NumOfAccFlows)"
	# Not the address of the connection: whoever has that would reset it.
	ip -n away addr add 10.9.0.3/24 dev wan0
	ip -n away link set wan0 up
	adopted=$(stat_of SocketsAdopted)
	check "moved: a download from there arrives whole, time $round" client python3 "$HERE/traffic.py" fetch 10.9.0.3 5002 1000000
	same "moved: it was not accelerated, time $round" "$adopted" "$(stat_of SocketsAdopted)"
	check "moved: the interface is back, time $round" ip -n away link set wan0 netns 1
	ip addr add 10.9.0.1/24 dev wan0
	ip -6 addr add fd00:9::1/64 dev wan0 nodad
	ip link set wan0 up
done
check "moved: its connection is accelerated in the end" until_true 60 all_use zeta
check "moved: all that was during the download" under_way
rm -f /tmp/hold
arrives moved
kill -9 "$server"
wait "$server" 2>/dev/null
ip netns del away
begin "after the return"
arrives "after the return"

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

# All but this many kB of memory goes into a file that cannot go anywhere; somebody takes page after page of the rest, until
# the kernel kills him for it, again and again.
REST_KB=65536
killed() { awk '$1 == "oom_kill" { print $2 }' /proc/vmstat; }
waited() { awk '/^allocstall_/ { n += $2 } END { print n }' /proc/vmstat; }
available_kb() { awk '/^MemAvailable:/ { print $2 }' /proc/meminfo; }
mkdir /tmp/full
mount -t tmpfs -o size=100% full /tmp/full
fill() {
	head -c "$(($(available_kb) - REST_KB))k" /dev/zero >/tmp/full/file
	[ "$(available_kb)" -lt $((REST_KB * 3 / 2)) ]
}
take_all() {
	python3 - <<-'PY'
		import mmap
		open("/proc/self/oom_score_adj", "w").write("1000")
		taken = []
		while True:
		    taken.append(mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
		    for page in range(0, 1 << 20, 4096):
		        taken[-1][page] = 1
	PY
}
hold
begin "no memory"
check "no memory: most of it is taken" fill
deaths=$(killed) stalls=$(waited)
for round in 1 2 3 4 5; do
	take_all 2>/dev/null
	same "no memory: who takes all is killed, time $round" 137 "$?"
done
at_least "no memory: the kernel had to kill" 5 $(($(killed) - deaths))
at_least "no memory: others had to wait for some" 1 $(($(waited) - stalls))
check "no memory: all that was during the download" under_way
check "no memory: its connection is accelerated still" all_use zeta
rm -f /tmp/hold
arrives "no memory"
umount /tmp/full
begin "with memory"
arrives "with memory"

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
