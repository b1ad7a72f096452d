#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# What is remembered of paths, and what is done with it: copies of the ends of
# responses, and handshakes that are repeated in time.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=200000
topology
serving 5001 "$BYTES"
require
put subnetAccEnable 1
put wanIf wan0
# Segments one by one, and a delay, so that there is an end to speak of.
single_segments wan0
client tc qdisc replace dev cli0 root netem delay 20ms
fetch() { client python3 "$HERE/traffic.py" fetch "$1" 5001 "$BYTES"; }
whole() { [ "$(fetch "$1" | cut -d' ' -f1)" = "$BYTES" ]; }
synacks() { nstat -asz TcpExtTCPSynRetrans | awk '/TCPSynRetrans/ { print $2 }'; }

# 1. A clean path: nothing is sent twice.
check "a transfer over a clean path is whole" whole 10.9.0.1
whole 10.9.0.1
same "nothing is copied there" 0 "$(stat_of CopiedPackets)"

# 2. A path that loses: the ends are sent twice, in both families, and counted as sent again.
tc qdisc replace dev wan0 root netem loss 10% limit 10000
for address in 10.9.0.1 fd00:9::1; do
	before=$(stat_of CopiedPackets) out=$(stat_of WanOutBytes) in=$(stat_of LanInBytes)
	for _ in 1 2 3 4 5; do
		check "a transfer from $address over a lossy path is whole" whole "$address"
	done
	# On a slow machine the path looks busy for a while, and its losses like those of a full queue.
	transfers=5
	until [ "$(($(stat_of CopiedPackets) - before))" -ge 3 ] || [ "$transfers" -ge 25 ]; do
		fetch "$address" >/dev/null
		transfers=$((transfers + 1))
	done
	copied=$(($(stat_of CopiedPackets) - before))
	at_least "some packets from $address are copied" 3 "$copied"
	# An eighth of the transfers, and two packets each; less than 1448 bytes a packet is the exception.
	at_least "but no more than an eighth" "$copied" $((transfers * (BYTES / 8 / 1448 + 12)))
	out=$(($(stat_of WanOutBytes) - out)) in=$(($(stat_of LanInBytes) - in))
	at_least "copies count as sent again" $((copied * 800)) $((out - in))
	at_least "and not as new" "$in" $((BYTES * transfers * 11 / 10))
done

# 3. Not where the administrator wants none.
for setting in trackRandomLoss:0 conservMode:1; do
	file=${setting%:*} value=${setting#*:} old=$(get "$file")
	put "$file" "$value"
	before=$(stat_of CopiedPackets)
	whole 10.9.0.1
	same "$file $value makes no copies" "$before" "$(stat_of CopiedPackets)"
	put "$file" "$old"
done

# 4. What was learned outlives the connections: the end of the next one is copied though it loses nothing.
tc qdisc del dev wan0 root
before=$(stat_of CopiedPackets)
check "a transfer right after the losses is whole" whole 10.9.0.1
at_least "the path is still known to lose" 1 $(($(stat_of CopiedPackets) - before))

# 5. Handshakes: nothing comes through.
knock() { # NAMESPACE-COMMAND... HOST: one attempt of 0.9 seconds
	local host=${*: -1}
	"${@:1:$#-1}" python3 -c "import socket
s = socket.socket()
s.settimeout(0.9)
try: s.connect(('$host', 5001))
except OSError: pass"
}
repeated() { # the same as knock; prints the SYNs and SYN-ACKs that were repeated meanwhile
	local before
	before=$(synacks)
	knock "$@"
	echo $(($(synacks) - before))
}
tc qdisc replace dev wan0 root netem loss 100%
# A second is the kernel's own time. First the SYNs: requests go on to repeat their SYN-ACKs.
if [ -n "${SIMULATED-}" ]; then
	same "with 0 a SYN waits for a second" 0 "$(repeated env 10.9.0.2)"
fi
put cmd "synRetranMS: 200"
at_least "synRetranMS repeats a SYN in time" 1 "$(repeated env 10.9.0.2)"
at_least "and a SYN-ACK" 1 "$(repeated client 10.9.0.1)"
put cmd "synRetranMS: 0"
# 10.9.0.2 is known, with a round trip of some 20 ms and losses: 200 ms is enough to wait.
at_least "a SYN-ACK on a known path is repeated in time" 1 "$(repeated client 10.9.0.1)"
tc qdisc del dev wan0 root

check "the module can be unloaded" unload
finish
