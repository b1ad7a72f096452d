#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016
#
# vm-checks.sh [-m MODULE] [-c CHECK] [-s] INTERFACE INTERFACE: checks lotServer.sh
# as root on a machine with the real module (a virtual machine: devices are changed
# and the module is loaded and unloaded many times). Nothing of an installation is
# used or changed.
#   -m MODULE  load the module from this path (default: by modprobe)
#   -c CHECK   this check only
#   -s         the self-check instead: break the script as the lines below say, each
#              time the check named there must fail
#
# Prints "ok N - name" and "not ok N - name" with the reason below; the last line
# is "N passed, N failed"; the status is 0 if none failed.
#
# breaks: start_and_stop | lib/engine.sh | s/run rmmod appex/true/; s/^UNLOAD_TIMEOUT=.*/UNLOAD_TIMEOUT=2/
# breaks: ranges_agree_with_the_module | lib/keys.sh | s/^\(key smBurstMS *\)int:0:10000/\1int:0:10001/
# breaks: refused_value_rolls_back | lib/commands.sh | s/^\tmodule_unload || :/\t:/
# breaks: proc_never_appears_rolls_back | lib/commands.sh | s/^\toffload_restore keep_none || :/\t:/
# breaks: reload | lib/commands.sh | s/^reload_undo() {/&\n\treturn 0/
# breaks: offloads | lib/offload.sh | s/^keep_none() .*/keep_none() { true; }/
# breaks: bond_is_followed | lib/device.sh | s/^\tfor under in .*/\tfor under in; do/
# breaks: engines | lib/engine.sh | s/"engines=$ENGINE_COUNT"//
# breaks: kill_9_at_any_moment | lib/offload.sh | s/^\t\[\[ $boot == .*/\tRECORD=()/
# breaks: signal_rolls_back | lib/common.sh | s/^\ttrap on_exit EXIT/\t:/
# breaks: many_at_once | lib/common.sh | s/if ! flock .*; then/if false; then/
# breaks: ppp_hooks | lib/system.sh | s/"$sign$name"/"$name"/
set -euo pipefail
export LC_ALL=C
here=$(cd -- "$(dirname -- "$0")" && pwd)
scripts=${LOT_SCRIPTS:-$(cd -- "$here/../../scripts" && pwd)}

only='' self=''
while getopts m:c:s option; do
	case $option in
	m)
		APPEX_MODULE=$(readlink -f -- "$OPTARG")
		export APPEX_MODULE
		;;
	c) only=$OPTARG ;;
	s) self=1 ;;
	*) exit 125 ;;
	esac
done
shift $((OPTIND - 1))
(($# == 2)) || {
	echo "Usage: $0 [-m MODULE] [-c CHECK] [-s] INTERFACE INTERFACE" >&2
	exit 125
}
if0=$1 if1=$2 proc=/proc/net/appex
T=$(mktemp -d)
export APPEX_ROOT=$T/appex APPEX_RUN=$T/run APPEX_PPP=$T/ppp
mkdir -p "$APPEX_ROOT"/{bin/lib,etc,log} "$APPEX_RUN"
cp "$scripts/lotServer.sh" "$APPEX_ROOT/bin/"
cp "$scripts"/lib/*.sh "$APPEX_ROOT/bin/lib/"
lot=$APPEX_ROOT/bin/lotServer.sh conf=$APPEX_ROOT/etc/config
passed=0 failed=0

config() { printf '%s\n' "$@" >"$conf"; }
features() { ethtool -k "$1" | grep -v '^Features'; }
loaded() { grep -q '^appex ' /proc/modules; }
# Every check runs in a shell of its own, which this ends.
fail() {
	echo "    $*" >&2
	exit 1
}
is() { [[ $1 == "$2" ]] || fail "expected \"$2\", found \"$1\""; }
run_lot() {
	STATUS=0
	"$lot" "$@" >"$T/out" 2>"$T/err" || STATUS=$?
}
said() { grep -qF -- "$1" "$T/out" "$T/err" || fail "not said: \"$1\"; said: $(cat "$T/out" "$T/err")"; }
lot() {
	local expected=$1
	shift
	run_lot "$@"
	[[ $STATUS == "$expected" ]] || fail "$*: status $STATUS instead of $expected: $(cat "$T/out" "$T/err")"
}
in_cmd() { sed -n "s/^$1: //p" "$proc/cmd"; }
gone() {
	[[ ! -e $proc ]] || fail "$proc is still there"
	! loaded || fail "the module is still loaded"
	[[ ! -e $APPEX_ROOT/etc/.offload && ! -e $APPEX_ROOT/etc/.runconfig && ! -e $APPEX_ROOT/etc/.guard ]] || fail "a record is left"
}

# verdict STATUS NAME FILE: FILE has what was said.
verdict() {
	if (($1 == 0)); then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) - $2$(sed -n 's/^SKIP/ # SKIP/p' "$3")"
	else
		failed=$((failed + 1))
		echo "not ok $((passed + failed)) - $2"
		cat "$3"
	fi
}

# clean_up: what a failed check may have left.
clean_up() {
	if loaded; then
		timeout 60 "$lot" stop >/dev/null 2>&1 || rmmod appex 2>/dev/null || :
	fi
	local name
	for name in xb0 xr0 xs0; do
		ip link del "$name" 2>/dev/null || :
	done
}

# check NAME: runs check_NAME in a shell of its own and cleans up behind it.
check() {
	local status=0
	("check_$1") >"$T/check" 2>&1 || status=$?
	clean_up
	verdict "$status" "$1" "$T/check"
}

# self_check CHECK FILE SED: the check must fail with the script broken so.
self_check() {
	local name=$1 file=$2 edit=$3 status=0 each
	rm -rf "$T/broken"
	cp -r "$scripts" "$T/broken"
	for each in "$if0" "$if1"; do
		features "$each" | sed -n 's/^\t*\([a-z0-9-]*\): \(on\|off\)$/\1 \2/p' >"$T/features-$each"
	done
	sed -i -e "$edit" "$T/broken/$file"
	if cmp -s "$scripts/$file" "$T/broken/$file"; then
		echo "    the edit changes nothing" >"$T/check"
		verdict 1 "self-check: $name, $file, $edit" "$T/check"
		return 0
	fi
	LOT_SCRIPTS=$T/broken "$here/vm-checks.sh" -c "$name" "$if0" "$if1" >"$T/check" 2>&1 || status=$?
	# The broken script may have left anything.
	rmmod appex 2>/dev/null || :
	for each in "$if0" "$if1"; do
		# shellcheck disable=SC2046
		ethtool -K "$each" $(tr '\n' ' ' <"$T/features-$each") >/dev/null 2>&1 || :
	done
	verdict "$((status != 1))" "self-check: $name goes red when $file is broken by $edit" "$T/check"
}

for part in basics devices accidents; do
	# shellcheck source=/dev/null
	. "$here/vm/$part.sh"
done

! loaded || {
	echo "the module is loaded already: stop it first" >&2
	exit 125
}
trap 'rm -rf "$T"' EXIT
if [[ -n $self ]]; then
	while IFS= read -r line; do
		line=${line#'# breaks: '}
		name=${line%%' | '*} line=${line#*' | '}
		[[ -z $only || $only == "$name" ]] || continue
		self_check "$name" "${line%%' | '*}" "${line#*' | '}"
	done < <(grep '^# breaks: ' "$0")
else
	mapfile -t checks < <(sed -n 's/^check_\([a-z0-9_]*\)() {.*/\1/p' "$here"/vm/{basics,devices,accidents}.sh)
	for name in "${checks[@]}"; do
		[[ -z $only || $only == "$name" ]] || continue
		check "$name"
	done
fi
echo "$passed passed, $failed failed"
((passed > 0 && failed == 0))
