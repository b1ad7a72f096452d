# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Socket memory. .runconfig holds a line "NAME OLD VALUE" for each changed kernel
# setting, under a line that names this run of the kernel, by the same rules as
# .offload. (The original, for a slip, never removed its file.)
WMEM_TCP=net/ipv4/tcp_wmem
WMEM_CORE=net/core/wmem_max
RMEM_TCP=net/ipv4/tcp_rmem

# The largest receive buffer that advinacc asks for, bytes: what the kernel itself
# allows on machines of 4 GB and more. On smaller ones, where the kernel allows
# 1/128 of the memory, four times that.
RMEM_MOST=33554432
RMEM_PART=32

# memory_read: the record's lines, in MEMORY. One of another boot is empty: the
# settings are what the machine gave them at boot.
memory_read() {
	local line boot=''
	MEMORY=()
	[[ -f $RUNCONFIG_FILE ]] || return 0
	while IFS= read -r line; do
		if [[ $line == '# boot '* ]]; then
			boot=${line#'# boot '}
		elif [[ $line =~ ^($WMEM_TCP|$WMEM_CORE|$RMEM_TCP)(\ [0-9]+)+(\ =(\ [0-9]+)+)?$ ]]; then
			MEMORY+=("$line")
		fi
	done <"$RUNCONFIG_FILE"
	[[ $boot == "$(boot_id)" ]] || MEMORY=()
}

# memory_write: the record as MEMORY has it.
memory_write() {
	if ((${#MEMORY[@]} == 0)); then
		remove_whole "$RUNCONFIG_FILE"
		return
	fi
	printf '%s\n' "# boot $(boot_id)" "${MEMORY[@]}" | write_whole "$RUNCONFIG_FILE" || {
		warn "Failed to write $RUNCONFIG_FILE"
		return 1
	}
}

# memory_now NAME: its value, with single blanks, in GOT.
memory_now() {
	file_read "$APPEX_SYSCTL/$1" || return 1
	GOT=${GOT//$'\t'/ }
}

# memory_apply: lowers the send buffers as shrinkOSWmem says, and lets receive
# buffers grow where advinacc is on.
memory_apply() {
	local shrink=${CONFIG[shrinkOSWmem]}
	if [[ $shrink != '0 0' ]]; then
		warn "WARNING(CONFIG): shrinkOSWmem: this engine sends from the kernel's own buffers, so no connection gets more than their size per round trip"
		[[ $shrink != 1* ]] || memory_set "$WMEM_TCP" "${CONFIG[shrinkOSWmemValue]}" || return 1
		[[ $shrink != *1 ]] || memory_set "$WMEM_CORE" "${CONFIG[shrinkOSWmemMax]}" || return 1
	fi
	[[ ${CONFIG[advinacc]} != 1 ]] || memory_widen
}

# memory_widen: a receiver of a machine with little memory offers a window that
# holds far and fast senders back, whatever they do.
memory_widen() {
	local kilobytes least usual most wanted
	kilobytes=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' "$APPEX_MEMINFO" 2>/dev/null) || :
	memory_now "$RMEM_TCP" || return 0
	read -r least usual most <<<"$GOT" || :
	[[ $kilobytes && $most ]] || return 0
	wanted=$((kilobytes * 1024 / RMEM_PART))
	((wanted <= RMEM_MOST)) || wanted=$RMEM_MOST
	((wanted > most)) || return 0
	# Not worth failing for: everything works without.
	memory_set "$RMEM_TCP" "$least $usual $wanted" ||
		warn "[warn] receive buffers stay at $most bytes at most, which may hold far senders back"
}

# memory_set NAME VALUE: the old value and the new one are on disk before the
# change.
memory_set() {
	local name=$1 value=$2 line
	memory_read
	for line in "${MEMORY[@]}"; do
		[[ $line == "$name "* && $line != *" = $value" ]] || continue
		# Back first, so that a record with two values is never needed.
		memory_restore "$name" || return 1
	done
	if ! memory_now "$name"; then
		warn "Failed to read $APPEX_SYSCTL/$name, which was to become $value"
		return 1
	fi
	[[ $GOT != "$value" ]] || return 0
	line="$name $GOT = $value"
	has_word "$line" "${MEMORY[@]}" || MEMORY+=("$line")
	memory_write || return 1
	put "$APPEX_SYSCTL/$name" "$value" || {
		warn "Failed to write configuration: $APPEX_SYSCTL/$name cannot be made $value"
		memory_restore "$name" || :
		return 1
	}
}

# memory_restore [NAME...]: puts the recorded values back, or those of these
# settings, and forgets them. What somebody else has changed since stays.
memory_restore() {
	local line name old new status=0
	local -a kept=()
	memory_read
	for line in "${MEMORY[@]}"; do
		name=${line%% *} old=${line#* } new=''
		[[ $old != *' = '* ]] || new=${old#*' = '} old=${old%%' = '*}
		if (($# > 0)) && ! has_word "$name" "$@"; then
			kept+=("$line")
			continue
		fi
		memory_now "$name" || GOT=
		if [[ $GOT == "$old" ]]; then
			:
		elif [[ $new && $GOT && $GOT != "$new" ]]; then
			warn "[warn] $APPEX_SYSCTL/$name was changed to $GOT meanwhile and stays so (it was $old before the start)"
		elif ! put "$APPEX_SYSCTL/$name" "$old"; then
			warn "Failed to restore $APPEX_SYSCTL/$name to $old"
			kept+=("$line")
			status=1
		fi
	done
	MEMORY=("${kept[@]}")
	memory_write || status=1
	return "$status"
}

# memory_change: what a new configuration no longer wants goes back, then what it
# wants.
memory_change() {
	local status=0
	[[ ${CONFIG[shrinkOSWmem]} == 1* ]] || memory_restore "$WMEM_TCP" || status=1
	[[ ${CONFIG[shrinkOSWmem]} == *1 ]] || memory_restore "$WMEM_CORE" || status=1
	[[ ${CONFIG[advinacc]} == 1 ]] || memory_restore "$RMEM_TCP" || status=1
	memory_apply || status=1
	return "$status"
}
