#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What migration.rst says of machines that were set up for BBR or tcp-brutal, with lotServer.sh itself. $BRUTAL_KO stands
# in for tcp-brutal.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=8000000
export APPEX_ROOT=/tmp/appex APPEX_MODULE=$APPEX_KO
mkdir -p "$APPEX_ROOT/etc" "$APPEX_ROOT/log"
printf '%s\n' 'accif="wan0"' 'subnetAcc="1"' 'engineNum="1"' >"$APPEX_ROOT/etc/config"
lot() { "$HERE/../../scripts/lotServer.sh" "$@"; }
has() { [ "$(control_of "$1" | sort -u)" = "$2" ]; }
flow_is() { grep ":$1 " "$PROC/flows" | grep -q " established $2"; }
whole() { [ "$(cut -d' ' -f1 "$1")" = "$BYTES" ]; }
# warnings: what status says on standard error.
warnings() { { lot status >/dev/null; } 2>&1; }

# A server as the guides for BBR leave it, and one application with tcp-brutal.
topology
slow_path 20ms 20mbit
check "the stand-in for tcp-brutal loads" insmod "$BRUTAL_KO"
sysctl -qw net.core.default_qdisc=fq net.ipv4.tcp_congestion_control=bbr
tc qdisc replace dev wan0 root fq
traffic serve 5001 "$BYTES" >/dev/null &
traffic serve 5002 "$BYTES" brutal >/dev/null &
until_true 30 sh -c 'ss -tlnH | grep -q :5001 && ss -tlnH | grep -q :5002'

same "it starts without a word" "" "$(lot start 2>&1)"
hold
client python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 "$BYTES" >/tmp/bbr 2>&1 &
bbr=$!
client python3 "$HERE/traffic.py" fetch 10.9.0.1 5002 "$BYTES" >/tmp/brutal 2>&1 &
brutal=$!
check "a socket that begins with BBR is taken over" until_true 30 has 5001 zeta
check "one with brutal is not" until_true 30 flow_is 5002 own-control
same "it keeps its congestion control" brutal "$(control_of 5002)"
same "status warns of tcp-brutal, and of nothing else" \
	"[warn] tcp-brutal is loaded: its sockets keep it, and take their rate from the others; see migration.rst" "$(warnings)"
check "and counts the connection" sh -c "'$HERE/../../scripts/lotServer.sh' status --json 2>/dev/null | grep -q own-control"
same "the settings for BBR stay" "bbr fq" "$(sysctl -n net.ipv4.tcp_congestion_control net.core.default_qdisc | xargs)"
check "so does the queueing discipline" sh -c "tc qdisc show dev wan0 | grep -q '^qdisc fq '"
lot stop >/dev/null 2>&1
check "stopped, BBR has its socket again" has 5001 bbr
released "$bbr"
wait "$brutal"
check "the transfer with BBR is whole" whole /tmp/bbr
check "the one with brutal, too" whole /tmp/brutal

sysctl -qw net.ipv4.tcp_congestion_control=brutal
same "status warns of brutal as the default" \
	"[warn] brutal is the default congestion control: no socket that uses it is accelerated" "$(warnings | grep default)"
finish
