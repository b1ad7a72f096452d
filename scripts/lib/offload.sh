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
	local each want
	interfaces_with_lower "$@"
	for each in "${LOWERED[@]}"; do
		interface_exists "$each" || continue
		for want in "${OFFLOAD_WANTED[@]}"; do
			offload_set "$each" "${want%=*}" "${want#*=}" || return 1
		done
	done
}

# offload_set IF GROUP STATE: records, changes (two tries, as the original) and
# verifies. A failed sg is no error: some devices cannot send without it.
offload_set() {
	local each=$1 group=$2 state=$3 title=${OFFLOAD_TITLE[$2]} try name
	local -a order
	for try in 1 2; do
		features_read "$each" || return 0
		[[ ${ACTIVE[$title]-$state} != "$state" ]] || return 0
		offload_changes "$group" "$state"
		((${#CHANGES[@]} > 0)) || break
		offload_record "$each" "${CHANGES[@]}" || {
			warn "Failed to write $OFFLOAD_FILE: no offload of $each was changed"
			return 1
		}
		order=()
		for name in "${CHANGES[@]}"; do
			order+=("$name" "$state")
		done
		((try == 1)) || sleep 0.2
		# Its exit code says little: what counts is read back.
		run ethtool -K "$each" "${order[@]}" >/dev/null 2>&1 || :
	done
	features_read "$each" || return 0
	[[ ${ACTIVE[$title]-$state} != "$state" && $group != sg ]] || return 0
	if [[ $state == off ]]; then
		warn "Can not disable $group(${OFFLOAD_WORDS[$group]}) of $each, exit!"
	else
		warn "Can not enable $group(${OFFLOAD_WORDS[$group]}) of $each, exit!"
	fi
	return 1
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

# offload_restore KEEP: puts back every recorded feature, newest first, for
# which "KEEP index interface feature" fails. What a device refuses is named,
# stays in the record, and makes this fail.
offload_restore() {
	local keep=$1 line i status=0 each name state
	local -a left=()
	record_read
	for ((i = ${#RECORD[@]} - 1; i >= 0; i--)); do
		line=${RECORD[i]}
		read -r each name state <<<"$line"
		if "$keep" "$i" "$each" "$name"; then
			left=("$line" "${left[@]}")
		elif ! interface_exists "$each"; then
			warn "[warn] $each is gone: its $name stays as it is"
		elif ! offload_put_back "$each" "$name" "$state"; then
			warn "Can not turn $name of $each back $state"
			left=("$line" "${left[@]}")
			status=1
		fi
	done
	RECORD=("${left[@]}")
	record_write || status=1
	return "$status"
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

# offload_put_back IF FEATURE STATE: right when the device has it as asked for,
# or does not know the feature.
offload_put_back() {
	local try
	for try in 1 2; do
		features_read "$1" || return 0
		[[ ${FEATURE[$2]-$3} != "$3" ]] || return 0
		((try == 1)) || sleep 0.2
		run ethtool -K "$1" "$2" "$3" >/dev/null 2>&1 || :
	done
	features_read "$1" || return 0
	[[ ${FEATURE[$2]-$3} == "$3" ]]
}
