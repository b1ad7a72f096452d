# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# try and confirm: a start that takes itself back, whatever becomes of the
# session that began it. (With systemd: tests/install.)

# breaks: test_not_confirmed | lib/try.sh | s/! engine_running || stop_running || exit 1/:/
# breaks: test_confirmed | lib/try.sh | s/^\trm -f -- "$TRY_FILE"$/\t:/; s/TRY_TOKEN == "${1-}"/-n x/
# breaks: test_survives_the_session | lib/later.sh | s/setsid --fork env/env/
# breaks: test_failed_start_leaves_no_trial | lib/try.sh | s/^try_forget() {/&\n\treturn 0/
# breaks: test_bad_configuration_arms_nothing | lib/try.sh | s/^\toffload_check$/\t:/; s/^\tconfig_load$/\t:/
# breaks: test_not_while_running | lib/try.sh | s/if engine_running; then/if false; then/
# breaks: test_a_later_start_is_left_alone | lib/try.sh | s/-n $TRY_TOKEN \&\& $TRY_TOKEN == "${1-}"/-z x || true/
# breaks: test_waits_for_a_command_at_work | lib/commands.sh | s/lock 600/lock/
# breaks: test_status_tells | lib/try.sh | s/^try_note() {/&\n\treturn 0/

# gone_within SECONDS: whether the engine goes by itself.
gone_within() {
	local i
	for ((i = 0; i < $1 * 10; i++)); do
		[[ -d $APPEX_PROC ]] || return 0
		sleep 0.1
	done
	return 1
}

quick() {
	sed -i 's/^TRY_MIN=.*/TRY_MIN=1/' "$APPEX_ROOT/bin/lib/try.sh"
}

test_not_confirmed() {
	veth eth0
	local before
	before=$(features eth0)
	quick
	config accif=eth0 engineNum=1 gso=0
	ok_lot try 10
	like "$OUT" '*runs on trial for 10 seconds. If you can read this, run: lotServer.sh confirm'
	is "$(in_engine wanIf)" eth0
	gone_within 40 || fail 'it goes on unconfirmed'
	sleep 0.5
	is "$(features eth0)" "$before"
	absent "$RECORD"
	absent "$APPEX_RUN/lotServer.try"
	run_lot confirm
	is "$STATUS" 1
	like "$ERR" '*nothing to confirm*'
}

test_confirmed() {
	quick
	config accif=eth0 engineNum=1
	ok_lot try 10
	ok_lot confirm
	like "$OUT" 'LotServer goes on.*'
	! gone_within 14 || fail 'stopped though confirmed'
	is "$(in_engine wanIf)" eth0
	run_lot confirm
	is "$STATUS" 1
}

# The terminal hangs up and everything in its session is killed.
test_survives_the_session() {
	quick
	config accif=eth0 engineNum=1
	setsid --wait bash -c '"$1" try 10 </dev/null >"$2" 2>&1; echo $? >"$2.status"; kill -HUP 0; kill -KILL 0' \
		session "$LOT" "$T/first" 2>/dev/null || :
	is "$(<"$T/first.status")" 0
	exists "$APPEX_PROC"
	gone_within 40 || fail 'nobody took it back'
}

test_failed_start_leaves_no_trial() {
	quick
	config accif=eth0 engineNum=1
	fault faults 'refuse wanKbps'
	run_lot try 2
	is "$STATUS" 1
	absent "$APPEX_PROC"
	absent "$APPEX_RUN/lotServer.try"
}

test_bad_configuration_arms_nothing() {
	config accif=eth0 acc=9
	run_lot try
	is "$STATUS" 1
	like "$ERR" '*acc="9" is not accepted*'
	untouched
	absent "$APPEX_RUN/lotServer.try"
	config accif=eth0
	for bad in 4 86401 x -1 1.5; do
		run_lot try "$bad"
		is "$bad $STATUS" "$bad 1"
		like "$ERR" "try: \"$bad\" is not a whole number of seconds from 5 to 86400"
	done
	untouched
}

test_not_while_running() {
	config accif=eth0 engineNum=1
	ok_lot start
	run_lot try
	is "$STATUS" 1
	like "$ERR" 'LotServer is running! Stop it first*'
	is "$(in_engine wanIf)" eth0
	absent "$APPEX_RUN/lotServer.try"
}

# Stopped before its time; what is started afterwards is nobody's trial.
test_a_later_start_is_left_alone() {
	quick
	config accif=eth0 engineNum=1
	ok_lot try 10
	ok_lot stop
	absent "$APPEX_RUN/lotServer.try"
	ok_lot start
	! gone_within 14 || fail 'a start by hand was taken back'
	ok_lot stop
	# A second trial has its own end, not the first one's.
	ok_lot try 10
	ok_lot stop
	ok_lot try 60
	! gone_within 14 || fail 'the second trial ended with the first'
}

test_waits_for_a_command_at_work() {
	quick
	config accif=eth0 engineNum=1
	ok_lot try 1
	flock "$APPEX_RUN/lotServer.lock" sleep 3
	gone_within 30 || fail 'it gave up'
}

test_status_tells() {
	config accif=eth0 engineNum=1
	ok_lot status
	unlike "$OUT" '*On trial*'
	ok_lot try 490
	ok_lot status
	like "$OUT" '*On trial: stops in 4[0-9][0-9] s unless you run "lotServer.sh confirm"'
	ok_lot confirm
	ok_lot status
	unlike "$OUT" '*On trial*'
}
