# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Why connections are not accelerated: what status tells below the settings. Each finding
# has a word that stays the same, for scripts, and a sentence for people.

# The words of the file flows for connections that another setting would accelerate, and what to tell of them.
declare -gA WHY_TEXT=(
	[off]='acceleration is off (acc="0")'
	[forwarded]='forwarded, or of a container: those of containers are accelerated, but not shown as such'
	[rule]='a rule says off (lotServer.sh rules)'
	[bypass-list]='their peers are in shortRttBypass'
	[lan-segment]='their peers are in lanSegment or lanSegmentV6'
	[short-rtt]='their subnets are near (shortRttMS); a restart forgets them'
	[same-subnet]='their peers are in a subnet of the interface (subnetAcc="0")'
	[limit]='as many connections as "engine" in /proc/net/appex/cmd allows are accelerated already'
	[own-control]='their congestion control is not taken away: brutal, one that needs ECN marks, or BPF'
	[waiting]='nothing stands against it: accelerated with their next packet'
)

# finding WORD [INTERFACE] TEXT: in FINDINGS, as "WORD<tab>INTERFACE<tab>TEXT".
finding() {
	FINDINGS+=("$1"$'\t'"${3+$2}"$'\t'"${3-$2}")
}

# why_look: the connections of all engines. WHY_REASON[word] counts those that are set up, WHY_IF[index] all
# of an interface; WHY_TCP and WHY_ACC are how many are set up and accelerated. Fails where flows cannot be read.
why_look() {
	local word number
	declare -gA WHY_REASON=() WHY_IF=()
	WHY_TCP='' WHY_ACC=''
	((${#ENGINES[@]} > 0)) && [[ -r ${ENGINES[0]}/flows ]] && command -v awk >/dev/null || return 1
	WHY_TCP=0
	# shellcheck disable=SC2016 # awk's own dollars
	while read -r word number; do
		case $word in
		if=*) WHY_IF[${word#if=}]=$number ;;
		*) WHY_REASON[$word]=$number ;;
		esac
	done < <(cat "${ENGINES[@]/%//flows}" 2>/dev/null | awk '
		/^#/ || NF < 6 { next }
		{ met[$6]++ }
		$3 == "tcp" && $5 != "handshake" && $5 != "closed" { reason[$5]++ }
		END {
			for (each in reason) print each, reason[each]
			for (each in met) print each, met[each]
		}')
	for word in "${!WHY_REASON[@]}"; do
		WHY_TCP=$((WHY_TCP + WHY_REASON[$word]))
	done
	WHY_ACC=$((${WHY_REASON[accelerated]-0} + ${WHY_REASON[by-name]-0}))
}

# why: everything that keeps connections from being accelerated, in FINDINGS. Looks at no configuration file:
# what counts is what the engine has.
why() {
	FINDINGS=() WHY_TCP='' WHY_ACC=''
	local -A COUNT=()
	local dir
	engine_dirs
	if ((${#ENGINES[@]} == 0)); then
		if module_loaded; then
			finding no-directory "the module is loaded, but $APPEX_PROC is not there: see the kernel log (dmesg | grep appex)"
		else
			finding not-loaded "the module is not loaded: lotServer.sh start"
		fi
		return 0
	fi
	cmd_read "${ENGINES[0]}" || return 0
	for dir in "${ENGINES[@]}"; do
		stats_add "$dir" || :
	done
	value_of tcpAccEnable
	[[ $GOT != 0 ]] || finding off 'acceleration is off (acc="0")'
	why_family
	why_look || finding not-root 'only root sees which connections are accelerated, and why others are not'
	why_interfaces
	[[ -z $WHY_TCP ]] || why_connections
	why_limits
	capture_why
}

why_family() {
	case ${CMD[ipv4Only]-0}${CMD[ipv6Only]-0} in
	10) finding one-family 'IPv6 is not accelerated (ipv4Only="1")' ;;
	01) finding one-family 'IPv4 is not accelerated (ipv6Only="1")' ;;
	11) finding one-family 'nothing is accelerated: ipv4Only and ipv6Only are both 1' ;;
	esac
}

# why_interfaces: the entries of wanIf against the devices that there are.
why_interfaces() {
	local entry name
	local -a wan lan default
	file_read "${ENGINES[0]}/lanIf" || :
	read -ra lan <<<"$GOT"
	interfaces_matching "${lan[@]}"
	lan=("${MATCHING[@]}")
	file_read "${ENGINES[0]}/wanIf" || :
	read -ra wan <<<"$GOT"
	((${#wan[@]} > 0)) || finding no-interface 'no interface is attached (accif): lotServer.sh reload'
	for entry in "${wan[@]}"; do
		interfaces_matching "$entry"
		((${#MATCHING[@]} > 0)) || finding absent "$entry" "there is no interface $entry: it is accelerated as soon as it appears"
	done
	interfaces_matching "${wan[@]}"
	wan=()
	for name in "${MATCHING[@]}"; do
		if has_word "$name" "${lan[@]}"; then
			finding lan-interface "$name" "$name is in lanif, too: never accelerated"
		else
			wan+=("$name")
			why_device "$name"
		fi
	done
	mapfile -t default < <({ ip -4 -o route show default || :; ip -6 -o route show default || :; } 2>/dev/null |
		sed -n 's/.* dev \([^ ]*\).*/\1/p' | sort -u)
	for name in "${default[@]}"; do
		has_word "$name" "${wan[@]}" ||
			finding route "$name" "the default route leaves by $name, which is not attached (accif)"
	done
}

# why_device NAME: whether an attached interface can carry connections, and does.
why_device() {
	local dir=$APPEX_SYSFS/$1 flags=0 index=0
	file_read "$dir/flags" && flags=$GOT
	if ((!(flags & 1))); then
		finding down "$1" "$1 is down: ip link set $1 up"
		return 0
	fi
	# Not to be read while it is down.
	file_read "$dir/carrier" || :
	if [[ $GOT == 0 ]]; then
		finding no-carrier "$1" "$1 has no carrier: no cable, or nobody at its other end"
		return 0
	fi
	file_read "$dir/ifindex" && index=$GOT
	[[ -z $WHY_TCP || -n ${WHY_IF[$index]-} ]] ||
		finding no-flows "$1" "no connection has been met on $1: does the traffic leave by another interface (ip route get ADDRESS)? UDP is not accelerated"
}

why_connections() {
	local word
	for word in off rule bypass-list lan-segment short-rtt same-subnet limit own-control forwarded waiting; do
		[[ -z ${WHY_REASON[$word]-} ]] || finding "$word" "${WHY_REASON[$word]} of $WHY_TCP: ${WHY_TEXT[$word]}"
	done
}

why_limits() {
	local sessions=0 first dir
	for dir in "${ENGINES[@]}"; do
		cmd_read "$dir" 2>/dev/null || continue
		read -r first _ <<<"${CMD[engine]-}"
		[[ ! $first =~ ^[0-9]+$ ]] || sessions=$((sessions + first))
	done
	cmd_read "${ENGINES[0]}" || return 0
	if ((sessions > 0 && ${COUNT[NumOfFlows]-0} >= sessions)); then
		if [[ ${CMD[bypassOverFlows]-1} == 0 ]]; then
			finding sessions "$sessions sessions are the limit (\"engine\" in cmd): new connections are refused"
		else
			finding sessions "$sessions sessions are the limit (\"engine\" in cmd): new connections pass unaccelerated"
		fi
	fi
	((${COUNT[AdoptFailures]-0} == 0)) ||
		finding failures "${COUNT[AdoptFailures]} sockets could not be taken over, mostly for lack of memory"
}

# status_why: the findings, as rows of status.
status_why() {
	local each word text
	why
	say ''
	say_title '[Acceleration]'
	[[ -z $WHY_TCP ]] || row accelerated "$WHY_ACC of $WHY_TCP TCP connections"
	for each in "${FINDINGS[@]}"; do
		word=${each%%$'\t'*} text=${each##*$'\t'}
		row "$word" "$text"
	done
}
