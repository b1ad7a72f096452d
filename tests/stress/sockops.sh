#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest half of `tests/stress/kinds sockops`: servers in control groups with BPF programs of the type SOCK_OPS, which choose the congestion
# control and other bounds of each connection. Downloads from them, with the module and without, arrive to the last byte; what a
# program chose is treated as if the application had: taken over, shown again when the socket is handed back, and no
# reference is lost on the way.
set -u
. tests/vm/lib/suite.sh

BYTES=2000000
# Lasts until it has been looked at, and killed by who has.
LASTING=400000000
RATE_MBIT=20
RTT_MS=40
virtio=$(nic 0)
begin "$virtio"
path_up 0 "$RATE_MBIT" "$RTT_MS" 0.5 || exit 1
mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
mount -t bpf none /sys/fs/bpf
# A program cannot load what it chooses.
modprobe -a tcp_bbr tcp_dctcp
client 0 sysctl -qw net.ipv4.tcp_ecn=1

sockops() { python3 tests/stress/sockops.py "$@"; }
group() { echo "/sys/fs/cgroup/$1"; }
# attached PROGRAM: there is a control group of its own that has it.
attached() {
	mkdir -p "$(group "$1")"
	[ -e "/sys/fs/bpf/$1" ] || sockops attach "$(group "$1")" "$1"
}
# in_group PROGRAM COMMAND...: a command in that group, which a subshell becomes.
in_group() {
	echo "$BASHPID" >"$(group "$1")/cgroup.procs"
	shift
	exec "$@"
}
# serve PROGRAM PORT [BYTES]: a server in the program's control group.
serve() {
	attached "$1" || return 1
	(
		in_group "$1" python3 tests/stress/kinds.py serve plain 10.9.0.2 "$2" "${3:-$BYTES}" >"/run/serve.$2" 2>&1
	) &
	until_true 60 grep -qs ready "/run/serve.$2"
}
# fetch PORT [BYTES]
fetch() { client 0 timeout 100 python3 tests/stress/kinds.py fetch plain 10.8.0.1 "$1" "${2:-$BYTES}"; }
whole() {
	local got
	got=$(fetch "$1" 2>&1)
	[ "$got" = "$BYTES plain" ] || {
		echo "$got; $(cat "/run/serve.$1")"
		return 1
	}
}
# lasting PORT: a download that goes on until its client is killed, which over() does.
lasting() {
	# Not by client(): whose process number is wanted is that of "timeout".
	ip netns exec client0 timeout 200 python3 tests/stress/kinds.py fetch plain 10.8.0.1 "$1" "$LASTING" >/dev/null 2>&1 &
	fetcher=$!
}
over() {
	kill "$fetcher"
	wait "$fetcher" 2>/dev/null
}
control_of() { ss -tinH state established "sport = :$1" | awk '/^[ \t]/ { print $1 }'; }
is_control() { [ "$(control_of "$1")" = "$2" ]; }
# taken PROGRAM OPTION: times that it has been set, and never refused.
taken() { sockops counts "$(group "$1")" | awk -v name="$2" '$1 == name { print; good = $2 > 0 && $3 == 0 } END { exit !good }'; }

port=7000
declare -A at=()
for program in cubic reno bbr dctcp bounds; do
	port=$((port + 1))
	at[$program]=$port
	check "$program: the kernel takes the program, the server is ready" serve "$program" "$port"
	check "$program: a download without the module arrives whole" whole "$port"
done
check "start succeeds" lotserver start

# Chosen by a program as by an application: taken over, or left alone where the module leaves it alone whoever chose it.
adopted=$(counter SocketsAdopted)
for program in cubic reno bbr bounds; do
	check "$program: a download with the module arrives whole" whole "${at[$program]}"
	now=$(counter SocketsAdopted)
	check "$program: its connection was taken over" test "$now" -gt "$adopted"
	adopted=$now
done
check "dctcp: a download arrives whole" whole "${at[dctcp]}"
same "dctcp: needs marks, so its connection was left alone" "$adopted" "$(counter SocketsAdopted)"
for program in cubic reno bbr dctcp; do check "$program: was never refused" taken "$program" "$program"; done
for option in iw clamp rto delack; do check "bounds: $option was never refused" taken bounds "$option"; done

# The program's largest window holds for whoever controls the connection.
serve bounds 7050 "$LASTING"
lasting 7050
check "bounds: a longer download is accelerated" until_true 20 is_control 7050 zeta
most=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	cwnd=$(ss -tinH "sport = :7050" | grep -oE '\bcwnd:[0-9]+' | tr -dc '0-9\n' | sort -n | tail -n 1)
	[ "${cwnd:-0}" -le "$most" ] || most=$cwnd
	sleep 0.2
done
check "bounds: its window is $most, never more than the program's 40" test "$most" -le 40 -a "$most" -gt 0

# Switched off and on under downloads: what the program chose is back.
serve bbr 7051 "$LASTING"
bounded=$fetcher
lasting 7051
check "bbr: a longer download is accelerated" until_true 20 is_control 7051 zeta
engine_write wanIf "-$virtio"
check "bbr: handed back, it has what the program chose" until_true 20 is_control 7051 bbr
check "bounds: handed back, it has what was there" until_true 20 is_control 7050 cubic
# 8 ms of bound instead of 200: the timer of a path of 40 ms is shorter than TCP's own least.
rto_is_short() { ss -tinH "sport = :7050" | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^rto:/ && substr($i, 5) + 0 < 200) good = 1 } END { exit !good }'; }
check "bounds: handed back, the program's least timeout is in force" until_true 20 rto_is_short
over
fetcher=$bounded
over
engine_write wanIf "+$virtio"

# zeta by name holds the module until the socket is closed, and goes with it.
check "zeta: the program is there" serve zeta 7060
check "zeta: a download arrives whole" whole 7060
check "zeta: was never refused" taken zeta zeta
serve zeta 7061 "$LASTING"
lasting 7061
check "zeta: a longer download has it" until_true 20 is_control 7061 zeta
same "zeta: it holds the module" 1 "$(cat /sys/module/appex/refcnt)"
check "zeta: which cannot be unloaded" sh -c '! rmmod appex'
engine_write wanIf "-$virtio"
sleep 2
same "zeta: it keeps what was asked for when the interface is not accelerated" zeta "$(control_of 7061)"
over
check "zeta: nobody holds the module when it is closed" until_true 20 nobody_uses appex
engine_write wanIf "+$virtio"

# Connections that begin here, with zeta before their SYN.
push() { # PROGRAM PORT: an upload to the client from that control group
	attached "$1" || return 1
	client 0 timeout 100 python3 tests/stress/kinds.py take plain 10.8.0.1 "$2" "$BYTES" >"/run/take.$2" 2>&1 &
	local taker=$!
	until_true 60 grep -qs ready "/run/take.$2"
	(in_group "$1" timeout 100 python3 tests/stress/kinds.py push plain 10.9.0.2 "$2" "$BYTES")
	wait "$taker"
	[ "$(tail -n 1 "/run/take.$2")" = "$BYTES" ] || {
		cat "/run/take.$2"
		return 1
	}
}
check "early: an upload with zeta before the SYN arrives whole" push early 7070
check "early: was never refused" taken early zeta
# Nobody listens: the connection ends before it began.
refused() {
	! (in_group early timeout 20 python3 tests/stress/kinds.py push plain 10.9.0.2 7071 10) 2>/run/refused && grep -q ConnectionRefused /run/refused
}
check "early: a connection that is refused" refused
check "early: leaves the module to nobody" until_true 20 nobody_uses appex

# Programs that change their mind under traffic, with whatever they can be called for; the module comes and goes meanwhile.
# It goes in an instant in which no connection has zeta by name.
traffic() { # PORT: downloads one after the other until told to end
	local count=0
	while [ ! -e /run/enough ]; do
		whole "$1" || return 1
		count=$((count + 1))
	done
	echo "$count downloads"
	[ "$count" -ge 2 ]
}
unloads() { rmmod appex 2>/dev/null; }
check "restless: the program is there" serve restless 7080
check "fickle: the program is there" serve fickle 7081
background restless traffic 7080
background fickle traffic 7081
for round in 1 2 3 4; do
	sleep 1.5
	check "restless: the module unloads under traffic ($round)" until_true 60 unloads
	modprobe appex
	until_true 10 test -e "$ENGINE/wanIf"
	engine_write wanIf "+$virtio"
done
background restless-up push restless 7082
sleep 2
touch /run/enough
check "restless: each download arrives whole" awaited restless
check "fickle: each download arrives whole" awaited fickle
check "restless: an upload arrives whole" awaited restless-up
check "restless: a download with the module there all the time arrives whole" whole 7080
changes() { sockops counts "$(group restless)" | awk '{ n += $2 } END { print n + 0 }'; }
check "restless: $(changes) changes were made" test "$(changes)" -gt 1000
check "restless: with zeta among them" sh -c "[ $(sockops counts "$(group restless)" | awk '$1 == "zeta" { print $2 }') -gt 100 ]"
check "plain: a download without a program is accelerated and whole" http_get 0 4 bulk

# No reference is lost, nor one too many given back, by any of these.
for name in appex tcp_bbr tcp_dctcp; do check "nobody uses $name at the end" until_true 60 nobody_uses "$name"; done
for directory in /sys/fs/bpf/*; do sockops detach "$(group "$(basename "$directory")")"; done
check "the congestion controls unload" rmmod tcp_bbr tcp_dctcp
check "stop succeeds" lotserver stop
check "nothing of it is loaded" stopped
finish
