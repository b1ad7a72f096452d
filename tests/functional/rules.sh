#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Rules by peer and port: live, on connections that exist, with hit counts. Control groups need a
# kernel with CONFIG_SOCK_CGROUP_DATA, which user-mode Linux is built without: [RULE] in todo.rst.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=${BYTES:-1500000}
LONG=100000000
topology
sysctl -qw net.ipv4.tcp_wmem="4096 65536 300000"
slow_path 40ms 20mbit
traffic serve 5001 "$BYTES" >/dev/null &
traffic serve 5002 "$BYTES" >/dev/null &
traffic serve 5007 "$LONG" >/dev/null &
until_true 30 sh -c 'ss -tlnH | grep -q :5001 && ss -tlnH | grep -q :5002'
require engines=2
put wanIf wan0
put subnetAccEnable 1
echo wan0 >/proc/net/appex1/wanIf
echo 1 >/proc/net/appex1/subnetAccEnable

rules() { cut -d'#' -f1 "$PROC/rules" | sed 's/ *$//'; }
hits() { sed -n "s/^$1 # hits=//p" "$PROC/rules"; }
lines() { cat /proc/net/appex*/flows | grep -v '^#'; }
why() { lines | awk -v port=":$1" '$1 ~ port "$" && $4 == "established" { print $5 }' | sort -u; }
field() { lines | awk -v port=":$1" '$1 ~ port "$"' | sed -n "s/.* $2=\([^ ]*\).*/\1/p" | tail -n 1; }
is() { [ "$(why "$1")" = "$2" ]; }
fetch() { client python3 "$HERE/traffic.py" fetch "$1" "$2" "$BYTES" >/tmp/out 2>&1 & }
whole() { [ "$(cut -d' ' -f1 /tmp/out)" = "$BYTES" ]; }
# during NAME REASON HOST PORT
during() {
	hold
	fetch "$3" "$4"
	check "$1: $2" until_true 30 is "$4" "$2"
	released $!
	check "$1: whole" whole
}

# 1. Writing and reading.
same "there are no rules at first" "" "$(get rules)"
put rules "lport=5001 off"
same "a rule reads back with its hits" "lport=5001 off # hits=0" "$(get rules)"
same "all engines have the same" "$(get rules)" "$(cat /proc/net/appex1/rules)"
put rules "+to=10.9.0.0/24   mode=max"
put rules "+lport=5001 off"
same "one is added at the end, one that is there is not" "lport=5001 off
to=10.9.0.0/24 mode=max" "$(rules)"
put rules "-lport=5001 off"
same "one is taken out" "to=10.9.0.0/24 mode=max" "$(rules)"
put rules "-rport=9 off"
same "taking out what is not there is no error" "to=10.9.0.0/24 mode=max" "$(rules)"
for bad in off "lport=1" "lport=1 off acc" "port=1 off" "+lport=1" "to=1.2.3.4/40 off"; do
	refuse "no rule: $bad" put rules "$bad" 2>/dev/null
done
refuse "one bad line refuses the whole write" sh -c "printf 'lport=1 off\nlport=2\n' >$PROC/rules" 2>/dev/null
refuse "added and whole lines do not mix" sh -c "printf 'lport=1 off\n+lport=2 off\n' >$PROC/rules" 2>/dev/null
same "what is refused changes nothing" "to=10.9.0.0/24 mode=max" "$(rules)"
seq -f 'lport=%.0f off' 1 128 >/tmp/many
check "128 rules are taken" sh -c "cat /tmp/many >$PROC/rules"
same "all of them" 128 "$(get rules | wc -l)"
refuse "not one more" put rules "+lport=129 off" 2>/dev/null
get rules >/tmp/saved
put rules ""
same "nothing clears them" "" "$(get rules)"
check "what was read can be written" sh -c "cat /tmp/saved >$PROC/rules"
same "and is the same" "$(cat /tmp/saved)" "$(get rules)"
put rules ""

# 2. By port, by peer; the first that matches decides.
during "without rules" accelerated 10.9.0.1 5001
put rules "lport=5001 off"
during "a rule for its port" rule 10.9.0.1 5001
during "not for another" accelerated 10.9.0.1 5002
during "IPv6, too" rule fd00:9::1 5001
same "hits are connections" 2 "$(hits 'lport=5001 off')"
put rules "to=fd00:9::/64 acc"
put rules "+lport=5001-5002 off"
during "the first that matches decides" accelerated fd00:9::1 5001
during "else the second" rule 10.9.0.1 5002
same "hits of the first" 1 "$(hits 'to=fd00:9::\/64 acc')"
put rules "+lport=7 off"
same "hits outlive a change of others" 1 "$(hits 'to=fd00:9::\/64 acc')"
put subnetAccEnable 0
echo 0 >/proc/net/appex1/subnetAccEnable
put rules "lport=5001 acc"
during "acc overrules subnetAccEnable=0" accelerated 10.9.0.1 5001
during "for those that match" same-subnet 10.9.0.1 5002
put rules "lport=5001 mode=max"
during "mode alone does not" same-subnet 10.9.0.1 5001
put subnetAccEnable 1
echo 1 >/proc/net/appex1/subnetAccEnable

# 3. Mode and rate, on a connection that exists.
put rules ""
client python3 "$HERE/traffic.py" fetch 10.9.0.1 5007 "$LONG" >/dev/null 2>&1 &
long=$!
until_true 30 is 5007 accelerated
mode() { [ "$(field 5007 mode)" = "$1" ]; }
slow() { [ "$(field 5007 rate_kbps)" -le "$1" ]; }
fast() { [ "$(field 5007 rate_kbps)" -gt "$1" ]; }
for mode in conservative strong max normal; do
	put rules "lport=5007 mode=$mode"
	check "mode=$mode reaches it" until_true 30 mode "$mode"
done
same "and counts" 1 "$(hits 'lport=5007 mode=normal')"
put maxTxEnable 1
echo 1 >/proc/net/appex1/maxTxEnable
sleep 0.5
check "mode=normal overrules the engine's" mode normal
put rules ""
check "without it the engine's counts" until_true 30 mode max
put maxTxEnable 0
echo 0 >/proc/net/appex1/maxTxEnable
put rules "lport=5007 rate=3000"
check "rate slows it down" until_true 10 slow 3000
put rules ""
check "and lets it go again" until_true 20 fast 5000
put cmd "maxAccFlowTxKbps: 2000"
echo "maxAccFlowTxKbps: 2000" >/proc/net/appex1/cmd
check "the engine's own limit" until_true 10 slow 2000
put rules "lport=5007 rate=0"
check "is overruled by rate=0" until_true 20 fast 3000
put cmd "maxAccFlowTxKbps: 0"
echo "maxAccFlowTxKbps: 0" >/proc/net/appex1/cmd
put rules "lport=5007 off"
check "off hands it back" until_true 30 is 5007 rule
put rules ""
check "and without the rule it is taken over again" until_true 30 is 5007 accelerated
# Changes while it goes on.
for i in $(seq 50); do
	put rules "lport=5007 mode=max rate=$((i * 1000))"
	put rules "lport=$i off"
done
check "after a hundred changes it still is" until_true 30 is 5007 accelerated
kill "$long"
wait "$long" 2>/dev/null

check "the module can be unloaded" unload
finish
