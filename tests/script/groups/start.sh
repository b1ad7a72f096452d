# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# start, stop, restart: how the module is loaded, what is written and in which
# order, and that a start which fails or is interrupted leaves nothing.

# breaks: test_start_writes_and_stop_unloads | lib/commands.sh | s/interfaces_apply || exit 1/:/
# breaks: test_start_while_running | lib/commands.sh | s/if engine_running; then/if false; then/
# breaks: test_stop_while_stopped | lib/commands.sh | s/warn "$PRODUCT is not running!"/say "$PRODUCT is not running!"/
# breaks: test_order_of_writes | lib/engine.sh | s/SETTINGS=('file shaperEnable 1')/SETTINGS=()/
# breaks: test_every_engine_gets_everything | lib/engine.sh | s/ENGINE_COUNT=${#list\[@\]}/ENGINE_COUNT=1/
# breaks: test_engine_count | lib/engine.sh | s/elif ((wanted > 0)); then/elif false; then/
# breaks: test_module_parameters | lib/engine.sh | s/for name in ipTxHookPri /for name in /
# breaks: test_module_from_a_path | lib/engine.sh | s/run insmod "${CONFIG\[modulePath\]}"/false/
# breaks: test_accif_auto | lib/config.sh | s/ || default_interfaces$/ || :/
# breaks: test_proc_appears_late | lib/engine.sh | s/until \[\[ -e $file \]\]; do/while false; do/
# breaks: test_proc_never_appears | lib/engine.sh | s/if ((SECONDS >= deadline)); then/if false; then/
# breaks: test_refused_value_rolls_back | lib/commands.sh | s/^\toffload_restore keep_none || :/\t:/
# breaks: test_value_that_does_not_stick | lib/engine.sh | s/^settings_verify() {/&\n\treturn 0/
# breaks: test_interface_that_does_not_stick | lib/commands.sh | s/^list_holds() {/&\n\treturn 0/
# breaks: test_whole_names_only | lib/commands.sh | s/\[\[ ${got\[\*\]} == "$\*" \]\]/[[ ${got[*]} == *"$*"* ]]/
# breaks: test_no_memory_and_drop_cache | lib/engine.sh | s/tries=${CONFIG\[dropCache\]}/tries=2/
# breaks: test_absent_interface_warns | lib/commands.sh | s/|| warn "\[warn\] no interface/|| : "/
# breaks: test_environment | lotServer.sh | s/^export PATH=.*/PATH=/
# breaks: test_any_language | lotServer.sh | s/^export LC_ALL=C/export LC_ALL=${LC_ALL:-de_DE.UTF-8} LANGUAGE=de/
# breaks: test_closed_output | lib/common.sh | s/^\ttrap '' PIPE/\ttrap 'exit 1' PIPE/
# breaks: test_signals_roll_back | lib/common.sh | s/^\ttrap on_exit EXIT/\t:/
# breaks: test_stop_is_not_interrupted | lib/commands.sh | s/^\ttrap '' HUP INT QUIT ABRT TERM/\t:/
# breaks: test_busy_module | lib/engine.sh | s/error=$(run rmmod appex 2>&1) || :/error=$(run rmmod appex 2>\&1) || return 1/
# breaks: test_restart_keeps_what_runs_if_the_configuration_is_bad | lib/commands.sh | s/^do_restart() {/do_restart() { stop_running;/
# breaks: test_after_load | lib/system.sh | s/^\trun "$hook" || warn.*/\t:/
# breaks: test_not_root | lib/common.sh | s/((EUID == 0))/true/
# breaks: test_usage | lib/commands.sh | s/^\t\tusage$/\t\t:/

test_start_writes_and_stop_unloads() {
	veth eth0
	config engineNum=1 'accif="eth0"' 'wankbps="12345"' 'smBurstMS="20"' 'lanif="lan0"'
	ok_lot start
	is "$ERR$OUT" 'eth0 is limited to 12345 kbit/s'
	is "$(in_engine wanIf)$(in_engine lanIf)" eth0lan0
	is "$(in_engine wanKbps)" 12345
	is "$(in_engine smBurstMS)" 20
	is "$(in_engine engSysEnable)$(in_engine hostFairEnable)$(in_engine voipAccEnable)" 100
	absent "$APPEX_RUN/lotServer.pid"
	ok_lot stop
	is "$OUT" 'LotServer is stopped!'
	absent "$APPEX_PROC"
	absent "$RECORD"
	is "$(tail -n 1 "$FAKE_STATE/loads")" 'rmmod appex'
	# Detached before it is unloaded.
	is "$(tail -n 2 "$FAKE_STATE/writes")" $'appex wanIf \nappex lanIf '
}

test_start_while_running() {
	config accif=eth0
	ok_lot start
	run_lot start
	is "$STATUS" 1
	is "$ERR" 'LotServer is running!'
	exists "$APPEX_PROC"
}

test_stop_while_stopped() {
	config accif=eth0
	run_lot stop
	is "$STATUS$OUT" 1
	is "$ERR" 'LotServer is not running!'
}

test_order_of_writes() {
	config accif=eth0 engineNum=1 shaperEnable=0
	ok_lot start
	is "$(head -n 1 "$FAKE_STATE/writes")" 'appex shaperEnable 1'
	is "$(tail -n 1 "$FAKE_STATE/writes")" 'appex wanIf eth0'
	is "$(grep shaperEnable "$FAKE_STATE/writes" | tail -n 1)" 'appex shaperEnable 0'
	is "$(in_engine shaperEnable)" 0
}

test_every_engine_gets_everything() {
	local i
	config accif=eth0 wankbps=7 'cpuID="0 1 2"' lanSegment=C210000/16
	ok_lot start
	like "$(<"$FAKE_STATE/loads")" '*engines=3*'
	for i in '' 1 2; do
		is "$(in_engine wanKbps "$i") $(in_engine lanSegment "$i") $(in_engine wanIf "$i")" '7 C210000/16 eth0'
	done
	ok_lot stop
	is "$(grep -c 'wanIf $' "$FAKE_STATE/writes")" 3
}

test_engine_count() {
	local cpus
	cpus=$(getconf _NPROCESSORS_ONLN)
	config accif=eth0
	ok_lot start
	like "$(<"$FAKE_STATE/loads")" "*engines=$cpus*"
	ok_lot stop
	config accif=eth0 engineNum=1
	ok_lot start
	like "$(tail -n 1 "$FAKE_STATE/loads")" '*engines=1'
	ok_lot stop
	config accif=eth0 engineNum=$((cpus + 1))
	ok_lot start
	like "$ERR" "*engineNum=\"$((cpus + 1))\" is more than the $cpus CPUs*"
	like "$(tail -n 1 "$FAKE_STATE/loads")" "*engines=$cpus"
	ok_lot stop
}

test_module_parameters() {
	config accif=eth0 engineNum=1 ipTxHookPri=-100 ipRxHookPri=7 ipv6TxHookPri=-6 ipv6RxHookPri=5
	ok_lot start
	is "$(<"$FAKE_STATE/loads")" 'modprobe appex engines=1 ipTxHookPri=-100 ipRxHookPri=7 ipv6TxHookPri=-6 ipv6RxHookPri=5'
}

test_module_from_a_path() {
	config accif=eth0 engineNum=1 "modulePath=$T/appex.ko"
	fault load missing
	ok_lot start
	is "$(tail -n 1 "$FAKE_STATE/loads")" "insmod $T/appex.ko engines=1"
	ok_lot stop
	APPEX_MODULE=/other/appex.ko run_lot start
	is "$STATUS" 0
	is "$(tail -n 1 "$FAKE_STATE/loads")" 'insmod /other/appex.ko engines=1'
}

test_accif_auto() {
	veth wan4 wan6 other
	ip addr add 192.0.2.1/24 dev wan4
	ip -6 addr add 2001:db8::1/64 dev wan6 nodad
	ip link set wan4 up
	ip link set p-wan4 up
	ip link set wan6 up
	ip link set p-wan6 up
	config accif=auto engineNum=1
	ok_lot start
	like "$ERR" '*there is no default route yet; taking eth\* en\**'
	is "$(in_engine wanIf)" 'eth* en*'
	# What is found later counts at the next reload.
	ip route add default via 192.0.2.2 dev wan4
	ip route add default via 192.0.2.3 dev wan4 metric 7
	ip -6 route add default via 2001:db8::2 dev wan6
	ok_lot reload
	is "$(in_engine wanIf)" 'wan4 wan6'
	is "$ERR" ''
}

test_proc_appears_late() {
	config accif=eth0 engineNum=1
	fault load 'late 2'
	ok_lot start
	like "$OUT" '.*'
	is "$(in_engine wanIf)" eth0
}

test_proc_never_appears() {
	veth eth0
	local before
	before=$(features eth0)
	config accif=eth0 engineNum=1 gso=0 configTimeout=1
	fault load never
	run_lot start
	is "$STATUS" 1
	like "$ERR" '*Loading LotServer failed: failed to load engine 0*'
	is "$(features eth0)" "$before"
	absent "$RECORD"
}

test_refused_value_rolls_back() {
	veth eth0
	local before name
	before=$(features eth0)
	config accif=eth0 gso=0
	for name in wanKbps:wanKbps cmd:smBurstMS:smBurstMS 'wanIf(eth0):wanIf'; do
		fault faults "refuse ${name##*:}"
		run_lot start
		is "$STATUS" 1
		like "$ERR" "*Failed to write configuration: *${name%:*}*"
		absent "$APPEX_PROC"
		absent "$RECORD"
		is "$(features eth0)" "$before"
	done
}

test_value_that_does_not_stick() {
	config accif=eth0 wankbps=5 smBurstMS=17
	fault faults 'forget wanKbps'
	run_lot start
	is "$STATUS" 1
	is "${ERR##*$'\n'}" "Failed to write configuration: $APPEX_PROC/wanKbps"
	absent "$APPEX_PROC"
	fault faults 'forget smBurstMS'
	run_lot start
	is "$STATUS" 1
	is "${ERR##*$'\n'}" "Failed to write configuration: $APPEX_PROC/cmd:smBurstMS"
	absent "$APPEX_PROC"
}

test_interface_that_does_not_stick() {
	config 'accif="eth0 eth1"'
	fault faults 'forget wanIf'
	run_lot start
	is "$STATUS" 1
	is "${ERR##*$'\n'}" 'Failed to write configuration: wanIf(eth0 eth1)'
	absent "$APPEX_PROC"
}

# The original took eth10 in the list for eth1.
test_whole_names_only() {
	mkdir -p "$T/e"
	echo eth10 >"$T/e/wanIf"
	with_parts 'list_holds "$APPEX_RUN/../e" wanIf eth1'
	is "$STATUS" 1
	with_parts 'list_holds "$APPEX_RUN/../e" wanIf eth10'
	is "$STATUS" 0
}

test_no_memory_and_drop_cache() {
	export APPEX_SYSCTL=$T/sys
	mkdir -p "$T/sys/vm"
	config accif=eth0 dropCache=4
	fault load 'nomem 3'
	ok_lot start
	is "$(grep -c modprobe "$FAKE_STATE/loads")" 4
	is "$(<"$T/sys/vm/drop_caches")" 1
	ok_lot stop
	config accif=eth0
	fault load 'nomem 1'
	run_lot start
	is "$STATUS" 1
	like "$ERR" '*Cannot allocate memory*'
	unlike "$ERR" '*not installed*'
}

test_absent_interface_warns() {
	veth eth0
	config 'accif="eth0 eth9 usb*"' gso=0
	ok_lot start
	like "$ERR" '*no interface eth9 at present*no interface usb\* at present*'
	unlike "$ERR" '*no interface eth0*'
	is "$(in_engine wanIf)" 'eth0 eth9 usb*'
}

test_environment() {
	veth eth0
	config accif=eth0 gso=0
	# Without anything but what the stand-in needs, from another directory,
	# and through a link.
	ln -s "$LOT" "$T/link"
	cd /
	env -i PATH="$HERE/fake" FAKE_STATE="$FAKE_STATE" APPEX_ROOT="$APPEX_ROOT" APPEX_PROC="$APPEX_PROC" \
		APPEX_RUN="$APPEX_RUN" APPEX_PPP="$APPEX_PPP" "$(command -v bash)" "$T/link" start >"$T/out" 2>"$T/err" || fail "$(<"$T/err")"
	is "$(feature eth0 tcp-segmentation-offload)" off
	is "$(env -i "$(command -v bash)" "$T/link" -h | head -n 1)" "Usage: $T/link {start | stop | reload | restart | boot | try | confirm | check | status | stats | flows | rules | metrics | uninstall}"
	cd "$APPEX_ROOT/bin" || fail cd
	./lotServer.sh stop >/dev/null || fail 'stop from its own directory'
}

# What ethtool and rmmod say must not depend on the language.
test_any_language() {
	config accif=eth0
	LC_ALL=zh_CN.UTF-8 LANGUAGE=zh LANG=zh_CN.UTF-8 run_lot start
	is "$STATUS" 0
	with_parts ':'
	cat >"$T/hook" <<-'HOOK'
		#!/bin/sh
		echo "$LC_ALL" >"$APPEX_RUN/language"
	HOOK
	chmod +x "$T/hook"
	ok_lot stop
	config accif=eth0 "afterLoad=$T/hook"
	LC_ALL=zh_CN.UTF-8 run_lot start
	is "$(<"$APPEX_RUN/language")" C
}

test_closed_output() {
	veth eth0
	config accif=eth0 gso=0 shortRttMS=5
	# The reader is gone before the first line.
	("$LOT" start 2>"$T/err" && echo fine >"$T/fine") | :
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[[ ! -e $T/fine ]] || break
		sleep 0.2
	done
	exists "$T/fine"
	is "$(in_engine wanIf)" eth0
}

test_signals_roll_back() {
	veth eth0
	local before signal pid
	before=$(features eth0)
	config accif=eth0 engineNum=1 gso=0
	for signal in HUP INT QUIT ABRT TERM; do
		fault load never
		# Background jobs of a script ignore INT and QUIT: run with the defaults.
		env --default-signal "$LOT" start >"$T/out" 2>"$T/err" &
		pid=$!
		for _ in {1..50}; do
			[[ ! -e $FAKE_STATE/loads ]] || break
			sleep 0.1
		done
		is "$(feature eth0 tcp-segmentation-offload)" off
		kill -s "$signal" "$pid"
		STATUS=0
		wait "$pid" || STATUS=$?
		((STATUS > 128)) || fail "$signal: it went on"
		is "$signal $(features eth0)" "$signal $before"
		absent "$RECORD"
		absent "$APPEX_RUN/lotServer.pid"
		rm "$FAKE_STATE/loads"
	done
}

test_stop_is_not_interrupted() {
	veth eth0
	local before pid
	before=$(features eth0)
	config accif=eth0 engineNum=1 gso=0
	ok_lot start
	fault unload 'busy 5'
	env --default-signal "$LOT" stop >"$T/out" 2>"$T/err" &
	pid=$!
	for _ in {1..50}; do
		! grep -q rmmod "$FAKE_STATE/loads" || break
		sleep 0.1
	done
	kill -s TERM "$pid"
	wait "$pid" || fail 'it was interrupted'
	is "$(features eth0)" "$before"
	absent "$APPEX_PROC"
}

test_busy_module() {
	config accif=eth0
	ok_lot start
	fault unload 'busy 3'
	ok_lot stop
	absent "$APPEX_PROC"
	# Longer than patience lasts.
	ok_lot start
	fault unload 'busy 1000'
	sed -i 's/^UNLOAD_TIMEOUT=.*/UNLOAD_TIMEOUT=3/; s/^UNLOAD_PATIENCE=.*/UNLOAD_PATIENCE=1/' "$APPEX_ROOT/bin/lib/engine.sh"
	run_lot stop
	is "$STATUS" 1
	is "$OUT" 'It takes a long time than usual, please wait for a moment...'
	like "$ERR" '*Unloading LotServer failed: *Module appex is in use*'
	is "$(in_engine wanIf)" ''
}

test_restart_keeps_what_runs_if_the_configuration_is_bad() {
	config accif=eth0
	ok_lot start
	config accif=eth0 acc=9
	run_lot restart
	is "$STATUS" 1
	is "$(in_engine wanIf)" eth0
	config accif=eth1 wankbps=9
	ok_lot restart
	unlike "$OUT" '*stopped*'
	is "$(in_engine wanIf)$(in_engine wanKbps)" eth19
	is "$(grep -c modprobe "$FAKE_STATE/loads")" 2
	ok_lot stop
	ok_lot restart
	is "$(in_engine wanIf)" eth1
}

test_after_load() {
	config accif=eth0 shortRttMS=20
	printf '#!/bin/sh\ncat "$APPEX_PROC/wanIf" >"$APPEX_RUN/seen"\nexit 3\n' >"$APPEX_ROOT/bin/afterLoad"
	ok_lot start
	absent "$APPEX_RUN/seen"
	is "$OUT" 'Short-RTT bypass has been enabled'
	ok_lot stop
	chmod +x "$APPEX_ROOT/bin/afterLoad"
	ok_lot start
	is "$(<"$APPEX_RUN/seen")" eth0
	like "$ERR" "*$APPEX_ROOT/bin/afterLoad failed*"
	is "$(in_engine tcpFlags)" 0x800
}

test_not_root() {
	chmod -R a+rX "$T"
	config accif=eth0
	STATUS=0
	setpriv --reuid=65534 --regid=65534 --clear-groups "$(command -v bash)" "$LOT" start >"$T/out" 2>"$T/err" || STATUS=$?
	is "$STATUS" 1
	is "$(<"$T/err")" 'You are not running LotServer as root. Please rerun as root'
	setpriv --reuid=65534 --regid=65534 --clear-groups "$(command -v bash)" "$LOT" status >"$T/out" 2>&1 || fail "status needs root"
}

test_usage() {
	run_lot
	is "$STATUS" 1
	like "$OUT" "Usage: $LOT {start | stop | reload | restart | boot | try | confirm | check | status | stats | flows | rules | metrics | uninstall}*"
	run_lot frobnicate
	is "$STATUS" 1
	like "$OUT" 'Usage: *'
	ok_lot --help
	like "$OUT" 'Usage: *'
	ok_lot renewLic
	unlike "$OUT" 'Usage: *'
}
