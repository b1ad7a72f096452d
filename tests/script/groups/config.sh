# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016,SC2034
#
# The configuration file: how it is read, and what is refused.

# breaks: test_quotes_blanks_comments | lib/config.sh | s/line=${line:3}/:/
# breaks: test_never_executed | lib/config.sh | s/^\tlocal line=$1 at=.*/\teval "$1" 2>\/dev\/null; &/
# breaks: test_unknown_key_warns_with_its_line | lib/config.sh | /is ignored"/d
# breaks: test_bad_value_names_place_and_range | lib/config.sh | s/is not accepted: it must be $(range_of.*/is wrong"/
# breaks: test_bad_value_touches_nothing | lib/config.sh | s/((CONFIG_ERRORS == 0)) || exit 1/:/
# breaks: test_every_error_is_told | lib/config.sh | s/CONFIG_ERRORS=$((CONFIG_ERRORS + 1))/exit 1/
# breaks: test_every_key_refuses_bad_values | lib/check.sh | s/^\tpair) check_numbers.*/\tpair) : ;;/
# breaks: test_every_key_takes_its_extremes | lib/keys.sh | s/^key mpoolMaxCache .*/key mpoolMaxCache bool cmd:mpoolMaxCache 0/
# breaks: test_values_take_the_engines_form | lib/check.sh | s/local text=${BASH_REMATCH\[1\]}/local text=$1/
# breaks: test_derived_settings | lib/config.sh | s/flags | 0x4000/flags/
# breaks: test_shipped_configuration_is_the_defaults | lib/keys.sh | s/^\(key initialCwndWan .*\)22$/\118/
# breaks: test_interfaces | lib/check.sh | s/^.*$each =~ $IF_NAME \]\] || return 1/:/
# breaks: test_missing_and_empty | lib/config.sh | s/\[\[ -f $CONFIG_FILE \]\] || die .*/[[ -f $CONFIG_FILE ]] || : >"$CONFIG_FILE"/

# value KEY: what the configuration gives for it.
value() {
	with_parts "config_load; printf '%s' \"\${CONFIG[$1]}\""
	printf '%s' "$OUT"
}

test_quotes_blanks_comments() {
	printf '\xef\xbb\xbfaccif="eth0 eth1"\r\n' >"$CONF"
	printf '%s\n' '# 加速接口' '' "lanif='lan0'" 'wankbps=777' '  waninkbps = "888"   # 下行' \
		'pcapEnable= "1"' 'byteCacheMemory="250" #MB' 'smBurstMS="15";' 'maxmode=' >>"$CONF"
	printf 'initialCwndWan="44"' >>"$CONF"
	is "$(value accif)" 'eth0 eth1'
	is "$(value lanif)" lan0
	is "$(value wankbps)" 777
	is "$(value waninkbps)" 888
	is "$(value pcapEnable)" 1
	is "$(value smBurstMS)" 15
	is "$(value maxmode)" 0
	is "$(value initialCwndWan)" 44
	with_parts config_load
	is "$STATUS$ERR" 0
}

test_never_executed() {
	config 'accif="eth0"' "serial=\"\$(touch $T/one)\"" "email=\"\`touch $T/two\`\"" \
		"apxlic='\$HOME'" 'apxexe="/appex/bin/acce-*"'
	with_parts 'config_load; printf "%s|%s|%s" "${CONFIG[serial]}" "${CONFIG[apxlic]}" "${CONFIG[apxexe]}"'
	is "$OUT" "\$(touch $T/one)|\$HOME|/appex/bin/acce-*"
	config 'accif="eth0"' "touch $T/three" "acc=\"1\"; touch $T/four"
	run_lot start
	is "$STATUS" 1
	for file in one two three four; do
		absent "$T/$file"
	done
}

test_unknown_key_warns_with_its_line() {
	config accif=eth0 '' 'wanKbsp="1"'
	ok_lot start
	like "$ERR" "*WARNING(CONFIG): $CONF:3: unknown key \"wanKbsp\" is ignored*"
}

test_set_twice_warns_and_the_last_counts() {
	config accif=eth0 wankbps=1 wankbps=2
	is "$(value wankbps)" 2
	with_parts config_load
	like "$ERR" "*$CONF:3: wankbps is set again (first in line 2)*"
}

test_bad_value_names_place_and_range() {
	config accif=eth0 '# comment' 'initialCwndWan="70000"'
	run_lot start
	is "$STATUS" 1
	is "$ERR" "ERROR(CONFIG): $CONF:3: initialCwndWan=\"70000\" is not accepted: it must be a whole number from 1 to 65535 (packets)"
}

test_bad_value_touches_nothing() {
	veth eth0
	local before
	before=$(features eth0)
	config accif=eth0 gso=0 'shrinkOSWmem="1 0"' acc=2
	run_lot start
	is "$STATUS" 1
	untouched
	is "$(features eth0)" "$before"
}

test_every_error_is_told() {
	config accif=eth0 acc=2 'lanif="a' 'nonsense' 'wankbps="1" 2' wankbps=-1
	run_lot start
	is "$STATUS" 1
	local line
	for line in 2 3 4 5 6; do
		like "$ERR" "*ERROR(CONFIG): $CONF:$line: *"
	done
}

# bad_values KIND: texts that are not of the kind, one a line.
bad_values() {
	local min max
	IFS=: read -r _ min max _ <<<"$1"
	case $1 in
	bool) printf '%s\n' 2 -1 yes on 01 '1 1' '“1”' ;;
	int:*)
		printf '%s\n' -1 x 1.5 0x10 1e3 '1 1' 99999999999999999999999 18446744073709551617
		echo $((max + 1))
		((min == 0)) || echo $((min - 1))
		;;
	pair:*) printf '%s\n' 1 '1 2 3' '1 x' '-1 2' "1 $((max + 1))" '1,2' ;;
	triple) printf '%s\n' 1 '3 2 1' '0 1 2' '1 2 3 4' '1 2 x' ;;
	priority) printf '%s\n' x 2147483648 -2147483649 1.5 - ;;
	shrink) printf '%s\n' 2 '1 2' '1 1 1' yes ;;
	flags) printf '%s\n' 0x 0x100000000 4294967296 0xg -1 800h ;;
	pmtu) printf '%s\n' 1 off ;;
	cpus) printf '%s\n' 0-3 '1 1' 9000 x -1 ;;
	ifs) printf '%s\n' '$+ppp0' +eth0 -eth0 sixteenletters00 'eth[' 'eth[]' 'a/b' 'eth0;' 'eth0,eth1' .. 'eth0:1' ;;
	segments4) printf '%s\n' C210000 C210000/33 2 x/8 192.0.2.0/24 123456789/8 ;;
	segments6) printf '%s\n' 2001:db8:: 2001:db8::/129 1::2::3/64 ::g/8 1:2:3/64 :1::/64 12345::/16 1:2:3:4:5:6:7:8:9/64 ;;
	accrules) printf '%s\n' maybe 256.0.0.1 1.2.3 1.2.3.4/33 ::1/129 ;;
	path) printf '%s\n' relative/path ;;
	text) printf '%s\n' $'tab\tulator' 'über' "$(printf '%0256d' 0)" ;;
	esac
}

test_every_key_refuses_bad_values() {
	local key kind value count=0
	with_parts 'for k in "${KEY_ORDER[@]}"; do printf "%s %s\n" "$k" "${KEY_KIND[$k]}"; done'
	local table=$OUT
	local -a keys=() values=()
	while read -r key kind; do
		while IFS= read -r value; do
			keys+=("$key") values+=("$value")
		done < <(bad_values "$kind")
		[[ $kind == any ]] || [[ -n $(bad_values "$kind") ]] || fail "no bad value for kind $kind"
	done <<<"$table"
	# One configuration with all of them: each must be an error of its own line.
	: >"$CONF"
	local i
	for i in "${!keys[@]}"; do
		printf '%s="%s"\n' "${keys[i]}" "${values[i]}" >>"$CONF"
	done
	with_parts 'config_load 2>&1 | grep -v "is set again"'
	for i in "${!keys[@]}"; do
		grep -qF "$CONF:$((i + 1)): ${keys[i]}=\"${values[i]}\"" "$T/out" || fail "taken: ${keys[i]}=\"${values[i]}\""
		count=$((count + 1))
	done
	((count > 400)) || fail "only $count values tried"
}

# good_values KIND: the extremes of a kind, one a line.
good_values() {
	local min max
	IFS=: read -r _ min max _ <<<"$1"
	case $1 in
	bool) printf '%s\n' 0 1 ;;
	int:*) printf '%s\n' "$min" "$max" ;;
	pair:*) printf '%s\n' "$min $max" "$max $min" ;;
	triple) printf '%s\n' '1 1 2147483647' ;;
	priority) printf '%s\n' -2147483648 2147483647 0 ;;
	shrink) printf '%s\n' '0 0' '1 1' '0 1' ;;
	flags) printf '%s\n' 0x0 0xffffffff ;;
	pmtu) echo 0 ;;
	cpus) printf '%s\n' '0 1 8191' ;;
	ifs) printf '%s\n' 'eth0 eth* wg-[0-9] a?' 'fifteenletters0' 'bond0.100 veth@1' ;;
	segments4) printf '%s\n' 'C210000/16 0 0A000000/8 1 ffffffff/32 0/0' ;;
	segments6) printf '%s\n' '20010DB8000000000000000000000000/32' ;;
	accrules) printf '%s\n' 'noacc 10.0.0.0/8 acc 2001:db8::1 192.0.2.1' ;;
	path) printf '%s\n' /some/path ;;
	text) printf '%s\n' "it is ~ text ! (255)" ;;
	any) printf '%s\n' 'any / thing $x' ;;
	esac
}

test_every_key_takes_its_extremes() {
	local key kind value
	with_parts 'for k in "${KEY_ORDER[@]}"; do printf "%s %s\n" "$k" "${KEY_KIND[$k]}"; done'
	local table=$OUT
	is "$(wc -l <<<"$table")" 98
	while read -r key kind; do
		while IFS= read -r value; do
			printf '%s="%s"\n' "$key" "$value"
		done < <(good_values "$kind")
	done <<<"$table" >"$CONF"
	# The last of two good values counts; ipv4Only and ipv6Only exclude each other.
	printf '%s\n' ipv6Only=0 >>"$CONF"
	with_parts 'config_load; printf "%s\n" "${CONFIG[mpoolMaxCache]}" "${CONFIG[l2wQLimit]}" "${CONFIG[lanSegment]}"'
	is "$STATUS" 0
	is "$OUT" $'1099511627776\n4294967295 0\nC210000/16 0 0A000000/8 1 ffffffff/32 0/0'
	unlike "$ERR" '*ERROR*'
}

test_values_take_the_engines_form() {
	config accif='"  eth0   eth0 eth1 "' wankbps=0005 tcpFlags=0X00000A00 'l2wQLimit="  1   02 "' \
		'lanSegmentV6="2001:DB8::1/032 ::/0"' 'cpuID="3,1"' 'ipTxHookPri="-0"'
	is "$(value accif)" 'eth0 eth1'
	is "$(value wankbps)" 5
	is "$(value tcpFlags)" 0xa00
	is "$(value l2wQLimit)" '1 2'
	is "$(value lanSegmentV6)" '20010DB8000000000000000000000001/32 00000000000000000000000000000000/0'
	is "$(value cpuID)" '3 1'
	is "$(value ipTxHookPri)" 0
	config accif=eth0 tcpFlags=2048
	is "$(value tcpFlags)" 0x800
}

test_derived_settings() {
	config accif=eth0 highcsv=1 csvmode=1 tcpFlags=0x1
	is "$(value tcpFlags)" 0x4001
	config accif=eth0 highcsv=1 shortRttMS=10
	is "$(value tcpFlags)" 0x4800
	config accif=eth0 advacc=0 maxmode=1 maxTxEffectiveMS=7
	is "$(value advacc)$(value maxTxEffectiveMS)" 17
	config accif=eth0 advacc=0 maxmode=0 maxTxEffectiveMS=7
	is "$(value advacc)$(value maxTxEffectiveMS)" 00
	config accif=eth0 httpCompEnable=1
	is "$(value httpCompEnable)" 0
	config accif=eth0 byteCache=1 httpComp=1
	is "$(value httpCompEnable)$(value byteCacheEnable)" 11
	config accif=eth0 ipv4Only=1 ipv6Only=1
	with_parts config_load
	is "$STATUS" 1
	like "$ERR" "*$CONF:3: ipv6Only=\"1\" is not accepted*"
}

test_interfaces() {
	config accif='"eth0 $+ppp0"'
	with_parts config_load
	is "$STATUS" 1
	config accif='"eth0 en[p-s]* wlan?"'
	is "$(value accif)" 'eth0 en[p-s]* wlan?'
}

test_missing_and_empty() {
	run_lot start
	is "$STATUS" 1
	is "$ERR" "Missing config file: $CONF"
	config 'accif=""'
	run_lot start
	is "$STATUS" 1
	like "$ERR" "*$CONF:1: accif=\"\" is not accepted*"
	config 'pmtu="1"' accif=eth0
	run_lot start
	is "$STATUS" 1
	like "$ERR" '*ERROR(CONFIG): pmtu can only be empty or zero*'
	untouched
}

test_shipped_configuration_is_the_defaults() {
	# For accif="auto".
	veth wan0
	ip link set wan0 up
	ip link set p-wan0 up
	ip route add default dev wan0
	cp "$SCRIPTS/../etc/config" "$CONF" 2>/dev/null || cp "$HERE/../../etc/config" "$CONF"
	with_parts 'config_load; declare -p CONFIG CONFIG_LINE >"$APPEX_RUN/shipped"
		for k in "${!CONFIG_LINE[@]}"; do
			case $k in accif|afterLoad) continue ;; esac
			check_value "${KEY_KIND[$k]}" "${CONFIG[$k]}"
			d=${KEY_DEFAULT[$k]}
			[[ -z $d && -z ${CONFIG[$k]} || $CHECKED == "$d" ]] || echo "$k: ${CONFIG[$k]} shipped, $d by default"
		done'
	is "$STATUS$OUT$ERR" 0
	# Every key that the original shipped is there.
	local key
	for key in accif lanif acc advacc advinacc wankbps waninkbps csvmode subnetAcc maxmode \
		maxTxEffectiveMS shaperEnable bypassOverFlows initialCwndWan l2wQLimit w2lQLimit \
		shrinkPacket retranWaitListMS halfCwndMinSRtt halfCwndLossRateShift tcpOnly smBurstMS \
		rsc gso engineNum pcapEnable shortRttMS nic_offload; do
		grep -q "^$key=" "$CONF" || fail "not in the shipped configuration: $key"
	done
}
