# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What start changes outside the engine and the network cards: socket memory,
# the PPP daemon's hooks, the administrator's own hook.

# The hooks of the PPP daemon: Debian's directories and Red Hat's files.
PPP_LINKS=(ip-up.d/pppup ip-down.d/pppdown ip-up.local ip-down.local)

# drop_cache: gives clean page cache back, for a module that found no memory.
drop_cache() {
	sync
	{ printf '1\n' >"$APPEX_SYSCTL/vm/drop_caches"; } 2>/dev/null || :
}

# Socket memory. .runconfig holds a line "NAME OLD VALUE" for each changed kernel
# setting, under a line that names this run of the kernel, by the same rules as
# .offload. (The original, for a slip, never removed its file.)
WMEM_TCP=net/ipv4/tcp_wmem
WMEM_CORE=net/core/wmem_max

# wmem_read: the record's lines, in WMEM. One of another boot is empty: the
# settings are what the machine gave them at boot.
wmem_read() {
	local line boot=''
	WMEM=()
	[[ -f $RUNCONFIG_FILE ]] || return 0
	while IFS= read -r line; do
		if [[ $line == '# boot '* ]]; then
			boot=${line#'# boot '}
		elif [[ $line =~ ^($WMEM_TCP|$WMEM_CORE)(\ [0-9]+)+$ ]]; then
			WMEM+=("$line")
		fi
	done <"$RUNCONFIG_FILE"
	[[ $boot == "$(boot_id)" ]] || WMEM=()
}

# wmem_shrink: lowers the send buffers as shrinkOSWmem says.
wmem_shrink() {
	local shrink=${CONFIG[shrinkOSWmem]}
	[[ $shrink != '0 0' ]] || return 0
	warn "WARNING(CONFIG): shrinkOSWmem: this engine sends from the kernel's own buffers, so no connection gets more than their size per round trip"
	[[ $shrink != 1* ]] || wmem_set "$WMEM_TCP" "${CONFIG[shrinkOSWmemValue]}" || return 1
	[[ $shrink != *1 ]] || wmem_set "$WMEM_CORE" "${CONFIG[shrinkOSWmemMax]}"
}

# wmem_set NAME VALUE: the old value is on disk before the change, and a line
# that is there is never replaced.
wmem_set() {
	local name=$1 line known=''
	wmem_read
	for line in "${WMEM[@]}"; do
		[[ $line != "$name "* ]] || known=1
	done
	if [[ -z $known ]]; then
		file_read "$APPEX_SYSCTL/$name" || :
		WMEM+=("$name ${GOT//$'\t'/ }")
		printf '%s\n' "# boot $(boot_id)" "${WMEM[@]}" | write_whole "$RUNCONFIG_FILE" || {
			warn "Failed to write $RUNCONFIG_FILE"
			return 1
		}
	fi
	put "$APPEX_SYSCTL/$name" "$2" || {
		warn "Failed to write configuration: $APPEX_SYSCTL/$name"
		return 1
	}
}

# wmem_restore: puts the recorded values back and removes the record.
wmem_restore() {
	local line status=0
	wmem_read
	for line in "${WMEM[@]}"; do
		put "$APPEX_SYSCTL/${line%% *}" "${line#* }" || {
			warn "Failed to restore $APPEX_SYSCTL/${line%% *} to ${line#* }"
			status=1
		}
	done
	((status != 0)) || remove_whole "$RUNCONFIG_FILE"
	return "$status"
}

# ppp_targets: the links' paths, in PPP_TARGETS. The keys pppup and pppdown put
# the first two elsewhere.
ppp_targets() {
	local i
	PPP_TARGETS=()
	for i in "${!PPP_LINKS[@]}"; do
		PPP_TARGETS+=("$APPEX_PPP/${PPP_LINKS[i]}")
	done
	[[ -z ${CONFIG[pppup]-} ]] || PPP_TARGETS[0]=${CONFIG[pppup]}
	[[ -z ${CONFIG[pppdown]-} ]] || PPP_TARGETS[1]=${CONFIG[pppdown]}
}

# ppp_install: with accppp="1" the PPP daemon calls this script at every link.
# Files that are not ours are left alone.
ppp_install() {
	local link
	[[ ${CONFIG[accppp]} == 1 ]] || {
		ppp_remove
		return 0
	}
	ppp_targets
	for link in "${PPP_TARGETS[@]}"; do
		[[ -d ${link%/*} ]] || continue
		if [[ ! -e $link && ! -L $link ]]; then
			ln -s -- "$SELF" "$link" 2>/dev/null || warn "[warn] cannot make $link: new PPP links stay unaccelerated"
		elif [[ $(readlink -f -- "$link") != "$SELF" ]]; then
			warn "[warn] $link is not ours and stays as it is"
		fi
	done
}

ppp_remove() {
	local link
	ppp_targets
	for link in "${PPP_TARGETS[@]}"; do
		[[ ! -L $link || $(readlink -f -- "$link") != "$SELF" ]] || rm -f -- "$link"
	done
}

# ppp_hook SIGN NAME: the PPP daemon's call when a link came up (+) or went
# down (-). Never fails: it must not disturb the link.
ppp_hook() {
	local sign=$1 name=${2:-${PPP_IFACE:-${IFNAME:-}}} dir
	# The patterns and the form of an interface name are those of accif.
	check_value ifs "$name" && [[ -n $name && $name != *[*?[\ ]* ]] || return 0
	((EUID == 0)) || return 0
	# A start or stop that is under way goes first.
	lock 30
	engine_dirs
	((${#ENGINES[@]} > 0)) || return 0
	config_load
	[[ ${CONFIG[accppp]} == 1 ]] || return 0
	# A link that accif names itself stays in the list when it goes down.
	local -a configured
	read -ra configured <<<"${CONFIG[accif]}"
	! has_word "$name" "${configured[@]}" || return 0
	for dir in "${ENGINES[@]}"; do
		put "$dir/wanIf" "$sign$name" || warn "Failed to write configuration: wanIf($sign$name)"
	done
}

# after_load: the administrator's own program. Its failure is only told.
after_load() {
	local hook=${CONFIG[afterLoad]}
	[[ -n $hook && -f $hook && -x $hook ]] || return 0
	run "$hook" || warn "[warn] $hook failed"
}
