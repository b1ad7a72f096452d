#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# 40 rounds (make stress: 80; with LONG=1: 1000) of load and unload under traffic, with readers and writers of the engine's files at work.
# The module is loaded directly: the control script adds nothing to this race but time.
# Sabotage: a process holds a connection that asked for zeta by name, which keeps the module in use.
set -u
. tests/vm/lib/suite.sh

begin "$(nic 0)"
path_up 0 10 20 0.2 || exit 1 # slow, so that the emulated processors are left to the rounds
wan=$(nic 0)
rounds=${ROUNDS:-40}
if sabotaged; then rounds=3; fi

# Downloads one after the other, both families, until told to end. Each one is compared.
traffic() {
	local count=0
	while [ ! -e /run/enough ]; do
		http_get 0 "$1" short >/dev/null || return 1
		http_get 0 "$1" bulk >/dev/null || return 1
		count=$((count + 2))
	done
	echo "$count downloads"
	[ "$count" -ge 4 ]
}
# Errors of these are right, as files come and go; the kernel's log is what is watched.
readers() {
	while [ ! -e /run/enough ]; do
		cat "$ENGINE/stats" "$ENGINE/cmd" "$ENGINE/wanIf" >/dev/null 2>&1
		dd if="$ENGINE/stats" of=/dev/null bs=7 2>/dev/null
		sleep 0.05
		echo "initialCwndWan: $((RANDOM % 100 + 4))" 2>/dev/null >"$ENGINE/cmd"
	done
} 2>/dev/null

background traffic4 traffic 4
background traffic6 traffic 6
background readers readers
adopted=0 failed=''
for ((round = 1; round <= rounds; round++)); do
	modprobe appex engines=2 || { failed="load in round $round" && break; }
	until_true 5 test -e "$ENGINE/wanIf" || { failed="no $ENGINE in round $round" && break; }
	engine_write wanIf "+$wan" || { failed="attach in round $round" && break; }
	# Every fourth round lives long enough to adopt, the others race with the first packets.
	[ $((round % 4)) != 0 ] || sleep 0.3
	[ "$(counter NumOfAccFlows)" = 0 ] || adopted=$((adopted + 1))
	if sabotaged; then
		python3 tests/vm/suite/hold.py zeta /run/held &
		until_true 30 test -e /run/held
	fi
	rmmod appex 2>/run/rmmod.out || { failed="unload in round $round: $(cat /run/rmmod.out)" && break; }
done
touch /run/enough
same "$rounds rounds of load and unload under traffic" "" "$failed"
check "connections were adopted in many of them ($adopted)" test "$adopted" -ge $((rounds / 8))
check "every IPv4 download meanwhile arrived unchanged" awaited traffic4
check "every IPv6 download meanwhile arrived unchanged" awaited traffic6
check "nothing of it is loaded" stopped
nothing_leaked
finish
