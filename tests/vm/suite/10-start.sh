#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Start on a plain server, downloads over IPv4 and IPv6, statistics, stop, nothing left behind.
# Sabotage: a served file differs from what was announced, and one setting is changed while it runs.
set -u
. tests/vm/lib/suite.sh

begin "$(nic 0)"
path_up 0 20 60 1 || exit 1
machine_state >/run/before

check "start succeeds" lotserver start
check "lsmod shows appex and its statistics are readable" running
same "wanIf holds the configured interface" "$(nic 0)" "$(xargs <"$ENGINE/wanIf")"
same "status says running and nothing on standard error" "LotServer is running!" \
	"$({ "$LOTSERVER" status 2>&1 >&3 | sed 's/^/error: /'; } 3>&1 | grep -E 'LotServer is running|^error')"
same "there is one engine for each processor" "$(nproc)" "$(find /proc/net/ -maxdepth 1 -name "appex*" | wc -l)"
same "a second start is refused with exit status 1" 1 "$(lotserver start >/dev/null; echo $?)"

# Every line of the statistics is NAME = INTEGER; scripts evaluate them.
same "every statistics line is NAME = INTEGER" "" "$(cat /proc/net/appex*/stats | grep -vE '^[A-Za-z0-9]+ = [0-9]+$')"
for name in NumOfFlows NumOfTcpFlows NumOfAccFlows NumOfActFlows WanInBytes WanOutBytes LanInBytes LanOutBytes \
	V4NumOfFlows V6NumOfFlows V4WanOutBytes V6WanOutBytes V4LanInBytes V6LanInBytes; do
	check "statistics have $name" test -n "$(counter $name)"
done

if sabotaged; then
	printf x >>"$HTTP_ROOT/bulk"
fi
for family in 4 6; do
	before=$(counter "V${family}WanOutBytes") incoming=$(counter "V${family}WanInBytes")
	background "get$family" http_get 0 "$family" bulk
	check "IPv$family: the connection is adopted (ss -ti shows zeta)" until_true 20 all_are zeta 0
	flows=$(counter "V${family}NumOfAccFlows")
	check "IPv$family: it is counted as an accelerated flow" test "$flows" -ge 1
	check "IPv$family: the download arrives unchanged" awaited "get$family"
	sent=$(($(counter "V${family}WanOutBytes") - before)) received=$(($(counter "V${family}WanInBytes") - incoming))
	# 3,000,000 bytes of data: headers, retransmissions of 1 % loss and no more than a quarter on top.
	check "IPv$family: WanOutBytes grew by the download's size" test "$sent" -ge 3000000 -a "$sent" -le 3750000
	check "IPv$family: WanInBytes grew by acknowledgements only" test "$received" -ge 10000 -a "$received" -le 600000
	check "IPv$family: a short response arrives unchanged" http_get 0 "$family" short
done

check "stop succeeds" lotserver stop
check "nothing of it is loaded" stopped
same "stop while stopped exits with status 1" 1 "$(lotserver stop >/dev/null; echo $?)"
check "a download works after stop" http_get 0 4 short
# The kernel looks for the name with RTNL held, which loading takes: modprobe would wait for ip, and ip for modprobe.
same "a route that asks for zeta is refused at once, and does not load it" "2 stopped" \
	"$(timeout 20 ip route add 192.0.2.0/24 dev "$(nic 0)" congctl zeta >/dev/null 2>&1; echo -n "$? "; stopped && echo stopped)"
if sabotaged; then sysctl -qw net.ipv4.tcp_sack=0; fi
machine_state >/run/after
same "offloads, queueing disciplines, settings and modules are as before" "$(cat /run/before)" "$(cat /run/after)"
finish
