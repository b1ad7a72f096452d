# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# check: what an old configuration means here. status: who else is at work.

# breaks: test_old_configuration | lib/compare.sh | s/^check_note() {/&\n\treturn 0/
# breaks: test_old_configuration | lib/compare.sh | s/ignored+=("$name")/:/
# breaks: test_old_configuration | lib/compare.sh | s/check_note advinacc 1/check_note advinacc 0/
# breaks: test_old_rates | lib/compare.sh | s/check_note waninkbps 1000000/check_note waninkbps 1/
# breaks: test_old_rates | lib/compare.sh | s/check_note wankbps 1000000/check_note wankbps 1/
# breaks: test_old_rates | lib/compare.sh | s/if .*shaperEnable.* == 1 .*/if true; then/
# breaks: test_keys_without_effect | lib/compare.sh | s/has no effect here: ${KEY_WHY\[$name\]}/is set/
# breaks: test_keys_of_the_original_are_accepted | lib/keys.sh | s/ updatedAt / /
# breaks: test_sound_configuration | lib/compare.sh | s/-z ${CONFIG_LINE\[$1\]-} ||/-z x ||/; s/${CONFIG\[$1\]} != "$2"/-z x/
# breaks: test_bad_configuration | lib/compare.sh | s/^\tconfig_load$/\tsay "$CONFIG_FILE can be started."; &/
# breaks: test_conflicts | lib/compare.sh | s/^conflicts_note() {/&\n\treturn 0/

test_old_configuration() {
	veth eth0
	printf '%s\n' 'accif="eth0 venet0"' 'apxlic="/appex/etc/apx.lic"' 'serial="0123"' 'gso="0"' 'rsc="0"' \
		'shrinkOSWmem="1 1"' 'csvmode="1"' 'highcsv="1"' 'advinacc="1"' >"$T/old"
	ok_lot check "$T/old"
	like "$OUT" '*Without effect here: apxlic serial*'
	like "$OUT" "*$T/old:4: gso=\"0\" turns tso*"
	like "$OUT" "*$T/old:5: rsc=\"0\" turns gro*"
	like "$OUT" "*$T/old:6: shrinkOSWmem=\"1 1\" slows*"
	like "$OUT" "*$T/old:8: highcsv=\"1\" counts here*"
	like "$OUT" "*$T/old:9: advinacc=\"1\" steers inbound*makes few of them faster*"
	like "$OUT" '*shortRttMS is not given: 0 (off) here*'
	like "$OUT" '*there is no interface venet0*'
	unlike "$OUT" '*no interface eth0*'
	like "$OUT" "*$T/old can be started."
	untouched
}

# A gigabit, as the original ships it, is a limit here.
test_old_rates() {
	veth eth0
	printf '%s\n' 'accif="eth0"' 'wankbps="1000000"' 'waninkbps="1000000"' 'shaperEnable="1"' 'shortRttMS="0"' >"$T/old"
	ok_lot check "$T/old"
	like "$OUT" "$T/old:2: wankbps=\"1000000\" is obeyed*gigabit is sent*$T/old:3: waninkbps=\"1000000\" is obeyed*gigabit is received*"
	sed -i 's/^shaperEnable=.*/shaperEnable="0"/' "$T/old"
	ok_lot check "$T/old"
	like "$OUT" "$T/old:2: wankbps=\"1000000\" is LotServer's default*gigabit would be sent*"
	unlike "$OUT" '*obeyed*'
	# Limits that somebody chose, and none.
	sed -i 's/1000000/90000/; s/^waninkbps=.*/waninkbps="0"/' "$T/old"
	ok_lot check "$T/old"
	is "$OUT" "$T/old can be started."
}

# Each that the manual says is kept only, but as shipped.
test_keys_without_effect() {
	local -a lines=(accif=eth0 shortRttMS=0 byteCacheEnable=1 dataCompEnable=1 httpCompEnable=1 voipAccEnable=1 txCongestObey=0
		mpoolMaxCache=7368000 lttMaxDelayMS=5 'udptun="vxlan 4789"' detectInterrupt=1)
	local -a shipped=(accif=eth0 shortRttMS=0 byteCacheEnable=0 dataCompEnable=0 httpCompEnable=0 voipAccEnable=0 txCongestObey=1
		mpoolMaxCache=245600000 lttMaxDelayMS=0 'udptun=""' detectInterrupt=0)
	local i name
	veth eth0
	config "${lines[@]}"
	ok_lot check
	for ((i = 2; i < ${#lines[@]}; i++)); do
		name=${lines[i]%%=*}
		like "$OUT" "*$CONF:$((i + 1)): $name=*has no effect here: ?*"
	done
	# No key that is kept only is missing: those with an effect to come aside.
	with_parts 'printf "%s\n" "${!KEY_WHY[@]}" | sort | tr "\n" " "'
	is "$OUT" "$(printf '%s\n' "${lines[@]:2}" | sed 's/=.*//' | sort | tr '\n' ' ')"
	config "${shipped[@]}"
	ok_lot check
	is "$OUT" "$CONF can be started."
}

# Of its licence, daemon, user-mode variant and two-sided parts: any value, nothing happens.
test_keys_of_the_original_are_accepted() {
	local name
	local -a names=(packetWrapper ipHooks ipv6Hooks byteCacheMemory byteCacheDisk diskDev rttko rttListenPort usermode licenseGen
		checkLicense accpath apxexe apxlic serial email installerID updatedAt p2pPriorities)
	veth eth0
	config accif=eth0 engineNum=1 shortRttMS=0 pmtu=0
	ok_lot start
	ok_lot stop
	local plain
	plain=$(cat "$FAKE_STATE/loads" "$FAKE_STATE/writes")
	rm "$FAKE_STATE/loads" "$FAKE_STATE/writes"
	for name in "${names[@]}"; do
		echo "$name=\"/any thing: 1\"" >>"$CONF"
	done
	ok_lot check
	like "$OUT" "Without effect here: pmtu ${names[*]}"$'\n'"*"
	ok_lot start
	is "$ERR" ''
	ok_lot stop
	is "$(cat "$FAKE_STATE/loads" "$FAKE_STATE/writes")" "$plain"
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
