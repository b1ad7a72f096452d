# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What start changes outside the engine and the network cards: the PPP daemon's
# hooks, the administrator's own hook.

# The hooks of the PPP daemon: Debian's directories and Red Hat's files.
PPP_LINKS=(ip-up.d/pppup ip-down.d/pppdown ip-up.local ip-down.local)

# drop_cache: gives clean page cache back, for a module that found no memory.
drop_cache() {
	sync
	{ printf '1\n' >"$APPEX_SYSCTL/vm/drop_caches"; } 2>/dev/null || :
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
# Files that are not ours are left alone. PPP_FILE tells, before they are made, where they
# are: stop does not read a configuration, which may be another by then.
ppp_install() {
	local link
	[[ ${CONFIG[accppp]} == 1 ]] || {
		ppp_remove
		return 0
	}
	ppp_targets
	ppp_remove "${PPP_TARGETS[@]}"
	printf '%s\n' "${PPP_TARGETS[@]}" | write_whole "$PPP_FILE" || {
		warn "[warn] new PPP links stay unaccelerated"
		return 0
	}
	for link in "${PPP_TARGETS[@]}"; do
		[[ -d ${link%/*} ]] || continue
		if [[ ! -e $link && ! -L $link ]]; then
			ln -s -- "$SELF" "$link" 2>/dev/null || warn "[warn] cannot make $link: new PPP links stay unaccelerated"
		elif [[ $(readlink -f -- "$link") != "$SELF" ]]; then
			warn "[warn] $link is not ours and stays as it is"
		fi
	done
}

# ppp_remove [LINK...]: none is left of ours but these.
ppp_remove() {
	local link
	local -a links=()
	{ mapfile -t links <"$PPP_FILE"; } 2>/dev/null || :
	for link in "${PPP_LINKS[@]/#/$APPEX_PPP/}" "${links[@]}"; do
		! has_word "$link" "$@" || continue
		[[ ! -L $link || $(readlink -f -- "$link") != "$SELF" ]] || rm -f -- "$link" 2>/dev/null ||
			warn "[warn] cannot remove $link: remove it by hand, or make it writable and run lotServer.sh stop"
	done
	(($# > 0)) || remove_whole "$PPP_FILE" || :
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
