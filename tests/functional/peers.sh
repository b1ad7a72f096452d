#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Receivers that obey no rule (peer.py), each behind a bottleneck of its own, beside a download that has to arrive whole.
# The sender must not send more than twice what the path delivers, and has to go on.
#
#   server 10.7.0.1 wan1 --- mid0 [mid] mid1: tbf --- peer0 [peer] 10.7.1.2, raw packets only
#
# RECEIVERS names the behaviours (make stress: all), and with AGAINST the kernel's own congestion controls meet them first.
# LIARS acknowledge what never came. They are found out when a segment is withheld from them, and are bounded then: over
# LIE_SECONDS, as the first segment is withheld after six to twelve megabytes only, they get no more than twice what arrives, either.
# HONEST_BYTES is what an honest peer has to get in 25 seconds.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

SECONDS_EACH=${SECONDS_EACH:-2}
RECEIVERS=${RECEIVERS:-divided renege mss1 storm clocks}
LIARS=${LIARS:-early}
LIE_SECONDS=${LIE_SECONDS:-100}
AGAINST=${AGAINST:-}
RATE=10mbit QUEUE=125000

topology
slow_path 20ms 20mbit
for name in mid peer; do
	ip netns add "$name"
	ip -n "$name" link set lo up
done
ip link add wan1 type veth peer name mid0 netns mid
ip -n mid link add mid1 type veth peer name peer0 netns peer
ip addr add 10.7.0.1/24 dev wan1
ip link set wan1 up
single_segments wan1
ip -n mid addr add 10.7.0.2/24 dev mid0
ip -n mid addr add 10.7.1.1/24 dev mid1
ip -n mid link set mid0 up
ip -n mid link set mid1 up
ip -n peer link set peer0 up
for device in mid0 mid1; do ip netns exec mid ethtool -K "$device" tso off gso off gro off >/dev/null; done
ip netns exec mid sysctl -qw net.ipv4.ip_forward=1
ip route add 10.7.1.0/24 via 10.7.0.2
ip -n mid neigh replace 10.7.1.2 lladdr "$(ip netns exec peer cat /sys/class/net/peer0/address)" dev mid1 nud permanent
NEXT_HOP=$(ip netns exec mid cat /sys/class/net/mid1/address)
export NEXT_HOP
# What one peer did to the path must not be what the next one meets.
sysctl -qw net.ipv4.tcp_no_metrics_save=1 net.ipv4.tcp_retries2=3

bottleneck() { # [CHILD...]
	ip netns exec mid tc qdisc replace dev mid1 root handle 10: tbf rate "$RATE" burst 3200 limit "$QUEUE"
	[ $# = 0 ] || ip netns exec mid tc qdisc replace dev mid1 parent 10: handle 20: "$@"
}

# meet CONTROL BEHAVIOUR: what peer.py printed, in /tmp/CONTROL.BEHAVIOUR
meet() {
	case $2 in
	mute) bottleneck codel ecn ;;
	*) bottleneck ;;
	esac
	local status=0
	python3 "$HERE/peer.py" "$2" 5001 "$SECONDS_EACH" >"/tmp/$1.$2" || status=$?
	printf '# %s %s: sent, delivered, without a gap: %s\n' "$1" "$2" "$(cat "/tmp/$1.$2")"
	ip netns exec mid tc qdisc del dev mid1 root
	return "$status"
}

# field CONTROL BEHAVIOUR N
field() { cut -d' ' -f"$3" "/tmp/$1.$2"; }
sent() { field "$1" "$2" 1; }
delivered() { field "$1" "$2" 2; }
gapless() { field "$1" "$2" 3; }
within() { [ "$(sent "$1" "$2")" -le $((2 * $(delivered "$1" "$2"))) ] && [ "$(delivered "$1" "$2")" -gt 0 ]; }
# gets_on BEHAVIOUR: it receives half of what the slower one of the kernel's own gives it, or more.
gets_on() {
	local control least=
	for control in $AGAINST; do
		if [ -z "$least" ] || [ "$(gapless "$control" "$1")" -lt "$least" ]; then least=$(gapless "$control" "$1"); fi
	done
	[ "$(gapless zeta "$1")" -ge $((least / 2)) ]
}
gone() { [ -z "$(ss -tnH state all "sport = :5001" dst 10.7.1.2)" ]; }
# gives_up CONTROL: ends a connection whose peer has fallen silent, and as soon as the one before.
gives_up() {
	local begin
	meet "$1" silent
	check "\"silent\" is not sent more than twice what its path delivers by $1" within "$1" silent
	begin=$(date +%s)
	check "a silent peer is given up by $1" until_true 120 gone
	gave_up+=($(($(date +%s) - begin)))
	check "as soon as others are" [ "${gave_up[-1]}" -le $((gave_up[0] + 2)) ]
}
gave_up=()
whole_download() { [ "$(client python3 "$HERE/traffic.py" fetch 10.9.0.1 5002 3000000 | cut -d' ' -f1)" = 3000000 ]; }

traffic serve 5001 1000000000 >/dev/null &
traffic serve 5002 3000000 >/dev/null &
until_true 10 sh -c 'ss -tlnH | grep -q :5001 && ss -tlnH | grep -q :5002'

for control in $AGAINST; do
	sysctl -qw "net.ipv4.tcp_congestion_control=$control"
	for peer in honest $RECEIVERS $LIARS; do meet "$control" "$peer"; done
done
sysctl -qw net.ipv4.tcp_congestion_control=cubic
SECONDS_EACH=1 meet cubic early
refuse "what is measured here sees a sender that is too fast: cubic before who acknowledges early" within cubic early
gives_up cubic

require
put subnetAccEnable 1
put wanIf '+wan0 +wan1'
meet zeta honest
at_least "an honest peer gets its path" $((SECONDS_EACH * 500000)) "$(gapless zeta honest)"
gives_up zeta
# An honest peer long enough to be asked, and to be asked again; before the others, whose reports of the path last.
before=$(stat_of WithheldPackets)
SECONDS_EACH=25 meet zeta honest
at_least "segments are withheld from honest peers, too" $((before + 2)) "$(stat_of WithheldPackets)"
at_least "which cost them nothing that is seen" "${HONEST_BYTES:-29000000}" "$(gapless zeta honest)"
for peer in $RECEIVERS; do
	whole_download &
	beside=$!
	meet zeta "$peer"
	ended "a download beside \"$peer\" arrives whole" "$beside"
	check "\"$peer\" is not sent more than twice what its path delivers" within zeta "$peer"
	[ -z "$AGAINST" ] || check "\"$peer\" gets on as without the module" gets_on "$peer"
done
same "nobody was accused so far" 0 "$(stat_of SocketsBounded)"
bounded() { grep -q '^10.7.0.1:5001 10.7.1.2:.* mode=bounded ' "$PROC/flows"; }
caught=0
for peer in $LIARS; do
	whole_download &
	beside=$!
	seconds=$LIE_SECONDS
	# Its SACKs look like packets that overtake each other, where the question is asked eight times as rarely.
	if [ "$peer" = sackstorm ]; then seconds=$((3 * LIE_SECONDS)); fi
	SECONDS_EACH=$seconds meet zeta "$peer" &
	lying=$!
	check "\"$peer\" is found out" until_true $((2 * seconds)) bounded
	ended "a download beside \"$peer\" arrives whole" "$beside"
	ended "\"$peer\" has ended" "$lying"
	caught=$((caught + 1))
	same "it is counted" "$caught" "$(stat_of SocketsBounded)"
	check "\"$peer\" is not sent more than twice what its path delivers" within zeta "$peer"
done
check "the log tells of it" sh -c 'dmesg | grep -q "acknowledged what was never sent"'
# That what is seen above is the module's doing: without it, nobody is found out.
put cmd 'tcpFlags: 0x10000000'
before=$(stat_of WithheldPackets)
meet zeta early
refuse "who is believed is sent more" within zeta early
same "nobody is asked then" "$before $caught" "$(stat_of WithheldPackets) $(stat_of SocketsBounded)"
# 2.6 MB in a second.
put cmd 'maxAccFlowTxKbps: 20000'
meet zeta early
at_most=$((2600000 * SECONDS_EACH))
check "who acknowledges early gets no more than a connection may have" [ "$(sent zeta early)" -le "$at_most" ]
at_least "but that" $((at_most / 2)) "$(sent zeta early)"
check "no flow is left" until_true 30 sh -c "grep -q '^NumOfAccFlows = 0' $PROC/stats"
check "the module unloads" rmmod appex
finish
