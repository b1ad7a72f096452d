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
	[[ ! -e $APPEX_ROOT/etc/.offload && ! -e $APPEX_ROOT/etc/.runconfig ]] || fail "a record is left"
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

check_start_and_stop() {
	local before
	before=$(features "$if0")
	config "accif=\"$if0\"" wankbps=54321
	lot 0 start
	loaded || fail 'not in lsmod'
	grep -q '^NumOfFlows = [0-9]' $proc/stats || fail 'no stats'
	is "$(<$proc/wanIf)" "$if0"
	is "$(<$proc/wanKbps)" 54321
	is "$(features "$if0")" "$before"
	lot 1 start
	said 'LotServer is running!'
	lot 0 stop
	said 'LotServer is stopped!'
	gone
	lot 1 stop
	said 'LotServer is not running!'
}

check_shipped_configuration() {
	sed "s/^accif=.*/accif=\"$if0 $if1\"/; s|^afterLoad=.*||" "$here/../../etc/config" >"$conf"
	lot 0 start
	[[ ! -s $T/err ]] || fail "$(<"$T/err")"
	is "$(<$proc/wanIf)" "$if0 $if1"
	is "$(in_cmd l2wQLimit)" '256 2048'
	is "$(in_cmd tcpFlags)" 0x0
	lot 0 stop
	gone
}

# Every key's smallest and largest value is one that the module takes.
check_ranges_agree_with_the_module() {
	local which
	for which in min max; do
		(
			set +u
			# shellcheck source=/dev/null
			. "$APPEX_ROOT/bin/lib/common.sh"
			# shellcheck source=/dev/null
			. "$APPEX_ROOT/bin/lib/keys.sh"
			for name in "${KEY_ORDER[@]}"; do
				[[ ${KEY_TARGET[$name]} == file:* || ${KEY_TARGET[$name]} == cmd:* ]] || continue
				IFS=: read -r kind min max _ <<<"${KEY_KIND[$name]}"
				case $kind,$which in
				bool,min) value=0 ;;
				bool,max) value=1 ;;
				int,min) value=$min ;;
				int,max) value=$max ;;
				pair,min) value="$min $min" ;;
				pair,max) value="$max $max" ;;
				flags,min) value=0x0 ;;
				flags,max) value=0xffffffff ;;
				segments4,max) value='C210000/16 0 0A000000/8 1 ffffffff/32 0/0' ;;
				segments6,max) value='2001:db8::1/128 ::/0 fe80::/10' ;;
				accrules,max) value='noacc 10.0.0.0/8 acc 2001:db8::1 192.0.2.1 ::/0' ;;
				text,max) value=$(printf '%0255d' 0) ;;
				*,min) value='' ;;
				*) exit 1 ;;
				esac
				[[ $name != ipv6Only ]] || value=0
				printf '%s="%s"\n' "$name" "$value"
			done
		) >"$conf"
		printf '%s\n' "accif=\"$if0\"" "lanif=\"lan0 lan-*\"" >>"$conf"
		lot 0 start
		lot 0 reload
		lot 0 stop
	done
}

# The module refuses this text (it would look like another key to old scripts),
# which the script cannot know: the start goes back completely.
check_refused_value_rolls_back() {
	local before
	before=$(features "$if0")
	config "accif=$if0" gso=0 'udptun="gso: 1"'
	lot 1 start
	said "Failed to write configuration: $proc/cmd:udptun"
	gone
	is "$(features "$if0")" "$before"
}

check_proc_never_appears_rolls_back() {
	local before
	before=$(features "$if0")
	config "accif=$if0" gso=0 configTimeout=2
	APPEX_PROC=$T/nowhere lot 1 start
	said 'failed to load engine 0'
	gone
	is "$(features "$if0")" "$before"
}

check_bad_configuration_touches_nothing() {
	config "accif=$if0" gso=0 'wankbps="fast"'
	lot 1 start
	said "$conf:3: wankbps=\"fast\" is not accepted"
	gone
}

check_missing_module() {
	config "accif=$if0"
	APPEX_MODULE=/nonexistent.ko lot 1 start
	said 'Load LotServer failed!'
	gone
}

check_reload() {
	config "accif=$if0" wankbps=1000 lanif=lan0
	lot 0 start
	config "accif=\"$if0 $if1\"" wankbps=2000 shortRttMS=7 lanSegmentV6=2001:db8::/32
	lot 0 reload
	is "$(<$proc/wanIf)" "$if0 $if1"
	is "$(<$proc/wanKbps)" 2000
	is "$(in_cmd shortRttMS | cut -d' ' -f1)" 7
	is "$(in_cmd tcpFlags)" 0x800
	is "$(in_cmd lanSegmentV6)" 20010DB8000000000000000000000000/32
	is "$(<$proc/lanIf)" ''
	config "accif=$if1" wankbps=3000 'udptun="gso: 1"'
	lot 1 reload
	is "$(<$proc/wanIf)" "$if0 $if1"
	is "$(<$proc/wanKbps)" 2000
	config "accif=$if1"
	lot 0 reload
	is "$(<$proc/wanIf)" "$if1"
	is "$(<$proc/wanKbps)" 1000000
	lot 0 stop
	lot 0 reload
	is "$(<$proc/wanIf)" "$if1"
}

check_offloads() {
	local before name
	before=$(features "$if0" && features "$if1")
	config "accif=\"$if0 $if1\"" gso=0 rsc=0
	lot 0 start
	for name in tcp-segmentation-offload generic-segmentation-offload generic-receive-offload; do
		! ethtool -k "$if0" | grep -q "^$name: on" || fail "$name is on"
		! ethtool -k "$if1" | grep -q "^$name: on" || fail "$name is on"
	done
	lot 0 stop
	gone
	is "$(features "$if0" && features "$if1")" "$before"
}

check_refusing_device_rolls_back() {
	local before
	before=$(features "$if0")
	# Transmit checksums of the loopback device are fixed.
	config "accif=\"$if0 lo\"" gso=0 txcsum=2
	lot 1 start
	said 'Can not disable tx(tx checksumming) of lo, exit!'
	gone
	is "$(features "$if0")" "$before"
}

# follows DEVICE UNDER...: offloads of all of them, there and back.
follows() {
	local each before
	before=$(for each in "$@"; do features "$each"; done)
	config "accif=$1" gso=0
	lot 0 start
	for each in "${@:2}"; do
		! ethtool -k "$each" | grep -q '^tcp-segmentation-offload: on' || fail "tso of $each is on"
	done
	lot 0 stop
	is "$(for each in "$@"; do features "$each"; done)" "$before"
}

check_bond_is_followed() {
	ip link add xb0 type bond 2>/dev/null || { modprobe bonding max_bonds=0 2>/dev/null && ip link add xb0 type bond; } || {
		echo SKIP no bonding driver
		return 0
	}
	ip link add xs0 type veth peer name xs1
	ip link set xs0 master xb0
	follows xb0 xs0
	ip link del xb0
	ip link del xs0
}

check_bridge_is_followed() {
	ip link add xr0 type bridge || { echo SKIP no bridge; return 0; }
	ip link add xs0 type veth peer name xs1
	ip link set xs0 master xr0
	follows xr0 xs0
	ip link del xr0
	ip link del xs0
}

check_vlan_is_followed() {
	ip link add xs0 type veth peer name xs1
	if ip link add link xs0 name xs0.7 type vlan id 7 2>/dev/null; then
		follows xs0.7 xs0
	else
		echo SKIP no VLAN driver
	fi
	ip link del xs0
}

check_engines() {
	config "accif=$if0" 'cpuID="0 1 2"'
	lot 0 start
	[[ -e ${proc}2/stats && ! -e ${proc}3 ]] || fail 'not three engines'
	is "$(<${proc}2/wanIf)" "$if0"
	lot 0 status
	lot 0 stop
	config "accif=$if0" "cpuID=\"$(seq -s ' ' 0 63)\""
	lot 0 start
	[[ -e ${proc}63/stats && ! -e ${proc}64 ]] || fail 'not 64 engines'
	lot 0 stop
	gone
}

check_status_and_stats() {
	config "accif=$if0" wankbps=777 'cpuID="0 1"'
	lot 0 status
	said 'LotServer is NOT running!'
	lot 1 stats
	said 'LotServer is NOT running!'
	lot 0 start
	lot 0 status
	said 'LotServer is running!'
	said 'wankbps              777'
	grep -Eq '^version              .+' "$T/out" || fail 'no version'
	grep -Eq '^MaxSession           [0-9]+$' "$T/out" || fail 'no MaxSession'
	grep -Eq '^TotalFlow            [0-9]+$' "$T/out" || fail 'no TotalFlow'
	grep -Eq '^V6TotalAccTcpFlow    [0-9]+$' "$T/out" || fail 'no V6 rows'
	APPEX_STATS_INTERVAL=1 lot 0 stats all 2
	is "$(grep -c '^engine#1:$' "$T/out")" 2
	is "$(grep -c '^Total:$' "$T/out")" 2
	grep -Eq '^retransmission ratio: [0-9]+\.[0-9] %$' "$T/out" || fail "$(<"$T/out")"
}

check_hooks_parameters() {
	config "accif=$if0" ipTxHookPri=-10 ipRxHookPri=11 ipv6TxHookPri=-12 ipv6RxHookPri=13
	lot 0 start
	local name
	for name in ipTxHookPri:-10 ipRxHookPri:11 ipv6TxHookPri:-12 ipv6RxHookPri:13; do
		[[ ! -r /sys/module/appex/parameters/${name%:*} ]] || is "$(<"/sys/module/appex/parameters/${name%:*}")" "${name#*:}"
	done
	! dmesg | tail -n 20 | grep -q "appex: unknown parameter" || fail 'the module does not know a parameter'
}

# Killed at any moment: whatever it had done, stop puts everything back.
check_kill_9_at_any_moment() {
	local before i pid
	before=$(features "$if0" && features "$if1")
	config "accif=\"$if0 $if1\"" gso=0 rsc=0
	for ((i = 1; i <= 20; i++)); do
		"$lot" start >/dev/null 2>&1 &
		pid=$!
		sleep "$(awk "BEGIN { print $i * $i * 0.006 }")"
		kill -9 "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
		# A program it had started may still be at work, and has the lock then.
		while grep -qsE '^(ethtool|modprobe|insmod)$' /proc/[0-9]*/comm; do
			sleep 0.1
		done
		flock "$APPEX_RUN/lotServer.lock" true
		# Every other time a start comes between, which must not lose the record.
		if ((i % 2)) && ! [[ -e $proc ]]; then
			lot 0 start
		fi
		run_lot stop
		[[ $STATUS == 0 || $STATUS == 1 ]] || fail "round $i: stop ended with $STATUS"
		gone
		is "round $i: $(features "$if0" && features "$if1")" "round $i: $before"
	done
}

check_signal_rolls_back() {
	local before pid
	before=$(features "$if0")
	config "accif=$if0" gso=0 configTimeout=20
	APPEX_PROC=$T/nowhere env --default-signal "$lot" start >/dev/null 2>&1 &
	pid=$!
	for _ in {1..100}; do
		! loaded || break
		sleep 0.1
	done
	loaded || fail 'it did not come to load'
	kill -TERM "$pid"
	! wait "$pid" || fail 'it went on'
	gone
	is "$(features "$if0")" "$before"
}

check_many_at_once() {
	local i n=0 pid status
	local -a pids=()
	config "accif=$if0"
	for ((i = 0; i < 8; i++)); do
		"$lot" start >/dev/null 2>&1 &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		status=0
		wait "$pid" || status=$?
		case $status in
		0) n=$((n + 1)) ;;
		1 | 2) ;;
		*) fail "status $status" ;;
		esac
	done
	is "$n" 1
	is "$(<$proc/wanIf)" "$if0"
}

# People look around in /proc while it runs: stop must not hang on them.
check_stop_with_someone_in_the_directory() {
	local pid
	config "accif=$if0"
	lot 0 start
	(cd "$proc" && exec sleep 60) &
	pid=$!
	tail -f "$proc/stats" >/dev/null 2>&1 &
	sleep 0.3
	local before=$SECONDS
	run_lot stop
	kill "$pid" $! 2>/dev/null || :
	is "$STATUS" 0
	((SECONDS - before < 30)) || fail "it took $((SECONDS - before)) s"
	gone
}

check_interface_vanishes() {
	ip link add xs0 type veth peer name xs1
	config 'accif="xs0 xs9"' gso=0
	lot 0 start
	said 'no interface xs9 at present'
	ip link del xs0
	lot 0 status
	lot 0 stop
	said 'xs0 is gone'
	gone
}

check_pattern() {
	config "accif=\"${if0%?}*\"" gso=0
	local before
	before=$(features "$if0" && features "$if1")
	lot 0 start
	is "$(<$proc/wanIf)" "${if0%?}*"
	! ethtool -k "$if0" | grep -q '^tcp-segmentation-offload: on' || fail 'tso is on'
	lot 0 stop
	is "$(features "$if0" && features "$if1")" "$before"
}

check_ppp_hooks() {
	config "accif=$if0" accppp=1
	mkdir -p "$T"/ppp/{ip-up.d,ip-down.d}
	lot 0 start
	"$T/ppp/ip-up.d/pppup" ppp7
	is "$(<$proc/wanIf)" "$if0 ppp7"
	"$T/ppp/ip-down.d/pppdown" ppp7
	is "$(<$proc/wanIf)" "$if0"
}

check_restart_many_times() {
	local i
	config "accif=\"$if0 $if1\""
	lot 0 start
	for ((i = 0; i < 10; i++)); do
		lot 0 restart
		is "$(<$proc/wanIf)" "$if0 $if1"
	done
	lot 0 stop
	gone
}

# A transfer over the loopback device goes on, byte for byte, when acceleration
# stops and starts below it.
check_stop_under_a_connection() {
	command -v python3 >/dev/null || { echo SKIP no python3; return 0; }
	config 'accif="lo"' subnetAcc=1
	lot 0 start
	cat >"$T/transfer.py" <<-'PY'
		import hashlib, os, socket, threading, time
		listener = socket.create_server(("127.0.0.1", 0))
		block = os.urandom(65536)
		sent, got = hashlib.sha256(), hashlib.sha256()
		def serve():
		    conn, _ = listener.accept()
		    for _ in range(200):
		        conn.sendall(block)
		        sent.update(block)
		        time.sleep(0.02)
		    conn.close()
		thread = threading.Thread(target=serve)
		thread.start()
		with socket.create_connection(listener.getsockname()) as client:
		    print("started", flush=True)
		    while data := client.recv(65536):
		        got.update(data)
		thread.join()
		print("same" if sent.digest() == got.digest() else "different")
	PY
	python3 "$T/transfer.py" >"$T/transfer" 2>&1 &
	local pid=$!
	sleep 1
	lot 0 stop
	gone
	lot 0 start
	sleep 0.5
	lot 0 stop
	wait "$pid" || fail "$(<"$T/transfer")"
	is "$(tail -n 1 "$T/transfer")" same
}

check_install_and_uninstall() {
	local module=${APPEX_MODULE:-$(modinfo -n appex)} old=$APPEX_ROOT release
	release=$(uname -r)
	[[ ! -e /lib/modules/$release/updates/appex.ko ]] || { echo SKIP the module is installed here; return 0; }
	export APPEX_ROOT=$T/installed
	"$scripts/install-local.sh" "$module" >"$T/out" 2>&1 || fail "$(<"$T/out")"
	sed -i "s/^accif=.*/accif=\"$if0\"/" "$APPEX_ROOT/etc/config"
	unset APPEX_MODULE
	"$APPEX_ROOT/bin/lotServer.sh" start || fail 'no start by modprobe'
	is "$(<$proc/wanIf)" "$if0"
	"$APPEX_ROOT/bin/lotServer.sh" uninstall >/dev/null || fail 'no uninstall'
	[[ ! -e $T/installed && ! -e /lib/modules/$release/updates/appex.ko ]] || fail 'something is left'
	APPEX_ROOT=$old gone
}

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
	mapfile -t checks < <(sed -n 's/^check_\([a-z0-9_]*\)() {.*/\1/p' "$0")
	for name in "${checks[@]}"; do
		[[ -z $only || $only == "$name" ]] || continue
		check "$name"
	done
fi
echo "$passed passed, $failed failed"
((passed > 0 && failed == 0))
