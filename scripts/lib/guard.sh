# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The guard against a machine that goes down, boots, starts the accelerator and goes down again, for ever.
#
# GUARD_FILE, "TOKEN ENDS", is on disk before a start touches anything: TOKEN, which begins with the boot's id, names the
# run that has not proved itself yet (- for none), ENDS how many before it, in a row, were cut short. A run proves itself by
# lasting GUARD_SECONDS or by being stopped, either of which takes the file away. So a file that names another boot means:
# the machine went down without a shutdown, and soon after a start. A power cut looks the same, hence a second chance.
# Only "boot", the command of the service, heeds it; whoever types "start" is there to see what happens.

# Enough to log in and stop the accelerator in; the crashes that lock people out come within seconds of the first traffic.
GUARD_SECONDS=600
# The first can be a power cut; a second one in a row is not to be explained by that.
GUARD_LIMIT=2
GUARD_UNIT=lotServer-guard

# guard_read: how many runs in a row were cut short, in GUARD_ENDS; the run of this boot that is not proved, in GUARD_TOKEN.
guard_read() {
	GUARD_TOKEN=- GUARD_ENDS=0 GUARD_WHEN=
	local token='' ends=''
	{ read -r token ends <"$GUARD_FILE"; } 2>/dev/null || :
	[[ $token && $ends =~ ^[0-9]{1,4}$ ]] || return 0
	GUARD_TOKEN=$token GUARD_ENDS=$((10#$ends))
	if [[ $token != - && $token != "$(boot_id)"-* ]]; then
		GUARD_TOKEN=- GUARD_ENDS=$((GUARD_ENDS + 1))
		GUARD_WHEN=$(date -r "$GUARD_FILE" '+ (the last such start: %F %T)' 2>/dev/null) || GUARD_WHEN=
	fi
}

guard_write() {
	printf '%s %s\n' "$GUARD_TOKEN" "$GUARD_ENDS" | write_whole "$GUARD_FILE"
}

# guard_begin: before anything is touched.
guard_begin() {
	guard_read
	GUARD_TOKEN=$(boot_id)-$$-$RANDOM
	guard_write || warn "[warn] cannot write $GUARD_FILE: should this machine crash, $PRODUCT starts again at every boot"
}

# guard_undo: the start has failed and the machine has not.
guard_undo() {
	guard_read
	GUARD_TOKEN=-
	if ((GUARD_ENDS > 0)); then
		guard_write || :
	else
		guard_forget
	fi
}

# guard_watch: it runs; what is left is that it lasts. If nobody can be told to look, a stop is what takes the file away.
guard_watch() {
	later "$GUARD_UNIT" "$GUARD_SECONDS" lasted "$GUARD_TOKEN" || :
}

# guard_forget: the run has proved itself.
guard_forget() {
	remove_whole "$GUARD_FILE" || :
	later_not "$GUARD_UNIT"
}

# do_lasted TOKEN: the time is up. A run that was started anew since has a look of its own.
do_lasted() {
	guard_read
	[[ $GUARD_TOKEN != - && $GUARD_TOKEN == "${1-}" ]] && engine_running || return 0
	remove_whole "$GUARD_FILE"
}

# guard_allows: whether a start that nobody watches may go on; tells why not.
guard_allows() {
	guard_read
	((GUARD_ENDS >= GUARD_LIMIT)) || return 0
	guard_note >&2
	return 1
}

# guard_note: for status, and for the journal.
guard_note() {
	local minutes=$((GUARD_SECONDS / 60))
	guard_read
	((GUARD_ENDS > 0)) || return 0
	if ((GUARD_ENDS < GUARD_LIMIT)); then
		say "[guard] This machine went down without a shutdown within $minutes minutes of a start$GUARD_WHEN."
		say "[guard] If the next run ends like that, too, $PRODUCT is no longer started at boot."
		return 0
	fi
	say "[guard] $GUARD_ENDS times in a row this machine went down without a shutdown within $minutes minutes of a start$GUARD_WHEN."
	say "[guard] $PRODUCT is not started at boot any more, only by hand: lotServer.sh start. Once it has run for"
	say "[guard] $minutes minutes, or was stopped, it starts at boot again. \"journalctl -k -b -1\" may say what happened."
}

guard_status() {
	local note
	note=$(guard_note)
	[[ -z $note ]] || say $'\n'"$note"
}

# do_boot: what the service does.
do_boot() {
	engine_running || guard_allows || exit 1
	do_reload
}
