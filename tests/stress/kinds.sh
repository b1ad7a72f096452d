#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest half of tests/stress/kinds: downloads by the less usual kinds of TCP, through IPsec and GRE, under filters and
# other routes, over a path that loses, with the module and without. Each has to arrive to the last byte.
set -u
. tests/vm/lib/suite.sh

BYTES=2000000
virtio=$(nic 0)
begin "$virtio"
path_up 0 20 40 0.5 || exit 1
http_file long 4000000
http_file longer 16000000
sysctl -qw net.ipv4.tcp_fastopen=3
client 0 sysctl -qw net.ipv4.tcp_fastopen=3

# serve_kind KIND PORT
serve_kind() {
	python3 tests/stress/kinds.py serve "$1" 10.9.0.2 "$2" "$BYTES" >"/run/serve.$1" 2>&1 &
	until_true 60 grep -q ready "/run/serve.$1"
}
# fetch_kind KIND PORT HOW: whole, and of that kind.
fetch_kind() {
	local got
	got=$(client 0 timeout 60 python3 tests/stress/kinds.py fetch "$1" 10.8.0.1 "$2" "$BYTES" 2>&1)
	[ "$got" = "$BYTES $3" ] || {
		echo "$got; $(cat "/run/serve.$1")"
		return 1
	}
}
kinds() { # WHICH
	local port=6000 kind how adopted
	for kind in md5 ao mptcp ktls zerocopy splice sendfile fastopen; do
		port=$((port + 1)) how=$kind adopted=0
		[ "$1" = without ] || adopted=$(counter SocketsAdopted)
		if [ "$1" = without ]; then check "$kind: the server is ready" serve_kind "$kind" "$port"; fi
		# The first connection fetches the cookie that the second one needs.
		if [ "$kind" = fastopen ]; then
			how=syn-data
			fetch_kind "$kind" "$port" "$how" >/dev/null
		fi
		check "$kind: a download $1 the module arrives whole" fetch_kind "$kind" "$port" "$how"
		[ "$1" = without ] || check "$kind: its connection was taken over" test "$(counter SocketsAdopted)" -gt "$adopted"
	done
}

kinds without
check "start succeeds" lotserver start
kinds with

# Connections that the listener keeps nothing of until they are there, as under a flood of SYNs.
sysctl -qw net.ipv4.tcp_syncookies=2
cookies() { nstat -asz TcpExtSyncookiesRecv | awk '/^TcpExt/ { print $2 }'; }
for family in 4 6; do
	adopted=$(counter SocketsAdopted) cookies=$(cookies)
	check "cookies: a download by IPv$family arrives whole" http_get 0 "$family" long
	check "cookies: its connection was begun with one" test "$(cookies)" -gt "$cookies"
	check "cookies: it was taken over" test "$(counter SocketsAdopted)" -gt "$adopted"
done
sysctl -qw net.ipv4.tcp_syncookies=1

# Under a download: a filter that refuses, one that asks a program nobody runs, and other routes.
rules() { check "$1: the rule is there" nft -f - <<<"$2"; }
# met NAME: packets have met the rule of table q while the download was under way.
met() { check "$1: packets meet it" until_true 20 sh -c "nft list table inet q | grep -q 'packets [1-9]'" && check "$1: it is under way" test ! -e "$STATE/$1"; }
under() { # NAME [FILE]: begins a download over the path
	background "$1" http_get 0 4 "${2:-long}" --max-time 100
	check "$1: a download is accelerated" until_true 20 all_are zeta 0
}
whole() { check "$1: it arrives whole" awaited "$1"; }

under queue
rules queue 'table inet q { chain out { type filter hook output priority 0; tcp sport 80 counter queue num 7; }; }'
met queue
sleep 2
check "queue: what nobody takes from the queue is gone" nft delete table inet q
whole queue
under queue-bypass
rules queue-bypass 'table inet q { chain out { type filter hook output priority 0; tcp sport 80 counter queue flags bypass to 7; }; }'
met queue-bypass
whole queue-bypass
nft delete table inet q
under tracked
rules tracked 'table inet q { chain in { type filter hook input priority 0; ct state established counter accept; }; }'
met tracked
sleep 1
nft delete table inet q
whole tracked
under refused
rules refused 'table inet q { chain in { type filter hook input priority 0; tcp dport 80 counter reject with tcp reset; }; }'
none_accelerated() { [ "$(counter NumOfAccFlows)" = 0 ]; }
refused() { ! awaited refused >/dev/null && grep -q 'reset by peer' "$STATE/refused.out"; }
check "refused: its connection is reset" refused
nft delete table inet q
check "refused: no flow of it stays accelerated" until_true 20 none_accelerated

# Rules come and go that send the connection by tables of their own, with an MTU of their own; every other one leaves by
# another device, which is attached, too.
ip link add other9 type veth peer name other9 netns near0
addresses "" other9 10.8.9.1/24 fd89::1/64
addresses near0 other9 10.8.9.2/24 fd89::2/64
engine_write wanIf +other9
for table in 100 101 102 103; do
	by="10.8.0.2 dev $virtio"
	if [ $((table % 2)) = 1 ]; then by="10.8.9.2 dev other9"; fi
	# shellcheck disable=SC2086 # words
	ip route add 10.9.0.0/24 via $by table "$table" mtu $((1200 + table))
done
# leaves_by DEVICE [TABLE]: so does what the connection sends, says the kernel.
leaves_by() { [[ "$(ip route get 10.9.0.2 from 10.8.0.1) " == *" dev $1 ${2:+table $2 }"* ]]; }
# segments_are BYTES: of the connection, for the MTU of its route: it less 20 bytes of IP, 20 of TCP and 12 of timestamps.
segments_are() { ss -tinH state established "( sport = :80 )" | grep -q " mss:$1 "; }
sent_by_other() { cat /sys/class/net/other9/statistics/tx_bytes; }
under routes longer
for table in 100 101 102 103; do
	device=$virtio
	if [ $((table % 2)) = 1 ]; then device=other9; fi
	sent=$(sent_by_other)
	check "routes: a rule for table $table comes" ip rule add from 10.8.0.1 lookup "$table" priority "$table"
	check "routes: it leaves by $device then" leaves_by "$device" "$table"
	check "routes: segments are made for its MTU" until_true 20 segments_are $((1200 + table - 52))
	sleep 0.3
	sent=$(($(sent_by_other) - sent))
	if [ "$device" = other9 ]; then
		check "routes: $sent bytes of it did" test "$sent" -gt 10000
	else
		check "routes: $sent bytes of it left by the other device" test "$sent" -lt 10000
	fi
	check "routes: its connection is accelerated, table $table" all_are zeta 0
	check "routes: the rule for table $table goes" ip rule del priority "$table"
	check "routes: it leaves by $virtio again" leaves_by "$virtio"
done
check "routes: all that was during the download" test ! -e "$STATE/routes"
whole routes

# By a device that is not attached.
engine_write wanIf -other9
ip rule add from 10.8.0.1 lookup 101 priority 101
adopted=$(counter SocketsAdopted)
check "detour: a download by a device that is not attached arrives whole" http_get 0 4 long
same "detour: it is not accelerated" "$adopted" "$(counter SocketsAdopted)"
ip rule del priority 101
ip link del other9

# ESP between server and client, switched on and off under a download.
esp() { # add|delete
	local way
	for way in "10.8.0.1 10.9.0.2 0x100 out in" "10.9.0.2 10.8.0.1 0x200 in out"; do
		# shellcheck disable=SC2086 # words
		set -- "$1" $way
		if [ "$1" = add ]; then
			for place in "ip" "ip -n client0"; do
				$place xfrm state add src "$2" dst "$3" proto esp spi "$4" mode transport \
					aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128 || return 1
			done
			ip xfrm policy add src "$2" dst "$3" dir "$5" tmpl src "$2" dst "$3" proto esp mode transport level use || return 1
			ip -n client0 xfrm policy add src "$2" dst "$3" dir "$6" tmpl src "$2" dst "$3" proto esp mode transport level use || return 1
		fi
		set -- "$1"
	done
	if [ "$1" = delete ]; then
		for place in "ip" "ip -n client0"; do
			$place xfrm policy flush
			$place xfrm state flush
		done
	fi
}
under esp-comes
check "esp: it is switched on" esp add
whole esp-comes
encrypted() { ip -s xfrm state list dst 10.9.0.2 | grep -oE '[0-9]+\(bytes\)' | head -n 1 | tr -dc 0-9; }
before=$(encrypted)
under esp longer
sleep 2
bytes=$(($(encrypted) - before))
check "esp: $bytes bytes of it were encrypted" test "$bytes" -gt 500000
check "esp: it is switched off" esp delete
check "esp: under the download" test ! -e "$STATE/esp"
whole esp

# A tunnel to the client, attached as an interface of its own.
ip tunnel add gre9 mode gre local 10.8.0.1 remote 10.9.0.2
ip address add 10.5.0.1/24 dev gre9
ip link set gre9 up
ip -n client0 tunnel add gre9 mode gre local 10.9.0.2 remote 10.8.0.1
ip -n client0 address add 10.5.0.2/24 dev gre9
ip -n client0 link set gre9 up
engine_write wanIf +gre9
engine_write subnetAccEnable 1
through_gre() {
	client 0 curl -sS --fail --max-time 100 -o /tmp/gre "http://10.5.0.1/long" && [ "$(sha256sum </tmp/gre)" = "$(cat /run/sums/long)" ]
}
adopted=$(counter SocketsAdopted)
check "gre: a download through it arrives whole" through_gre
check "gre: its connection was taken over" test "$(counter SocketsAdopted)" -gt "$adopted"
background gone through_gre
sleep 1
ip link del gre9
check "gre: the tunnel vanishes under a download, statistics can be read" test -n "$(counter NumOfFlows)"

under last
whole last
check "stop succeeds" lotserver stop
check "nothing of it is loaded" stopped
finish
