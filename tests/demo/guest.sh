#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The demonstration, as root in the virtual machine. Run by tests/demo/demo.
set -Eeuo pipefail
. tests/vm/lib/topology.sh
. tests/vm/lib/http.sh
. tests/vm/lib/product.sh

MBIT=40 DELAY=150 LOSS=3 # an ordinary bad path to another continent
BULK=3000000 LARGE=20000000 SHORT=50000 SHORTS=20

step() { printf '\n== %s\n' "$*"; }
show() {
	printf '   # %s\n' "$*"
	"$@" 2>&1 | fold -s -w 110 | sed 's/^/   /'
}
fail() {
	printf '\nFAILED: %s\n' "$*"
	exit 1
}
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

# measure NAME: the downloads; sets NAME.time (s), NAME.octets, NAME.again (sent again, in tenths of a per
# cent), NAME.middle and NAME.late (short responses, median and 90th percentile in ms) in result.
declare -A result
measure() {
	local out again octets time i times
	out=$(tcp_count TcpOutSegs) again=$(tcp_count TcpRetransSegs) octets=$(tcp_count IpExtOutOctets)
	time=$(http_get 0 4 bulk)
	out=$(($(tcp_count TcpOutSegs) - out)) again=$(($(tcp_count TcpRetransSegs) - again))
	result[$1.time]="${time% *}"
	result[$1.octets]=$(($(tcp_count IpExtOutOctets) - octets))
	# OutSegs does not count what is sent again.
	result[$1.again]=$((again * 1000 / (out + again)))
	printf '   one file of %s kB: %s s, checksum right\n' $((BULK / 1000)) "${time% *}"
	times=$(for ((i = 0; i < SHORTS; i++)); do http_get 0 4 short; done | awk '{ printf "%d\n", $1 * 1000 }' | sort -n)
	[ "$(wc -l <<<"$times")" = "$SHORTS" ] || fail "a short download did not arrive"
	result[$1.middle]="$(sed -n "$((SHORTS / 2 + 1))p" <<<"$times")"
	result[$1.late]="$(sed -n "$((SHORTS * 9 / 10))p" <<<"$times")"
	printf '   %s responses of %s kB, in ms: %s\n' "$SHORTS" $((SHORT / 1000)) "$(xargs <<<"$times")"
}

# row LABEL BEFORE AFTER NOTE, with numbers of one decimal where they are fractions.
row() { printf '   | %-36s | %14s | %14s | %10s |\n' "$@"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f x", a / b }'; }
rate() { awk -v bytes="$1" -v seconds="$2" 'BEGIN { printf "%.2f Mbit/s", bytes * 8 / seconds / 1e6 }'; }
percent() { printf '%d.%d %%' $(($1 / 10)) $(($1 % 10)); }

step "A server with nginx, and a client far away: $MBIT Mbit/s, $DELAY ms, $LOSS % of the packets lost"
show uname -sr
path_up 0 "$MBIT" "$DELAY" "$LOSS"
server=$(nic 0)
http_file bulk "$BULK"
http_file large "$LARGE"
http_file short "$SHORT"
http_start
product_install
product_set accif "$server"
product_set engineNum 1 # all counters in one file, for the reader; the default is one engine for each processor
printf '   the server'\''s NIC is %s (%s), its TCP uses %s\n' "$server" "$(ethtool -i "$server" | sed -n 's/^driver: //p')" \
	"$(sysctl -n net.ipv4.tcp_congestion_control)"
# The first packets of an emulated machine are slow and say nothing about the path.
client 0 ping -q -c 10 -i 0.2 10.8.0.1 >/dev/null 2>&1 || true
show client 0 ping -q -c 4 -i 0.2 10.8.0.1
machine_state >/run/before

step "Downloads without acceleration"
measure plain

step "lotServer.sh start"
show "$LOTSERVER" start
show sh -c 'lsmod | grep appex'

step "The same downloads with acceleration"
measure fast
http_get 0 6 short >/dev/null
printf '   and one over IPv6, checksum right\n'
large=$(http_get 0 4 large)
large=${large% *}
printf '   and a file of %s kB, which would take minutes without: %s s, checksum right\n' $((LARGE / 1000)) "$large"

step "Two downloads in progress, IPv4 and IPv6, as the server's kernel and the engine see them"
http_get 0 4 large >/run/progress4 &
download4=$!
http_get 0 6 large >/run/progress6 &
download6=$!
sleep 2
show ss -tiH state established '( sport = :80 )'
[ "$(congestion_controls 0 | xargs)" = "zeta zeta" ] || fail "the connections are not accelerated"
show "$LOTSERVER" status
show cat "$ENGINE/stats"

step "lotServer.sh stop, with the downloads still running"
show "$LOTSERVER" stop
printf '   the connections are now under: %s\n' "$(congestion_controls 0 | xargs)"
path_set 0 "$MBIT" "$DELAY" 0 # no more loss: cubic would need minutes for the rest
wait "$download4"
wait "$download6"
printf '   they were finished, without a byte wrong, after %s and %s s\n' \
	"$(cut -d' ' -f1 /run/progress4)" "$(cut -d' ' -f1 /run/progress6)"
machine_state >/run/after
if lsmod | grep -q '^appex' || [ -e "$ENGINE" ]; then fail "something is still loaded"; fi
diff /run/before /run/after || fail "the machine is not as it was before start"
printf '   no module, no /proc/net/appex; offloads, queueing disciplines, settings: identical to before\n'

step "Before and after"
row "" "before" "after" "gain"
row "one file of $((BULK / 1000)) kB" "${result[plain.time]} s" "${result[fast.time]} s" "$(ratio "${result[plain.time]}" "${result[fast.time]}")"
row "  rate" "$(rate "$BULK" "${result[plain.time]}")" "$(rate "$BULK" "${result[fast.time]}")" ""
row "  bytes sent for it, headers included" "${result[plain.octets]}" "${result[fast.octets]}" ""
row "  segments sent again" "$(percent "${result[plain.again]}")" "$(percent "${result[fast.again]}")" ""
row "$SHORTS responses of $((SHORT / 1000)) kB, median" "${result[plain.middle]} ms" "${result[fast.middle]} ms" "$(ratio "${result[plain.middle]}" "${result[fast.middle]}")"
row "  the 90th in a hundred" "${result[plain.late]} ms" "${result[fast.late]} ms" "$(ratio "${result[plain.late]}" "${result[fast.late]}")"
row "one file of $((LARGE / 1000)) kB" "not tried" "$large s" ""
row "  rate" "" "$(rate "$LARGE" "$large")" ""
awk -v a="${result[plain.time]}" -v b="${result[fast.time]}" 'BEGIN { exit !(b < a) }' || fail "acceleration did not make the download faster"
printf '\nEverything went as it should.\n'
