# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016,SC2153
#
# Two at once: one command runs, the other is told to come back.

# breaks: test_two_at_once | lib/common.sh | s/if ! flock .*; then/if false; then/
# breaks: test_message_and_status | lib/common.sh | s/exit 2/exit 1/
# breaks: test_stale_pid_file | lib/common.sh | s/if ! flock .*; then/if [[ -e $PID_FILE ]]; then/
# breaks: test_hook_does_not_keep_the_lock | lib/common.sh | s/"$@" 9>&-/"$@"/
# breaks: test_lock_ends_with_a_kill_9 | lib/common.sh | s/if ! flock .*; then/if ! mkdir "$LOCK_FILE.d"; then/
# breaks: test_readers_need_no_lock | lib/commands.sh | s/^\t\tdo_status "${@:2}"$/\t\tlock; do_status/

# A start that takes two seconds, in the background.
slow_start() {
	config accif=eth0 engineNum=1
	fault load 'late 2'
	"$LOT" start >"$T/first" 2>&1 &
	FIRST=$!
	for _ in {1..50}; do
		[[ ! -e $FAKE_STATE/loads ]] || break
		sleep 0.1
	done
}

test_two_at_once() {
	slow_start
	run_lot start
	is "$STATUS" 2
	run_lot stop
	is "$STATUS" 2
	wait "$FIRST" || fail "the first: $(<"$T/first")"
	is "$(in_engine wanIf)" eth0
	is "$(wc -l <"$FAKE_STATE/loads")" 1
	ok_lot stop
}

# Many at the same moment: exactly one starts, and never two at a time.
test_many_at_once() {
	local n=0 pid status
	local -a pids=()
	config accif=eth0 engineNum=1
	fault load 'late 1'
	for _ in 1 2 3 4 5 6; do
		"$LOT" start >/dev/null 2>&1 &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		status=0
		wait "$pid" || status=$?
		case $status in
		0) n=$((n + 1)) ;;
		2) ;;
		*) fail "status $status" ;;
		esac
	done
	is "$n" 1
	is "$(grep -c modprobe "$FAKE_STATE/loads")" 1
}

test_message_and_status() {
	exec 8>>"$APPEX_RUN/lotServer.lock"
	flock 8
	config accif=eth0
	run_lot start
	is "$STATUS" 2
	is "$OUT" 'lotServer.sh is still running, please try again later'
	untouched
}

test_stale_pid_file() {
	config accif=eth0
	# Of a process that lives, but is not this script.
	echo $$ >"$APPEX_RUN/lotServer.pid"
	ok_lot start
	ok_lot stop
	absent "$APPEX_RUN/lotServer.pid"
}

test_hook_does_not_keep_the_lock() {
	config accif=eth0 "afterLoad=$T/hook"
	printf '#!/bin/sh\nsleep 20 >/dev/null 2>&1 &\necho $! >"$APPEX_RUN/daemon"\n' >"$T/hook"
	chmod +x "$T/hook"
	ok_lot start
	run_lot stop
	kill "$(<"$APPEX_RUN/daemon")"
	is "$STATUS$OUT" '0LotServer is stopped!'
}

test_lock_ends_with_a_kill_9() {
	slow_start
	kill -9 "$FIRST"
	wait "$FIRST" 2>/dev/null || :
	sleep 2.5
	ok_lot stop
}

test_readers_need_no_lock() {
	exec 8>>"$APPEX_RUN/lotServer.lock"
	flock 8
	ok_lot status
	ok_lot -h
}
