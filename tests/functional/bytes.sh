#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Every byte of transfers over paths that lose, reorder, duplicate and damage is compared with what was sent:
# BYTES_EACH on each of four connections at once for each path, in frames of FRAME_BYTES. Says how many there were (make stress).
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES_EACH=${BYTES_EACH:-2000000}
FRAME_BYTES=${FRAME_BYTES:-1500}
CONNECTIONS=4
topology
slow_path 20ms 100mbit
serving 5001 "$BYTES_EACH"
require
attach
# Damage must be found by the receiver's TCP, so nobody may vouch for the checksum before.
single_segments wan0
ethtool -K wan0 tx off >/dev/null
ip netns exec cli ethtool -K cli0 tx off rx off >/dev/null
ip link set wan0 mtu "$FRAME_BYTES"
for device in cli0 ifb0; do client ip link set "$device" mtu "$FRAME_BYTES"; done
# What is lost is TCP's, not the answers to who has an address.
ip neigh replace 10.9.0.2 lladdr "$(client cat /sys/class/net/cli0/address)" dev wan0 nud permanent
client ip neigh replace 10.9.0.1 lladdr "$(cat /sys/class/net/wan0/address)" dev cli0 nud permanent

# The way of the data, and that of the acknowledgements.
paths() {
	cat <<-'PATHS'
		clean;rate 500mbit delay 5ms;delay 5ms
		loss 10 %;rate 100mbit delay 20ms loss 10%;delay 20ms
		loss 30 %;rate 100mbit delay 20ms loss 30%;delay 20ms
		loss 20 %, also of acknowledgements;rate 50mbit delay 50ms loss 20%;delay 50ms loss 20%
		bursts of loss;rate 100mbit delay 50ms loss gemodel 2% 20%;delay 50ms
		a quarter overtakes;rate 50mbit delay 25ms reorder 75% gap 3;delay 25ms
		jitter;rate 50mbit delay 30ms 20ms;delay 30ms 20ms
		every twentieth twice;rate 100mbit delay 20ms duplicate 5%;delay 20ms duplicate 5%
		one in fifty damaged;rate 100mbit delay 20ms corrupt 2%;delay 20ms corrupt 2%
		all of it;rate 50mbit delay 40ms 20ms loss 3% duplicate 2% corrupt 1% reorder 90%;delay 40ms 10ms loss 2% duplicate 2% corrupt 1%
		half a second, a queue of twenty;rate 20mbit delay 300ms limit 1600;delay 300ms
		a queue of ten packets;rate 20mbit delay 5ms limit 30;delay 5ms
	PATHS
}
# Fails unless each of the connections brings each byte.
transfer() {
	local i pids=() status=0
	for ((i = 0; i < CONNECTIONS; i++)); do
		ip netns exec cli python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 "$BYTES_EACH" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || status=1; done
	return "$status"
}
total=0
while IFS=';' read -r name there back; do
	# shellcheck disable=SC2086 # words
	if ! client tc qdisc replace dev ifb0 root netem limit 20000 $there || ! client tc qdisc replace dev cli0 root netem limit 20000 $back; then
		not_ok "$name: there is such a path" "$there; $back"
		continue
	fi
	check "$name: all is as it was sent" transfer
	total=$((total + CONNECTIONS * BYTES_EACH))
done < <(paths)
echo "# $total bytes"
# A server that sends something else.
KEY=0x5BD7 python3 "$HERE/traffic.py" serve 5002 "$BYTES_EACH" >/dev/null &
until_true 10 sh -c 'ss -tlnH | grep -q :5002'
refuse "other bytes than were sent are noticed" client python3 "$HERE/traffic.py" fetch 10.9.0.1 5002 "$BYTES_EACH"
errors=$({ nstat -asz TcpInCsumErrors; client nstat -asz TcpInCsumErrors; } | awk '/InCsumErrors/ { n += $2 } END { print n }')
at_least "damaged segments reached TCP" 10 "$errors"
at_least "all connections were accelerated" $((12 * CONNECTIONS)) "$(stat_of SocketsAdopted)"
same "none of these paths makes a receiver a liar" 0 "$(stat_of SocketsBounded)"
if [ "$BYTES_EACH" -ge 20000000 ]; then
	at_least "though most were asked" $((12 * CONNECTIONS)) "$(stat_of WithheldPackets)"
fi
check "no flow is left" until_true 30 sh -c "grep -q '^NumOfAccFlows = 0' $PROC/stats"
check "the module unloads" rmmod appex
finish
