# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# check: what a configuration means here, above all one of the original. And what
# else on the machine works on the same connections, for status.

# do_check [FILE]: reads and checks a configuration as start does, says what in it
# means something else than it did, and touches nothing.
do_check() {
	local name
	local -a ignored=()
	CONFIG_FILE=${1:-$CONFIG_FILE}
	config_load
	for name in "${KEY_ORDER[@]}"; do
		[[ -n ${CONFIG_LINE[$name]-} ]] || continue
		if [[ -n ${KEY_WHY[$name]-} ]]; then
			# As shipped it says nothing to anybody.
			[[ ${CONFIG[$name]} == "${KEY_DEFAULT[$name]:-0}" || -z ${CONFIG[$name]} ]] ||
				say "$CONFIG_FILE:${CONFIG_LINE[$name]}: $name=\"${CONFIG[$name]}\" has no effect here: ${KEY_WHY[$name]}"
		elif [[ ${KEY_TARGET[$name]} == ignored ]]; then
			ignored+=("$name")
		fi
	done
	((${#ignored[@]} == 0)) || say "Without effect here: ${ignored[*]}"
	check_note gso 0 'turns tso, gso and sg of the cards off, which costs speed; this engine does not need it. Remove the line'
	check_note rsc 0 'turns gro and lro of the cards off, which costs speed; this engine does not need it. Remove the line'
	[[ ${CONFIG[shrinkOSWmem]} == '0 0' ]] ||
		check_note shrinkOSWmem "${CONFIG[shrinkOSWmem]}" 'slows connections down: this engine sends from these buffers. Set it to 0'
	check_note wankbps 1000000 "$(check_limit sent)"
	check_note waninkbps 1000000 "$(check_limit received)"
	check_note advinacc 1 'steers inbound transfers so that they make no queue, and lets receive buffers grow; it makes few of them faster, which LotServer meant it to. See inbound.rst'
	check_note highcsv 1 'counts here; LotServer overwrote it with tcpFlags'
	if [[ -z ${CONFIG_LINE[shortRttMS]-} ]]; then
		say 'shortRttMS is not given: 0 (off) here, 15 in LotServer'
	fi
	check_interfaces_there
	say "$CONFIG_FILE can be started."
}

# check_limit VERB: of the original's default rates. They count only with the shaper.
check_limit() {
	if [[ ${CONFIG[shaperEnable]} == 1 ]]; then
		echo "is obeyed: LotServer shipped it, and here no more than a gigabit is $1 on each interface, however fast it is. 0 is no limit"
	else
		echo "is LotServer's default; with shaperEnable=\"1\" no more than a gigabit would be $1 on each interface. 0 is no limit"
	fi
}

# check_note NAME VALUE TEXT: about a line of the file, where it has this value.
check_note() {
	[[ -z ${CONFIG_LINE[$1]-} || ${CONFIG[$1]} != "$2" ]] || say "$CONFIG_FILE:${CONFIG_LINE[$1]}: $1=\"$2\" $3"
}

check_interfaces_there() {
	local entry
	local -a entries
	read -ra entries <<<"${CONFIG[accif]}"
	for entry in "${entries[@]}"; do
		interfaces_matching "$entry"
		((${#MATCHING[@]} > 0)) || say "accif: there is no interface $entry at present; accif=\"auto\" takes those of the default routes"
	done
}

# conflicts_note: what else accelerates here, in lines behind status.
conflicts_note() {
	local name default=''
	while read -r name _; do
		case $name in
		brutal | tcp_brutal) warn '[warn] tcp-brutal is loaded: its sockets keep it, and take their rate from the others; see migration.rst' ;;
		appex0) warn '[warn] LotServer itself is loaded (appex0): stop one of the two' ;;
		esac
	done < <(cat "$APPEX_MODULES" 2>/dev/null)
	file_read "$APPEX_SYSCTL/net/ipv4/tcp_congestion_control" && default=$GOT
	case $default in
	zeta) warn '[warn] zeta is the default congestion control: it accelerates every socket, by accif or not, and "stop" cannot unload the module' ;;
	brutal) warn '[warn] brutal is the default congestion control: no socket that uses it is accelerated' ;;
	dctcp) warn '[warn] dctcp is the default congestion control: no socket that uses it is accelerated' ;;
	esac
}
