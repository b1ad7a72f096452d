# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Which network devices a configuration means: patterns against what exists,
# and the devices under a bond, bridge or VLAN.

# interface_exists NAME
interface_exists() {
	[[ -d $APPEX_SYSFS/$1 ]]
}

# interfaces_matching ENTRY...: the existing names, each once, in MATCHING.
interfaces_matching() {
	local entry path name
	MATCHING=()
	for entry in "$@"; do
		for path in "$APPEX_SYSFS"/*; do
			name=${path##*/}
			# The pattern is meant here: unquoted on purpose.
			# shellcheck disable=SC2053
			if [[ -d $path && $name == $entry ]] && ! has_word "$name" "${MATCHING[@]}"; then
				MATCHING+=("$name")
			fi
		done
	done
}

# interfaces_with_lower NAME...: the names and everything under them, each once,
# what is under a device before the device, in LOWERED. Offloads are switched in
# this order and restored in the opposite one, because a device's features are
# limited by those of the devices under it.
interfaces_with_lower() {
	local name
	LOWERED=()
	for name in "$@"; do
		lower_first "$name"
	done
}

# lower_first NAME [ABOVE...]: ABOVE is the way down to it, against cycles.
lower_first() {
	local name=$1 under
	shift
	has_word "$name" "${LOWERED[@]}" "$@" && return 0
	for under in $(lower_of "$name"); do
		lower_first "$under" "$name" "$@"
	done
	has_word "$name" "${LOWERED[@]}" || LOWERED+=("$name")
}

# lower_of NAME: bond slaves, bridge ports, the parent of a VLAN: what the kernel
# links as lower_*; the two lists are for kernels older than those links.
lower_of() {
	local dir=$APPEX_SYSFS/$1 path
	for path in "$dir"/lower_* "$dir"/brif/*; do
		[[ -e $path || -L $path ]] || continue
		path=${path##*/}
		printf '%s\n' "${path#lower_}"
	done
	[[ ! -r $dir/bonding/slaves ]] || cat "$dir/bonding/slaves"
}

# default_interfaces: accif="auto", the interfaces of the default routes; where there is none yet, names that
# servers' cards have.
default_interfaces() {
	local found
	found=$({ ip -4 -o route show default || :; ip -6 -o route show default || :; } 2>/dev/null |
		sed -n 's/.* dev \([^ ]*\).*/\1/p' | sort -u | tr '\n' ' ') || found=
	if check_value ifs "$found" && [[ -n $CHECKED ]]; then
		CONFIG[accif]=$CHECKED
	else
		CONFIG[accif]='eth* en*'
		warn "[warn] accif=\"auto\": there is no default route yet; taking ${CONFIG[accif]}"
	fi
}
