#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Each allocation of each operation fails once, one after the other: what was asked for is refused as a whole or
# done, connections stay as they were or are taken over, and everything works afterwards. Needs a kernel with
# CONFIG_FAULT_INJECTION (both debug kernels).
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=200000
topology
quiet_faults

# faulty NAME LEAST OPERATION...: at least LEAST allocations have to be met, or nothing was tested.
faulty() {
	local name=$1 least=$2 out status=0
	shift 2
	out=$(python3 "$HERE/faults.py" "$@" 2>&1) || status=$?
	if [ "$status" = 0 ] && [ "${out%% *}" -ge "$least" ] 2>/dev/null; then
		ok "$name ($out)"
	else
		not_ok "$name" "status $status, at least $least wanted: $out"
	fi
}
gone() { ! lsmod | grep -q '^appex ' && [ ! -e "$PROC" ]; }

faulty "loading is refused or done" 50 load "$APPEX_KO"
check "nothing is left of it" gone
faulty "unloading is refused or done" 0 unload "$APPEX_KO"
check "nothing is left of that either" gone
require
put subnetAccEnable 1
faulty "attaching an interface" 1 write "$PROC/wanIf" +wan0 -wan0
put wanIf +wan0
faulty "a list of networks" 1 write "$PROC/cmd" "lanSegment: 0A090000/24 0A080000/24" "lanSegment: "
faulty "a line of cmd" 1 write "$PROC/cmd" "initialCwndWan: 30"
faulty "a rule" 1 write "$PROC/rules" "+to=203.0.113.0/24 off" "-to=203.0.113.0/24 off"
for file in stats cmd wanIf rules flows; do faulty "reading $file" 1 read "$PROC/$file"; done
same "the settings are as written" 30 "$(cmd initialCwndWan)"
same "no rule is left" "" "$(get rules)"

# Connections, each with the next allocation of its server failed.
python3 "$HERE/faults.py" serve 5001 "$BYTES" >/tmp/serve 2>&1 &
server=$!
until_true 30 grep -q ready /tmp/serve
whole=0 broken=0
while kill -0 "$server" 2>/dev/null; do
	if client timeout 60 python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 "$BYTES" >/tmp/fetched 2>&1; then
		whole=$((whole + 1))
	else
		sleep 0.2
		kill -0 "$server" 2>/dev/null && broken=$((broken + 1))
	fi
done
wait "$server"
same "the server got through" 0 $?
at_least "downloads with a fault each arrived whole ($(tail -n 1 /tmp/serve))" 20 "$whole"
same "and none did not" 0 "$broken"
at_least "sockets were adopted meanwhile" 10 "$(stat_of SocketsAdopted)"

faulty "attaching the shaper" 5 qdisc lan0
check "the interface has its own discipline again" sh -c '! tc qdisc show dev lan0 | grep -q appex'
traffic serve 5002 "$BYTES" >/dev/null &
until_true 30 sh -c 'ss -tlnH | grep -q :5002'
check "a download afterwards arrives whole" client python3 "$HERE/traffic.py" fetch 10.9.0.1 5002 "$BYTES"
check "the module unloads" rmmod appex
finish
