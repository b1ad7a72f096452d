# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every test of lotServer.sh has: a root directory of its own, devices in a
# network namespace of its own, a stand-in for the module, and ways to look.

# setup: called in fresh network and mount namespaces.
setup() {
	T=$(mktemp -d)
	export FAKE_STATE=$T/state
	export APPEX_ROOT=$T/appex APPEX_PROC=$T/proc/appex APPEX_RUN=$T/run APPEX_PPP=$T/ppp
	# This machine's systemd would act outside of the test's namespaces.
	export APPEX_SYSTEMD=$T/no-systemd APPEX_DKMS=$T/dkms APPEX_BOOT=$T/boot APPEX_KERNELS=$T/kernels APPEX_MODULES=$T/modules-list
	mkdir -p "$FAKE_STATE" "$APPEX_ROOT"/{bin,etc,log} "$T/proc" "$APPEX_RUN"
	cp "$SCRIPTS/lotServer.sh" "$APPEX_ROOT/bin/"
	mkdir "$APPEX_ROOT/bin/lib"
	cp "$SCRIPTS"/lib/*.sh "$APPEX_ROOT/bin/lib/"
	LOT=$APPEX_ROOT/bin/lotServer.sh
	CONF=$APPEX_ROOT/etc/config
	RECORD=$APPEX_ROOT/etc/.offload
	export PATH="$HERE/fake:$PATH"
	mount -t sysfs sysfs /sys
	ip link set lo up
}

teardown() {
	# A daemon of the stand-in ends with its mount. What is mounted here and does not go is not ours to remove.
	grep -F " $T/" /proc/self/mounts | cut -d' ' -f2 | tac | xargs -r umount 2>/dev/null || :
	rm -rf --one-file-system "$T"
}

# config LINE...: a configuration with these lines.
config() {
	printf '%s\n' "$@" >"$CONF"
}

# run_lot ARG...: runs the script; STATUS, OUT and ERR tell how it went.
run_lot() {
	STATUS=0
	"$LOT" "$@" >"$T/out" 2>"$T/err" || STATUS=$?
	OUT=$(<"$T/out") ERR=$(<"$T/err")
}

fail() {
	printf '    %s\n' "$@"
	printf '    status %s\n    out: %s\n    err: %s\n' "${STATUS-}" "${OUT-}" "${ERR-}"
	exit 1
}

is() {
	[[ $1 == "$2" ]] || fail "expected: $2" "found:    $1"
}

like() {
	# The second one is a pattern.
	# shellcheck disable=SC2053
	[[ $1 == $2 ]] || fail "expected like: $2" "found:         $1"
}

unlike() {
	# shellcheck disable=SC2053
	[[ $1 != $2 ]] || fail "not expected: $2" "found:        $1"
}

exists() {
	[[ -e $1 ]] || fail "missing: $1"
}

absent() {
	[[ ! -e $1 && ! -L $1 ]] || fail "not expected: $1"
}

# ok_lot ARG...: runs the script and expects success.
ok_lot() {
	run_lot "$@"
	is "$STATUS" 0
}

# in_engine NAME [N]: the value of a file or a key of cmd of engine N.
in_engine() {
	local dir=$APPEX_PROC${2-}
	if [[ -e $dir/$1 ]]; then
		cat "$dir/$1"
	else
		sed -n "s/^$1: //p" "$dir/cmd"
	fi
}

# features IF: every feature of a device, for comparing before and after.
features() {
	ethtool -k "$1" | grep -v '^Features'
}

# feature IF NAME: on or off.
feature() {
	ethtool -k "$1" | sed -n "s/^[[:space:]]*$2: \([a-z]*\).*/\1/p"
}

veth() {
	local name
	for name in "$@"; do
		ip link add "$name" type veth peer name "p-$name"
	done
}

# fault FILE LINE...: see fake/.
fault() {
	local file=$1
	shift
	printf '%s\n' "$@" >"$FAKE_STATE/$file"
}

# with_parts CODE: runs CODE in a shell that has the script's parts, for tests of
# one function; STATUS, OUT and ERR as with run_lot.
with_parts() {
	STATUS=0
	# shellcheck disable=SC2016 # for the inner shell
	SELF=$LOT bash -c 'set -euo pipefail
		for part in common json keys check config offload shape device engine rules system report why stats top flows metrics capture later try guard compare uninstall commands; do
			. "$APPEX_ROOT/bin/lib/$part.sh"
		done
		eval "$1"' with_parts "$1" >"$T/out" 2>"$T/err" || STATUS=$?
	OUT=$(<"$T/out") ERR=$(<"$T/err")
}

# untouched: nothing was loaded, no device changed, no record written.
untouched() {
	absent "$FAKE_STATE/loads"
	absent "$RECORD"
	absent "$APPEX_ROOT/etc/.runconfig"
	absent "$APPEX_PROC"
}

# on_terminal COMMAND: its output when it writes to a terminal.
on_terminal() {
	TERM=xterm script -qec "$1" /dev/null </dev/null | tr -d '\r'
}
