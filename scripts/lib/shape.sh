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
# run of the kernel, on disk before the device is changed. On a device with
# hardware queues (mq) each queue gets one; SHAPE_HANDLE tells our mq from others.
#
# A shaper that cannot be attached is told of and no reason not to start.

SHAPE_HANDLE=a99e:

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
# "IF KIND HANDLE PARENT", PARENT being "root" or a class, in QDISCS.
qdiscs_read() {
	local line
	QDISCS=()
	while IFS= read -r line; do
		[[ $line =~ ^qdisc\ ([^ ]+)\ ([0-9a-f]+:)\ dev\ ([^ ]+)\ (offloaded\ )?(root|parent\ ([0-9a-f:]+))( |$) ]] || continue
		[[ -z ${1-} || ${BASH_REMATCH[3]} == "$1" ]] || continue
		# These sit beside the tree, not in it.
		[[ ${BASH_REMATCH[1]} != ingress && ${BASH_REMATCH[1]} != clsact ]] || continue
		QDISCS+=("${BASH_REMATCH[3]} ${BASH_REMATCH[1]} ${BASH_REMATCH[2]} ${BASH_REMATCH[6]:-root}")
	done < <(tc qdisc show 2>/dev/null)
}

# shape_read: the record, name by name, in SHAPED. One of another boot is empty.
shape_read() {
	local line boot=''
	declare -gA SHAPED=()
	[[ -f $QDISC_FILE ]] || return 0
	local -a lines=()
	while IFS= read -r line || [[ -n $line ]]; do
		if [[ $line == '# boot '* ]]; then
			boot=${line#'# boot '}
		elif [[ $line =~ ^([^[:space:]/]+)\ ([a-z0-9_]+)$ ]]; then
			lines+=("$line")
		fi
	done <"$QDISC_FILE"
	[[ $boot == "$(boot_id)" ]] || return 0
	for line in "${lines[@]}"; do
		SHAPED[${line% *}]=${line#* }
	done
}

# shape_write: SHAPED to disk; an empty record is removed.
shape_write() {
	local each
	if ((${#SHAPED[@]} == 0)); then
		remove_whole "$QDISC_FILE"
		return
	fi
	{
		printf '# boot %s\n' "$(boot_id)"
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
		shape_attach "$each" || :
	done
}

# shape_attach IF: unless it has one, or has something that somebody set up.
shape_attach() {
	local each=$1 line name kind handle parent root='' leaf=''
	qdiscs_read "$each"
	for line in "${QDISCS[@]}"; do
		read -r name kind handle parent <<<"$line"
		[[ $kind != appex ]] || return 0
		if [[ $parent == root ]]; then
			root=$kind
			if [[ $handle != 0: ]]; then
				warn "[warn] $each has a queueing discipline of its own ($kind $handle): it stays, and wankbps is not enforced there"
				return 1
			fi
		else
			leaf=$kind
		fi
	done
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
		shape_put root handle "$SHAPE_HANDLE" mq && shape_leaves "$each" && return 0
	else
		shape_put root appex && return 0
	fi
	warn "[warn] cannot attach the shaper to $each: wankbps is not enforced there"
	shape_detach "$each" || :
	return 1
}

# shape_put ARG...: one change to the device in $each.
shape_put() {
	run tc qdisc replace dev "$each" "$@" >/dev/null 2>&1
}

# shape_leaves IF: a shaper for each of its hardware queues.
shape_leaves() {
	local line name kind handle parent
	qdiscs_read "$1"
	for line in "${QDISCS[@]}"; do
		read -r name kind handle parent <<<"$line"
		[[ $parent == "$SHAPE_HANDLE"* ]] || continue
		shape_put parent "$parent" appex || return 1
	done
}

# shape_detach IF: the kernel's choice again, if what is there is ours.
shape_detach() {
	local each=$1 line name kind handle parent before='' status=0
	shape_read
	qdiscs_read "$each"
	for line in "${QDISCS[@]}"; do
		read -r name kind handle parent <<<"$line"
		[[ $parent == root ]] || continue
		[[ $kind == appex || $handle == "$SHAPE_HANDLE" ]] || break
		# The kernel is to choose what it chose then.
		[[ -z ${SHAPED[$each]-} ]] || default_qdisc_set "${SHAPED[$each]}"
		run tc qdisc del dev "$each" root >/dev/null 2>&1 || {
			warn "Can not take the shaper off $each"
			status=1
		}
		default_qdisc_restore
	done
	((status != 0)) || unset -v 'SHAPED[$each]'
	shape_write || status=1
	return "$status"
}

# default_qdisc_set KIND: what the kernel chooses, until default_qdisc_restore. It
# chooses noqueue by itself.
default_qdisc_set() {
	before=
	[[ $1 != noqueue && $1 != none ]] || return 0
	file_read "$APPEX_SYSCTL/net/core/default_qdisc" && [[ $GOT != "$1" ]] || return 0
	before=$GOT
	put "$APPEX_SYSCTL/net/core/default_qdisc" "$1" || before=
}

default_qdisc_restore() {
	[[ -z $before ]] || put "$APPEX_SYSCTL/net/core/default_qdisc" "$before" || :
	before=
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
	local line name kind handle parent above default=pfifo_fast status=0
	local -a all=()
	command -v tc >/dev/null || return 0
	shape_read
	for line in "${!SHAPED[@]}"; do
		shape_detach "$line" || status=1
	done
	qdiscs_read
	all=("${QDISCS[@]}")
	for line in "${all[@]}"; do
		read -r name kind handle parent <<<"$line"
		[[ $kind == appex ]] || continue
		if [[ $parent == root ]]; then
			shape_detach "$name" || status=1
			continue
		fi
		# Without a leaf a hardware queue would send nothing; other classes have a queue of their own then.
		above=$(qdisc_kind "$name" "${parent%%:*}:" "${all[@]}")
		if [[ $above == mq || $above == mqprio ]]; then
			! file_read "$APPEX_SYSCTL/net/core/default_qdisc" || [[ -z $GOT || $GOT == appex ]] || default=$GOT
			run tc qdisc replace dev "$name" parent "$parent" "$default" >/dev/null 2>&1 || status=1
		else
			run tc qdisc del dev "$name" parent "$parent" >/dev/null 2>&1 || status=1
		fi
	done
	return "$status"
}
