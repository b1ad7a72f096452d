# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For functional tests: they run as root on a machine of their own (user-mode
# Linux or a VM), with the module given as $APPEX_KO.
#
#   client namespace          server: initial namespace      far namespace
#     cli0 10.9.0.2/24 ------- wan0 10.9.0.1/24
#                              lan0 10.8.0.1/24 ------------- far0 10.8.0.2/24
#   fd00:9::2                  fd00:9::1
#
# The server routes between both. Peers are in the server's own subnets, so
# tests of acceleration switch subnetAccEnable on.

set -uo pipefail

PROC=/proc/net/appex
TESTS=0
FAILED=0
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

ok() {
	TESTS=$((TESTS + 1))
	printf 'ok %d - %s\n' "$TESTS" "$1"
}

not_ok() {
	TESTS=$((TESTS + 1))
	FAILED=$((FAILED + 1))
	printf 'not ok %d - %s\n' "$TESTS" "$1"
	[ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/#   /'
}

# check NAME COMMAND...: the command must succeed.
check() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$* -> $out"; fi
}

# refuse NAME COMMAND...: the command must fail.
refuse() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then not_ok "$name" "$* succeeded: $out"; else ok "$name"; fi
}

# same NAME WANT GOT
same() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "want: $2
got:  $3"; fi
}

# at_least NAME MINIMUM GOT
at_least() {
	if [ "${3:-0}" -ge "$2" ] 2>/dev/null; then ok "$1"; else not_ok "$1" "want at least $2, got ${3:-nothing}"; fi
}

# ended NAME PID: a background command of this shell, which check would not know, must have succeeded.
ended() {
	if wait "$2"; then ok "$1"; else not_ok "$1" "status $?"; fi
}

finish() {
	printf '1..%d\n' "$TESTS"
	[ "$FAILED" -eq 0 ]
}

put() { printf '%s\n' "$2" >"$PROC/$1"; }
get() { cat "$PROC/$1"; }
cmd() { sed -n "s/^$1\(([^)]*)\)\{0,1\}: //p" "$PROC/cmd"; }
stat_of() { awk -v name="$1" '$1 == name { print $3 }' "$PROC/stats"; }

# shellcheck disable=SC2119,SC2120 # parameters of the module are optional
load() {
	insmod "$APPEX_KO" "$@"
}

# Without the module there is nothing to test: say so once.
require() {
	load "$@" || {
		not_ok "the module $APPEX_KO loads" "$(dmesg | tail -n 3)"
		finish
		exit 1
	}
}

unload() {
	if lsmod | grep -q '^appex '; then rmmod appex; fi
}

# The client is in the server's own subnet: that is accelerated, too.
attach() {
	put subnetAccEnable 1
	put wanIf wan0
}

# What is known of the path is forgotten with the module.
# shellcheck disable=SC2119
anew() {
	unload
	load
	attach
}

topology() {
	local name
	ip link set lo up
	for name in cli far; do
		ip netns add "$name"
		ip netns exec "$name" ip link set lo up
	done
	ip link add wan0 type veth peer name cli0 netns cli
	ip link add lan0 type veth peer name far0 netns far
	ip addr add 10.9.0.1/24 dev wan0
	ip addr add 10.8.0.1/24 dev lan0
	ip -6 addr add fd00:9::1/64 dev wan0 nodad
	ip link set wan0 up
	ip link set lan0 up
	ip netns exec cli ip addr add 10.9.0.2/24 dev cli0
	ip netns exec cli ip -6 addr add fd00:9::2/64 dev cli0 nodad
	ip netns exec far ip addr add 10.8.0.2/24 dev far0
	ip netns exec cli ip link set cli0 up
	ip netns exec far ip link set far0 up
	ip netns exec cli ip route add default via 10.9.0.1
	ip netns exec far ip route add default via 10.8.0.1
	sysctl -qw net.ipv4.ip_forward=1
}

# Every packet one segment, already where the queue drops: TCP hands down bursts however
# gso is set, and a queue that drops a tenth of a few dozen bursts may well drop none.
single_segments() { # DEV
	ethtool -K "$1" tso off gso off gro off >/dev/null
	ip link set dev "$1" gso_max_segs 1
}

# A path with a rate and a delay, so that transfers last: slow_path DELAY RATE
slow_path() {
	ip netns exec cli tc qdisc replace dev cli0 root netem delay "$1" limit 100000
	ip netns exec cli ip link add ifb0 type ifb 2>/dev/null || true
	ip netns exec cli ip link set ifb0 up
	ip netns exec cli tc qdisc replace dev cli0 ingress
	ip netns exec cli tc filter replace dev cli0 ingress matchall action mirred egress redirect dev ifb0
	ip netns exec cli tc qdisc replace dev ifb0 root netem rate "$2" limit 2000
}

fast_path() {
	ip netns exec cli tc qdisc del dev cli0 root 2>/dev/null || true
	ip netns exec cli tc qdisc del dev cli0 ingress 2>/dev/null || true
}

client() { ip netns exec cli "$@"; }
far() { ip netns exec far "$@"; }
traffic() { python3 "$HERE/traffic.py" "$@"; }

# until_true SECONDS COMMAND...: waits for a condition instead of sleeping.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}
# A transfer that begins after hold does not end before released PID (see traffic.py).
hold() { : >/tmp/hold; }
released() {
	rm -f /tmp/hold
	wait "$1"
}
# serving PORT BYTES: a server that gives everybody so many bytes, which listens on return.
serving() {
	traffic serve "$1" "$2" >/dev/null &
	until_true 30 sh -c "ss -tlnH | grep -q :$1"
}

# What the kernel has allocated for itself and cannot give away, kB.
kernel_kb() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	awk '/^(SUnreclaim|Percpu|VmallocUsed):/ { n += $2 } END { print n }' /proc/meminfo
}

# Allocations that are to fail do so whoever they are for and whatever they may wait for.
quiet_faults() {
	local kind
	mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
	for kind in failslab fail_page_alloc; do
		# Without a report for each: the lab takes those for complaints.
		echo 0 >"/sys/kernel/debug/$kind/verbose"
		echo N >"/sys/kernel/debug/$kind/ignore-gfp-wait"
	done
	echo N >/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
}

# Congestion control of the server's connections on a port, one per line.
control_of() {
	ss -tinH state established "sport = :$1" | sed -n 's/^[[:space:]]*\(ts \)\{0,1\}\(sack \)\{0,1\}\([a-z]*\) .*/\3/p'
}
