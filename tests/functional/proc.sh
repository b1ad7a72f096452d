#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# /proc/net/appex: files, defaults, reading, writing, refusing.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

topology
require engines=2

# 1. Everything is there, for each engine, owned by root, world-readable.
for dir in "$PROC" "${PROC}1"; do
	for file in wanIf lanIf tcpAccEnable trackRandomLoss advAccEnable conservMode \
		subnetAccEnable maxTxEnable shaperEnable wanKbps wanInKbps pcapEnable \
		byteCacheEnable dataCompEnable httpCompEnable hostFairEnable voipAccEnable \
		engSysEnable wanRateAutoDetect wanBurstBytes wanInBurstBytes voipSkipPackets \
		hostFairTcpAccSessNum hostFairTcpActSessNum hostFairUdpSessNum \
		version stats cmd ioctl engine hz logLevel byteCacheIoFails; do
		check "$dir/$file is readable by everyone" \
			setpriv --reuid 65534 --clear-groups cat "$dir/$file"
	done
done
refuse "there is no third engine" test -e "${PROC}2"
same "settings are 0644 root" "644 0 0" "$(stat -c '%a %u %g' "$PROC/wanKbps")"
same "stats is 0644 root or read-only" "0" "$(stat -c '%u' "$PROC/stats")"

# 2. Every key of cmd is there.
for key in initialCwndWan maxCwndWan initialCwndLan maxAdvWinWan maxAdvWinLan \
	maxTxEffectiveMS maxTxMinSsThresh maxAccFlowTxKbps bypassOverFlows l2wQLimit \
	w2lQLimit retranWaitListMS halfCwndMinSRtt halfCwndLossRateShift halfCwndLowLimit \
	tcpOnly smBurstMS smBurstMin smBurstTolerance ultraBoostWin minSsThresh \
	dbcRttThreshMS smMinKbps rsc gso txCongestObey tcpFlags taskSchedDelay \
	flowShortTimeout shrinkPacket lanSegment lanSegmentV6 ipv4Only ipv6Only udptun \
	shortRttBypass shortRttMS synRetranMS mpoolMaxCache lttMaxDelayMS engine \
	displayLevel p2pPriorities wanState; do
	check "cmd lists $key" grep -Eq "^$key(\([^)]*\))?:" "$PROC/cmd"
done
same "initialCwndWan is 22 by default" 22 "$(cmd initialCwndWan)"
same "retranWaitListMS is 32 by default" 32 "$(cmd retranWaitListMS)"
same "l2wQLimit is '256 2048' by default" "256 2048" "$(cmd l2wQLimit)"

# 3. What is written reads back.
roundtrip() { # FILE VALUE
	put "$1" "$2"
	same "$1 keeps $2" "$2" "$(get "$1")"
}
for file in tcpAccEnable trackRandomLoss advAccEnable conservMode subnetAccEnable \
	maxTxEnable shaperEnable; do
	roundtrip "$file" 0
	roundtrip "$file" 1
done
roundtrip wanKbps 1000000
roundtrip wanInKbps 20000
roundtrip_cmd() { # KEY VALUE
	put cmd "$1: $2"
	same "cmd keeps $1: $2" "$2" "$(cmd "$1")"
}
roundtrip_cmd initialCwndWan 44
roundtrip_cmd initialCwndLan 1024
roundtrip_cmd l2wQLimit "512 4096"
roundtrip_cmd tcpFlags 0x0
roundtrip_cmd minSsThresh "8 24"
roundtrip_cmd taskSchedDelay "0 0"
roundtrip_cmd retranWaitListMS 32
put cmd "tcpFlags: 2048"
same "tcpFlags written in decimal is shown in hex" 0x800 "$(cmd tcpFlags)"
same "the other engine has settings of its own" 22 \
	"$(sed -n 's/^initialCwndWan: //p' "${PROC}1/cmd")"

# 4. What is wrong is refused, named in the log, and changes nothing.
refused() { # FILE VALUE
	local before after
	before=$(get "$1")
	dmesg -C
	refuse "$1 refuses '${2:0:40}'" put "$1" "$2"
	after=$(get "$1")
	same "$1 is unchanged by '${2:0:40}'" "$before" "$after"
	check "the log names $1" sh -c "dmesg | grep -q '$1'"
}
refused tcpAccEnable 2
refused tcpAccEnable -1
refused tcpAccEnable on
refused wanKbps 99999999999999999999999
refused wanKbps "10 20"
refused wanKbps 0x10
sleep 6 # the log is rate-limited: begin a new period
refused cmd "noSuchKey: 1"
refused cmd "initialCwndWan"
refused cmd "initialCwndWan: many"
refused cmd "l2wQLimit: 256"
refused cmd "tcpFlags: 0xzz"
refuse "an over-long write is refused" sh -c "head -c 5000 /dev/zero | tr '\\0' 1 >$PROC/wanKbps"
sleep 6
dmesg -C
for _ in $(seq 100); do put wanKbps bad 2>/dev/null; done
lines=$(dmesg | grep -c wanKbps)
if [ "$lines" -ge 1 ] && [ "$lines" -le 20 ]; then
	ok "a hundred refusals do not flood the log"
else
	not_ok "a hundred refusals do not flood the log" "$lines lines"
fi
at_least "refusals are counted" 100 "$(stat_of RejectedWrites)"

# 5. Only CAP_NET_ADMIN writes, whatever the file's mode says. The lab's kernel has no user namespaces: tests/vm/suite/65-users.sh.
refuse "another user cannot write" setpriv --reuid 65534 --clear-groups sh -c "echo 1 >$PROC/wanKbps"
refuse "root without CAP_NET_ADMIN cannot write" \
	setpriv --bounding-set -net_admin --inh-caps -net_admin sh -c "echo 1 >$PROC/wanKbps"

# 6. Reads of any length and offset.
whole=$(cat "$PROC/cmd")
same "byte by byte reads the same" "$whole" "$(dd if="$PROC/cmd" bs=1 2>/dev/null)"
same "by seven bytes reads the same" "$whole" "$(dd if="$PROC/cmd" bs=7 2>/dev/null)"
same "an offset inside reads the rest" "$(tail -c +101 <<<"$whole")" \
	"$(dd if="$PROC/cmd" bs=1 skip=100 2>/dev/null)"
same "an offset beyond the end reads nothing" "" "$(dd if="$PROC/cmd" bs=1 skip=1000000 count=5 2>/dev/null)"

# 7. stats is what the scripts parse.
check "every line of stats is NAME = INTEGER" \
	sh -c "! grep -vE '^[A-Za-z0-9]+ = [0-9]+\$' $PROC/stats"
for name in NumOfFlows NumOfTcpFlows NumOfAccFlows NumOfActFlows WanInBytes WanOutBytes \
	LanInBytes LanOutBytes; do
	for prefix in "" V4 V6; do
		same "stats has $prefix$name once" 1 "$(grep -c "^$prefix$name = " "$PROC/stats")"
	done
done
check "stats has NfBypass" grep -q '^NfBypass = ' "$PROC/stats"

# 8. Interface lists.
put wanIf "+wan0"
same "+wan0 is attached" wan0 "$(get wanIf)"
put wanIf "+lan0"
same "+lan0 is added" "wan0 lan0" "$(get wanIf)"
put wanIf "-wan0"
same "-wan0 is removed" lan0 "$(get wanIf)"
for bad in '$+ppp0' '+a/b' '+interfacenameistoolong' '-'; do
	refuse "wanIf refuses $bad" put wanIf "$bad"
	same "wanIf is unchanged by $bad" lan0 "$(get wanIf)"
done
put wanIf "wan0 lan0"
same "a bare list is taken" "wan0 lan0" "$(get wanIf)"
put wanIf ""
same "an empty write detaches all" "" "$(get wanIf)"

# 9. Many readers and writers at once, and a reader while the module goes.
for i in 1 2 3; do
	(for _ in $(seq 60); do cat "$PROC/stats" "$PROC/cmd" "$PROC/wanIf" >/dev/null; done) &
	(for n in $(seq 60); do put cmd "initialCwndWan: $((20 + n + i))"; put wanIf "+wan0"; put wanIf ""; done) &
done
wait
check "concurrent readers and writers leave a value that was written" \
	awk "BEGIN { exit !($(cmd initialCwndWan) >= 21 && $(cmd initialCwndWan) <= 83) }"
(while cat "$PROC/stats" >/dev/null 2>&1; do :; done) &
exec 9<"$PROC/cmd"
check "the module goes while files are open and read" unload
refuse "an open file of a gone module reads an error or nothing" grep -q . <&9
exec 9<&-
wait
refuse "the directory is gone" test -e "$PROC"
check "it can be loaded again" load
unload
refuse "engines=0 is refused" load engines=0
refuse "engines=65 is refused" load engines=65
finish
