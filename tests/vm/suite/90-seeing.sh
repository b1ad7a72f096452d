#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What is to be seen from outside: captures of accelerated packets with the real tcpdump, rules by control group,
# JSON and metrics of the real engine, no address of the kernel in what is shown, and connections over a VLAN, a bond, a
# bridge and a point-to-point link.
# Sabotage: the rule's group is another one, the capture is switched off behind the script's back, a line with an
# address is among what is shown, and the devices are not attached.
set -u
. tests/vm/lib/suite.sh

# One engine: each connection is accounted for in one place.
begin "$(nic 0)"
product_set engineNum 1
product_set pcapEnable 1
path_up 0 20 20 0 || exit 1
http_file long 8000000
http_file longer 24000000

# Two more web servers, in control groups whose names begin alike.
mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
mkdir -p /sys/fs/cgroup/quiet/deep /sys/fs/cgroup/quieter
serve() { # GROUP PORT
	(
		echo "$BASHPID" >"/sys/fs/cgroup/$1/cgroup.procs"
		exec python3 -m http.server --directory "$HTTP_ROOT" "$2" >/dev/null 2>&1
	) &
	until_true 60 sh -c "ss -tlnH | grep -q ':$2 '"
}
check "a server in a control group" serve quiet/deep 81
check "a server in another one" serve quieter 82
group=/quiet
if sabotaged; then group=/loud; fi
echo "cgroup=$group off" >/appex/etc/rules

# And one in a container: a network namespace behind address translation.
ip netns add box
ip -n box link set lo up
ip link add box0 type veth peer name eth0 netns box
addresses "" box0 10.200.0.1/24 fd20::1/64
addresses box eth0 10.200.0.2/24 fd20::2/64
ip -n box route add default via 10.200.0.1
sysctl -qw net.ipv4.ip_forward=1
nft -f - <<-'NFT'
	table ip box {
		chain pre { type nat hook prerouting priority dstnat; tcp dport 83 dnat to 10.200.0.2:83; }
		chain post { type nat hook postrouting priority srcnat; ip saddr 10.200.0.0/24 masquerade; }
	}
NFT
(exec ip netns exec box python3 -m http.server --directory "$HTTP_ROOT" 83 >/dev/null 2>&1) &
check "a server in a container" until_true 60 sh -c "ip netns exec box ss -tlnH | grep -q ':83 '"

# A small ring, so that a download turns it over.
sed -i 's/^CAPTURE_FILES=.*/CAPTURE_FILES=2/; s/^CAPTURE_FILE_MB=.*/CAPTURE_FILE_MB=2/' /appex/bin/lib/capture.sh
logger=/proc/sys/net/netfilter/nf_log/2
default_logger=$(cat "$logger")
check "start succeeds" lotserver start
same "the machine's own log of packets is what it was" "$default_logger" "$(cat "$logger")"
same "and warns of nothing" "" "$(grep -v '^$' /run/lotserver.out)"
if sabotaged; then engine_write pcapEnable 0; fi

# port_control PORT: congestion control of the server's connections on that port.
port_control() { ss -tinH state established "sport = :$1" | awk '/^[ \t]/ { print $1 }' | sort -u; }
is_control() { [ "$(port_control "$1")" = "$2" ]; }
# get PORT NAME
get() { client 0 curl -sS --fail -o /dev/null --max-time 60 "http://10.8.0.1:$1/$2"; }
hits() { "$LOTSERVER" rules --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["rules"][0]["hits"])'; }

# 1. The rule: the group and those below it, and nothing else.
background quiet get 81 long
check "a connection of a group below that of the rule keeps its control" until_true 60 is_control 81 cubic
sleep 0.5
same "and goes on with it" cubic "$(port_control 81)"
same "it counts as met by the rule" 1 "$(hits)"
background quieter get 82 long
check "one of a group whose name only begins alike is accelerated" until_true 60 is_control 82 zeta
check "both downloads end" awaited quiet
awaited quieter >/dev/null
rm -f "$STATE/quiet"
background quiet get 81 long
until_true 60 is_control 81 cubic
check "the rule is taken out" lotserver rules del "cgroup=$group off"
check "the connection is accelerated then" until_true 60 is_control 81 zeta
check "its download ends" awaited quiet
check "the rule is back" lotserver rules add "cgroup=$group off"

# 2. The capture: two files of about two megabytes, of accelerated connections only.
lotserver stop
rm -f /appex/log/*
lotserver start
if sabotaged; then engine_write pcapEnable 0; fi
get 81 short
get 83 short
client 0 ping -c 2 -i 0.2 -q 10.8.0.1 >/dev/null
check "a download while packets are captured" http_get 0 4 short
check "and one over IPv6" http_get 0 6 short
# captured N: what is in that file. As root: the user of that name need not be there.
captured() { tcpdump -Z root -nn -r "/appex/log/appex.pcap$1"; }
arrived() { [ "$(captured 0 2>/dev/null | grep -c "fd80::1.80 >")" -ge 20 ]; }
until_true 30 arrived
captured 0 >/run/captured 2>/run/captured.err
check "tcpdump reads the file to its end" sh -c '! grep -i "truncated\|error" /run/captured.err'
# 30,000 bytes of data and a header.
sum() { awk -v from="$1" '$3 == from { n = $NF + 0; for (i = 4; i <= NF; i++) if ($i == "length") n = $(i + 1) + 0; s += n } END { print s + 0 }' /run/captured; }
check "IPv4: what was sent is in it" test "$(sum 10.8.0.1.80)" -ge 30000
check "IPv6: what was sent is in it" test "$(sum fd80::1.80)" -ge 30000
check "and acknowledgements" grep -q ' > 10.8.0.1.80: Flags \[\.\].* length 0' /run/captured
# By its own address, as it is met before the translation of what it sends and after that of what it gets.
check "a container: what was sent is in it" test "$(sum 10.200.0.2.83)" -ge 30000
check "and acknowledgements, too" grep -q ' > 10.200.0.2.83: Flags \[\.\].* length 0' /run/captured
same "and nothing else" "" "$(grep -vE '(10\.8\.0\.1|fd80::1)\.80[ :]|10\.200\.0\.2\.83[ :]' /run/captured | head -n 3)"
# The container's side is attached, too: both directions leave by an attached interface then. Each packet counts once.
engine_write wanIf +box0
boxed() { captured 0 2>/dev/null | grep -F '10.200.0.2.83' | tail -n "+$((before + 1))"; }
before=0 before=$(boxed | wc -l)
get 83 short
ended() { boxed | grep -q 'Flags .F.*length 0'; }
until_true 30 ended
boxed >/run/captured
check "with its own side attached: what a container sends is in it" test "$(sum 10.200.0.2.83)" -ge 30000
check "once" test "$(sum 10.200.0.2.83)" -lt 60000
check "and what it gets, too" grep -q ' > 10.200.0.2.83: Flags \[\.\].* length 0' /run/captured
engine_write wanIf -box0
get 80 bulk
get 80 bulk
sleep 1
same "the ring has two files" "appex.pcap0 appex.pcap1" "$(cd /appex/log && echo *)"
same "they are for root alone" 600 "$(stat -c %a /appex/log/appex.pcap* | sort -u)"
# A file ends with the packet that goes beyond its size, which may have been merged to 64 KiB.
same "none is larger than was said" "" "$(find /appex/log -size +2100k)"
second() { captured 1 2>/dev/null | grep -q '10\.8\.0\.1\.80'; }
check "the second can be read, too" second
check "stop ends it" sh -c "$LOTSERVER stop >/dev/null && ! pgrep -x tcpdump"

# 3. A disk that gets full ends the capture and nothing else.
mount -t tmpfs -o size=65m none /appex/log
lotserver start
check "tcpdump runs" until_true 30 pgrep -x tcpdump
check "a download beyond what the disk is to take arrives unchanged" http_get 0 4 bulk
explained() { "$LOTSERVER" status | grep -q '^capture .*less than 64 MB are left'; }
check "status says why nothing is captured" until_true 30 explained
check "tcpdump is gone" until_true 30 sh -c '! pgrep -x tcpdump'
check "connections are accelerated all the same" http_get 0 4 short
umount /appex/log
product_set pcapEnable 0
check "reload succeeds" lotserver reload

# 4. What programs read, of the real engine.
background seen http_get 0 4 longer
until_true 60 all_are zeta 0
# All that anybody is shown while a connection is accelerated; for "addresses" below.
{ tail -n +1 "$ENGINE"/* && ss -tinm && "$LOTSERVER" flows && "$LOTSERVER" metrics; } >/run/shown
check "a connection is among what is shown" grep -q ' zeta ' /run/shown
check "flows --json shows the connection" sh -c "$LOTSERVER flows --json | python3 -c '
import json, sys
flows = json.load(sys.stdin)[\"flows\"]
sys.exit(not any(f[\"accelerated\"] and f[\"local_port\"] == 80 and f[\"remote_address\"] == \"10.9.0.2\" and f[\"base_us\"] > 0 for f in flows))'"
check "status --json has no finding but the rule's" sh -c "$LOTSERVER status --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
sys.exit(not (d[\"running\"] and d[\"tcp_connections_accelerated\"] >= 1 and {f[\"code\"] for f in d[\"findings\"]} <= {\"rule\"}))'"
check "metrics are well-formed" sh -c "$LOTSERVER metrics >/run/appex.prom && tests/script/metrics.py /run/appex.prom"
check "and count" sh -c "grep -q 'appex_flows_by_reason{reason=\"accelerated\"} [1-9]' /run/appex.prom"
check "the download ends" awaited seen

# 5. The tracepoint.
tracing=/sys/kernel/tracing/events/appex/appex_ack
mount -t tracefs none /sys/kernel/tracing 2>/dev/null
check "there is a tracepoint" test -e "$tracing/enable"
echo 'sport == 80' >"$tracing/filter"
sabotaged || echo 1 >"$tracing/enable"
get 82 short
http_get 0 4 bulk >/dev/null
echo 0 >"$tracing/enable"
sed -n 's/.* appex_ack: //p' /sys/kernel/tracing/trace >/run/trace
check "acknowledgements are traced" test "$(wc -l </run/trace)" -ge 50
same "of the filtered port only, with both ends" "local=[::ffff:10.8.0.1]:80 peer=[::ffff:10.9.0.2]" \
	"$(sed 's/\(peer=[^ ]*\):.*/\1/' /run/trace | sort -u)"
# 20 Mbit/s and 20 ms, seen by an emulated processor.
# shellcheck disable=SC2016 # awk's own dollars
check "the model's numbers are in them" awk '
	{ for (i = 1; i <= NF; i++) { split($i, pair, "="); v[pair[1]] = pair[2] } }
	v["base_us"] >= 15000 && v["base_us"] <= 60000 && v["capacity"] >= 500000 && v["cwnd"] >= 2 && v["delivered"] > 100 { good++ }
	END { exit good < 20 }' /run/trace
# Addresses of the kernel, in hexadecimal or decimal, and what %p prints of them.
kernel_addresses() { grep -E '(^|[^0-9A-Fa-f])(0x)?[0-9A-Fa-f]{16}([^0-9A-Fa-f]|$)|18446[67][0-9]{14}|ptrval'; }
grep ' t .*\[appex\]$' /proc/kallsyms | head -n 1 >/run/address
check "an address of the module is one" kernel_addresses </run/address
check "and in decimal, too" kernel_addresses <<<"$(printf 'at=%u' "0x$(cut -d' ' -f1 /run/address)")"
if sabotaged; then cat /run/address >>/run/shown; fi
same "no file, connection, trace or line of the log has any" "" \
	"$({ cat /run/shown /run/trace && dmesg | grep -i appex; } | kernel_addresses | head -n 3)"
echo 1 >"$tracing/enable"
check "stop succeeds while somebody listens" lotserver stop
check "and start" lotserver start

# 6. Other kinds of devices, to a neighbour. Address and peer are those of the line's number.
ip netns add peer
ip -n peer link set lo up
lotserver rules del "cgroup=$group off"
engine_write subnetAccEnable 1
pair() { # NAME
	ip link add "$1" type veth peer name "$1" netns peer
	ip link set "$1" up
	ip -n peer link set "$1" up
}
# device NAME NUMBER: the device gets its addresses, is attached, and a download over it is accelerated.
device() {
	local before
	ip address add "10.8.$2.1/24" dev "$1"
	ip link set "$1" up
	ip -n peer address add "10.8.$2.2/24" dev "$1"
	ip -n peer link set "$1" up
	sabotaged || engine_write wanIf "$1"
	before=$(counter SocketsAdopted)
	ip netns exec peer curl -sS --fail -o /dev/null --max-time 30 --retry 3 --retry-connrefused "http://10.8.$2.1/short" || return 1
	[ "$(counter SocketsAdopted)" -gt "$before" ]
}
pair under0
ip link add link under0 name vlan7 type vlan id 7
ip -n peer link add link under0 name vlan7 type vlan id 7
check "a VLAN" device vlan7 21
ip link add br7 type bridge
ip -n peer link add br7 type bridge
pair port0
ip link set port0 master br7
ip -n peer link set port0 master br7
check "a bridge" device br7 22
for space in "" "-n peer"; do
	# shellcheck disable=SC2086 # two words or none
	ip $space link add bond7 type bond mode active-backup miimon 100
done
pair slave0
for space in "" "-n peer"; do
	# shellcheck disable=SC2086
	ip $space link set slave0 down && ip $space link set slave0 master bond7
done
check "a bond" device bond7 23
# A tunnel by that name: a link without addresses of its own kind, as PPP's.
ip address add 10.8.30.1/24 dev under0
ip -n peer address add 10.8.30.2/24 dev under0
ip link add ppp7 type ipip local 10.8.30.1 remote 10.8.30.2
ip -n peer link add ppp7 type ipip local 10.8.30.2 remote 10.8.30.1
check "a point-to-point link" device ppp7 24
engine_write wanIf ""
sabotaged || product_set accppp 1
check "with accppp reload attaches the link" lotserver reload
check "it is in the list" grep -qw ppp7 "$ENGINE/wanIf"
check "stop succeeds" lotserver stop
check "nothing of it is loaded" stopped
finish
