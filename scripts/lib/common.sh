# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Names, messages, the lock, files written whole or not at all, clean-up.

PRODUCT=LotServer
APPEX_ROOT=${APPEX_ROOT:-/appex}
APPEX_PROC=${APPEX_PROC:-/proc/net/appex}
APPEX_MODULE=${APPEX_MODULE:-}
APPEX_RUN=${APPEX_RUN:-/run}
APPEX_SYSFS=${APPEX_SYSFS:-/sys/class/net}
APPEX_SYSCTL=${APPEX_SYSCTL:-/proc/sys}
APPEX_MEMINFO=${APPEX_MEMINFO:-/proc/meminfo}
APPEX_PPP=${APPEX_PPP:-/etc/ppp}
APPEX_SYSTEMD=${APPEX_SYSTEMD:-/run/systemd/system}
APPEX_DKMS=${APPEX_DKMS:-/var/lib/dkms}
APPEX_BOOT=${APPEX_BOOT:-/boot}
APPEX_KERNELS=${APPEX_KERNELS:-/lib/modules}
APPEX_MODULES=${APPEX_MODULES:-/proc/modules}

CONFIG_FILE=$APPEX_ROOT/etc/config
OFFLOAD_FILE=$APPEX_ROOT/etc/.offload
QDISC_FILE=$APPEX_ROOT/etc/.qdisc
RUNCONFIG_FILE=$APPEX_ROOT/etc/.runconfig
GUARD_FILE=$APPEX_ROOT/etc/.guard
PPP_FILE=$APPEX_ROOT/etc/.ppp
RULES_FILE=$APPEX_ROOT/etc/rules
MANIFEST_FILE=$APPEX_ROOT/etc/.manifest
FORMER_FILE=$APPEX_ROOT/etc/.former
LOCK_FILE=$APPEX_RUN/lotServer.lock
PID_FILE=$APPEX_RUN/lotServer.pid
TRY_FILE=$APPEX_RUN/lotServer.try

# What has to be undone if this run ends before it is done: the name of a
# function, or nothing. One place for errors, signals and unexpected ends.
ROLLBACK=

# A closed terminal must not end a run half way: a failed write is no error.
say() { printf '%s\n' "$*" 2>/dev/null || :; }
warn() { printf '%s\n' "$*" >&2 2>/dev/null || :; }

# Ends the run; what was begun is undone by the EXIT trap.
die() {
	warn "$*"
	exit 1
}

# say_title TEXT: bold white on black as users know it, plain if not a terminal.
say_title() {
	if [[ -t 1 ]]; then
		say $'\e[37;40;1m'"$1"$'\e[0m'
	else
		say "$1"
	fi
}

require_root() {
	((EUID == 0)) || die "You are not running $PRODUCT as root. Please rerun as root"
}

# Started programs do not get the lock (descriptor 9): a daemon that a hook
# leaves behind would hold it for ever.
run() {
	"$@" 9>&-
}

# lock [SECONDS]: one command at a time. The lock is the open file, so it is
# never left behind by a killed run; the pid file is for people and old tools.
lock() {
	command -v flock >/dev/null || die "ERROR: \"flock\" not found, please install util-linux"
	mkdir -p -- "$APPEX_RUN" 2>/dev/null || :
	{ exec 9>>"$LOCK_FILE"; } 2>/dev/null || die "ERROR: cannot write $LOCK_FILE: make $APPEX_RUN writable"
	if ! flock -w "${1:-0}" 9; then
		say 'lotServer.sh is still running, please try again later'
		exit 2
	fi
	trap on_exit EXIT
	# The original's list of signals. PIPE is only survived: see say().
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 131' QUIT
	trap 'exit 134' ABRT
	trap 'exit 143' TERM
	trap '' PIPE
	{ printf '%s\n' "$$" >"$PID_FILE"; } 2>/dev/null || :
	# What a killed run was just writing.
	local file
	for file in "$OFFLOAD_FILE" "$QDISC_FILE" "$RUNCONFIG_FILE" "$GUARD_FILE" "$PPP_FILE" "$RULES_FILE" "$TRY_FILE"; do
		[[ ! -e $file.new ]] || rm -f -- "$file.new" 2>/dev/null || :
	done
}

# EXIT trap of a run that holds the lock.
on_exit() {
	local status=$?
	trap '' HUP INT QUIT ABRT TERM
	set +e
	if [[ -n $ROLLBACK ]]; then
		local undo=$ROLLBACK
		ROLLBACK=
		"$undo"
	fi
	rm -f -- "$PID_FILE"
	exit "$status"
}

# write_whole FILE, new text on standard input: after a crash at any moment the
# file holds the old text or the new one, on disk. Only under the lock. Says why it fails.
write_whole() {
	local file=$1 new=$1.new error
	error=$({ cat >"$new" && sync -- "$new" && mv -f -- "$new" "$file" && sync -- "${file%/*}"; } 2>&1) && return 0
	rm -f -- "$new" 2>/dev/null || :
	warn "Cannot write $file: ${error##*: }: make room there, or make it writable"
	return 1
}

# remove_whole FILE: as write_whole, for taking the file away.
remove_whole() {
	local error
	[[ -e $1 || -L $1 ]] || return 0
	error=$({ rm -f -- "$1" && sync -- "${1%/*}"; } 2>&1) && return 0
	warn "Cannot remove $1: ${error##*: }: make it writable, then run lotServer.sh stop"
	return 1
}

# boot_id: names this run of the kernel; records made in another are void.
boot_id() {
	local id=unknown
	{ IFS= read -r id </proc/sys/kernel/random/boot_id; } 2>/dev/null || :
	printf '%s\n' "$id"
}

# has_word WORD LIST...: whole words, where the original took eth10 for eth1.
has_word() {
	local word=$1 each
	shift
	for each in "$@"; do
		[[ $each == "$word" ]] && return 0
	done
	return 1
}
