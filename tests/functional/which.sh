#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Which flows are accelerated, and what the file flows says about each.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=${BYTES:-1500000}
LONG=6000000
topology
# What the application has written and TCP has not sent shall be little: a socket whose application
# has closed it is not taken over any more.
sysctl -qw net.ipv4.tcp_wmem="4096 65536 300000"
slow_path 40ms 20mbit
traffic serve 5001 "$BYTES" >/dev/null &
traffic serve 5004 "$LONG" >/dev/null &
traffic serve 5007 100000000 >/dev/null &
traffic serve 5002 "$BYTES" dctcp >/dev/null 2>&1 &
far python3 "$HERE/traffic.py" serve 5005 100000 >/dev/null &
until_true 30 sh -c 'ss -tlnH | grep -q :5001 && ip netns exec far ss -tlnH | grep -q :5005'
require
put wanIf wan0

# fetch OUT HOST PORT: in the background
fetch() { client python3 "$HERE/traffic.py" fetch "$2" "$3" "$BYTES" >"$1" 2>&1 & }
whole() { [ "$(cut -d' ' -f1 "$1")" = "$BYTES" ] || { cat "$1"; false; }; }
# The lines of flows without the header, and one field of those of a port.
lines() { grep -v '^#' "$PROC/flows"; }
why() { lines | awk -v port=":$1" '$1 ~ port "$" && $4 == "established" { print $5 }' | sort -u; }
# field PORT NAME: of connections that are open
field() { lines | awk -v port=":$1" '$1 ~ port "$"' | sed -n "s/.* $2=\([^ ]*\).*/\1/p" | tail -n 1; }
is() { [ "$(why "$1")" = "$2" ]; }
adopted() { control_of "$1" | grep -q zeta; }

# during NAME REASON [HOST]: while a transfer runs, flows gives this reason ("accelerated" is read from
# the socket itself), and the socket is not ours with any other.
begun() { [ -n "$(control_of "$1")" ]; }
during() {
	local name=$1 reason=$2 host=${3:-10.9.0.1}
	hold
	fetch /tmp/out "$host" 5001
	until_true 30 begun 5001
	check "$name: flows says $reason" until_true 30 is 5001 "$reason"
	[ "$reason" = accelerated ] || refuse "$name: the socket is not ours" adopted 5001
	released $!
	check "$name: the transfer is whole" whole /tmp/out
}

# 1. The file itself.
same "flows is for its owner only" 600 "$(stat -c %a "$PROC/flows")"
same "so is rules" 600 "$(stat -c %a "$PROC/rules")"
during "a peer in the same subnet" same-subnet
put subnetAccEnable 1
during "subnetAccEnable=1" accelerated
during "subnetAccEnable=1, IPv6" accelerated fd00:9::1
put tcpAccEnable 0
during "tcpAccEnable=0" off
put tcpAccEnable 1
put cmd "lanSegment: 0A090000/24"
during "a LAN segment" lan-segment
put cmd "lanSegment: "
put cmd "lanSegmentV6: fd00:9::/64"
during "an IPv6 LAN segment" lan-segment fd00:9::1
put cmd "lanSegmentV6: "
put cmd "shortRttBypass: 10.9.0.0/24"
during "the bypass list" bypass-list
put subnetAccEnable 0
put cmd "shortRttBypass: acc 10.9.0.0/24"
during "the bypass list, acc" accelerated
put cmd "shortRttBypass: "
put subnetAccEnable 1
rest=$(cmd engine)
put cmd "engine: 262144 1"
# What is to be killed is not started by a function: that would be a shell around it.
ip netns exec cli python3 "$HERE/traffic.py" fetch 10.9.0.1 5007 100000000 >/tmp/first 2>&1 &
first=$!
until_true 30 is 5007 accelerated
during "beyond the second number of engine" limit
kill "$first" 2>/dev/null
wait "$first" 2>/dev/null
put cmd "engine: $rest"

# 2. What a line tells.
ip netns exec cli python3 "$HERE/traffic.py" fetch 10.9.0.1 5007 100000000 >/tmp/out 2>&1 &
until_true 30 is 5007 accelerated
sleep 1
at_least "the base round trip is that of the path" 39000 "$(field 5007 base_us)"
at_least "but not more" "$(field 5007 base_us)" 400000
at_least "the rate is about that of the path" 1000 "$(field 5007 path_kbps)"
at_least "but not more" "$(field 5007 path_kbps)" 30000
at_least "bytes are counted" 10000 "$(field 5007 acked)"
same "the congestion control is named" zeta "$(field 5007 control)"
same "the mode is named" normal "$(field 5007 mode)"
put maxTxEnable 1
sleep 0.5
same "and follows the settings" max "$(field 5007 mode)"
put maxTxEnable 0
put conservMode 1
sleep 0.5
same "also the conservative one" conservative "$(field 5007 mode)"
put conservMode 0
# The first connection to this port was ended a moment ago and may be listed, too.
idle=$(sed -n 's/.*:5007 .* established .* idle_ms=\([0-9]*\) .*/\1/p' /proc/net/appex/flows | head -n 1)
at_least "a busy flow is not idle" "${idle:-9999}" 2000
kill $! 2>/dev/null
wait $! 2>/dev/null

# 3. The filter.
hold
fetch /tmp/out 10.9.0.1 5001
until_true 30 is 5001 accelerated
# shown FILTER PATTERN: some line, and each line, matches
shown() {
	put flows "$1" && [ -n "$(lines)" ] && ! lines | grep -vqE "$2"
}
check "a filter by port" shown "port=5001" ':5001 '
check "a filter by network" shown "10.9.0.0/24" '10\.9\.0\.'
check "the filter is named in the first line" grep -qx '# filter: 10.9.0.0/24' "$PROC/flows"
check "a filter by acc" shown "acc" ' accelerated '
put flows "$(printf '\tnoacc \t port=5001\t')"
same "and shown on one line without tabs" "# filter: noacc port=5001" "$(head -n 1 "$PROC/flows")"
refuse "a filter by noacc hides what is accelerated" sh -c "grep -q ' accelerated ' $PROC/flows"
put flows "port=1"
same "a filter that nothing passes" "# filter: port=1" "$(get flows)"
for bad in all port=x 10.0.0.0/40 "acc acc"; do
	refuse "no filter: $bad" put flows "$bad" 2>/dev/null
done
same "a refused filter changes nothing" "# filter: port=1" "$(get flows)"
put flows ""
released $!

# 4. Others: forwarded, own congestion control, by name, protocols.
client python3 "$HERE/traffic.py" fetch 10.8.0.2 5005 100000 >/dev/null
check "a forwarded flow begins with the end behind the server" grep -q "^10.8.0.2:5005 " "$PROC/flows"
forwarded() { lines | grep ':5005 ' | grep -qE ' (forwarded|closed) '; }
check "a forwarded flow is called so until it is closed" forwarded
if [ -n "$(ss -tlnH 'sport = :5002')" ]; then
	hold
	fetch /tmp/out 10.9.0.1 5002
	check "DCTCP keeps its congestion control" until_true 30 is 5002 own-control
	released $!
fi
put cmd "tcpOnly: 0"
client python3 "$HERE/traffic.py" udp 10.9.0.1 9000 3
not_tcp() { [ "$(lines | grep -c ' udp one-way not-tcp ')" = 3 ]; }
check "other protocols are not-tcp" until_true 30 not_tcp
put cmd "tcpOnly: 1"

# 5. Many flows: every one is read, whatever the size of the reads, and in little memory.
put cmd "tcpOnly: 0"
put cmd "flowShortTimeout: 600000"
many() { lines | awk '$3 == "udp" && $4 == "one-way" && $1 !~ /:900[0-9]$/' | cut -d' ' -f1 | sort -u | wc -l; }
# What a busy machine's queues lost is sent again.
all() {
	client python3 "$HERE/traffic.py" udp 10.9.0.1 1024 5000
	[ "$(many)" = 5000 ]
}
check "all of 5000 flows are listed" until_true 30 all
for size in 1 100 65536; do
	[ "$size" != 1 ] || put flows "port=1050"
	[ "$size" = 1 ] || put flows "10.9.0.2"
	want=$(lines | grep ' udp ' | sort | cut -d' ' -f1-3 | md5sum)
	got=$(dd if="$PROC/flows" bs="$size" status=none | grep ' udp ' | sort | cut -d' ' -f1-3 | md5sum)
	same "reads of $size bytes give the same" "$want" "$got"
done
put flows ""
# Reading goes on while the table changes and the reader comes back to the start.
seeks() {
	python3 - "$PROC/flows" <<-'PY'
		import sys
		with open(sys.argv[1], "rb", buffering=0) as flows:
		    first = flows.read(4096)
		    while flows.read(65536):
		        pass
		    flows.seek(0)
		    again = b"".join(iter(lambda: flows.read(65536), b""))
		sys.exit(not (again.startswith(b"# filter") and again.count(b" not-tcp ") >= 5000))
	PY
}
check "seeking to the start lists everything again" seeks
# The table goes while a reader is in the middle of it.
python3 - "$PROC/flows" <<-'PY' &
	import sys, time
	flows = open(sys.argv[1], "rb", buffering=0)
	flows.read(4096)
	time.sleep(2)
	try:
	    flows.read(4096)
	except OSError:
	    sys.exit(0)
	sys.exit(1)
PY
reader=$!
sleep 0.5
check "the module can be unloaded while flows is open" unload
if wait "$reader"; then ok "and the reader is told"; else not_ok "and the reader is told"; fi
load
put wanIf wan0
put subnetAccEnable 1

# 6. lanIf: an interface that is named there is never attached.
put wanIf "wan* lan*"
put lanIf +wan0
before=$(stat_of WanOutBytes)
during "lanIf" ""
same "and its traffic is not counted" "$before" "$(stat_of WanOutBytes)"
put lanIf -wan0
during "without lanIf" accelerated
not_ours() { ! adopted 5004 && [ -n "$(control_of 5004)" ]; }
# switch NAME COMMAND...: a connection that is accelerated is handed back, and goes on
switch() {
	local name=$1
	shift
	hold
	client python3 "$HERE/traffic.py" fetch 10.9.0.1 5004 "$LONG" >/tmp/out 2>&1 &
	until_true 30 adopted 5004
	"$@"
	check "$name hands existing connections back" until_true 30 not_ours
	released $!
	same "$name: whole" "$LONG" "$(cut -d' ' -f1 /tmp/out)"
}
switch "lanIf" put lanIf "wan?"
put lanIf ""
put wanIf wan0

# 7. What is switched is switched for connections that exist.
switch "subnetAccEnable=0" put subnetAccEnable 0
put subnetAccEnable 1
switch "lanSegment" put cmd "lanSegment: 0A090000/24"
put cmd "lanSegment: "
switch "shortRttBypass" put cmd "shortRttBypass: 10.9.0.2"
put cmd "shortRttBypass: "

# 8. shortRttMS: 40 ms is below 100, not below 20; the switch is a bit of tcpFlags.
put cmd "shortRttMS: 100"
during "shortRttMS without its bit in tcpFlags" accelerated
put cmd "tcpFlags: 0x800"
put cmd "shortRttMS: 20"
during "a round trip above shortRttMS" accelerated
same "nothing was bypassed" 0 "$(stat_of NfBypass)"
# A connection on a long way is handed back when one of its neighbours turns out to be near. Its queue is
# in the neighbour's handshake, too: a sixth of a second at most.
slow_path 500ms 20mbit
put cmd "shortRttMS: 400"
# A change of a setting has connections looked at for three seconds.
sleep 4
ip netns exec cli python3 "$HERE/traffic.py" fetch 10.9.0.1 5007 100000000 >/dev/null 2>&1 &
long=$!
check "a peer on a long way" until_true 30 is 5007 accelerated
slow_path 40ms 20mbit
fetch /tmp/near 10.9.0.1 5001
check "is near when its neighbour is" until_true 30 is 5007 short-rtt
refuse "and is handed back" adopted 5007
kill "$long"
wait "$long" $! 2>/dev/null
put cmd "shortRttMS: 100"
during "a round trip below shortRttMS" short-rtt
at_least "NfBypass counts the packets" 10 "$(stat_of NfBypass)"
# The whole /24, also when the path has become long; its neighbour not.
slow_path 150ms 20mbit
client ip addr add 10.9.0.77/24 dev cli0
during "the same /24 on a longer way" short-rtt
slow_path 40ms 20mbit
put cmd "shortRttMS: 20"
during "a lower threshold is obeyed at once" accelerated
put cmd "shortRttMS: 100"
during "and a higher one" short-rtt
put cmd "shortRttBypass: acc 10.9.0.0/24"
during "shortRttBypass has the last word" accelerated
put cmd "shortRttBypass: "
# A busy machine answers late, and nothing is known of this subnet yet.
put cmd "shortRttMS: 5000"
during "IPv6 by /64" short-rtt fd00:9::1
put cmd "shortRttMS: 20"
switch "shortRttMS" put cmd "shortRttMS: 100"
put cmd "shortRttMS: 0"
during "shortRttMS=0" accelerated
put cmd "tcpFlags: 0x0"

# 9. Offered windows: the server receives. A LAN peer is in a subnet of the interface.
slow_path 40ms 100mbit
sysctl -qw net.ipv4.tcp_rmem="4096 131072 16000000"
client sysctl -qw net.ipv4.tcp_wmem="4096 65536 16000000"
client ip addr add 10.99.0.2/32 dev lo
ip route add 10.99.0.2 via 10.9.0.2
ip netns exec cli python3 "$HERE/traffic.py" serve 5006 400000000 >/dev/null &
server=$!
until_true 30 sh -c "ip netns exec cli ss -tlnH | grep -q :5006"
# offered ADDRESS [ENOUGH]: the largest window that the client is offered in the first seconds of sending, in more of them if it has
# not been ENOUGH until then, as on a busy machine. Two merged packets may come on top of the bound.
offered() {
	local largest=0 now end=$((SECONDS + 4))
	# Not by a function: its process is the one to be killed.
	python3 "$HERE/traffic.py" fetch "$1" 5006 400000000 >/dev/null 2>&1 &
	while [ "$SECONDS" -lt "$end" ] || [ "$largest" -lt "${2:-0}" ] && [ "$SECONDS" -lt $((end + 30)) ]; do
		now=$(client ss -tinH state established "sport = :5006" | grep -o ' snd_wnd:[0-9]*' | cut -d: -f2 | sort -n | tail -n 1)
		[ "${now:-0}" -le "$largest" ] || largest=$now
	done
	kill $!
	wait $! 2>/dev/null
	until_true 30 sh -c '! ip netns exec cli ss -tnH state established "sport = :5006" | grep -q .'
	echo "$largest"
}
at_least "maxAdvWinWan=0: the offered window grows" 300000 "$(offered 10.99.0.2 300000)"
put cmd "maxAdvWinWan: 2"
window=$(offered 10.99.0.2 100000)
at_least "maxAdvWinWan=2: it does not" "$window" 270000
at_least "nor is it less than that" 100000 "$window"
at_least "a LAN peer is not concerned" 300000 "$(offered 10.9.0.2 300000)"
put cmd "maxAdvWinWan: 0"
put cmd "maxAdvWinLan: 2"
at_least "maxAdvWinLan=2 bounds what a LAN peer is offered" "$(offered 10.9.0.2)" 270000
at_least "a WAN peer is not concerned" 300000 "$(offered 10.99.0.2 300000)"
put cmd "maxAdvWinLan: 60"
kill "$server"
ip netns exec cli python3 "$HERE/traffic.py" serve 5008 400000000 >/dev/null &
server=$!
until_true 30 sh -c "ip netns exec cli ss -tlnH | grep -q :5008"
put cmd "maxAdvWinWan: 2"
python3 "$HERE/traffic.py" fetch 10.99.0.2 5008 400000000 >/dev/null 2>&1 &
grown() { [ "$(client ss -tinH "sport = :5008" | grep -o ' snd_wnd:[0-9]*' | cut -d: -f2 | sort -n | tail -n 1)" -ge 300000 ]; }
sleep 2
refuse "a bound holds" grown
put cmd "maxAdvWinWan: 0"
check "until it is lifted, also for connections that exist" until_true 20 grown
kill $! "$server"

# 10. The session limit: beyond it new connections pass, or are refused; the others go on.
fast_path
now() { stat_of NumOfFlows; }
knock() { # NAMESPACE-COMMAND... HOST PORT: connects; prints what becomes of it
	local host=${*: -2:1} port=${*: -1}
	"${@:1:$#-2}" python3 -c "import socket
s = socket.socket(socket.AF_INET6 if ':' in '$host' else socket.AF_INET)
s.settimeout(3)
try: s.connect(('$host', $port)); print('connected')
except ConnectionRefusedError: print('refused')
except OSError as error: print(error)"
}
# With an empty table.
unload
load
put subnetAccEnable 1
put wanIf wan0
ip netns exec cli python3 "$HERE/traffic.py" hold 10.9.0.1 5001 5 >/dev/null &
holder=$!
until_true 30 sh -c "[ \"\$(awk '\$1 == \"NumOfFlows\" { print \$3 }' $PROC/stats)\" -ge 5 ]"
ip netns exec cli python3 "$HERE/traffic.py" serve 5003 1000 >/dev/null &
server=$!
until_true 30 sh -c "ip netns exec cli ss -tlnH | grep -q :5003"
rest=$(cmd engine | cut -d' ' -f2-)
put cmd "engine: 5 $rest"
before=$(now)
passed=$(stat_of OverLimitPassed)
same "bypassOverFlows=1: a new connection passes" connected "$(knock client 10.9.0.1 5001)"
at_least "and is counted" $((passed + 1)) "$(stat_of OverLimitPassed)"
same "nothing was refused" 0 "$(stat_of OverLimitRefused)"
put cmd "bypassOverFlows: 0"
for host in 10.9.0.1 fd00:9::1; do
	same "bypassOverFlows=0: a connection to $host is refused at once" refused "$(knock client "$host" 5001)"
done
same "one through the server is refused" refused "$(knock client 10.8.0.2 5005)"
same "one from the server is refused" refused "$(knock env 10.9.0.2 5003)"
same "one from behind the server is refused" refused "$(knock far 10.9.0.2 5003)"
nft -f - <<-'NFT'
	table ip nat {
	    chain post { type nat hook postrouting priority srcnat;
	        ip saddr 10.8.0.0/24 oifname "wan0" snat to 10.9.0.1; }
	}
NFT
same "one from behind its NAT is refused" refused "$(knock far 10.9.0.2 5003)"
nft delete table ip nat
at_least "each is counted" 6 "$(stat_of OverLimitRefused)"
at_least "the table did not grow" "$(now)" "$before"
same "one that does not cross the interface is not refused" connected "$(knock far 10.8.0.1 5001)"
put cmd "bypassOverFlows: 1"
same "switched back it passes" connected "$(knock client 10.9.0.1 5001)"
put cmd "bypassOverFlows: 0"
put cmd "engine: 100000 $rest"
same "below the limit nothing is refused" connected "$(knock client 10.9.0.1 5001)"
# Handshakes with somebody who does not exist fill no place of a real connection. The client's kernel,
# asked about the address, would reset them.
kill "$holder"
client ip route add blackhole 10.9.0.66
ip neigh add 10.9.0.66 lladdr "$(client cat /sys/class/net/cli0/address)" dev wan0
client python3 - <<-'PY'
	import socket, struct
	# Forty SYNs from an address that nobody has.
	s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
	def checksum(data):
	    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
	    total = (total >> 16) + (total & 0xFFFF)
	    return ~(total + (total >> 16)) & 0xFFFF
	source, dest = socket.inet_aton("10.9.0.66"), socket.inet_aton("10.9.0.1")
	for port in range(40):
	    tcp = struct.pack("!HHLLBBHHH", 2000 + port, 5001, 7, 0, 0x50, 2, 65535, 0, 0)
	    check = checksum(source + dest + struct.pack("!BBH", 0, 6, 20) + tcp)
	    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
	    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, source, dest)
	    s.sendto(ip + tcp, ("10.9.0.1", 0))
PY
half_open() { [ "$(lines | grep -c '10.9.0.66:.* syn-recv handshake')" = 40 ]; }
check "half-open connections are known" until_true 30 half_open
put cmd "engine: 30 $rest"
same "and count for nothing: nobody is refused" connected "$(knock client 10.9.0.1 5001)"
put cmd "flowShortTimeout: 1000"
gone() { ! lines | grep -q 10.9.0.66; }
check "they are forgotten after flowShortTimeout" until_true 10 gone
kill "$holder" "$server" 2>/dev/null

check "the module can be unloaded" unload
finish
