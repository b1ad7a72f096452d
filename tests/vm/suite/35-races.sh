#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# processors: 4
# Everything at once for RACE_SECONDS (15; make stress: minutes): being taken over and handed back, interfaces attached and
# detached, settings, rules, reload, readers, connections that begin, end and are reset, servers that are killed, an
# outage now and then with its timers, and loading and unloading.
# Sabotage: the server sends a wrong byte, and a process holds the module.
set -u
. tests/vm/lib/suite.sh

nic=$(nic 0)
seconds=${RACE_SECONDS:-15}
begin "$nic"
MBIT=10 DELAY_MS=20 # slow, so that the emulated processors are left to the race
path_up 0 $MBIT $DELAY_MS 1 || exit 1
client 0 sysctl -qw net.ipv4.ip_local_port_range='1024 65535' net.ipv4.tcp_tw_reuse=1
sysctl -qw net.ipv4.tcp_allowed_congestion_control="$(cat /proc/sys/net/ipv4/tcp_available_congestion_control)"

enough() { [ -e /run/enough ]; }
# crowds NAME HOST COMMAND...: crowds one after the other, their last lines kept.
crowds() {
	local name=$1 command=$2
	shift 2
	until enough; do
		client 0 /vm/crowd "$command" "$@" || sleep 0.1
	done >"/run/crowd.$name" 2>&1
}
# sum NAME WORD: of all crowds of that name, the connections that were WORD (whole or failed).
sum() { awk -v word="$2" '/ whole, / { n += word == "whole" ? $1 : $3 } END { print n + 0 }' "/run/crowd.$1"; }
# Killed while it serves; what its clients see is not judged.
victims() {
	until enough; do
		timeout -s KILL "$((RANDOM % 3 + 1))" /vm/crowd serve 7100 1 1
	done
} >/dev/null 2>&1
# Long enough for timers of retransmission.
outages() {
	local count=0
	until enough; do
		sleep 5
		path_set 0 $MBIT $DELAY_MS 100
		sleep 0.7
		path_set 0 $MBIT $DELAY_MS 1
		count=$((count + 1))
	done
	echo "$count done, 0 refused"
}
# ss reads each socket's congestion control under its lock.
look() {
	local count=0
	until enough; do
		ss -tin >/dev/null
		count=$((count + 1))
	done
	echo "$count done, 0 refused"
}
# Loads it, lets it live for up to two seconds, unloads it. A socket that asked for zeta by name holds it for a moment.
lives() {
	local count=0 adopted=0 longest=0 began took tries held=0 sockets adoptions=0
	until enough; do
		modprobe appex engines=2 || return 1
		until_true 10 test -e "$ENGINE/wanIf" || return 1
		engine_write wanIf "+$nic" || return 1
		sleep "$((RANDOM % 2)).$((RANDOM % 10))"
		sockets=$(counter SocketsAdopted)
		adoptions=$((adoptions + sockets))
		[ "$sockets" = 0 ] || adopted=$((adopted + 1))
		# Refused at once while a socket holds it by name, else it goes or is stuck.
		for ((tries = 0; ; tries++)); do
			began=$(date +%s%N)
			! timeout "$RMMOD_SECONDS" rmmod appex 2>/run/rmmod.out || break
			if ! grep -q 'in use' /run/rmmod.out || [ "$tries" -ge 200 ]; then
				echo "rmmod failed, try $tries: $(cat /run/rmmod.out)"
				return 1
			fi
			sleep 0.05
		done
		took=$((($(date +%s%N) - began) / 1000000))
		[ "$took" -le "$longest" ] || longest=$took
		[ "$tries" = 0 ] || held=$((held + 1))
		count=$((count + 1))
	done
	echo "$count lives, in $adopted of them $adoptions connections were taken over; sockets held it at the end of $held;" \
		"the longest unload took $longest ms"
	# On busy processors a life takes up to ten seconds, of which the module waits none.
	[ "$count" -gt $((seconds / 30)) ] && [ "$adopted" -ge $((count / 8)) ]
}
# On idle processors it takes some milliseconds; an emulated one may be away for seconds.
RMMOD_SECONDS=30

everybody=(read settings reload handback attach sockets)
race() { # SECONDS
	local kind
	rm -f /run/enough
	background victims victims
	background outages outages
	background look look
	background lives lives
	for kind in "${everybody[@]}"; do background "$kind" python3 tests/vm/suite/racer.py "$kind" "$nic"; done
	background hold crowds hold hold 10.8.0.1 7000 4 20 3 60000
	background new4 crowds new4 reconnect 10.8.0.1 7000 4 100 6 4000
	background new6 crowds new6 reconnect fd80::1 7000 4 100 6 4000
	background doomed crowds doomed reconnect 10.8.0.1 7100 1 40 4 20000
	sleep "$1"
	touch /run/enough
	for kind in victims outages look hold new4 new6 doomed; do awaited "$kind" >/dev/null; done
}

sabotage=()
if sabotaged; then sabotage=(env CROWD_LIES=1); fi
"${sabotage[@]}" /vm/crowd serve 7000 4 2 &
# Once for all that is allocated once.
race 3
awaited lives >/dev/null
until_true 60 no_orphans
before=$(kernel_kb)
rm -f "$STATE"/*
race "$seconds"

if sabotaged; then
	modprobe appex
	python3 tests/vm/suite/hold.py zeta /run/held &
	until_true 30 test -e /run/held
fi
check "loading and unloading goes on, no unload is stuck" awaited lives
sed 's/^/# /' "$STATE/lives.out"
# An outage takes six seconds, and on busy emulated processors, with checks in the kernel, three times that.
for kind in "${everybody[@]}" look outages; do
	check "$kind: it races to the end" awaited "$kind"
	done=$(awk '/ done, / { print $1 }' "$STATE/$kind.out")
	echo "# $kind: $(cat "$STATE/$kind.out")"
	check "$kind: it got through its steps ($done)" test "${done:-0}" -ge $((seconds / 30 + 1))
done
for name in hold new4 new6; do
	whole=$(sum $name whole)
	check "$name: $whole transfers arrived whole" test "$whole" -ge $((seconds / 20 + 1))
	same "$name: none failed" 0 "$(sum $name failed)"
	[ "$(sum $name failed)" = 0 ] || grep -vE 'whole,|^held' /run/crowd.$name | sort | uniq -c | sed 's/^/# /'
done
echo "# doomed: $(sum doomed whole) whole, $(sum doomed failed) ended with their server"

# Whatever was counted in has to be counted out while it is still loaded.
check "it loads once more" modprobe appex
check "nobody holds it" until_true 10 nobody_uses appex
check "it unloads" timeout "$RMMOD_SECONDS" rmmod appex
check "nothing of it is loaded" stopped
until_true 60 no_orphans
after=$(kernel_kb)
echo "# $((after - before)) kB more of the kernel's memory than before"
check "memory is bounded: not 8 MB more than before ($((after - before)) kB)" test $((after - before)) -le 8192
nothing_leaked
finish
