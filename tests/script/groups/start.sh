# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# start, stop, restart: what is written, in which order, and what is taken back.

# breaks: test_start_writes_and_stop_unloads | lib/commands.sh | s/interfaces_apply || exit 1/:/
# breaks: test_start_while_running | lib/commands.sh | s/if engine_running; then/if false; then/

test_start_writes_and_stop_unloads() {
	veth eth0
	config 'accif="eth0"' 'wankbps="12345"' 'smBurstMS="20"'
	ok_lot start
	is "$ERR" ''
	is "$(in_engine wanIf)" eth0
	is "$(in_engine wanKbps)" 12345
	is "$(in_engine smBurstMS)" 20
	absent "$APPEX_RUN/lotServer.pid"
	ok_lot stop
	is "$OUT" 'LotServer is stopped!'
	absent "$APPEX_PROC"
	absent "$RECORD"
}

test_start_while_running() {
	config accif=eth0
	ok_lot start
	run_lot start
	is "$STATUS" 1
	is "$ERR" 'LotServer is running!'
}
