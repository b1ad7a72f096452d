#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Settings whose effect shows in what a connection does over some seconds, on paths that make it sharp: halving on
# heavy loss, how long the maximum transmit mode lasts, patience with queues, what is queued and kept. And those that
# have no effect.
# In simulated time, so that the same happens each time.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=200000000
topology
serving 5001 "$BYTES"
require
attach

# open: an endless transfer in the background. Not by a function that is run in a subshell: its process is the one to be killed.
open() {
	ip netns exec cli python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 "$BYTES" >/dev/null 2>&1 &
	transfer=$!
	until_true 20 sh -c "grep -q '10.9.0.1:5001 .* accelerated .*acked=[1-9]' $PROC/flows"
}
close() {
	kill "$transfer"
	wait "$transfer" 2>/dev/null
	until_true 20 sh -c "[ -z \"\$(ss -tinH state established 'sport = :5001')\" ]"
}
# pair NAME: a number of the file flows, of the transfer
pair() { sed -n "s/^10.9.0.1:5001 .* $1=\([0-9]*\).*/\1/p" "$PROC/flows" | head -n 1; }
# series NAME SECONDS: a line for each fifth of a second
series() {
	local i
	for ((i = 0; i < $2 * 5; i++)); do
		pair "$1"
		sleep 0.2
	done
}
least() { sort -n | head -n 1; }
most() { sort -n | tail -n 1; }
# The value met most often, to the next 50.
commonest() { awk '{ n[int(($1 + 25) / 50) * 50]++ } END { for (v in n) if (n[v] > n[best]) best = v; print best }'; }
middle() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# 1. halfCwnd...: a path of 20 Mbit/s and 200 ms that loses a quarter of its packets. Where that is taken for real
# congestion the estimate is halved, round after round, down to the limit.
slow_path 200ms 20mbit
single_segments wan0
check "a quarter of the packets is lost" tc qdisc replace dev wan0 root netem loss 25% limit 10000
# found WHICH: the least or the middle of what the path was believed to carry in a while, kbit/s. The least may be that of a slow
# start, so what shall be much is judged by the middle.
found() {
	open
	sleep 5
	series path_kbps 20 | "$1"
	close
	anew >/dev/null
}
put cmd "halfCwndMinSRtt: 60000"
usual=$(found middle)
at_least "a round trip below halfCwndMinSRtt halves nothing" 6000 "$usual"
put cmd "halfCwndMinSRtt: 100"
halved=$(found least)
check "one above it does" test "$halved" -lt $((usual / 3))
put cmd "halfCwndMinSRtt: 100"
put cmd "halfCwndLossRateShift: 1"
at_least "with halfCwndLossRateShift 1 a quarter is too little" 6000 "$(found middle)"
put cmd "halfCwndMinSRtt: 100"
# 60 packets of 1448 bytes in a round trip of a fifth of a second are 3.5 Mbit/s. Repairs that get lost make a round trip look
# longer, and thus less of it, for seconds in some transfers: what was met most often in five of them is where it ends.
floor=$(for ((i = 0; i < 5; i++)); do
	put cmd "halfCwndMinSRtt: 100"
	put cmd "halfCwndLowLimit: 60"
	found cat
done | commonest)
check "halfCwndLowLimit is where it ends" test "$floor" -ge 3000 -a "$floor" -le 3800
tc qdisc del dev wan0 root
fast_path

# 2. maxTxEffectiveMS: the window gain of the maximum transmit mode is 3, otherwise 2.
slow_path 40ms 20mbit
gain() { ss -tinH state established "sport = :5001" | sed -n 's/.*cwnd_gain:\([0-9.]*\).*/\1/p'; }
put maxTxEnable 1
open
sleep 6
same "without an end the mode goes on" 3 "$(gain)"
close
put cmd "maxTxEffectiveMS: 4000"
open
sleep 2
same "it is there before maxTxEffectiveMS are over" 3 "$(gain)"
sleep 3
same "and not afterwards" 2 "$(gain)"
close
put maxTxEnable 0
anew

# 3. dbcRttThreshMS: patience with a queue until the round trip is that long. The path becomes slower, which makes one.
queue() {
	slow_path 40ms 20mbit
	open
	sleep 4
	client tc qdisc change dev ifb0 root netem rate 10mbit limit 2000
	sleep 2
	series rtt_us 10 | middle
	close
}
usual=$(queue)
anew
put cmd "dbcRttThreshMS: 150"
patient=$(queue)
check "without dbcRttThreshMS queues are short" test "$usual" -lt 60000
# By how much depends on where in its swing the queue is met: 9 to 17 ms were seen.
check "with it they may be as long as it says" test "$patient" -gt $((usual + 6000))
check "and no longer" test "$patient" -lt 200000
put cmd "dbcRttThreshMS:"
anew

# 4. shrinkPacket: what is queued and was not sent yet.
cat >/tmp/deep.py <<'PY'
import socket
listener = socket.create_server(("10.9.0.1", 5003))
# SO_SNDBUFFORCE, which the library has no name for.
listener.setsockopt(socket.SOL_SOCKET, 32, 8 << 20)
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    try:
        while True:
            connection.sendall(b"x" * 65536)
    except OSError:
        connection.close()
PY
python3 /tmp/deep.py >/tmp/deep 2>&1 &
until_true 10 grep -q ready /tmp/deep
unsent() { sed -n 's/^10.9.0.1:5003 .* unsent=\([0-9]*\).*/\1/p' "$PROC/flows" | head -n 1; }
ip netns exec cli python3 -c '
import socket
c = socket.create_connection(("10.9.0.1", 5003))
while c.recv(65536): pass' >/dev/null 2>&1 &
transfer=$!
sleep 3
at_least "an application may queue what its buffer takes" 1000000 "$(unsent)"
put cmd "shrinkPacket: 1"
few() { [ "$(unsent)" -le 262144 ]; }
check "with shrinkPacket there is little on a live connection" until_true 20 few
put cmd "shrinkPacket: 0"
much() { [ "$(unsent)" -ge 1000000 ]; }
check "without it again as much as before" until_true 20 much
sysctl -qw net.ipv4.tcp_notsent_lowat=16384
put cmd "shrinkPacket: 1"
fewer() { # at all of 20 looks: a higher limit is met from below, too
	local _
	for _ in $(seq 20); do
		[ "$(unsent)" -le 100000 ] || return 1
		sleep 0.1
	done
}
check "a lower limit of the machine's stays" until_true 20 fewer
put cmd "shrinkPacket: 0"
sysctl -qw net.ipv4.tcp_notsent_lowat=4294967295
put cmd "shrinkPacket: 1"
until_true 20 few
put tcpAccEnable 0
check "a connection that is handed back is as it was" until_true 20 much
put tcpAccEnable 1
kill "$transfer"
wait "$transfer" 2>/dev/null

# 5. taskSchedDelay: how soon what is over is forgotten.
put cmd "flowShortTimeout: 100"
put cmd "tcpOnly: 0"
client ping -c 1 -W 1 10.9.0.1 >/dev/null
sleep 12
poke() { client bash -c 'echo x >/dev/udp/10.9.0.1/9' 2>/dev/null; }
flows() { stat_of NumOfFlows; }
poke
sleep 3
before=$(flows)
put cmd "taskSchedDelay: 800 800"
poke
sleep 4
at_least "with 8 s between two rounds an idle flow is still there after 4" $((before + 1)) "$(flows)"
put cmd "taskSchedDelay: 20 20"
# It is looked once a second whether a pause is over.
sleep 1.3
same "a shorter pause counts at once" "$before" "$(flows)"
poke
sleep 1
same "with 0.2 s it is gone after one" "$before" "$(flows)"

# 6. Keys of the original that mean nothing here: kept as written, and the log says so.
# logged PATTERN COMMAND...: the kernel log has a new line with it
logged() {
	local pattern=$1
	shift
	dmesg -C
	"$@" 2>/dev/null
	dmesg | grep -q "$pattern"
}
# unused NAME VALUE [VALUE AS SHIPPED]
unused() {
	local name=$1 value=$2 shipped=${3-0} put=(put "$1") get=(get "$1")
	if [ ! -e "$PROC/$name" ]; then
		put=(put cmd) get=(cmd "$name")
		value="$name: $value" shipped="$name: $shipped"
	fi
	# Ten lines in five seconds are logged.
	sleep 1
	check "$name: the log says that it has no effect" logged "appex: $name: kept, has no effect here" "${put[@]}" "$value"
	same "$name reads back" "${value#"$name: "}" "$("${get[@]}")"
	refuse "and of what is shipped it says nothing" logged "no effect here" "${put[@]}" "$shipped"
}
put logLevel 6
for name in voipAccEnable wanRateAutoDetect wanBurstBytes wanInBurstBytes voipSkipPackets hostFairTcpAccSessNum \
	hostFairTcpActSessNum hostFairUdpSessNum lttMaxDelayMS displayLevel wanState; do
	unused "$name" 1
done
unused txCongestObey 0 1
unused mpoolMaxCache 7368000 245600000
for name in udptun pcapFilterSplit p2pPriorities; do
	unused "$name" "vxlan0 4789" ''
done
refuse "engSysEnable, which scripts set each time: it says nothing" logged "engSysEnable" put engSysEnable 1
same "and keeps it" 1 "$(get engSysEnable)"
for name in gso rsc; do
	refuse "$name, which the script obeys: it says nothing" logged "$name" put cmd "$name: 0"
	same "and keeps it" 0 "$(cmd "$name")"
done

check "the module can be unloaded" unload
finish
