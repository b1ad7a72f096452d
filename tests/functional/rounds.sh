#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# ROUNDS (20; make stress: 80; with LONG=1: 1000) of loading, attaching, a download by IPv4 or IPv6 that is accelerated, and unloading,
# every second time while another connection goes on. On the kernel with kmemleak the lab looks for leaks afterwards
# (tests/lab/init.sh); what is lost but still referred to shows in what the kernel has allocated.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${ROUNDS:-20}
BYTES=200000
topology
serving 5001 "$BYTES"

# A download accelerated from beginning to end.
fetched() { client python3 "$HERE/traffic.py" fetch "$1" 5001 "$BYTES" >/tmp/fetched 2>&1; }
# round NUMBER: prints what was wrong with it.
round() {
	local from=10.9.0.1 held=
	if [ $(($1 % 4)) -ge 2 ]; then from=fd00:9::1; fi
	load || { echo "it does not load" && return; }
	attach || { echo "it does not attach" && return; }
	if [ $(($1 % 2)) = 1 ]; then
		hold
		fetched "$from" &
		held=$!
		until_true 30 adopted || echo "nothing is accelerated"
	elif ! fetched "$from"; then
		cat /tmp/fetched
	fi
	sockets=$((sockets + $(stat_of SocketsAdopted)))
	rmmod appex || echo "it does not unload"
	[ -z "$held" ] || released "$held" || cat /tmp/fetched
}
adopted() { [ "$(stat_of SocketsAdopted)" -gt 0 ]; }

sockets=0
for ((number = 0; number < rounds; number++)); do
	[ "$number" != 4 ] || before=$(kernel_kb)
	round "$number" >/tmp/wrong
	[ ! -s /tmp/wrong ] || break
done
same "$rounds rounds of load, download, unload: nothing goes wrong" "$rounds " "$number $(cat /tmp/wrong)"
at_least "each connection was accelerated" "$rounds" "$sockets"
after=$(kernel_kb)
check "and no memory is lost" [ $((after - before)) -le 1024 ]
echo "# $((after - before)) kB more of the kernel's memory than the $before kB after four rounds"
finish
