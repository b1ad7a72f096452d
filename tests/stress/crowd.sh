#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest half of tests/stress/smp crowd: RECONNECTS connections one after the other, sixteen at a time, and FLOWS at once,
# all of them accelerated, with readers beside them. Every byte is compared; what they held is given back.
# Sabotage: the server sends a wrong byte in each connection.
set -u
. tests/vm/lib/suite.sh

reconnects=${RECONNECTS:-100000} flows=${FLOWS:-10000} nic=$(nic 0)
begin "$nic"
path_up 0 100 4 0.1 || exit 1
client 0 sysctl -qw net.ipv4.ip_local_port_range='1024 65535' net.ipv4.tcp_tw_reuse=1
# TIME_WAIT is of the kernel's making: its sockets are bounded here, so that they do not hide what is ours.
sysctl -qw net.core.somaxconn=4096 net.ipv4.tcp_max_syn_backlog=4096 net.ipv4.tcp_max_tw_buckets=2000
client 0 sysctl -qw net.ipv4.tcp_max_tw_buckets=2000
sabotage=()
if sabotaged; then sabotage=(env CROWD_LIES=1); fi
"${sabotage[@]}" /vm/crowd serve 7000 8 4 &

readers() {
	until [ -e /run/enough ]; do
		cat "$ENGINE/stats" "$ENGINE/flows" >/dev/null || return 1
		ss -tin >/dev/null
		sleep 1
	done
}
# slabs: the kernel's caches and what each takes, kB
slabs() { awk 'NR > 2 { print $1, int($3 * $4 / 1024) }' /proc/slabinfo | sort; }
settled() { no_orphans && [ "$(counter NumOfFlows)" -lt 50 ]; }
# crowd NAME COMMAND...: in the background, its lines in /run/crowd.NAME
crowd() {
	local name=$1
	shift
	client 0 /vm/crowd "$@" >"/run/crowd.$name" 2>&1
}
result() { tail -n 1 "/run/crowd.$1"; }

check "it loads" modprobe appex
engine_write wanIf "+$nic"
crowd warm reconnect 10.8.0.1 7000 8 500 16 4000
engine_write cmd "flowShortTimeout: 1000"
until_true 60 settled
before=$(kernel_kb)
slabs >/run/slabs.before
adopted=$(counter SocketsAdopted)
background readers readers

crowd four reconnect 10.8.0.1 7000 8 $((reconnects / 2)) 16 4000
echo "# IPv4: $(result four)"
same "$((reconnects / 2)) connections over IPv4, 16 at a time, each whole" "$((reconnects / 2)) whole, 0 failed" "$(result four | cut -d, -f1,2)"
crowd six reconnect fd80::1 7000 8 $((reconnects / 2)) 16 4000
echo "# IPv6: $(result six)"
same "$((reconnects / 2)) connections over IPv6, 16 at a time, each whole" "$((reconnects / 2)) whole, 0 failed" "$(result six | cut -d, -f1,2)"
adopted=$(($(counter SocketsAdopted) - adopted))
check "nearly all of them were taken over ($adopted)" test "$adopted" -ge $((reconnects * 9 / 10))

# Two rounds of 2000 bytes on each of them.
background hold crowd hold hold 10.8.0.1 7000 8 "$flows" 2 2000
held() { grep -q '^held' /run/crowd.hold; }
check "$flows connections at once are established" until_true 600 held
until_true 300 sh -c "[ \"\$(awk '/^NumOfAccFlows/ { print \$3 }' $ENGINE/stats)\" -ge $((flows * 9 / 10)) ]"
most=$(counter NumOfAccFlows)
check "$most of them are accelerated" test "$most" -ge $((flows * 9 / 10))
until_true 1200 test -e "$STATE/hold"
echo "# at once: $(result hold)"
same "each of them answered twice, whole" "$((flows * 2)) whole, 0 failed" "$(result hold | cut -d, -f1,2)"
touch /run/enough
check "readers could read all the time" awaited readers

check "all flows are forgotten" until_true 120 settled
after=$(kernel_kb)
echo "# $((after - before)) kB more of the kernel's memory than before; caches that grew most:" \
	"$(join /run/slabs.before <(slabs) | awk '{ print $3 - $2, $1 }' | sort -rn | head -n 5 | xargs)"
check "memory is given back, but for 8 MB ($((after - before)) kB)" test $((after - before)) -le 8192
check "nobody holds the module" until_true 10 nobody_uses appex
check "it unloads" timeout 30 rmmod appex
check "nothing of it is loaded" stopped
finish
