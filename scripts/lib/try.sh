# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# try and confirm: a start that is taken back by itself, for machines that only
# the network reaches. What takes it back is armed before anything is touched and
# belongs to nobody's terminal: it outlives the session that typed the command.
#
# The file TRY_FILE, "TOKEN END" (END as uptime in seconds), is what is pending.
# A roll-back acts only on the token that it was armed with, under the lock; so one that
# comes late, after confirm, after stop or after another try, does nothing.

TRY_DEFAULT=60
# Less is no time to log in again, more than a day is no trial.
TRY_MIN=5
TRY_MAX=86400
TRY_UNIT=lotServer-try

uptime_seconds() {
	local up
	read -r up _ </proc/uptime
	printf '%s\n' "${up%.*}"
}

# try_read: the pending trial, in TRY_TOKEN and TRY_END; both empty if there is none.
try_read() {
	TRY_TOKEN='' TRY_END=''
	{ read -r TRY_TOKEN TRY_END <"$TRY_FILE"; } 2>/dev/null || :
}

# try_forget: nothing is pending any more.
try_forget() {
	rm -f -- "$TRY_FILE"
	later_not "$TRY_UNIT"
}

# try_note: one line of status, only while a trial runs.
try_note() {
	local left
	try_read
	[[ -n $TRY_END ]] || return 0
	left=$((TRY_END - $(uptime_seconds)))
	say ''
	say "On trial: stops in $((left > 0 ? left : 0)) s unless you run \"lotServer.sh confirm\""
}

do_try() {
	local seconds=${1:-$TRY_DEFAULT} token
	if ! whole "$seconds" "$TRY_MIN" "$TRY_MAX"; then
		die "try: \"$seconds\" is not a whole number of seconds from $TRY_MIN to $TRY_MAX"
	fi
	seconds=$CHECKED
	if engine_running; then
		die "$PRODUCT is running! Stop it first: what \"try\" goes back to is an unaccelerated network"
	fi
	# Nothing is armed for a configuration that cannot start.
	config_load
	offload_check
	token=$(boot_id)-$$-$RANDOM
	# A start that fails takes its trial back with itself.
	ROLLBACK=try_forget
	printf '%s %s\n' "$token" $(($(uptime_seconds) + seconds)) | write_whole "$TRY_FILE" || die "Failed to write $TRY_FILE"
	later "$TRY_UNIT" "$seconds" try-ends "$token" || die "try: cannot arm the way back, so nothing was started"
	start_configured try_undo
	say "$PRODUCT runs on trial for $seconds seconds. If you can read this, run: lotServer.sh confirm"
}

try_undo() {
	start_undo
	try_forget
}

do_confirm() {
	try_read
	if [[ -z $TRY_TOKEN ]]; then
		die "There is nothing to confirm: no trial is running"
	fi
	try_forget
	say "$PRODUCT goes on. It is not started at boot by this: see \"systemctl enable lotServer\""
}

# do_try_ends TOKEN: the time is up.
do_try_ends() {
	try_read
	[[ -n $TRY_TOKEN && $TRY_TOKEN == "${1-}" ]] || return 0
	rm -f -- "$TRY_FILE"
	! engine_running || stop_running || exit 1
	say "$PRODUCT was not confirmed and is stopped!"
}
