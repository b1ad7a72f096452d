# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# Offloads of real devices with the real ethtool: changed only where the
# configuration says so, and put back exactly, whatever happens in between.

# breaks: test_shipped_default_changes_nothing | lib/offload.sh | s/\[\[ ${CONFIG\[gso\]} == 1 \]\] || OFF/OFF/
# breaks: test_gso_0_turns_off_and_stop_restores | lib/offload.sh | s/^keep_none() .*/keep_none() { true; }/
# breaks: test_what_was_off_stays_off | lib/offload.sh | s/words+=(.*/words+=(tso "${pair#* }" gso "${pair#* }" sg "${pair#* }")/
# breaks: test_rsc_0_turns_gro_off | lib/offload.sh | s/lro=off gro=off/lro=off/
# breaks: test_nic_offload_touches_nothing | lib/offload.sh | s/\[\[ ${CONFIG\[nic_offload\]} == 0 \]\] || return 0/:/
# breaks: test_bridge_ports_are_followed | lib/device.sh | s/^\tfor path in "$dir"\/lower_\*.*/\tfor path in; do/
# breaks: test_bond_and_vlan_are_followed | lib/device.sh | s/^\tfor under in .*/\tfor under in; do/
# breaks: test_patterns_mean_what_exists | lib/device.sh | s/\$name == \$entry/$name == "$entry"/
# breaks: test_kill_9_before_the_change | lib/common.sh | s/mv -f -- "$new" "$file"/rm -f -- "$new"/
# breaks: test_kill_9_after_the_change | lib/commands.sh | s/^\telif leftovers; then/\telif false; then/
# breaks: test_second_start_keeps_the_first_record | lib/offload.sh | s/^\trecord_read$/\tRECORD=()/
# breaks: test_kill_9_of_a_running_start | lib/offload.sh | s/^\t((more == 0)) || record_write/\t:/
# breaks: test_refusing_card_rolls_back | lib/commands.sh | s/offload_apply "${MATCHING\[@\]}" || exit 1/offload_apply "${MATCHING[@]}" || :/
# breaks: test_fixed_feature_is_refused | lib/offload.sh | s/^\t\treturn 1$/\t\treturn 0/
# breaks: test_second_try | lib/offload.sh | s/((${#CHANGES\[@\]} == 0)) || features_set.*/:/
# breaks: test_refused_sg_is_no_error | lib/offload.sh | s/ \&\& $group != sg \]\]/ ]]/
# breaks: test_record_of_another_boot_is_void | lib/offload.sh | s/^\t\[\[ $boot == .*/\t:/
# breaks: test_record_is_not_executed | lib/offload.sh | s/^record_read() {/record_read() { . "$OFFLOAD_FILE" 2>\/dev\/null || :/
# breaks: test_vanished_device_does_not_stop_the_stop | lib/offload.sh | s/if ! interface_exists "$each"; then/if false; then/
# breaks: test_reload_changes_offloads | lib/commands.sh | s/offload_restore keep_wanted || status=1/:/
# breaks: test_checksum_keys | lib/offload.sh | s/for name in tx rx; do/for name in tx; do/
# breaks: test_refused_restore_is_told_and_kept | lib/offload.sh | s/^\t\t\tleft+=("$i")$/\t\t\t:/
# breaks: test_missing_ethtool | lib/offload.sh | s/command -v ethtool >.dev.null ||/true ||/
# breaks: test_order_in_the_record | lib/offload.sh | s/\(OFFLOAD_WANTED+=\)(tso=off gso=off sg=off)/\1(sg=off tso=off gso=off)/

test_shipped_default_changes_nothing() {
	veth eth0
	ethtool -K eth0 gro on
	local before
	before=$(features eth0)
	config accif=eth0
	ok_lot start
	is "$(features eth0)" "$before"
	absent "$RECORD"
	ok_lot stop
	is "$(features eth0)" "$before"
}

test_gso_0_turns_off_and_stop_restores() {
	veth eth0
	local before name
	before=$(features eth0)
	config accif=eth0 gso=0
	ok_lot start
	for name in tcp-segmentation-offload generic-segmentation-offload scatter-gather; do
		is "$name $(feature eth0 $name)" "$name off"
	done
	exists "$RECORD"
	ok_lot stop
	is "$(features eth0)" "$before"
	absent "$RECORD"
}

test_what_was_off_stays_off() {
	veth eth0
	# Single features off, as an administrator may have set them.
	ethtool -K eth0 tx-tcp6-segmentation off tx-scatter-gather-fraglist off
	local before
	before=$(features eth0)
	config accif=eth0 gso=0
	ok_lot start
	is "$(feature eth0 tcp-segmentation-offload)" off
	ok_lot stop
	is "$(features eth0)" "$before"
}

# A feature that is wanted but held back by another one is restored as wanted.
test_wanted_but_inactive_is_restored_as_wanted() {
	veth eth0
	ethtool -K eth0 tx off
	local before
	before=$(features eth0)
	config accif=eth0 gso=0
	ok_lot start
	ok_lot stop
	is "$(features eth0)" "$before"
	ethtool -K eth0 tx on
	is "$(feature eth0 tcp-segmentation-offload)" on
}

test_rsc_0_turns_gro_off() {
	veth eth0
	ethtool -K eth0 gro on
	local before
	before=$(features eth0)
	config accif=eth0 rsc=0
	ok_lot start
	is "$(feature eth0 generic-receive-offload)" off
	is "$(feature eth0 tcp-segmentation-offload)" on
	ok_lot stop
	is "$(features eth0)" "$before"
}

test_nic_offload_touches_nothing() {
	veth eth0
	local before
	before=$(features eth0)
	config accif=eth0 gso=0 rsc=0 txcsum=2 rxcsum=2 nic_offload=1
	ok_lot start
	is "$(features eth0)" "$before"
	absent "$RECORD"
}

test_bridge_ports_are_followed() {
	veth eth0 eth1 eth2
	ip link add br0 type bridge
	ip link set eth0 master br0
	ip link set eth1 master br0
	local before
	before=$(features br0 && features eth0 && features eth1 && features eth2)
	config accif=br0 gso=0
	ok_lot start
	is "$(feature eth0 tcp-segmentation-offload)" off
	is "$(feature eth1 tcp-segmentation-offload)" off
	is "$(feature br0 tcp-segmentation-offload)" off
	is "$(feature eth2 tcp-segmentation-offload)" on
	ok_lot stop
	is "$(features br0 && features eth0 && features eth1 && features eth2)" "$before"
}

# This kernel may have neither bonds nor VLANs: the tree under /sys is written
# here, the devices it names are real. With real ones: vm-checks.sh.
test_bond_and_vlan_are_followed() {
	veth eth0 eth1 bond0 bond0.5
	export APPEX_SYSFS=$T/net
	mkdir -p "$T"/net/{eth0,eth1,bond0/bonding,bond0.5}
	echo 'eth0 eth1' >"$T/net/bond0/bonding/slaves"
	ln -s ../bond0 "$T/net/bond0.5/lower_bond0"
	# A loop must not hang.
	ln -s ../bond0.5 "$T/net/eth0/lower_bond0.5"
	config accif=bond0.5 gso=0
	ok_lot start
	is "$(feature eth0 tcp-segmentation-offload)" off
	is "$(feature eth1 tcp-segmentation-offload)" off
	is "$(feature bond0.5 tcp-segmentation-offload)" off
	like "$(tr '\n' ' ' <"$RECORD")" '*-K eth0 *-K eth1 *-K bond0 *-K bond0.5 *'
	ok_lot stop
	is "$(feature eth1 tcp-segmentation-offload)" on
	is "$(feature bond0 tcp-segmentation-offload)" on
}

test_patterns_mean_what_exists() {
	veth eth0 eth1 lan0
	config 'accif="eth*"' gso=0
	ok_lot start
	is "$(in_engine wanIf)" 'eth*'
	is "$(feature eth0 generic-segmentation-offload)" off
	is "$(feature eth1 generic-segmentation-offload)" off
	is "$(feature lan0 generic-segmentation-offload)" on
	ok_lot stop
	is "$(feature eth0 generic-segmentation-offload)" on
}

test_kill_9_before_the_change() {
	veth eth0
	local before
	before=$(features eth0)
	config accif=eth0 gso=0
	fault ethtool 'kill-before 1'
	run_lot start
	is "$STATUS" 137
	# The promise came first.
	like "$(<"$RECORD")" '*ethtool -K eth0 tx-tcp-segmentation on*'
	rm "$FAKE_STATE/ethtool"
	run_lot stop
	is "$STATUS$OUT" '0LotServer is stopped!'
	is "$(features eth0)" "$before"
	absent "$RECORD"
}

test_kill_9_after_the_change() {
	local n before
	veth eth0 eth1
	before=$(features eth0 && features eth1)
	config 'accif="eth0 eth1"' gso=0
	for n in 1 2; do
		fault ethtool "kill-after $n"
		run_lot start
		is "$STATUS" 137
		rm "$FAKE_STATE"/{ethtool,changes}
		unlike "$(features eth0 && features eth1)" "$before"
		ok_lot stop
		is "$(features eth0 && features eth1)" "$before"
		absent "$RECORD"
	done
	# All is put back: nothing more to stop.
	run_lot stop
	is "$STATUS$ERR" '1LotServer is not running!'
}

test_second_start_keeps_the_first_record() {
	veth eth0 eth1
	local before
	before=$(features eth0 && features eth1)
	config 'accif="eth0 eth1"' gso=0
	fault ethtool 'kill-after 1'
	run_lot start
	is "$STATUS" 137
	rm "$FAKE_STATE/ethtool"
	ok_lot start
	is "$(feature eth1 scatter-gather)" off
	ok_lot stop
	is "$(features eth0 && features eth1)" "$before"
}

# Killed with the module loaded: stop finds it running.
test_kill_9_of_a_running_start() {
	veth eth0
	local before
	before=$(features eth0)
	config accif=eth0 gso=0 "afterLoad=$T/hook"
	printf '#!/bin/sh\nkill -9 $PPID\n' >"$T/hook"
	chmod +x "$T/hook"
	run_lot start
	is "$STATUS" 137
	run_lot start
	is "$STATUS$ERR" '1LotServer is running!'
	ok_lot stop
	is "$(features eth0)" "$before"
}

test_refusing_card_rolls_back() {
	veth eth0 eth1
	ethtool -K eth0 gro on
	ethtool -K eth1 gro on
	local before
	before=$(features eth0 && features eth1)
	config 'accif="eth0 eth1"' gso=0 rsc=0
	fault ethtool 'refuse eth1 generic-receive-offload'
	run_lot start
	is "$STATUS" 1
	is "$ERR" 'Can not disable gro(generic receive offload) of eth1, exit!'
	is "$(features eth0 && features eth1)" "$before"
	untouched
}

# A real refusal: receive checksums of the loopback device cannot be turned off.
test_fixed_feature_is_refused() {
	veth eth0
	local before
	before=$(features eth0)
	config 'accif="eth0 lo"' rxcsum=2
	run_lot start
	is "$STATUS" 1
	is "$ERR" 'Can not disable rx(rx checksumming) of lo, exit!'
	is "$(features eth0)" "$before"
	untouched
}

test_second_try() {
	veth eth0
	config accif=eth0 gso=0
	fault ethtool 'lame eth0 generic-segmentation-offload'
	ok_lot start
	is "$(feature eth0 generic-segmentation-offload)" off
}

test_refused_sg_is_no_error() {
	veth eth0
	config accif=eth0 gso=0
	fault ethtool 'refuse eth0 tx-scatter-gather'
	ok_lot start
	is "$(feature eth0 scatter-gather)$(feature eth0 tcp-segmentation-offload)" onoff
}

test_record_of_another_boot_is_void() {
	veth eth0
	config accif=eth0 gso=0
	printf '%s\n' '# boot 0-1-2' 'ethtool -K eth0 tx-tcp-segmentation off' >"$RECORD"
	run_lot stop
	is "$STATUS$ERR" '1LotServer is not running!'
	is "$(feature eth0 tx-tcp-segmentation)" on
	ok_lot start
	ok_lot stop
	is "$(feature eth0 tx-tcp-segmentation)" on
}

test_record_is_not_executed() {
	veth eth0
	printf '%s\n' "# boot $(cat /proc/sys/kernel/random/boot_id)" "touch $T/one" \
		"ethtool -K eth0 gso off; touch $T/two" 'ethtool -K eth0 tx-tcp6-segmentation off' >"$RECORD"
	ok_lot stop
	absent "$T/one"
	absent "$T/two"
	is "$(feature eth0 tx-tcp6-segmentation)$(feature eth0 generic-segmentation-offload)" offon
}

test_vanished_device_does_not_stop_the_stop() {
	veth eth0 eth1
	config 'accif="eth0 eth1"' gso=0
	ok_lot start
	ip link del eth1
	ok_lot stop
	like "$ERR" '*eth1 is gone*'
	is "$(feature eth0 generic-segmentation-offload)" on
	absent "$RECORD"
}

test_reload_changes_offloads() {
	veth eth0 eth1
	local before0 before1
	before0=$(features eth0) before1=$(features eth1)
	config accif=eth0
	ok_lot start
	config accif=eth0 gso=0
	ok_lot reload
	is "$(feature eth0 tcp-segmentation-offload)" off
	config accif=eth1 gso=0
	ok_lot reload
	is "$(features eth0)" "$before0"
	is "$(feature eth1 tcp-segmentation-offload)" off
	config accif=eth1
	ok_lot reload
	is "$(features eth1)" "$before1"
	absent "$RECORD"
	ok_lot stop
}

test_reload_takes_only_its_own_changes_back() {
	veth eth0 eth1
	local before
	before=$(features eth1)
	config accif=eth0 gso=0
	ok_lot start
	config 'accif="eth0 eth1"' gso=0 wankbps=5
	fault faults 'refuse wanKbps'
	run_lot reload
	is "$STATUS" 1
	is "$(features eth1)" "$before"
	is "$(feature eth0 tcp-segmentation-offload)" off
}

test_checksum_keys() {
	veth eth0
	local before
	before=$(features eth0)
	config accif=eth0 txcsum=2 rxcsum=2
	ok_lot start
	is "$(feature eth0 tx-checksumming)$(feature eth0 rx-checksumming)" offoff
	config accif=eth0 txcsum=1 rxcsum=1
	ok_lot reload
	is "$(feature eth0 tx-checksumming)$(feature eth0 rx-checksumming)" onon
	ok_lot stop
	is "$(features eth0)" "$before"
}

# Put back from the end: sg before what stands on it, masters before ports.
test_order_in_the_record() {
	veth eth0
	config accif=eth0 gso=0
	ok_lot start
	like "$(tr '\n' ' ' <"$RECORD")" '*tx-tcp-segmentation*generic-segmentation-offload*tx-scatter-gather*'
}

# A device that does not come back as it was stays in the record and is named.
test_refused_restore_is_told_and_kept() {
	veth eth0
	local before
	before=$(features eth0)
	config accif=eth0 gso=0
	ok_lot start
	fault ethtool 'refuse eth0 generic-segmentation-offload'
	run_lot stop
	is "$STATUS" 1
	like "$ERR" '*Can not turn generic-segmentation-offload of eth0 back on*'
	is "$(feature eth0 scatter-gather)" on
	is "$(sed 1d "$RECORD")" 'ethtool -K eth0 generic-segmentation-offload on'
	rm "$FAKE_STATE/ethtool"
	ok_lot stop
	is "$(features eth0)" "$before"
	absent "$RECORD"
}

test_missing_ethtool() {
	veth eth0
	local dir
	mkdir "$T/bin"
	for dir in bash readlink flock mkdir rm cat sync mv getconf; do
		ln -s "$(command -v "$dir")" "$T/bin/"
	done
	config accif=eth0 gso=0
	# shellcheck disable=SC2016
	sed -i 's/^export PATH=.*/export PATH/' "$LOT"
	PATH=$T/bin run_lot start
	is "$STATUS" 1
	like "$ERR" 'ERROR(ETHTOOL): "ethtool" not found, please install*'
	untouched
}
