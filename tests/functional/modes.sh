#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Settings that change how a connection sends, seen from outside: what ss tells
# of windows, thresholds and timers.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=20000000
topology
slow_path 20ms 20mbit
serving 5001 "$BYTES"
require
attach

# open: a transfer of eight seconds in the background, to be closed at once. Not by a function: its
# process is the one to be killed.
open() {
	ip netns exec cli python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 "$BYTES" >/dev/null 2>&1 &
	transfer=$!
	until_true 10 sh -c "ss -tinH state established 'sport = :5001' | grep -q 'bbr:(bw:'"
}
close() {
	kill "$transfer"
	wait "$transfer" 2>/dev/null
	until_true 10 sh -c "[ -z \"\$(ss -tinH state established 'sport = :5001')\" ]"
}
# shown NAME [PORT]: what ss tells of the connection, "" if nothing
shown() { ss -tinH state established "sport = :${2:-5001}" | tr ' ' '\n' | sed -n "s/^$1://p" | head -n 1; }
# How long, in ms, the timer waits beyond the smoothed round trip.
patience() {
	local rto rtt
	rto=$(shown rto) rtt=$(shown rtt)
	awk -v rto="${rto:-0}" -v rtt="${rtt%/*}" 'BEGIN { print int(rto - rtt) }'
}
patience_from() { [ "$(patience)" -ge "$1" ]; }
patience_below() { [ "$(patience)" -lt "$1" ]; }

# 1. retranWaitListMS, on a live connection.
open
put cmd "retranWaitListMS: 600"
check "retranWaitListMS 600 makes the timer wait longer" until_true 3 patience_from 600
put cmd "retranWaitListMS: 32"
check "32 makes it wait less than the kernel does" until_true 3 patience_below 200
if [ -n "${SIMULATED-}" ]; then
	check "which is 50 ms" patience_from 48
	put cmd "retranWaitListMS: 0"
	check "0 makes it wait for what the round trip varies" until_true 3 patience_below 45
	put cmd "retranWaitListMS: 32"
fi

# 2. highcsv: bit 0x4000 of tcpFlags, with conservMode only.
gain_is() { ss -tinH state established "sport = :5001" | grep -q "cwnd_gain:$1[,)]"; }
put cmd "tcpFlags: 0x4000"
check "highcsv without csvmode changes nothing" until_true 3 gain_is 2
put conservMode 1
check "with it the window gain is 1.125" until_true 3 gain_is 1.125
put cmd "tcpFlags: 0x800"
check "csvmode alone has 1.25" until_true 3 gain_is 1.25
put cmd "tcpFlags: 0x0"
put conservMode 0

# maxAccFlowTxKbps, on a live connection, and taken back.
paced_at_most() { # KBPS
	local rate
	rate=$(ss -tinH state established "sport = :5001" | sed -n 's/.* pacing_rate \([0-9]*\)bps.*/\1/p')
	[ -n "$rate" ] && [ "$rate" -le $(($1 * 1000)) ]
}
paced_above() { ! paced_at_most "$1"; }
put cmd "maxAccFlowTxKbps: 3000"
check "maxAccFlowTxKbps bounds the rate" until_true 3 paced_at_most 3000
put cmd "maxAccFlowTxKbps: 0"
check "0 bounds it no more" until_true 5 paced_above 6000
close

# 3. minSsThresh. A timeout on a path that is not known to lose, then loss at random.
# threshold: that of a connection through an interruption of a second
threshold() {
	open
	sleep 1
	client tc qdisc replace dev ifb0 root netem loss 100%
	sleep 1
	client tc qdisc replace dev ifb0 root netem rate 20mbit limit 2000
	until_true 5 test -n "$(shown ssthresh)"
	shown ssthresh
	close
}
usual=$(threshold)
check "a timeout sets a threshold about the path's content" [ "${usual:-9999}" -lt 400 ]
put cmd "minSsThresh: 700 900"
same "minSsThresh bounds it from below" 700 "$(threshold)"
single_segments wan0
tc qdisc replace dev wan0 root netem loss 3% limit 10000
# On a slow machine the path looks busy for a while, and its losses like those of a full queue.
second() {
	local found=1
	for _ in 1 2 3 4; do
		open
		until_true 7 sh -c "ss -tinH state established 'sport = :5001' | grep -q ' ssthresh:900 '" && found=0
		close
		[ "$found" -ne 0 ] || break
	done
	return "$found"
}
check "its second number does where packets are lost at random" second
tc qdisc del dev wan0 root
anew

# 4. ultraBoostWin, before the first acknowledgement, half a second later, and after a pause.
slow_path 500ms 20mbit
put cmd "initialCwndLan: 10"
cat >/tmp/pauses.py <<'PY'
import socket, subprocess, time
def window():
    told = subprocess.run(["ss", "-tinH", "state", "established", "sport = :5002"], capture_output=True, text=True).stdout
    return next((word[5:] for word in told.split() if word.startswith("cwnd:")), "-")
listener = socket.create_server(("10.9.0.1", 5002))
# All that is given is taken at once.
listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.sendall(b"x" * 7000)
    time.sleep(0.1)
    first = window()
    time.sleep(5)
    settled = window()
    connection.sendall(b"x" * 200000)
    time.sleep(0.1)
    print(first, settled, window(), flush=True)
    connection.close()
PY
python3 /tmp/pauses.py >/tmp/pauses 2>&1 &
until_true 10 grep -q ready /tmp/pauses
# The windows that are asked for fit into that of a receiver that has not heard much, 44 packets.
# windows: at first, after five seconds without data, as soon as there are some again
windows() {
	client python3 -c '
import socket
c = socket.create_connection(("10.9.0.1", 5002))
while c.recv(65536): pass' >/dev/null 2>&1
	tail -n 1 /tmp/pauses
}
# A busy machine may come too late to see the windows of the first round trip.
if [ -n "${SIMULATED-}" ]; then
	read -r first settled again < <(windows)
	same "without a boost the first window is the configured one" 10 "$first"
	same "and the one after a pause stays" "$settled" "$again"
	anew
	put cmd "initialCwndLan: 10"
	put cmd "ultraBoostWin: 8"
	read -r first settled again < <(windows)
	same "ultraBoostWin adds to the first window" 18 "$first"
	same "and to the one after a pause" "$((settled + 8))" "$again"
	put cmd "maxCwndWan: 15"
	read -r first _ < <(windows)
	same "not beyond maxCwndWan" 15 "$first"
	anew
	put cmd "initialCwndLan: 10"
	put cmd "ultraBoostWin: 8"
	put conservMode 1
	read -r first settled again < <(windows)
	same "and not in the conservative mode" "10 $settled" "$first $again"
	# A connection that has zeta by name starts before its first data are sent.
	put conservMode 0
	put wanIf ""
	put cmd "initialCwndWan: 10"
	before=$(sysctl -n net.ipv4.tcp_congestion_control)
	sysctl -qw net.ipv4.tcp_congestion_control=zeta
	read -r first _ < <(windows)
	same "once for a connection that has zeta by name" 18 "$first"
	sysctl -qw "net.ipv4.tcp_congestion_control=$before"
	until_true 10 sh -c '! ss -tinH | grep -q zeta'
fi

check "the module can be unloaded" unload
finish
