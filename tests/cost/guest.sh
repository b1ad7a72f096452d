#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: traffic of which count.c counts the cost. See tests/cost/cost.
#
#   guest.sh stream BYTES-PER-S WINDOW-MS MODE...   one flow, all variants
#   guest.sh many CONNECTIONS...                    many flows, before and after acceleration begins
#   guest.sh queues BYTES-PER-S WINDOW-MS           one flow, through queueing disciplines that limit it and that do not
#
# A line for each window, in order:   window NAME US SEGMENTS RECEIVED REPEATED
# and what else is to be known:       memory NAME KEY VALUE      symbols BASE64
set -euo pipefail

# The server is processor 0, the client 1: everything a namespace receives is worked off on its own one.
server() { taskset 1 "$@"; }
client() { ip netns exec cli taskset 2 "$@"; }
put() { printf '%s\n' "$2" >"/proc/net/appex/$1"; }

topology() {
	ip netns add cli
	ip netns exec cli ip link set lo up
	ip link add wan0 type veth peer name cli0 netns cli
	ip addr add 10.9.0.1/24 dev wan0
	ip netns exec cli ip addr add 10.9.0.2/24 dev cli0
	ip link set wan0 up
	ip netns exec cli ip link set cli0 up
	# All ACKs come 20 ms later; the client pays for it.
	ip netns exec cli tc qdisc replace dev cli0 root netem delay 20ms limit 1000000
	echo 1 >/sys/class/net/wan0/queues/rx-0/rps_cpus
	ip netns exec cli sh -c 'echo 2 >/sys/class/net/cli0/queues/rx-0/rps_cpus'
	sysctl -qw net.core.netdev_max_backlog=1000000 net.core.somaxconn=4096 net.ipv4.ip_local_port_range="1024 65000" \
		net.ipv4.tcp_max_syn_backlog=65536 net.core.wmem_max=16777216 fs.file-max=2000000 fs.nr_open=2000000 \
		net.ipv4.tcp_no_metrics_save=1 kernel.timer_migration=0
	modprobe tcp_bbr
	sysctl -qw net.ipv4.tcp_allowed_congestion_control="reno cubic bbr"
	client /vm/load sink 5001 8 &
	# Otherwise files are written back half a minute later, within some window.
	sync
	sleep 1
}

# measured NAME COMMAND...: the command's output is the line of one window.
measured() {
	local name=$1
	shift
	printf 'window %s %s\n' "$name" "$("$@")"
}

# offload MODE: what the server's device does. "single": TCP itself makes one packet of every segment. When
# offloads are merely off, what it hands down still has many, and is cut right before the driver.
offload() {
	local state=$1 most=65535
	if [ "$1" = single ]; then state=off most=1; fi
	ethtool -K wan0 tso "$state" gso "$state" gro "$state" >/dev/null
	ip link set wan0 gso_max_segs "$most"
}

stream() {
	local rate=$1 ms=$2 mode
	shift 2
	local modes=("$@")
	# one VARIANT CONTROL MODE
	one() { measured "$1-$3" server /vm/load stream 10.9.0.2 5001 "$2" "$rate" 1000 "$ms"; }
	settled idle
	for mode in "${modes[@]}"; do
		offload "$mode"
		one cubic cubic "$mode"
		one bbr bbr "$mode"
	done
	insmod /vm/appex.ko
	put subnetAccEnable 1
	settled idle-loaded
	for mode in "${modes[@]}"; do
		offload "$mode"
		# The congestion control alone: chosen by name, no interface attached.
		put wanIf ""
		one control zeta "$mode"
		# The hooks alone: they count, and leave the socket its bbr.
		put wanIf wan0
		put tcpAccEnable 0
		one hooks bbr "$mode"
		put tcpAccEnable 1
		one zeta bbr "$mode"
	done
	symbols ' [tTwW] '
}

# One flow of CUBIC through each discipline, at a rate that leaves it alone and at one that holds it back.
queues() {
	local rate=$1 ms=$2 each limit
	settled idle
	offload single
	insmod /vm/appex.ko
	# A rate is an upper limit: the flow fills it.
	for limit in free held; do
		local mbit=1000
		[ "$limit" = free ] || mbit=$((rate * 8 / 1250000))
		for each in none fq_codel appex tbf-fq htb-fq_codel cake; do
			tc qdisc del dev wan0 root 2>/dev/null || true
			case $each in
			appex)
				put wanKbps $((mbit * 1000))
				tc qdisc add dev wan0 root appex
				;;
			cake) tc qdisc add dev wan0 root cake bandwidth "${mbit}mbit" besteffort ;;
			fq_codel | none)
				[ "$limit" = free ] || continue
				[ "$each" = none ] || tc qdisc add dev wan0 root fq_codel
				;;
			tbf-fq)
				tc qdisc add dev wan0 root handle 1: tbf rate "${mbit}mbit" burst $((mbit * 1250)) limit 10000000
				tc qdisc add dev wan0 parent 1:1 handle 2: fq
				;;
			htb-fq_codel)
				tc qdisc add dev wan0 root handle 1: htb default 1
				tc class add dev wan0 parent 1: classid 1:1 htb rate "${mbit}mbit" quantum 6000
				tc qdisc add dev wan0 parent 1:1 handle 2: fq_codel
				;;
			esac
			measured "$each-$limit" server /vm/load stream 10.9.0.2 5001 cubic "$rate" 1000 "$ms"
		done
	done
	symbols ' [tTwW] '
}

# Rounds of one segment per connection, at least 10,000 segments, so that what else happens hardly counts; with the kernel alone first, so that both are in the same state otherwise.
many() {
	local count send line fd_in fd_out
	offload single
	# No connection leaves anything behind when it is closed.
	sysctl -qw net.ipv4.tcp_max_tw_buckets=0
	for count in "$@"; do
		send="send $(((10000 + count - 1) / count))"
		coproc LOAD { server /vm/load many 10.9.0.2 5001 8 "$count"; }
		fd_in=${LOAD[1]} fd_out=${LOAD[0]}
		read -r line <&"$fd_out"
		# round NAME COMMAND
		round() {
			echo "$2" >&"$fd_in"
			read -r line <&"$fd_out"
			printf 'window %s-%s %s\n' "$1" "$count" "$line"
		}
		round first "send 1"
		round kernel "$send"
		round kernel-idle "idle 2000"
		memory "kernel-$count"
		insmod /vm/appex.ko
		put subnetAccEnable 1
		put wanIf wan0
		memory "loaded-$count"
		round adopt "send 1"
		memory "zeta-$count"
		round zeta "$send"
		sed -n "s/^\(NumOfFlows\|NumOfAccFlows\) = /memory stats-$count \1 /p" /proc/net/appex/stats
		round zeta-idle "idle 2000"
		eval "exec $fd_in>&-"
		wait "$LOAD_PID"
		symbols ' [tTwW] .*\[appex\]'
		rmmod appex
	done
}

# memory NAME: what the kernel has taken, bytes.
memory() {
	awk -v name="$1" '
		/^(MemAvailable|Slab|VmallocUsed|Percpu):/ { sub(":", "", $1); print "memory", name, $1, $2 * 1024 }' /proc/meminfo
}

# settled NAME: a window without traffic, after what was done before has come to rest.
settled() {
	sleep 3
	measured "$1" server /vm/load idle 2000
}

# symbols PATTERN: where functions are. The module may be loaded elsewhere the next time.
symbols() {
	printf 'symbols %s\n' "$(grep -E "^[0-9a-f]+$1" /proc/kallsyms | gzip -9 | base64 -w 0)"
}

topology
"$1" "${@:2}"
