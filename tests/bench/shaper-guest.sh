#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a user-mode kernel, in simulated time: what one discipline does with too much traffic. See tests/bench/shaper.
#
#   shaper-guest.sh DISCIPLINE       prints lines "KEY VALUE"
# shellcheck source=tests/functional/lib.sh
. tests/functional/lib.sh
shape() { python3 tests/functional/shape.py "$@"; }
shaped() { client python3 tests/functional/shape.py "$@"; }

# rated DISCIPLINE MBIT: on wan0, as its manual says. tbf's burst is ten milliseconds.
rated() {
	local burst=$(($2 * 1250))
	[ "$burst" -ge 5000 ] || burst=5000
	tc qdisc del dev wan0 root 2>/dev/null
	case $1 in
	appex)
		put wanKbps "$(($2 * 1000))"
		tc qdisc add dev wan0 root handle 1: appex
		;;
	cake) tc qdisc add dev wan0 root handle 1: cake bandwidth "$2mbit" besteffort ;;
	tbf-fq)
		tc qdisc add dev wan0 root handle 1: tbf rate "$2mbit" burst "$burst" limit 10000000
		tc qdisc add dev wan0 parent 1:1 handle 2: fq
		;;
	htb-fq_codel)
		tc qdisc add dev wan0 root handle 1: htb default 1
		tc class add dev wan0 parent 1: classid 1:1 htb rate "$2mbit" quantum 6000
		tc qdisc add dev wan0 parent 1:1 handle 2: fq_codel
		;;
	esac
}
flood() {
	python3 tests/functional/shape.py flood "$@" &
	flooding=$!
	sleep 1
}
calm() {
	kill "$flooding"
	wait "$flooding" 2>/dev/null
	until_true 30 sh -c "! tc -s qdisc show dev wan0 | grep backlog | grep -vq 'backlog 0b 0p'"
}
sent() { tc -s -j qdisc show dev wan0 | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["bytes"])'; }

topology >/dev/null
ip link set wan0 txqueuelen 1000
[ "$1" != appex ] || load
# Rates, frames of 1442 bytes.
for mbit in 1 20 1000 10000; do
	rated "$1" "$mbit" >/dev/null 2>&1
	flood 10.9.0.2 8 1400
	seconds=5
	[ "$mbit" -lt 1000 ] || seconds=0.5
	before=$(sent)
	sleep "$seconds"
	after=$(sent)
	awk -v bytes=$((after - before)) -v seconds="$seconds" -v mbit="$mbit" \
		'BEGIN { printf "rate-%s %.3f\n", mbit, 100 * (bytes * 8 / seconds / mbit / 1e6 - 1) }'
	calm
done
# Fairness: sixteen flows, packets of a size each.
rated "$1" 20 >/dev/null 2>&1
flood 10.9.0.2 16 150-1350
sleep 1
shaped sink 5 16 10.9.0.2 | awk '$1 >= 6000 { n++; bytes = $2 * (1 + 42 / (150 + 80 * ($1 - 6000))); sum += bytes; squares += bytes * bytes }
	END { printf "jain %.4f\n", sum * sum / n / squares }'
calm
# A packet each 20 ms beside fifty floods, then beside eight downloads.
delays() {
	shaped delays 250 >/tmp/delays 2>/tmp/ready &
	local taker=$!
	until_true 10 grep -q ready /tmp/ready
	shape probes 10.9.0.2 250 20
	wait "$taker" && echo "$1 $(</tmp/delays)"
}
flood 10.9.0.2 50 1400
delays floods
calm
traffic serve 5001 100000000 >/dev/null &
client tc qdisc replace dev cli0 root netem delay 40ms limit 100000
until_true 10 sh -c 'ss -tlnH | grep -q :5001'
for _ in 1 2 3 4 5 6 7 8; do
	client python3 tests/functional/traffic.py fetch 10.9.0.1 5001 100000000 >/dev/null 2>&1 &
	getting="${getting-} $!"
done
sleep 5
before=$(sent) from=$(date +%s%N)
delays downloads
awk -v bytes=$(($(sent) - before)) -v ns=$(($(date +%s%N) - from)) 'BEGIN { printf "filled %.1f\n", bytes * 8 / ns * 1e3 / 20 * 100 }'
# shellcheck disable=SC2086
kill $getting
