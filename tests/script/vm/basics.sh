# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016,SC2153,SC2154
#
# Checks with the module, sourced by vm-checks.sh. Commands, settings and what is said.

check_start_and_stop() {
	local before
	before=$(features "$if0")
	config "accif=\"$if0\"" wankbps=54321
	lot 0 start
	loaded || fail 'not in lsmod'
	grep -q '^NumOfFlows = [0-9]' "$proc/stats" || fail 'no stats'
	is "$(<"$proc/wanIf")" "$if0"
	is "$(<"$proc/wanKbps")" 54321
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
	is "$(<"$proc/wanIf")" "$if0 $if1"
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
	is "$(<"$proc/wanIf")" "$if0 $if1"
	is "$(<"$proc/wanKbps")" 2000
	is "$(in_cmd shortRttMS | cut -d' ' -f1)" 7
	is "$(in_cmd tcpFlags)" 0x800
	is "$(in_cmd lanSegmentV6)" 20010DB8000000000000000000000000/32
	is "$(<"$proc/lanIf")" ''
	config "accif=$if1" wankbps=3000 'udptun="gso: 1"'
	lot 1 reload
	is "$(<"$proc/wanIf")" "$if0 $if1"
	is "$(<"$proc/wanKbps")" 2000
	config "accif=$if1"
	lot 0 reload
	is "$(<"$proc/wanIf")" "$if1"
	is "$(<"$proc/wanKbps")" 0
	lot 0 stop
	lot 0 reload
	is "$(<"$proc/wanIf")" "$if1"
}

check_engines() {
	config "accif=$if0" 'cpuID="0 1 2"'
	lot 0 start
	[[ -e ${proc}2/stats && ! -e ${proc}3 ]] || fail 'not three engines'
	is "$(<"${proc}2/wanIf")" "$if0"
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

check_ppp_hooks() {
	config "accif=$if0" accppp=1
	mkdir -p "$T"/ppp/{ip-up.d,ip-down.d}
	lot 0 start
	"$T/ppp/ip-up.d/pppup" ppp7
	is "$(<"$proc/wanIf")" "$if0 ppp7"
	"$T/ppp/ip-down.d/pppdown" ppp7
	is "$(<"$proc/wanIf")" "$if0"
}

check_restart_many_times() {
	local i
	config "accif=\"$if0 $if1\""
	lot 0 start
	for ((i = 0; i < 10; i++)); do
		lot 0 restart
		is "$(<"$proc/wanIf")" "$if0 $if1"
	done
	lot 0 stop
	gone
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
	is "$(<"$proc/wanIf")" "$if0"
	"$APPEX_ROOT/bin/lotServer.sh" uninstall >/dev/null || fail 'no uninstall'
	[[ ! -e $T/installed && ! -e /lib/modules/$release/updates/appex.ko ]] || fail 'something is left'
	APPEX_ROOT=$old gone
}
