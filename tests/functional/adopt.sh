#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Sockets are taken over, and handed back unharmed.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=${BYTES:-10000000}
topology
slow_path 20ms 20mbit
traffic serve 5001 "$BYTES" >/dev/null &
traffic serve 5002 "$BYTES" reno >/dev/null &
until_true 30 sh -c 'ss -tlnH | grep -q :5001 && ss -tlnH | grep -q :5002'
before=$(sysctl -n net.ipv4.tcp_congestion_control)
require
put subnetAccEnable 1

# fetch OUT HOST PORT: in the background
fetch() { client python3 "$HERE/traffic.py" fetch "$2" "$3" "$BYTES" >"$1" 2>&1 & }
adopted() { [ "$(control_of "$1" | sort -u)" = zeta ]; }
has() { [ "$(control_of 5001 | sort -u)" = "$1" ]; }
not_adopted() { ! control_of "$1" | grep -q zeta && [ -n "$(control_of "$1")" ]; }
whole() { [ "$(cut -d' ' -f1 "$1")" = "$BYTES" ]; }

# 1. Not attached: nothing happens.
hold
fetch /tmp/out 10.9.0.1 5001
check "without an interface no socket is adopted" until_true 30 not_adopted 5001
released $!
check "and the transfer is whole" whole /tmp/out
same "nor was one at any time" 0 "$(stat_of SocketsAdopted)"

# 2. Attached: adopted, whole, counted.
put wanIf +wan0
hold
fetch /tmp/out 10.9.0.1 5001
check "an IPv4 socket is adopted" until_true 30 adopted 5001
same "NumOfAccFlows counts it" 1 "$(stat_of NumOfAccFlows)"
same "V4NumOfAccFlows counts it" 1 "$(stat_of V4NumOfAccFlows)"
check "ss -ti shows the model" sh -c "ss -ti sport = :5001 | grep -q 'bbr:(bw:'"
released $!
check "its transfer is whole" whole /tmp/out
check "NumOfAccFlows goes back to 0" until_true 30 sh -c "grep -q '^NumOfAccFlows = 0' $PROC/stats"
hold
fetch /tmp/out fd00:9::1 5001
check "an IPv6 socket is adopted" until_true 30 adopted 5001
same "V6NumOfAccFlows counts it" 1 "$(stat_of V6NumOfAccFlows)"
released $!
check "its transfer is whole over IPv6" whole /tmp/out

# 3. The first window.
put cmd "initialCwndLan: 40"
slow_path 500ms 20mbit
hold
fetch /tmp/out 10.9.0.1 5001
# Until the first acknowledgement, half a second later, the window stays.
window() { ss -tinH state established "sport = :5001" | grep -o ' cwnd:[0-9]*' | cut -d: -f2; }
until_true 30 adopted 5001
if [ -n "${SIMULATED-}" ]; then
	same "the first window is the configured one" 40 "$(window)"
fi # else a busy machine may come too late to see it
slow_path 20ms 20mbit
released $!

# 4. Handed back in the middle, by each switch; the transfer stays whole.
handed_back() { # NAME COMMAND...
	local name=$1
	shift
	hold
	fetch /tmp/out 10.9.0.1 5001
	check "$name: adopted first" until_true 30 adopted 5001
	"$@"
	check "$name: handed back to what it had" until_true 30 has "$before"
	released $!
	check "$name: whole" whole /tmp/out
}
handed_back "tcpAccEnable=0" put tcpAccEnable 0
put tcpAccEnable 1
handed_back "wanIf -wan0" put wanIf -wan0
put wanIf +wan0
handed_back "wanIf empty" put wanIf ""
put wanIf "wan*"
handed_back "rmmod" unload
load
put subnetAccEnable 1
put wanIf wan0

# 5. An application's own choice is adopted too, and comes back.
hold
fetch /tmp/out 10.9.0.1 5002
check "a socket with reno of its own is adopted" until_true 30 adopted 5002
put tcpAccEnable 0
own() { [ "$(control_of 5002 | sort -u)" = reno ]; }
check "and gets reno back" until_true 30 own
put tcpAccEnable 1
released $!
check "its transfer is whole" whole /tmp/out
# A bound of a timer that it sets while it is adopted stays, too.
python3 - >/tmp/delack 2>&1 <<'SERVER' &
import socket, time
TCP_DELACK_MAX_US = 46
def control():
    return s.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0")
def delack():
    return s.getsockopt(socket.IPPROTO_TCP, TCP_DELACK_MAX_US)
def until(is_zeta):
    for _ in range(300):
        s.send(b"x")
        if (control() == b"zeta") == is_zeta:
            return
        time.sleep(0.1)
    raise SystemExit("its control is " + control().decode())
listener = socket.create_server(("", 5003))
s, _ = listener.accept()
until(True)
before = delack()
s.setsockopt(socket.IPPROTO_TCP, TCP_DELACK_MAX_US, 20000)
chosen = delack()
open("/tmp/chosen", "w")
until(False)
print("stays" if delack() == chosen != before else f"{before} before, {chosen} chosen, {delack()} in the end")
SERVER
server=$!
until_true 30 sh -c 'ss -tlnH | grep -q :5003'
client python3 -c 'import socket; s = socket.create_connection(("10.9.0.1", 5003)); all(iter(lambda: s.recv(4096), b""))' &
check "a socket sets a bound of its timers while it is adopted" until_true 30 test -e /tmp/chosen
put tcpAccEnable 0
wait "$server"
same "the bound stays when the socket is handed back" stays "$(cat /tmp/delack)"
put tcpAccEnable 1

# 6. A connection that was there before is adopted at its next packet.
put wanIf ""
hold
fetch /tmp/out 10.9.0.1 5001
check "running without" until_true 30 not_adopted 5001
put wanIf wan0
check "an old connection is adopted" until_true 30 adopted 5001
released $!
check "its transfer is whole" whole /tmp/out

# 7. By name.
check "zeta is on offer" grep -qw zeta /proc/sys/net/ipv4/tcp_available_congestion_control
put wanIf ""
check "it can be the default" sysctl -qw net.ipv4.tcp_congestion_control=zeta
hold
fetch /tmp/out 10.9.0.1 5001
check "then connections have it" until_true 30 adopted 5001
same "but are not counted as accelerated" 0 "$(stat_of NumOfAccFlows)"
refuse "the module stays while it is chosen by name" rmmod appex
released $!
check "the transfer is whole" whole /tmp/out
sysctl -qw "net.ipv4.tcp_congestion_control=$before"
until_true 30 sh -c '! ss -tinH | grep -q zeta'

# 8. Socket games on adopted sockets.
put wanIf wan0
python3 - <<'PY' >/tmp/out 2>&1 &
import ctypes, socket, struct, sys, time
listener = socket.create_server(("10.9.0.1", 5003))
connection, _ = listener.accept()
connection.sendall(b"x" * 10000)
def control():
    return connection.getsockopt(6, socket.TCP_CONGESTION, 16).split(b"\0")[0].decode()
first = control()
connection.setsockopt(6, socket.TCP_CONGESTION, b"reno")
chosen = control()
connection.sendall(b"x" * 10000)
time.sleep(0.3)
again = control()
# connect(AF_UNSPEC) disconnects; the socket may listen or connect anew.
libc = ctypes.CDLL(None, use_errno=True)
unspec = struct.pack("H14x", 0)
status = libc.connect(connection.fileno(), unspec, 16)
print(first, chosen, again, status, control())
PY
sleep 0.5
client python3 -c '
import socket
c = socket.create_connection(("10.9.0.1", 5003)); c.recv(10000); c.settimeout(3)
try:
    while c.recv(10000): pass
except OSError: pass'
released $!
same "an adopted socket can choose, be adopted again and disconnect" \
	"zeta reno zeta 0 reno" "$(cat /tmp/out)"

# 9. Many at once, then all gone at unload.
traffic serve 5004 100000000 >/dev/null &
until_true 30 sh -c 'ss -tlnH | grep -q :5004'
# Not by a function: its process is the one to be killed.
ip netns exec cli python3 "$HERE/traffic.py" hold 10.9.0.1 5004 200 >/tmp/out &
holder=$!
until_true 20 grep -q held /tmp/out
check "200 connections are adopted" until_true 30 sh -c "[ \"\$(awk '\$1 == \"NumOfAccFlows\" { print \$3 }' $PROC/stats)\" = 200 ]"
check "the module goes with all of them open" unload
same "none keeps zeta" 0 "$(control_of 5004 | grep -c zeta)"
kill "$holder"
load
put subnetAccEnable 1
put wanIf wan0
for _ in $(seq 20); do
	timeout 0.3 ip netns exec cli python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 "$BYTES" >/dev/null 2>&1
done
check "aborted connections leave no flow accelerated" \
	until_true 30 sh -c "grep -q '^NumOfAccFlows = 0' $PROC/stats"
unload
kill %1 %2 2>/dev/null
finish
