#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Broken packets by the ten thousand, towards this machine and through it, beside downloads that have to arrive whole.
# HOSTILE_COUNT of them four times (make stress: a million in all). The kernel's own complaints fail the run.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

COUNT=${HOSTILE_COUNT:-4000}
BYTES=3000000
topology
serving 5001 "$BYTES"
require
put subnetAccEnable 1
put cmd 'flowShortTimeout: 1000'
put wanIf '+wan0 +lan0'
mac_wan=$(cat /sys/class/net/wan0/address) mac_lan=$(cat /sys/class/net/lan0/address)

# flood NAMESPACE DEVICE MAC SEED: prints what was taken
flood() { ip netns exec "$1" python3 "$HERE/hostile.py" "$2" "$3" "$COUNT" "$4"; }
whole_download() { [ "$(client python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 "$BYTES" | cut -d' ' -f1)" = "$BYTES" ]; }

before=$(stat_of WanInBytes)
for seed in 1 2; do
	flood cli cli0 "$mac_wan" "$seed" >/tmp/taken.$seed &
	wan=$!
	flood far far0 "$mac_lan" "$((seed + 10))" >/tmp/taken.1$seed &
	lan=$!
	check "a download beside the flood arrives whole ($seed)" whole_download
	ended "the flood from the WAN ends ($seed)" "$wan"
	ended "the flood from the LAN ends ($seed)" "$lan"
	at_least "most of it was sent from the WAN ($seed)" $((COUNT / 2)) "$(cat /tmp/taken.$seed)"
	at_least "and from the LAN ($seed)" $((COUNT / 2)) "$(cat /tmp/taken.1$seed)"
done
# Less than the downloads' acknowledgements and a header for each packet would be nothing.
at_least "thousands of them met the hooks" $((COUNT * 60)) $(($(stat_of WanInBytes) - before))
at_least "some could not be classified" 1 "$(awk '/^UnclassifiedPackets/ { print $3 }' "$PROC/stats")"
check "every file can still be read" sh -c "for f in $PROC/*; do cat \$f >/dev/null || exit 1; done"
check "a download afterwards arrives whole" whole_download
check "flows of the flood are forgotten" until_true 90 sh -c "[ \$(awk '/^NumOfFlows/ { print \$3 }' $PROC/stats) -lt 100 ]"
check "the module unloads" rmmod appex
finish
