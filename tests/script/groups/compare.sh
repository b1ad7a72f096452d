# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# check: what an old configuration means here. status: who else is at work.

# breaks: test_old_configuration | lib/compare.sh | s/^check_note() {/&\n\treturn 0/
# breaks: test_old_configuration | lib/compare.sh | s/ignored+=("$name")/:/
# breaks: test_sound_configuration | lib/compare.sh | s/-z ${CONFIG_LINE\[$1\]-} ||/-z x ||/; s/${CONFIG\[$1\]} != "$2"/-z x/
# breaks: test_bad_configuration | lib/compare.sh | s/^\tconfig_load$/\tsay "$CONFIG_FILE can be started."; &/
# breaks: test_conflicts | lib/compare.sh | s/^conflicts_note() {/&\n\treturn 0/

test_old_configuration() {
	veth eth0
	printf '%s\n' 'accif="eth0 venet0"' 'apxlic="/appex/etc/apx.lic"' 'serial="0123"' 'gso="0"' 'rsc="0"' \
		'shrinkOSWmem="1 1"' 'csvmode="1"' 'highcsv="1"' >"$T/old"
	ok_lot check "$T/old"
	like "$OUT" '*Without effect here: apxlic serial*'
	like "$OUT" "*$T/old:4: gso=\"0\" turns tso*"
	like "$OUT" "*$T/old:5: rsc=\"0\" turns gro*"
	like "$OUT" "*$T/old:6: shrinkOSWmem=\"1 1\" slows*"
	like "$OUT" "*$T/old:8: highcsv=\"1\" counts here*"
	like "$OUT" '*shortRttMS is not given: 0 (off) here*'
	like "$OUT" '*there is no interface venet0*'
	unlike "$OUT" '*no interface eth0*'
	like "$OUT" "*$T/old can be started."
	untouched
}

test_sound_configuration() {
	veth eth0
	config accif=eth0 gso=1 rsc=1 shrinkOSWmem=0 highcsv=0 shortRttMS=0
	ok_lot check
	is "$OUT" "$CONF can be started."
}

test_bad_configuration() {
	config accif=eth0 acc=9 'x=$(reboot)'
	run_lot check
	is "$STATUS" 1
	like "$ERR" '*acc="9" is not accepted*unknown key "x"*'
	unlike "$OUT" '*can be started*'
}

test_conflicts() {
	config accif=eth0 engineNum=1
	export APPEX_SYSCTL=$T/sys
	mkdir -p "$T/sys/net/ipv4"
	echo bbr >"$T/sys/net/ipv4/tcp_congestion_control"
	printf '%s 16384 0 - Live 0x0\n' nf_tables tcp_bbr appex0x >"$APPEX_MODULES"
	ok_lot status
	is "$ERR" ''
	printf '%s 16384 0 - Live 0x0\n' brutal appex0 >>"$APPEX_MODULES"
	echo zeta >"$T/sys/net/ipv4/tcp_congestion_control"
	ok_lot status
	like "$ERR" '*tcp-brutal is loaded*LotServer itself is loaded*zeta is the default*'
}
