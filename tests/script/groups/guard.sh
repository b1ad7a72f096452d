# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# guard: a machine that goes down soon after a start, again and again, comes up without the accelerator.
# (With a machine that really goes down: tests/install.)

# breaks: test_second_crash_in_a_row | lib/guard.sh | s/^GUARD_LIMIT=2/GUARD_LIMIT=3/
# breaks: test_second_crash_in_a_row | lib/guard.sh | s/GUARD_ENDS + 1/GUARD_ENDS/
# breaks: test_one_crash_is_forgiven | lib/guard.sh | s/^GUARD_LIMIT=2/GUARD_LIMIT=1/
# breaks: test_on_disk_before_anything | lib/commands.sh | /^\tguard_begin$/d; s/^\tmodule_load || exit 1/&; guard_begin/
# breaks: test_stop_clears | lib/commands.sh | s/guard_forget/:/
# breaks: test_lasting_clears | lib/guard.sh | s/^\tremove_whole "$GUARD_FILE"$/\t:/
# breaks: test_an_older_look_is_void | lib/guard.sh | s/$GUARD_TOKEN == "${1-}"/-n x/
# breaks: test_failed_start | lib/commands.sh | s/^\tguard_undo$/\t:/
# breaks: test_start_by_hand | lib/guard.sh | s/^\tguard_read$/\tGUARD_ENDS=0/
# breaks: test_unwritable | lib/guard.sh | s/guard_write || warn .*/guard_write || exit 1/
# breaks: test_stop_of_a_mark_alone | lib/commands.sh | s/|| guard_undo/|| :/
# breaks: test_same_boot | lib/guard.sh | s/ \&\& $token != "$(boot_id)"-\*//

# crash: the machine goes down as it is and boots.
crash() {
	[[ $(<"$GUARD") =~ ^"$(</proc/sys/kernel/random/boot_id)"-[^\ ]*\ ([0-9]+)$ ]] || fail "no mark of this boot: $(<"$GUARD")"
	printf '%s\n' "00000000-1111-2222-3333-444444444444-$RANDOM-$RANDOM ${BASH_REMATCH[1]}" >"$GUARD"
	umount "$T/proc"
	rm -f "$APPEX_RUN"/*
}

begin() {
	GUARD=$APPEX_ROOT/etc/.guard
	veth eth0
	config accif=eth0 engineNum=1
}

test_one_crash_is_forgiven() {
	begin
	ok_lot boot
	is "$(in_engine wanIf)" eth0
	unlike "$OUT$ERR" '*guard*'
	crash
	ok_lot status
	like "$OUT" '*\[guard\] This machine went down without a shutdown within 10 minutes of a start (the last such start: 20*).*'
	ok_lot boot
	is "$(in_engine wanIf)" eth0
}

test_second_crash_in_a_row() {
	begin
	ok_lot boot
	crash
	ok_lot boot
	crash
	run_lot boot
	is "$STATUS" 1
	like "$ERR" '*\[guard\] 2 times in a row this machine went down*only by hand: lotServer.sh start.*'
	absent "$APPEX_PROC"
	# However often it boots, and however it is asked how it is.
	run_lot boot
	is "$STATUS" 1
	ok_lot status
	like "$OUT" '*NOT running*\[guard\] 2 times in a row*'
	absent "$APPEX_PROC"
}

test_start_by_hand() {
	begin
	ok_lot boot
	crash
	ok_lot boot
	crash
	ok_lot start
	is "$(in_engine wanIf)" eth0
	ok_lot status
	like "$OUT" '*is running*\[guard\] 2 times in a row*'
	# It is not forgiven by that.
	crash
	run_lot boot
	is "$STATUS" 1
	like "$ERR" '*\[guard\] 3 times in a row*'
	# But by a stop.
	ok_lot start
	ok_lot stop
	ok_lot boot
	is "$(in_engine wanIf)" eth0
	ok_lot status
	unlike "$OUT" '*guard*'
}

test_stop_clears() {
	begin
	ok_lot boot
	exists "$GUARD"
	ok_lot stop
	absent "$GUARD"
	ok_lot start
	ok_lot restart
	ok_lot stop
	absent "$GUARD"
}

test_lasting_clears() {
	begin
	sed -i 's/^GUARD_SECONDS=.*/GUARD_SECONDS=6/' "$APPEX_ROOT/bin/lib/guard.sh"
	ok_lot boot
	exists "$GUARD"
	local i
	for ((i = 0; i < 300; i++)); do
		[[ -e $GUARD ]] || break
		sleep 0.1
	done
	absent "$GUARD"
	is "$(in_engine wanIf)" eth0
}

# What the first start armed does not speak for the second.
test_an_older_look_is_void() {
	local first
	begin
	ok_lot start
	read -r first _ <"$GUARD"
	ok_lot restart
	ok_lot lasted "$first"
	exists "$GUARD"
	read -r first _ <"$GUARD"
	ok_lot lasted "$first"
	absent "$GUARD"
}

test_failed_start() {
	begin
	fault faults 'refuse wanKbps'
	run_lot boot
	is "$STATUS" 1
	absent "$GUARD"
	# What was there stays, and a boot whose start fails is no crash.
	fault faults
	ok_lot boot
	crash
	fault faults 'refuse wanKbps'
	run_lot boot
	is "$STATUS" 1
	is "$(<"$GUARD")" '- 1'
	run_lot boot
	is "$(<"$GUARD")" '- 1'
}

test_on_disk_before_anything() {
	begin
	# The stand-in of the module's loader looks.
	mkdir "$T/look"
	printf '#!/bin/sh\ncp "%s" "%s/seen"\nexec "%s/fake/modprobe" "$@"\n' "$GUARD" "$T" "$HERE" >"$T/look/modprobe"
	chmod 755 "$T/look/modprobe"
	PATH="$T/look:$PATH" ok_lot boot
	is "$(<"$T/seen")" "$(<"$GUARD")"
}

test_unwritable() {
	begin
	mount --bind "${GUARD%/*}" "${GUARD%/*}"
	mount -o remount,bind,ro "${GUARD%/*}"
	run_lot boot
	is "$STATUS" 0
	umount "${GUARD%/*}"
	like "$ERR" '*cannot write*should this machine crash*'
	is "$(in_engine wanIf)" eth0
}

# The module taken away by other means, and a start that was killed: the machine is still up.
test_same_boot() {
	begin
	ok_lot boot
	local mark
	mark=$(<"$GUARD")
	"$HERE/fake/rmmod" appex || :
	printf '%s\n' "$mark" >"$GUARD"
	ok_lot boot
	ok_lot status
	unlike "$OUT" '*guard*'
}

# A start that was killed before it did anything leaves nothing but its mark.
test_stop_of_a_mark_alone() {
	begin
	printf '%s\n' "$(</proc/sys/kernel/random/boot_id)-1-2 0" >"$GUARD"
	run_lot stop
	is "$STATUS" 1
	absent "$GUARD"
	# What is known of crashes stays.
	printf '%s\n' "$(</proc/sys/kernel/random/boot_id)-1-2 1" >"$GUARD"
	run_lot stop
	is "$STATUS" 1
	is "$(<"$GUARD")" '- 1'
}
