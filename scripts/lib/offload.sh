# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Offloads: switched with ethtool only where the configuration asks for it, and
# put back exactly.
#
# .offload holds one line for each changed feature, the ethtool command that
# puts it back, under a line that names this run of the kernel. A line is on
# disk before its feature is changed, and an existing line is never replaced:
# whatever ends a run, the first, original state is what stop puts back. After
# a reboot the devices have their own defaults again and the record is void.
# The lines are read as data, never executed.

# Feature groups: ethtool's short name, the name in ethtool -k, words for people.
declare -gA OFFLOAD_TITLE=(
	[tso]=tcp-segmentation-offload
	[gso]=generic-segmentation-offload
	[gro]=generic-receive-offload
	[lro]=large-receive-offload
	[sg]=scatter-gather
	[tx]=tx-checksumming
	[rx]=rx-checksumming
)
declare -gA OFFLOAD_WORDS=(
	[tso]='tcp segmentation offload'
	[gso]='generic segmentation offload'
	[gro]='generic receive offload'
	[lro]='large receive offload'
	[sg]='scatter gather'
	[tx]='tx checksumming'
	[rx]='rx checksumming'
)

# offload_groups: what the configuration wants switched, "group=off" or
# "group=on", in OFFLOAD_WANTED; sg last, because tso and gso stand on it.
offload_groups() {
	OFFLOAD_WANTED=()
	[[ ${CONFIG[nic_offload]} == 0 ]] || return 0
	local name
	for name in tx rx; do
		case ${CONFIG[${name}csum]} in
		1) OFFLOAD_WANTED+=("$name=on") ;;
		2) OFFLOAD_WANTED+=("$name=off") ;;
		esac
	done
	[[ ${CONFIG[rsc]} == 1 ]] || OFFLOAD_WANTED+=(lro=off gro=off)
	[[ ${CONFIG[gso]} == 1 ]] || OFFLOAD_WANTED+=(tso=off gso=off sg=off)
}

# offload_check: called before anything is touched.
offload_check() {
	offload_groups
	((${#OFFLOAD_WANTED[@]} == 0)) || command -v ethtool >/dev/null ||
		die 'ERROR(ETHTOOL): "ethtool" not found, please install ethtool (or set nic_offload="1")'
}

# features_read IF: the state of every feature of an interface.
#   FEATURE[name]  on or off, as asked for (which may differ from what is active
#                  while another feature stands in the way)
#   ACTIVE[name]   on or off
#   FIXED[name]    set if it cannot be changed
#   MEMBERS[title] the single features a title sums up, or nothing
features_read() {
	local line title='' text
	declare -gA FEATURE=() ACTIVE=() FIXED=() MEMBERS=()
	text=$(ethtool -k "$1" 2>/dev/null) || return 1
	while IFS= read -r line; do
		[[ $line =~ ^($'\t'?)([A-Za-z0-9_-]+):\ (on|off)(\ \[fixed\]|\ \[requested\ (on|off)\])?$ ]] || continue
		local name=${BASH_REMATCH[2]}
		ACTIVE[$name]=${BASH_REMATCH[3]}
		FEATURE[$name]=${BASH_REMATCH[5]:-${BASH_REMATCH[3]}}
		[[ ${BASH_REMATCH[4]} != ' [fixed]' ]] || FIXED[$name]=1
		if [[ -n ${BASH_REMATCH[1]} ]]; then
			MEMBERS[$title]+=" $name"
		else
			title=$name
		fi
	done <<<"$text"
	((${#ACTIVE[@]} > 0))
}

# offload_changes GROUP STATE: the changeable single features that have to
# change for GROUP to be STATE (after features_read), in CHANGES.
offload_changes() {
	local title=${OFFLOAD_TITLE[$1]} name
	CHANGES=()
	[[ ${ACTIVE[$title]-$2} != "$2" ]] || return 0
	local -a names
	read -ra names <<<"${MEMBERS[$title]-$title}"
	for name in "${names[@]}"; do
		[[ -n ${FIXED[$name]-} || ${FEATURE[$name]} == "$2" ]] || CHANGES+=("$name")
	done
}

# offload_apply IF...: switches what the configuration wants on these interfaces
# and what is under them. Fails with the error printed; what was changed is in
# the record by then.
offload_apply() {
	((${#OFFLOAD_WANTED[@]} > 0)) || return 0
	local each
	interfaces_with_lower "$@"
	for each in "${LOWERED[@]}"; do
		if interface_exists "$each" && features_read "$each"; then
			offload_switch "$each" || return 1
		fi
	done
}

# offload_switch IF: records, changes and verifies (after features_read). All
# groups are asked for at once; those a device did not follow are tried once more
# one by one, as the original tries twice. A failed sg is no error: some devices
# cannot send without it.
offload_switch() {
	local each=$1 want group
	local -a names=() request=()
	for want in "${OFFLOAD_WANTED[@]}"; do
		offload_changes "${want%=*}" "${want#*=}"
		names+=("${CHANGES[@]}")
		request+=("${CHANGES[@]/%/ ${want#*=}}")
	done
	if ((${#names[@]} > 0)); then
		offload_record "$each" "${names[@]}" || {
			warn "Failed to write $OFFLOAD_FILE: no offload of $each was changed"
			return 1
		}
		features_set "$each" "${request[@]}"
		features_read "$each" || return 0
		for want in "${OFFLOAD_WANTED[@]}"; do
			offload_changes "${want%=*}" "${want#*=}"
			((${#CHANGES[@]} == 0)) || features_set "$each" "${CHANGES[@]/%/ ${want#*=}}"
		done
		features_read "$each" || return 0
	fi
	for want in "${OFFLOAD_WANTED[@]}"; do
		group=${want%=*}
		[[ ${ACTIVE[${OFFLOAD_TITLE[$group]}]-${want#*=}} != "${want#*=}" && $group != sg ]] || continue
		if [[ $want == *=off ]]; then
			warn "Can not disable $group(${OFFLOAD_WORDS[$group]}) of $each, exit!"
		else
			warn "Can not enable $group(${OFFLOAD_WORDS[$group]}) of $each, exit!"
		fi
		return 1
	done
}

# features_set IF "FEATURE STATE"...: one request. Its exit code says little: what
# counts is read back.
features_set() {
	local each=$1 pair
	local -a words=()
	shift
	for pair in "$@"; do
		words+=("${pair% *}" "${pair#* }")
	done
	run ethtool -K "$each" "${words[@]}" >/dev/null 2>&1 || :
}

# record_read: the lines "IF FEATURE STATE" of the record, oldest first, in
# RECORD. A record of another boot, or none, is empty.
record_read() {
	local line boot='' words
	RECORD=()
	[[ -f $OFFLOAD_FILE ]] || return 0
	while IFS= read -r line || [[ -n $line ]]; do
		if [[ $line == '# boot '* ]]; then
			boot=${line#'# boot '}
		elif [[ $line =~ ^ethtool\ -K\ ([^[:space:]/]+)\ ([A-Za-z0-9_-]+)\ (on|off)$ ]]; then
			words="${BASH_REMATCH[1]} ${BASH_REMATCH[2]} ${BASH_REMATCH[3]}"
			RECORD+=("$words")
		fi
	done <"$OFFLOAD_FILE"
	[[ $boot == "$(boot_id)" ]] || RECORD=()
}

# record_write: RECORD to disk; an empty one is removed.
record_write() {
	local line
	if ((${#RECORD[@]} == 0)); then
		remove_whole "$OFFLOAD_FILE"
		return
	fi
	{
		printf '# boot %s\n' "$(boot_id)"
		for line in "${RECORD[@]}"; do
			printf 'ethtool -K %s\n' "$line"
		done
	} | write_whole "$OFFLOAD_FILE"
}

# offload_record IF FEATURE...: notes their present state (after features_read).
offload_record() {
	local each=$1 name line known more=0
	shift
	record_read
	for name in "$@"; do
		known=
		for line in "${RECORD[@]}"; do
			[[ $line != "$each $name "* ]] || known=1
		done
		[[ -z $known ]] || continue
		RECORD+=("$each $name ${FEATURE[$name]}")
		more=1
	done
	((more == 0)) || record_write
}

# offload_restore KEEP: puts back every recorded feature for which
# "KEEP index interface feature" fails: the interfaces in the opposite order of
# their recording, and so the features of each. What a device refuses is named,
# stays in the record, and makes this fail.
offload_restore() {
	local keep=$1 line i each name status=0
	local -a left=() devices=() lines
	local -A pending=()
	record_read
	for ((i = ${#RECORD[@]} - 1; i >= 0; i--)); do
		read -r each name _ <<<"${RECORD[i]}"
		if "$keep" "$i" "$each" "$name"; then
			left+=("$i")
		else
			[[ -n ${pending[$each]-} ]] || devices+=("$each")
			pending[$each]+=" $i"
		fi
	done
	for each in "${devices[@]}"; do
		if ! interface_exists "$each"; then
			warn "[warn] $each is gone: its offloads stay as they are"
			continue
		fi
		lines=()
		for i in ${pending[$each]}; do
			lines+=("${RECORD[i]#* }")
		done
		features_put_back "$each" "${lines[@]}" || FEATURE=()
		for i in ${pending[$each]}; do
			line=${RECORD[i]#* }
			[[ ${FEATURE[${line% *}]-unknown} != "${line#* }" ]] || continue
			warn "Can not turn ${line% *} of $each back ${line#* }"
			left+=("$i")
			status=1
		done
	done
	lines=()
	for ((i = 0; i < ${#RECORD[@]}; i++)); do
		! has_word "$i" "${left[@]}" || lines+=("${RECORD[i]}")
	done
	RECORD=("${lines[@]}")
	record_write || status=1
	return "$status"
}

# features_put_back IF "FEATURE STATE"...: all at once, then one by one what the
# device did not follow. FEATURE tells how it ended.
features_put_back() {
	local each=$1 pair
	local -a request=()
	shift
	features_read "$each" || return 1
	for pair in "$@"; do
		[[ ${FEATURE[${pair% *}]-unknown} == "${pair#* }" ]] || request+=("$pair")
	done
	((${#request[@]} > 0)) || return 0
	features_set "$each" "${request[@]}"
	features_read "$each" || return 1
	for pair in "${request[@]}"; do
		[[ ${FEATURE[${pair% *}]-unknown} == "${pair#* }" ]] || features_set "$each" "$pair"
	done
	features_read "$each"
}

keep_none() { false; }

# keep_old INDEX: what was recorded before this command began.
keep_old() { (($1 < OFFLOAD_OLD)); }

# keep_wanted INDEX IF FEATURE: what the configuration wants switched
# (OFFLOAD_WANTED, on the interfaces of LOWERED).
keep_wanted() {
	local want title
	has_word "$2" "${LOWERED[@]}" && features_read "$2" || return 1
	for want in "${OFFLOAD_WANTED[@]}"; do
		title=${OFFLOAD_TITLE[${want%=*}]}
		[[ " $title ${MEMBERS[$title]-} " != *" $3 "* ]] || return 0
	done
	return 1
}

# offload_mark: before a change that may have to be taken back alone.
offload_mark() {
	record_read
	OFFLOAD_OLD=${#RECORD[@]}
}
