#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest half of tests/stress/selftests: the kernel's own tests of TCP without the module and with it.
#
# With it, zeta is the congestion control of every connection, also in the namespaces that the tests make, and the
# loopback interface is accelerated. Every line "ok" of a test without it, and its exit status of zero, has to be there
# with it; what differs otherwise is shown. SELFTESTS names the groups that are run.
set -u
. tests/vm/lib/suite.sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
GROUPS_TO_RUN=${SELFTESTS:-sockets tls zerocopy fastopen ao mptcp}
TESTS_DIR=/vm/selftests
RESULTS=/run/results
mkdir -p "$RESULTS"

# lines GROUP NAME STATUS: what the output on standard input says, without numbers that are never the same twice, and sorted:
# the two ends of a connection speak in the order in which they were run.
lines() {
	sed -nE 's/^[# ]*((not ok|ok) [0-9]+ .*)/\1/p; s/.*(SHA256 .*)/\1/p' |
		sed -E 's/^(not ok|ok) [0-9]+ ?-? ?/\1 /; s/# time=.*//; s/[[:space:]]*$//; s/0x[0-9a-f]+/N/g; s/[0-9]+ => [0-9]+/N => N/; s/(matched expectations).*/\1/; s/\b[0-9]{4,}/N/g' |
		if [ "$1" = ao ]; then sed -E 's/[0-9]+/N/g; s/(failed with -N:).*/\1/'; else cat; fi |
		sort | awk -v name="$1/$2" '{ print name ": " $0 }'
	echo "$1/$2: status $3"
}

# one WHICH GROUP NAME COMMAND...: runs a test in a namespace of its own with loopback up, from its directory.
one() {
	local which=$1 group=$2 name=$3 status=0 began=$SECONDS
	shift 3
	case $group in mptcp) cd "$TESTS_DIR/net/mptcp" ;; ao) cd "$TESTS_DIR/net/tcp_ao" ;; *) cd "$TESTS_DIR/net" ;; esac || exit 1
	# On an emulated processor with busy neighbours a test may run into its own time limits, so each has a second chance.
	for _ in 1 2; do
		status=0
		timeout 300 unshare --net sh -c 'ip link set lo up; exec "$@"' sh "$@" >"$RESULTS/$which.$group.$name.out" 2>&1 </dev/null || status=$?
		[ "$status" != 0 ] || break
	done
	lines "$group" "$name" "$status" <"$RESULTS/$which.$group.$name.out" >>"$RESULTS/$which"
	echo "# $which $group/$name: status $status, $((SECONDS - began)) s"
	cd /vm/repo || exit 1
}

sockets() {
	local name
	for name in reuseport_bpf reuseport_bpf_cpu reuseport_dualstack reuseaddr_conflict bind_wildcard bind_timewait \
		so_incoming_cpu sk_so_peek_off tcp_port_share getsockopt_iter sk_connect_zero_addr sk_bind_sendto_listen socket tcp_inq; do
		one "$1" sockets "$name" "./$name"
	done
	one "$1" sockets tcp_inq6 ./tcp_inq -6
	for name in reuseport_addr_any reuseaddr_ports_exhausted bind_bhash ip_local_port_range test_so_rcv; do
		one "$1" sockets "$name" "./$name.sh"
	done
	one "$1" sockets rxtimestamp ./rxtimestamp --tcp --ipv4 --ipv6
}
# Two of the twelve ciphers; all take an emulated processor ten minutes.
tls() {
	one "$1" tls aes_gcm ./tls -v 13_aes_gcm -v 12_aes_gcm
	one "$1" tls errors ./tls -f tls_basic -f tls_err
}
zerocopy() {
	one "$1" zerocopy msg_zerocopy4 ./msg_zerocopy.sh 4 tcp -t 1
	one "$1" zerocopy msg_zerocopy6 ./msg_zerocopy.sh 6 tcp -t 1
	# A server that receives by mmap and a client that sends with MSG_ZEROCOPY, with a checksum of all of it.
	# shellcheck disable=SC2016 # expanded by that shell
	one "$1" zerocopy tcp_mmap sh -c './tcp_mmap -s -z -i & sleep 1; ./tcp_mmap -H ::1 -z -i; status=$?; sleep 2; kill $!; exit $status'
}
fastopen() { one "$1" fastopen backup_key ./tcp_fastopen_backup_key.sh; }
ao() {
	local file
	for file in "$TESTS_DIR"/net/tcp_ao/*_ipv[46]; do
		case $file in *bench*) continue ;; esac
		one "$1" ao "$(basename "$file")" "$file"
	done
}
# Files over paths that delay, lose and reorder, between four namespaces; what needs iptables cannot run here.
mptcp() { one "$1" mptcp connect ./mptcp_connect.sh -f 200000 -l 1 -d 10 -r 10; }
all() {
	local group
	for group in $GROUPS_TO_RUN; do "$group" "$1"; done
}

all without
insmod /vm/appex.ko || exit 1
printf '1\n' >"$ENGINE/subnetAccEnable"
printf '+lo\n' >"$ENGINE/wanIf"
sysctl -qw net.ipv4.tcp_congestion_control=zeta
# How many sockets zeta has at a time: each holds the module.
(while sleep 0.2; do cat /sys/module/appex/refcnt; done >/run/refcnt) &
sampler=$!
all with
kill "$sampler"
sysctl -qw net.ipv4.tcp_congestion_control=cubic
most=$(sort -n /run/refcnt | tail -n 1)
check "connections of the tests were zeta's, $most at a time" test "$most" -ge 4
# green WHICH GROUP: what was green.
green() { grep "^$2/" "$RESULTS/$1" | grep -E ': ok |: SHA256 is correct|: status 0$'; }
# as_green WHICH GROUP: what is green without the module is so in WHICH.
as_green() {
	local lost
	lost=$(comm -23 <(green without "$2" | sort) <(green "$1" "$2" | sort))
	[ -z "$lost" ] || {
		head -n 30 <<<"$lost"
		return 1
	}
}
for group in $GROUPS_TO_RUN; do
	echo "# $group: $(grep -c "^$group/" "$RESULTS/without") results without the module, $(green without "$group" | wc -l) of them green; with it" \
		"$(grep -c "^$group/" "$RESULTS/with"), $(green with "$group" | wc -l) green"
	check "$group: something is green without the module" test "$(green without "$group" | wc -l)" -gt 0
	check "$group: what is green without the module is green with it" as_green with "$group"
	# Without its first one: the comparison can be red.
	awk -v group="^$group/.*: (ok |status 0$)" '!done && $0 ~ group { done = 1; next } { print }' "$RESULTS/without" >"$RESULTS/one-less"
	one_less_is_seen() { ! as_green one-less "$group"; }
	check "$group: one that is missing would be noticed" one_less_is_seen
	diff <(grep "^$group/" "$RESULTS/without") <(grep "^$group/" "$RESULTS/with") | head -n 40 | sed 's/^/# /'
done
check "the module unloads" until_true 60 rmmod appex
if [ -n "${KEEP_OUTPUT-}" ]; then for f in "$RESULTS"/*.out; do echo "=== $f"; tail -n "$KEEP_OUTPUT" "$f"; done; fi
finish
