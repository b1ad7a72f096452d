#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Keys that no other test obeys: families, thresholds of the maximum transmit mode, the log.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

LONG=200000000
topology
sysctl -qw net.ipv4.tcp_wmem="4096 65536 2000000"
slow_path 40ms 20mbit
traffic serve 5001 100000 >/dev/null &
traffic serve 5007 "$LONG" >/dev/null &
until_true 30 sh -c 'ss -tlnH | grep -q :5007'
require
put wanIf wan0
put subnetAccEnable 1

# 1. One family only: the other is neither counted nor accelerated.
small() { client python3 "$HERE/traffic.py" fetch "$1" 5001 100000 >/dev/null; }
for only in ipv4Only:V6:fd00:9::1 ipv6Only:V4:10.9.0.1; do
	key=${only%%:*} family=${only#*:} family=${family%%:*} address=${only#*:*:}
	put cmd "$key: 1"
	before=$(stat_of "${family}WanOutBytes") adopted=$(stat_of SocketsAdopted)
	check "$key: the other family works" small "$address"
	same "$key=1: it is not counted" "$before" "$(stat_of "${family}WanOutBytes")"
	same "$key=1: it is not accelerated" "$adopted" "$(stat_of SocketsAdopted)"
	put cmd "$key: 0"
	small "$address"
	at_least "$key=0: it is counted" $((before + 100000)) "$(stat_of "${family}WanOutBytes")"
	at_least "$key=0: it is accelerated" $((adopted + 1)) "$(stat_of SocketsAdopted)"
done

# 2. The slow-start threshold that TCP shows, after losses.
single_segments wan0
check "packets are lost" tc qdisc replace dev wan0 root netem loss 10% limit 10000
threshold() {
	local found
	client python3 "$HERE/traffic.py" fetch 10.9.0.1 5007 "$LONG" >/dev/null 2>&1 &
	sleep 3
	found=$(ss -tinH state established "sport = :5007" | grep -o ' ssthresh:[0-9]*' | cut -d: -f2 | sort -n | tail -n 1)
	kill $!
	wait $! 2>/dev/null
	echo "${found:-0}"
}
at_least "the threshold is about the path's" "$(threshold)" 5000
put maxTxEnable 1
put cmd "maxTxMinSsThresh: 7654"
at_least "maxTxMinSsThresh bounds it from below" 7654 "$(threshold)"
put maxTxEnable 0
tc qdisc del dev wan0 root

# 3. What is logged.
# logged PATTERN COMMAND...: the kernel log has a new line with it
logged() {
	local pattern=$1
	shift
	dmesg -C
	"$@" 2>/dev/null
	dmesg | grep -q "$pattern"
}
for step in 3:refuse:refuse 4:check:refuse 6:check:check; do
	IFS=: read -r level refused changed <<<"$step"
	put logLevel "$level"
	"$refused" "logLevel=$level: whether refused values are logged" logged 'wanKbps: "fast" refused' put wanKbps fast
	"$changed" "logLevel=$level: whether changes are logged" logged 'set wanIf' put wanIf "wan$level*"
done
for feature in byteCacheEnable dataCompEnable httpCompEnable; do
	check "$feature: the log says that there is none" logged "$feature: this version has no such feature" put "$feature" 1
	same "$feature reads back" 1 "$(get "$feature")"
	refuse "switching it off says nothing" logged "no such feature" put "$feature" 0
done

check "the module can be unloaded" unload
finish
