# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# reload: new values without unloading; a reload that fails changes nothing.

# breaks: test_values_change_without_unloading | lib/commands.sh | s/^do_reload() {/&\n\tdo_restart; return 0/
# breaks: test_absent_key_goes_back_to_its_default | lib/config.sh | s/\[\[ -n ${CONFIG\[$name\]-} \]\] || CONFIG\[$name\]=.*/CONFIG[$name]=${CONFIG[$name]-$(in=$APPEX_PROC; cat $in\/${KEY_TARGET[$name]#file:} 2>\/dev\/null || echo "${KEY_DEFAULT[$name]}")}/
# breaks: test_interfaces_change_without_a_gap | lib/commands.sh | s/if ! put "$dir\/$file" "$\*"; then/put "$dir\/$file" ""; if ! put "$dir\/$file" "$*"; then/
# breaks: test_bad_configuration_changes_nothing | lib/config.sh | s/((CONFIG_ERRORS == 0)) || exit 1/:/
# breaks: test_refused_value_brings_the_old_ones_back | lib/commands.sh | s/^reload_undo() {/&\n\treturn 0/
# breaks: test_signal_brings_the_old_ones_back | lib/commands.sh | s/^\tROLLBACK=reload_undo/\t:/
# breaks: test_engine_number_takes_a_restart | lib/commands.sh | s/that takes a restart/fine/
# breaks: test_reload_while_stopped_starts | lib/commands.sh | s/^\t\tdo_start$/\t\t:/

test_values_change_without_unloading() {
	config accif=eth0
	ok_lot start
	config accif=eth0 wankbps=4321 shortRttMS=9 'l2wQLimit="512 4096"' 'lanSegmentV6="2001:db8::/32"'
	ok_lot reload
	is "$OUT" ''
	is "$(in_engine wanKbps)" 4321
	is "$(in_engine shortRttMS) $(in_engine tcpFlags)" '9 0x800'
	is "$(in_engine l2wQLimit)" '512 4096'
	is "$(in_engine lanSegmentV6)" 20010DB8000000000000000000000000/32
	is "$(wc -l <"$FAKE_STATE/loads")" 1
}

test_absent_key_goes_back_to_its_default() {
	config accif=eth0 wankbps=4321 'udptun="x"' smBurstMS=99
	ok_lot start
	is "$(in_engine udptun)" x
	config accif=eth0
	ok_lot reload
	is "$(in_engine wanKbps)" 0
	is "$(in_engine smBurstMS)" 16
	is "$(in_engine udptun)" ''
}

test_interfaces_change_without_a_gap() {
	config 'accif="eth0 eth1"' engineNum=1
	ok_lot start
	: >"$FAKE_STATE/writes"
	config 'accif="eth1 eth2"' engineNum=1
	ok_lot reload
	is "$(in_engine wanIf)" 'eth1 eth2'
	is "$(grep wanIf "$FAKE_STATE/writes")" 'appex wanIf eth1 eth2'
}

test_bad_configuration_changes_nothing() {
	config accif=eth0 wankbps=7
	ok_lot start
	: >"$FAKE_STATE/writes"
	config accif=eth1 wankbps=8 acc=7
	run_lot reload
	is "$STATUS" 1
	like "$ERR" "*$CONF:3: acc=\"7\" is not accepted*"
	is "$(<"$FAKE_STATE/writes")" ''
	is "$(in_engine wanIf)$(in_engine wanKbps)" eth07
}

test_refused_value_brings_the_old_ones_back() {
	config accif=eth0 wankbps=7 waninkbps=7 lanif=lan0
	ok_lot start
	config accif=eth1 wankbps=8 waninkbps=8 smBurstMS=30
	fault faults 'refuse smBurstMS'
	run_lot reload
	is "$STATUS" 1
	like "$ERR" '*Failed to write configuration: *cmd:smBurstMS*Reload failed: LotServer goes on with its former settings*'
	is "$(in_engine wanIf) $(in_engine lanIf) $(in_engine wanKbps) $(in_engine wanInKbps)" 'eth0 lan0 7 7'
}

test_signal_brings_the_old_ones_back() {
	local pid
	veth eth0
	config accif=eth0 wankbps=7
	ok_lot start
	config accif=eth0 wankbps=8 gso=0
	# Caught in the middle of its change of the card.
	mkdir "$T/bin"
	cat >"$T/bin/ethtool" <<-'SHIM'
		#!/usr/bin/env bash
		if [[ $1 == -K && ! -e $FAKE_STATE/waiting ]]; then
			: >"$FAKE_STATE/waiting"
			sleep 1
		fi
		exec /usr/sbin/ethtool "$@"
	SHIM
	chmod +x "$T/bin/ethtool"
	PATH=$T/bin:$PATH env --default-signal "$LOT" reload >"$T/out" 2>"$T/err" &
	pid=$!
	for _ in {1..50}; do
		[[ ! -e $FAKE_STATE/waiting ]] || break
		sleep 0.1
	done
	kill -s TERM "$pid"
	STATUS=0
	wait "$pid" || STATUS=$?
	is "$STATUS" 143
	is "$(in_engine wanKbps)" 7
	is "$(feature eth0 tcp-segmentation-offload)" on
	absent "$RECORD"
	exists "$APPEX_PROC"
}

test_engine_number_takes_a_restart() {
	config accif=eth0 'cpuID="0"'
	ok_lot start
	config accif=eth0 'cpuID="0 1"'
	ok_lot reload
	like "$ERR" '*1 engines are running, the configuration means 2: that takes a restart*'
}

test_reload_while_stopped_starts() {
	config accif=eth0
	ok_lot reload
	is "$(in_engine wanIf)" eth0
}
