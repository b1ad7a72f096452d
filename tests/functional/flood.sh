#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Connections that are begun and never ended, to this machine and through it, FLOOD_COUNT of them (make stress: a million),
# no two alike: the table of flows and the memory stay within their bounds, and others are served.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

COUNT=${FLOOD_COUNT:-20000}
LIMIT=${FLOOD_LIMIT:-10000}
BYTES=3000000
topology
# What is answered goes to where it seems to come from, and is dropped there.
ip route add 198.18.0.0/15 via 10.8.0.2
serving 5001 "$BYTES"
mac=$(cat /sys/class/net/lan0/address)
slow_path 20ms 50mbit

flood() { far python3 "$HERE/flood.py" far0 "$mac" "$COUNT" 10.8.0.1:5001 10.9.0.2:5001; }
whole_download() { [ "$(client python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 "$BYTES" | cut -d' ' -f1)" = "$BYTES" ]; }
# SYNs that TCP had no room for; the lab's kernel knows no SYN cookies.
overflows() { nstat -asz | awk '/^TcpExt(SyncookiesSent|TCPReqQFullDrop) / { n += $2 } END { print n }'; }

require
put subnetAccEnable 1
rest=$(cmd engine | cut -d' ' -f2-)
put cmd "engine: $LIMIT $rest"
put wanIf '+wan0 +lan0'
check "a download before arrives whole" whole_download
idle=$(kernel_kb)

whole_download &
beside=$!
flood >/tmp/taken
flows=$(stat_of NumOfFlows)
full=$(kernel_kb)
ended "a download beside the flood arrives whole" "$beside"
check "one that begins after it, too" whole_download
at_least "the flood was sent" $((COUNT * 9 / 10)) "$(cat /tmp/taken)"
at_least "it reached the server's TCP" $((COUNT / 10)) "$(overflows)"
at_least "flows of it were noted, up to the limit" $((LIMIT * 9 / 10)) "$flows"
check "and not beyond it ($flows)" [ "$flows" -le $((LIMIT + 2)) ]
# The kernel's own share, about a hundred half-open requests, neighbours and the like, is in here.
echo "# $COUNT connections begun, $flows flows, $((full - idle)) kB more than before"
check "memory is bounded: 1 kB for each flow, and 4 MB" [ $((full - idle)) -le $((LIMIT + 4096)) ]
put cmd "flowShortTimeout: 1000"
check "flows of the flood are forgotten" until_true 90 sh -c "[ \$(awk '/^NumOfFlows/ { print \$3 }' $PROC/stats) -lt 20 ]"
after=$(kernel_kb)
check "and their memory is given back ($((after - idle)) kB)" [ $((after - idle)) -le 4096 ]
adopted() { [ "$(stat_of NumOfAccFlows)" -gt 0 ]; }
whole_download &
beside=$!
check "connections are accelerated again" until_true 30 adopted
ended "and whole" "$beside"
check "the module unloads" rmmod appex
finish
