# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Shared by the lab's scripts: where things are, messages, the cache lock and stamps.
# Sourced, never run. Callers have set -euo pipefail.

LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck disable=SC2034 # used by the scripts that source this file
PROJECT_DIR=$(cd "$LAB_DIR/../.." && pwd -P)
CACHE=${APPEX_CACHE:-/var/cache/appex}
# shellcheck disable=SC2034
TREE=$CACHE/tree

say() {
	printf 'lab: %s\n' "$*" >&2
}

die() {
	printf 'lab: error: %s\n' "$*" >&2
	exit 1
}

need_root() {
	[ "$(id -u)" = 0 ] || die "$1 needs root (chroot and mounts): sudo $0"
}

# One writer of the cache at a time. A second set-up waits, then finds everything done.
lock_cache() {
	mkdir -p "$CACHE"
	exec 9>"$CACHE/.lock"
	if ! flock -n 9; then
		say "another set-up holds $CACHE/.lock; waiting for it"
		flock 9
	fi
}

# stamp_is NAME VALUE: true when step NAME was last finished with inputs hashed to VALUE.
stamp_is() {
	[ -f "$CACHE/stamps/$1" ] && [ "$(cat "$CACHE/stamps/$1")" = "$2" ]
}

stamp_set() {
	mkdir -p "$CACHE/stamps"
	printf '%s\n' "$2" >"$CACHE/stamps/$1.new"
	mv "$CACHE/stamps/$1.new" "$CACHE/stamps/$1"
}

stamp_clear() {
	rm -f "$CACHE/stamps/$1"
}

# hash_of TEXT...: one word that changes when any argument does.
hash_of() {
	printf '%s\0' "$@" | sha256sum | cut -c1-32
}

# logged NAME CMD...: run a long step with its output in a file; show the end of it on failure.
logged() {
	local name=$1 log=$CACHE/log/$1.log rc=0 began=$SECONDS
	shift
	mkdir -p "$CACHE/log"
	# The step inherits the cache lock: should this script be killed, the lock lasts as long as the step goes on.
	"$@" >"$log" 2>&1 || rc=$?
	if [ "$rc" != 0 ]; then
		tail -n 30 "$log" >&2
		die "step '$name' failed with status $rc; whole log: $log"
	fi
	say "$name: done in $((SECONDS - began)) s"
}
