# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The shaper: attached with tc where the configuration asks for a rate, and taken
# off again.
#
# Only a device whose queueing discipline is the kernel's own choice (its handle
# is 0:) gets a shaper: what somebody has set up stays. Taking the shaper off
# makes the kernel choose again, so all that has to be remembered is what it
# chose for the queues: a line "IF KIND" in .qdisc, under a line that names this
# run of the kernel, on disk before the device is changed; and "net/core/default_qdisc
# OLD = NEW" while that is another for a moment. On a device with
# hardware queues (mq) each queue gets one; SHAPE_HANDLE tells our mq from others.
#
# Somebody may change a device between a look at it and a change of ours. So a
# discipline is added, not replaced, under a handle, and deleted by handle and
# kind: the kernel refuses either where something else has been set up.
#
# A shaper that cannot be attached is told of and no reason not to start.

SHAPE_HANDLE=a99e:
DEFAULT_QDISC=net/core/default_qdisc
# "OLD NEW" while the kernel's default is another for a moment.
SHAPE_DEFAULT=

# shape_wanted: whether the configuration asks for a rate; it is then in SHAPE_KBPS.
shape_wanted() {
	SHAPE_KBPS=0
	[[ ${CONFIG[shaperEnable]} == 1 && ${CONFIG[wankbps]} != 0 ]] || return 1
	SHAPE_KBPS=${CONFIG[wankbps]}
	[[ -z ${CONFIG[smMinKbps]} ]] || ((CONFIG[smMinKbps] <= SHAPE_KBPS)) || SHAPE_KBPS=${CONFIG[smMinKbps]}
}

# shape_limits IF: whether the rate is less than what the device can do anyway; one
# that does not know its speed may be any.
shape_limits() {
	local speed=''
	file_read "$APPEX_SYSFS/$1/speed" 2>/dev/null && speed=$GOT
	[[ ! $speed =~ ^[1-9][0-9]*$ ]] || ((SHAPE_KBPS < speed * 1000))
}

# qdiscs_read [IF]: the disciplines of all devices, or of one, as lines
# "IF KIND HANDLE PARENT", PARENT being "root" or a class, in QDISCS. Fails where
# that cannot be known: what is not seen must not pass for nothing.
qdiscs_read() {
	local line all
	QDISCS=()
	all=$(run tc qdisc show 2>/dev/null) || return 1
	while IFS= read -r line; do
		[[ $line == 'qdisc '* && (-z ${1-} || "$line " == *" dev $1 "*) ]] || continue
		if [[ ! $line =~ ^qdisc\ ([^ ]+)\ ([0-9a-f]+:)\ dev\ ([^ ]+)\ (offloaded\ )?(root|parent\ ([0-9a-f:]+))( |$) ]]; then
			[[ -z ${1-} ]] || return 1
			continue
		fi
		# These sit beside the tree, not in it.
		[[ ${BASH_REMATCH[1]} != ingress && ${BASH_REMATCH[1]} != clsact ]] || continue
		QDISCS+=("${BASH_REMATCH[3]} ${BASH_REMATCH[1]} ${BASH_REMATCH[2]} ${BASH_REMATCH[6]:-root}")
	done <<<"$all"
}

# shape_read: the record, name by name, in SHAPED. One of another boot is empty. Of a run
# that was cut short it puts the kernel's default back.
shape_read() {
	local line boot='' default=''
	declare -gA SHAPED=()
	SHAPE_DEFAULT=
	[[ -f $QDISC_FILE ]] || return 0
	local -a lines=()
	while IFS= read -r line || [[ -n $line ]]; do
		if [[ $line == '# boot '* ]]; then
			boot=${line#'# boot '}
		elif [[ $line =~ ^$DEFAULT_QDISC\ ([a-z0-9_]+)\ =\ ([a-z0-9_]+)$ ]]; then
			default="${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
		elif [[ $line =~ ^([^[:space:]/]+)\ ([a-z0-9_]+)$ ]]; then
			lines+=("$line")
		fi
	done <"$QDISC_FILE"
	[[ $boot == "$(boot_id)" ]] || return 0
	for line in "${lines[@]}"; do
		SHAPED[${line% *}]=${line#* }
	done
	[[ -n $default ]] || return 0
	SHAPE_DEFAULT=$default
	default_qdisc_restore
	shape_write || :
}

# shape_write: SHAPED to disk; an empty record is removed.
shape_write() {
	local each
	if [[ ${#SHAPED[@]} == 0 && -z $SHAPE_DEFAULT ]]; then
		remove_whole "$QDISC_FILE"
		return
	fi
	{
		printf '# boot %s\n' "$(boot_id)"
		[[ -z $SHAPE_DEFAULT ]] || printf '%s %s = %s\n' "$DEFAULT_QDISC" "${SHAPE_DEFAULT% *}" "${SHAPE_DEFAULT#* }"
		for each in "${!SHAPED[@]}"; do
			printf '%s %s\n' "$each" "${SHAPED[$each]}"
		done
	} | write_whole "$QDISC_FILE"
}

# shape_apply IF...: shapers on these devices as the configuration wants them, and on
# no others of ours. Never fails.
shape_apply() {
	local each
	local -a wanted=()
	if shape_wanted; then
		for each in "$@"; do
			! shape_limits "$each" || wanted+=("$each")
		done
	fi
	shape_read
	for each in "${!SHAPED[@]}"; do
		has_word "$each" "${wanted[@]}" || shape_detach "$each" || :
	done
	((${#wanted[@]} > 0)) || return 0
	if ! command -v tc >/dev/null; then
		warn "[warn] \"tc\" not found, please install iproute2: wankbps is not enforced"
		return 0
	fi
	for each in "${wanted[@]}"; do
		! shape_attach "$each" || say "$each is limited to $SHAPE_KBPS kbit/s"
	done
}

# shape_attach IF: unless it has one, or has something that somebody set up.
shape_attach() {
	local each=$1 line name kind handle parent root='' root_handle='' leaf='' has_shaper=''
	qdiscs_read "$each" || {
		warn "[warn] \"tc\" does not tell what $each has: wankbps is not enforced there"
		return 1
	}
	for line in "${QDISCS[@]}"; do
		read -r name kind handle parent <<<"$line"
		if [[ $parent == root ]]; then
			root=$kind root_handle=$handle
		elif [[ $kind == appex ]]; then
			has_shaper=1
		elif [[ $handle == 0: ]]; then
			leaf=$kind
		fi
	done
	[[ $root != appex ]] || return 0
	if [[ "$root $root_handle" == "mq $SHAPE_HANDLE" ]]; then
		# Left by a run that was cut short, or the device has more queues than then.
		shape_complete "$each" "$leaf"
		return
	fi
	[[ -z $has_shaper ]] || return 0
	if [[ -n $root && $root_handle != 0: ]]; then
		warn "[warn] $each has a queueing discipline of its own ($root $root_handle): it stays, and wankbps is not enforced there"
		return 1
	fi
	# The kernel chooses when a device goes up; one that is down has nothing yet.
	if [[ -z $root ]]; then
		interface_exists "$each" || return 1
		root=none
		[[ ! -e $APPEX_SYSFS/$each/queues/tx-1 ]] || root=mq
	fi
	shape_read
	SHAPED[$each]=${leaf:-$root}
	[[ $root != mq || -n $leaf ]] || SHAPED[$each]=none
	shape_write || {
		warn "Failed to write $QDISC_FILE: no shaper on $each"
		return 1
	}
	if [[ $root == mq ]]; then
		shape_add "$each" root handle "$SHAPE_HANDLE" mq && shape_leaves "$each" && return 0
	else
		shape_add "$each" root handle "$SHAPE_HANDLE" appex && return 0
	fi
	warn "[warn] cannot attach the shaper to $each: wankbps is not enforced there"
	shape_detach "$each" || :
	return 1
}

# shape_add IF ARG...: fails where anything but the kernel's choice is.
shape_add() {
	run tc qdisc add dev "$@" >/dev/null 2>&1
}

# shape_complete IF KIND: shapers for the queues of our mq that have none. KIND is
# what the kernel chose there, as far as that can still be seen.
shape_complete() {
	shape_read
	if [[ -z ${SHAPED[$1]-} ]]; then
		SHAPED[$1]=${2:-none}
		shape_write || {
			warn "Failed to write $QDISC_FILE"
			return 1
		}
	fi
	shape_leaves "$1" || {
		warn "[warn] cannot attach the shaper to all queues of $1: wankbps is not enforced there"
		return 1
	}
}

# shape_leaves IF: a shaper for each hardware queue that has what the kernel chose.
shape_leaves() {
	local line name kind handle parent others=0
	qdiscs_read "$1" || return 1
	for line in "${QDISCS[@]}"; do
		read -r name kind handle parent <<<"$line"
		[[ $parent == "$SHAPE_HANDLE"* && $kind != appex ]] || continue
		if [[ $handle == 0: ]]; then
			shape_add "$1" parent "$parent" appex || return 1
		else
			others=$((others + 1))
		fi
	done
	((others == 0)) || warn "[warn] $others queues of $1 have disciplines of their own: they stay, and wankbps is not enforced there"
}

# shape_detach IF: the kernel's choice again, if what is there is ours.
shape_detach() {
	local each=$1 line name kind handle parent root='' others=0 status=0
	local -a leaves=()
	shape_read
	qdiscs_read "$each" || {
		warn "Can not take the shaper off $each: \"tc\" does not tell what it has"
		return 1
	}
	for line in "${QDISCS[@]}"; do
		read -r name kind handle parent <<<"$line"
		if [[ $parent == root ]]; then
			[[ $kind != appex && "$kind $handle" != "mq $SHAPE_HANDLE" ]] || root="$handle $kind"
		elif [[ $parent != "$SHAPE_HANDLE"* ]]; then
			continue
		elif [[ $kind == appex ]]; then
			leaves+=("$parent")
		elif [[ $handle != 0: ]]; then
			others=$((others + 1))
		fi
	done
	if [[ $root == *' mq' ]] && ((others > 0)); then
		[[ -z ${leaves[*]-}${SHAPED[$each]-} ]] || warn "[warn] $others queues of $each have disciplines of their own: these stay, and so does its mq"
		for parent in "${leaves[@]}"; do
			leaf_restore "$each" "$parent" "${SHAPED[$each]-}" || status=1
		done
	elif [[ -n $root ]]; then
		shape_delete "$each" "${root% *}" "${root#* }" || status=1
	fi
	if ((status == 0)); then
		unset -v 'SHAPED[$each]'
	else
		warn "Can not take the shaper off $each"
	fi
	# A line too many in the record does no harm, and with a full disk it goes with the last one.
	shape_write 2>/dev/null || :
	return "$status"
}

# shape_delete IF HANDLE KIND: the kernel chooses for the device, and what it chose then.
shape_delete() {
	local status=0
	[[ -z ${SHAPED[$1]-} ]] || default_qdisc_set "${SHAPED[$1]}"
	run tc qdisc del dev "$1" root handle "$2" "$3" >/dev/null 2>&1 || status=1
	default_qdisc_restore
	return "$status"
}

# leaf_restore IF CLASS [KIND]: another discipline for a hardware queue, which without
# one would send nothing: KIND or the default.
leaf_restore() {
	local kind=${3-}
	if [[ -z $kind || $kind == none ]]; then
		kind=pfifo_fast
		! file_read "$APPEX_SYSCTL/$DEFAULT_QDISC" || [[ -z $GOT || $GOT == appex ]] || kind=$GOT
	fi
	run tc qdisc replace dev "$1" parent "$2" "$kind" >/dev/null 2>&1
}

# default_qdisc_set KIND: what the kernel chooses, until default_qdisc_restore. It
# chooses noqueue by itself.
default_qdisc_set() {
	[[ $1 != noqueue && $1 != none ]] || return 0
	file_read "$APPEX_SYSCTL/$DEFAULT_QDISC" && [[ $GOT != "$1" ]] || return 0
	SHAPE_DEFAULT="$GOT $1"
	# On disk before, should this run be killed; where there is no room, what was changed goes back without.
	shape_write 2>/dev/null || :
	put "$APPEX_SYSCTL/$DEFAULT_QDISC" "$1" || SHAPE_DEFAULT=
}

# default_qdisc_restore: unless somebody else has changed it since.
default_qdisc_restore() {
	[[ -n $SHAPE_DEFAULT ]] || return 0
	! file_read "$APPEX_SYSCTL/$DEFAULT_QDISC" || [[ $GOT != "${SHAPE_DEFAULT#* }" ]] ||
		put "$APPEX_SYSCTL/$DEFAULT_QDISC" "${SHAPE_DEFAULT% *}" || :
	SHAPE_DEFAULT=
}

# qdisc_kind IF HANDLE LINE...: the kind of the discipline with this handle.
qdisc_kind() {
	local name kind handle line
	for line in "${@:3}"; do
		read -r name kind handle _ <<<"$line"
		[[ "$name $handle" != "$1 $2" ]] || printf '%s\n' "$kind"
	done
}

# shape_remove: no shaper is left, ours or attached by hand: they hold the module.
shape_remove() {
	local line name kind handle parent above status=0
	local -a all=()
	shape_read
	for line in "${!SHAPED[@]}"; do
		shape_detach "$line" || status=1
	done
	# Without tc there are none by hand either.
	qdiscs_read || {
		shape_write || status=1
		return "$status"
	}
	all=("${QDISCS[@]}")
	for line in "${all[@]}"; do
		read -r name kind handle parent <<<"$line"
		if [[ $parent == root && ($kind == appex || "$kind $handle" == "mq $SHAPE_HANDLE") ]]; then
			shape_detach "$name" || status=1
			continue
		fi
		# Those below our mq have gone with it.
		[[ $kind == appex && $parent != "$SHAPE_HANDLE"* ]] || continue
		# Classes of other kinds have a queue of their own.
		above=$(qdisc_kind "$name" "${parent%%:*}:" "${all[@]}")
		if [[ $above == mq || $above == mqprio ]]; then
			leaf_restore "$name" "$parent" || status=1
		else
			run tc qdisc del dev "$name" parent "$parent" >/dev/null 2>&1 || status=1
		fi
	done
	((status != 0)) || SHAPED=()
	shape_write || status=1
	return "$status"
}
