# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# status says why connections are not accelerated: each reason, and none where all is well.

# breaks: test_all_is_well | lib/why.sh | s/\[\[ ! $GOT != 0 \]\]/false/; s/^\t\[\[ $GOT != 0 \]\] ||/\ttrue \&\&/
# breaks: test_not_loaded | lib/why.sh | s/finding not-loaded/finding loaded/
# breaks: test_switched_off | lib/why.sh | s/^\t\[\[ $GOT != 0 \]\] ||/\ttrue ||/
# breaks: test_no_interface | lib/why.sh | s/((${#wan\[@\]} > 0)) ||/true ||/
# breaks: test_absent_interface | lib/why.sh | s/((${#MATCHING\[@\]} > 0)) ||/true ||/
# breaks: test_interface_down | lib/why.sh | s/if ((!(flags & 1)))/if false/
# breaks: test_no_carrier | lib/why.sh | s/if \[\[ $GOT == 0 \]\]; then/if false; then/
# breaks: test_lan_interface | lib/why.sh | s/if has_word "$name" "${lan\[@\]}"; then/if false; then/
# breaks: test_route_by_another_interface | lib/why.sh | s/has_word "$name" "${wan\[@\]}" ||/true ||/
# breaks: test_one_family | lib/why.sh | s/^\t10) .*/\t10) ;;/
# breaks: test_no_flows_on_an_interface | lib/why.sh | s/\[\[ -z $WHY_TCP || -n ${WHY_IF/[[ -n ${WHY_IF/; s/{ met\[$6\]++ }/{ met["if=" NR]++; met["if=2"]++; met["if=4"]++ }/
# breaks: test_every_reason_of_the_engine | lib/why.sh | s/ lan-segment short-rtt / short-rtt /
# breaks: test_handshakes_do_not_count | lib/why.sh | s/&& $5 != "handshake"//
# breaks: test_session_limit | lib/why.sh | s/>= sessions))/> sessions))/
# breaks: test_failures | lib/why.sh | s/AdoptFailures\]-0} == 0/AdoptFailures]-0} >= 0/
# breaks: test_not_root | lib/why.sh | s/why_look || finding/why_look || true finding/

# up NAME...: pairs of devices that are up.
up() {
	local name
	veth "$@"
	for name in "$@"; do
		ip link set "$name" up
		ip link set "p-$name" up
	done
}

# carried INDEX REASON...: connections on an interface, one a reason, the first of them twice.
carried() {
	local index=$1 each number=0
	shift
	for each in "$1" "$@"; do
		number=$((number + 1))
		echo "10.0.0.1:443 192.0.2.$number:4000 tcp established $each if=$index idle_ms=0 control=cubic rtt_us=500 acked=0"
	done >>"$FAKE_STATE/flows"
}

index_of() { cat "/sys/class/net/$1/ifindex"; }

# found: the words of the section, in their order.
found() {
	sed -n '/^\[Acceleration\]/,/^$/s/^\([a-z-]*\)  *.*/\1/p' "$T/out" | tr '\n' ' '
}

started() {
	up eth0
	config accif=eth0 engineNum=1 "$@"
	ok_lot start
}

test_all_is_well() {
	started
	carried "$(index_of eth0)" accelerated by-name
	ok_lot status
	is "$(found)" 'accelerated '
	like "$OUT" $'*\naccelerated          3 of 3 TCP connections'
	is "$ERR" ''
}

test_not_loaded() {
	ok_lot status
	is "$(found)" 'not-loaded '
	like "$OUT" '*lotServer.sh start*'
}

test_switched_off() {
	started acc=0
	carried "$(index_of eth0)" off
	ok_lot status
	is "$(found)" 'accelerated off off '
	like "$OUT" '*off                  2 of 2: acceleration is off (acc="0")*'
}

test_no_interface() {
	started
	echo >"$APPEX_PROC/wanIf"
	ok_lot status
	is "$(found)" 'accelerated no-interface '
}

test_absent_interface() {
	started
	carried "$(index_of eth0)" accelerated
	echo '+eth7 +wan*' >"$APPEX_PROC/wanIf"
	ok_lot status
	is "$(found)" 'accelerated absent absent '
	like "$OUT" '*no interface wan[*]: it is accelerated as soon as it appears*'
	ok_lot status --json
	like "$OUT" '*"code": "absent", "interface": "eth7", "text": *'
}

test_interface_down() {
	started
	ip link set eth0 down
	ok_lot status
	is "$(found)" 'accelerated down '
	like "$OUT" '*ip link set eth0 up*'
}

test_no_carrier() {
	started
	ip link set p-eth0 down
	ok_lot status
	is "$(found)" 'accelerated no-carrier '
}

test_lan_interface() {
	up eth1
	started 'lanif="eth[1-9]"'
	carried "$(index_of eth0)" accelerated
	echo '+eth1' >"$APPEX_PROC/wanIf"
	ok_lot status
	is "$(found)" 'accelerated lan-interface '
	ok_lot status --json
	like "$OUT" '*"code": "lan-interface", "interface": "eth1", *'
}

test_route_by_another_interface() {
	up eth1
	ip addr add 10.1.0.1/24 dev eth1
	ip route add default via 10.1.0.2
	started
	carried "$(index_of eth0)" accelerated
	ok_lot status
	is "$(found)" 'accelerated route '
	like "$OUT" '*the default route leaves by eth1, which is not attached*'
}

test_one_family() {
	started ipv4Only=1
	carried "$(index_of eth0)" accelerated
	ok_lot status
	is "$(found)" 'accelerated one-family '
	like "$OUT" '*IPv6 is not accelerated*'
	echo 'ipv6Only: 1' >"$APPEX_PROC/cmd"
	ok_lot status
	like "$OUT" '*nothing is accelerated: ipv4Only and ipv6Only*'
	echo 'ipv4Only: 0' >"$APPEX_PROC/cmd"
	ok_lot status
	like "$OUT" '*IPv4 is not accelerated*'
}

test_no_flows_on_an_interface() {
	up eth1
	started
	echo '+eth1' >"$APPEX_PROC/wanIf"
	carried "$(index_of eth1)" accelerated
	ok_lot status
	is "$(found)" 'accelerated no-flows '
	like "$OUT" '*no connection has been met on eth0: *UDP is not accelerated*'
}

# Those that flows gives and that some setting would change (Documentation/interface.rst).
test_every_reason_of_the_engine() {
	local reasons word
	reasons=$(sed -n '/^.. generated: reasons/,/^.. end/s/^   "\([a-z-]*\)", ".*/\1/p' "$HERE/../../Documentation/interface.rst")
	is "$(wc -w <<<"$reasons")" 15
	started
	# shellcheck disable=SC2086 # one word each
	carried "$(index_of eth0)" $reasons
	ok_lot status
	for word in $reasons; do
		case $word in
		# accelerated twice, by name once; the others are no connections that could be.
		accelerated) like "$OUT" '*accelerated          3 of 14 TCP*' ;;
		by-name | handshake | closed | not-tcp) unlike "$OUT" "*"$'\n'"$word *" ;;
		*) like "$OUT" "*"$'\n'"$word  *1 of 14: *" ;;
		esac
	done
}

test_handshakes_do_not_count() {
	started
	carried "$(index_of eth0)" handshake closed
	ok_lot status
	like "$OUT" '*accelerated          0 of 0 TCP*'
}

test_session_limit() {
	started
	carried "$(index_of eth0)" accelerated
	echo 'NumOfFlows = 1000' >"$FAKE_STATE/stats"
	ok_lot status
	is "$(found)" 'accelerated sessions '
	like "$OUT" '*1000 sessions are the limit*new connections pass unaccelerated*'
	echo 'bypassOverFlows: 0' >"$APPEX_PROC/cmd"
	ok_lot status
	like "$OUT" '*new connections are refused*'
	echo 'NumOfFlows = 999' >"$FAKE_STATE/stats"
	ok_lot status
	is "$(found)" 'accelerated '
}

test_failures() {
	started
	carried "$(index_of eth0)" accelerated
	echo 'AdoptFailures = 4' >"$FAKE_STATE/stats"
	ok_lot status
	is "$(found)" 'accelerated failures '
}

# Everybody may ask; who may not read the connections is told so, and no more is made up.
test_not_root() {
	started
	# The stand-in's files are root's alone.
	mkdir "$T/copy"
	cp -r "$APPEX_PROC" "$T/copy/"
	chmod -R go+rX "$T/copy" "$APPEX_ROOT"
	chmod 0600 "$T/copy/appex/flows" "$T/copy/appex/rules"
	chmod 0755 "$T"
	STATUS=0
	APPEX_PROC=$T/copy/appex setpriv --reuid 65534 --clear-groups "$LOT" status >"$T/out" 2>"$T/err" || STATUS=$?
	OUT=$(<"$T/out")
	is "$STATUS $(found)" '0 not-root '
}
