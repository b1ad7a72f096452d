#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who has no right to the module, on a kernel with user namespaces: a user, and one who is root in namespaces of his own. Neither
# changes a setting nor attaches the shaper, connections of his namespaces are never taken over, and thousands of calls at random do no harm.
# Sabotage: all of it is done by root.
set -u
. tests/vm/lib/suite.sh

# One engine: each connection is accounted for in one place.
server=$(nic 0)
begin "$server"
product_set engineNum 1
path_up 0 20 20 0 || exit 1
mkdir -m 777 /run/rootless

if sabotaged; then
	user() { "$@"; }
	rootless() { unshare -n -- "$@"; }
else
	user() { setpriv --reuid 1000 --regid 1000 --clear-groups -- "$@"; }
	rootless() { user unshare -Urn -- "$@"; }
fi
# denied COMMAND...: it fails, and the kernel says that it is not permitted.
denied() { ! "$@" >/run/denied 2>&1 && grep -qiE 'not permitted|permission denied' /run/denied; }
# not_permitted: the same, and not for want of a file's permission.
not_permitted() { ! "$@" >/run/denied 2>&1 && grep -qi 'not permitted' /run/denied; }
choose() { python3 -c 'import socket; socket.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"zeta")'; }
export -f choose

check "start succeeds" lotserver start
settings=$(cat "$ENGINE/cmd" "$ENGINE/wanIf" "$ENGINE/tcpAccEnable")

# 1. A user.
check "a user cannot write" denied user sh -c "echo 0 >$ENGINE/tcpAccEnable"
check "nor read whose connections there are" denied user cat "$ENGINE/flows"
check "nor attach the shaper" denied user tc qdisc add dev lo root appex
check "nor choose zeta by name" not_permitted user bash -c choose
allowed=$(sysctl -n net.ipv4.tcp_allowed_congestion_control)
sysctl -qw net.ipv4.tcp_allowed_congestion_control="$allowed zeta"
check "unless the administrator lets everybody" user bash -c choose
sysctl -qw net.ipv4.tcp_allowed_congestion_control="reno cubic"
check "and no longer than that" not_permitted user bash -c choose
check "who may administer the network may choose it" choose

# 2. Root in namespaces of his own: that he is one there, and nobody here.
# shellcheck disable=SC2016 # that shell's own dollar
check "in namespaces of his own he is root" rootless sh -c '[ "$(id -u)" = 0 ] && ip link add veth7 type veth peer name veth8'
check "which have no files of the engine" rootless sh -c '! ls -d /proc/net/appex*'
check "those of all others he cannot write" denied rootless sh -c "echo 0 >/proc/1/net/appex/tcpAccEnable"
# Root here who is nobody's but his own namespace's may open the file, which belongs to him.
own_users() { if sabotaged; then "$@"; else unshare -Ur -- "$@"; fi; }
check "nor who owns them and has no right but there" not_permitted own_users bash -c "echo 0 >$ENGINE/tcpAccEnable"
check "the shaper is refused to him" not_permitted rootless tc qdisc add dev lo root appex
check "and below another discipline" not_permitted rootless sh -c 'tc qdisc add dev lo root handle 1: prio && tc qdisc add dev lo parent 1:1 appex'
same "nothing has changed" "$settings" "$(cat "$ENGINE/cmd" "$ENGINE/wanIf" "$ENGINE/tcpAccEnable")"

# 3. A server in there, behind address translation; and one of root's own, which is taken over.
box() { # NUMBER COMMAND...: a namespace made by COMMAND, as 10.200.NUMBER.2, with a web server
	local number=$1 pid
	shift
	"$@" sh -c "ip link set lo up; echo \$\$ >/run/rootless/$number; exec python3 -m http.server --directory '$HTTP_ROOT' 80" >/dev/null 2>&1 &
	until_true 60 test -s "/run/rootless/$number" || return 1
	pid=$(cat "/run/rootless/$number")
	ip link add "box$number" type veth peer name eth7 netns "$pid"
	ip address add "10.200.$number.1/24" dev "box$number"
	ip link set "box$number" up
	nsenter -t "$pid" -n sh -c "ip address add 10.200.$number.2/24 dev eth7; ip link set eth7 up; ip route add default via 10.200.$number.1"
	until_true 60 curl -sS --fail -o /dev/null --max-time 5 "http://10.200.$number.2/short"
}
sysctl -qw net.ipv4.ip_forward=1
nft -f - <<-'NFT'
	table ip box {
		chain pre { type nat hook prerouting priority dstnat; tcp dport 83 dnat to 10.200.3.2:80; tcp dport 84 dnat to 10.200.4.2:80; }
		chain post { type nat hook postrouting priority srcnat; ip saddr 10.200.0.0/16 masquerade; }
	}
NFT
check "a server in a user's own namespaces" box 3 rootless
check "and one in a namespace of the machine's users" box 4 unshare -n --
get() { client 0 curl -sS --fail -o /run/got --max-time 60 "http://10.8.0.1:$1/bulk" && cmp -s /run/got "$HTTP_ROOT/bulk"; }
before=$(counter SocketsAdopted)
check "a download from the user's is whole" get 83
same "and was never taken over" "$before" "$(counter SocketsAdopted)"
check "one from the other is whole" get 84
same "and was taken over" $((before + 1)) "$(counter SocketsAdopted)"
engine_write wanIf "+lo"
before=$(counter SocketsAdopted)

# 4. Calls at random, beside a download.
background beside http_get 0 4 bulk
for seed in 1 2 3; do background "calls$seed" rootless python3 tests/vm/suite/rootless.py "$seed" 3000; done
for seed in 1 2 3; do
	check "3000 calls at random end ($seed)" awaited "calls$seed"
	echo "# $(cat "$STATE/calls$seed.out")"
	check "the shaper was asked for and never given ($seed)" \
		sh -c "grep -q '[0-9] shapers refused' '$STATE/calls$seed.out' && ! grep -q 'shapers given' '$STATE/calls$seed.out'"
	check "zeta by name is there for root of a namespace ($seed)" grep -q '[1-9][0-9]* zeta given' "$STATE/calls$seed.out"
done
check "a download beside them is whole" awaited beside
same "nothing but that download was taken over" $((before + 1)) "$(counter SocketsAdopted)"
same "no setting has changed" "$settings" "$(engine_write wanIf -lo && cat "$ENGINE/cmd" "$ENGINE/wanIf" "$ENGINE/tcpAccEnable")"
check "nobody holds the module" until_true 60 nobody_uses appex
check "stop succeeds while the user's server is there" lotserver stop
check "nothing of it is loaded" stopped
check "it starts again" lotserver start
check "a download from the user's server is whole, too" get 83
check "stop succeeds" lotserver stop
check "nothing of it is loaded then" stopped
finish
