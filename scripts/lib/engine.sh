# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernel module and its engines: loading, unloading, writing settings to
# /proc/net/appex, /proc/net/appex1, ... and reading them back.

# How long stop waits for the module, and when it says so (seconds, as the
# original).
UNLOAD_TIMEOUT=30
UNLOAD_PATIENCE=6
# As BUILD_EXCLUSIVE_KERNEL_MIN of dkms.conf.
FIRST_KERNEL=7.2

# The lines of the file cmd last read, by key.
declare -gA CMD=()

# engine_running: the two signs users were taught, the directory and lsmod.
engine_running() {
	[[ -d $APPEX_PROC ]] || module_loaded
}

module_loaded() {
	[[ -r /proc/modules ]] || return 1
	local name
	while read -r name _; do
		[[ $name != appex ]] || return 0
	done </proc/modules
	return 1
}

# engine_dirs: the directories of the engines that are there, in ENGINES.
engine_dirs() {
	local i=1 dir=$APPEX_PROC
	ENGINES=()
	while [[ -d $dir ]]; do
		ENGINES+=("$dir")
		dir=$APPEX_PROC$i
		i=$((i + 1))
	done
}

# engine_count: how many the configuration means, in ENGINE_COUNT.
engine_count() {
	local cpus wanted=${CONFIG[engineNum]}
	local -a list
	read -ra list <<<"${CONFIG[cpuID]}"
	if ((${#list[@]} > 0)); then
		ENGINE_COUNT=${#list[@]}
		return 0
	fi
	cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null) || cpus=1
	ENGINE_COUNT=$cpus
	if ((wanted > cpus)); then
		warn "WARNING(CONFIG): engineNum=\"$wanted\" is more than the $cpus CPUs: one engine per CPU"
	elif ((wanted > 0)); then
		ENGINE_COUNT=$wanted
	fi
	((ENGINE_COUNT <= ENGINES_MAX)) || ENGINE_COUNT=$ENGINES_MAX
}

# module_load: loads the module with what the configuration says; with dropCache
# above 2, a failure for lack of memory drops the page cache and tries again.
module_load() {
	local name try tries=1 error
	local -a options=("engines=$ENGINE_COUNT")
	for name in ipTxHookPri ipRxHookPri ipv6TxHookPri ipv6RxHookPri; do
		[[ -z ${CONFIG[$name]} ]] || options+=("$name=${CONFIG[$name]}")
	done
	((CONFIG[dropCache] <= 2)) || tries=${CONFIG[dropCache]}
	for ((try = 1; try <= tries; try++)); do
		error=$(module_insert "${options[@]}" 2>&1) && return 0
		[[ $error == *'annot allocate memory'* ]] || break
		((try == tries)) || drop_cache
	done
	warn "Load $PRODUCT failed!"
	[[ -z $error ]] || warn "$error"
	[[ $error != *'not found'* ]] || module_missing
	return 1
}

# module_missing: why there is no module for this kernel, and what to do: above all which kernel will do, and how it is
# had. DKMS passes silently over a kernel without Rust, and over an older one.
module_missing() {
	local release log reason=''
	release=$(uname -r)
	if [[ -r $APPEX_BOOT/config-$release ]] && ! grep -q '^CONFIG_RUST=y' "$APPEX_BOOT/config-$release"; then
		warn "The kernel $release was built without Rust, which appex needs."
		usable_kernel "$release"
	elif too_old "$release"; then
		warn "The kernel $release is older than $FIRST_KERNEL, the first that appex builds for."
		usable_kernel "$release"
	elif [[ -d $APPEX_DKMS/appex ]]; then
		for log in "$APPEX_DKMS"/appex/*/build/make.log; do
			[[ ! -r $log ]] || reason=$(sed -n "s/^appex: \(cannot build for kernel $release: .*\)/\1/p" "$log" | tail -n 1)
		done
		[[ -z $reason ]] || warn "$reason"
		if [[ ! -e $APPEX_KERNELS/$release/build/Makefile ]]; then
			warn "DKMS has not built appex for kernel $release, whose headers are not installed: $(headers_command "$release"), which has DKMS build it"
		else
			warn "DKMS has not built appex for kernel $release: run dkms autoinstall -k $release"
		fi
		installed_kernel "$release" || :
	else
		warn "appex is not installed for kernel $release: run make and make install"
	fi
}

# too_old RELEASE
too_old() {
	[[ $1 =~ ^([0-9]+)\.([0-9]+) ]] &&
		((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] < ${FIRST_KERNEL%.*} * 1000 + ${FIRST_KERNEL#*.}))
}

# headers_command RELEASE: in Debian 13 kernels that will do come from backports only.
headers_command() {
	local suite=''
	[[ $1 != *+deb13* ]] || suite='-t trixie-backports '
	printf 'apt install %slinux-headers-%s\n' "$suite" "$1"
}

# installed_kernel RELEASE: says which other kernel of this machine will do: the newest that has the module, or else the
# newest that it can be built for. Fails if there is none.
installed_kernel() {
	local config other built='' possible=''
	while read -r config; do
		other=${config#"$APPEX_BOOT/config-"}
		[[ $other != "$1" ]] && ! too_old "$other" && grep -qs '^CONFIG_RUST=y' "$config" || continue
		possible=$other
		! compgen -G "$APPEX_KERNELS/$other/updates/*/appex.ko*" >/dev/null &&
			! compgen -G "$APPEX_KERNELS/$other/updates/appex.ko*" >/dev/null || built=$other
	done < <(printf '%s\n' "$APPEX_BOOT"/config-* | sort -V)
	if [[ -n $built ]]; then
		warn "This machine has kernel $built, for which appex is built: reboot into that"
	elif [[ -n $possible ]]; then
		warn "This machine has kernel $possible, which will do: $(headers_command "$possible"), then reboot into that"
	else
		return 1
	fi
}

# usable_kernel RELEASE: which kernel to have instead of that one, and how.
usable_kernel() {
	local name=amd64
	! installed_kernel "$1" || return 0
	[[ $(uname -m) != aarch64 ]] || name=arm64
	[[ $1 != *-cloud-* ]] || name=cloud-$name
	warn "In Debian 13 the next that will do is linux-image-$name of trixie-backports, $FIRST_KERNEL or newer. Once that suite is in apt's sources:"
	warn "apt update; apt install -t trixie-backports linux-image-$name linux-headers-$name; reboot"
}

module_insert() {
	local error
	if [[ -n $APPEX_MODULE ]]; then
		run insmod "$APPEX_MODULE" "$@"
	elif error=$(run modprobe appex "$@" 2>&1); then
		return 0
	elif [[ -n ${CONFIG[modulePath]} ]]; then
		run insmod "${CONFIG[modulePath]}" "$@"
	else
		warn "$error"
		return 1
	fi
}

# engines_wait: until every engine's directory and files are there; dots tell
# that it takes time.
engines_wait() {
	local i dir file deadline=$((SECONDS + CONFIG[configTimeout])) polls=0
	for ((i = 0; i < ENGINE_COUNT; i++)); do
		dir=$APPEX_PROC
		((i == 0)) || dir=$APPEX_PROC$i
		for file in "$dir" "$dir/cmd" "$dir/stats" "$dir/lanIf" "$dir/wanIf"; do
			until [[ -e $file ]]; do
				if ((SECONDS >= deadline)); then
					((polls < 10)) || say ''
					if [[ $file == "$dir" ]]; then
						warn "Loading $PRODUCT failed: failed to load engine $i"
					else
						warn "Loading $PRODUCT failed: failed to locate $file"
					fi
					return 1
				fi
				polls=$((polls + 1))
				((polls % 10)) || printf . || :
				sleep 0.1
			done
		done
	done
	((polls < 10)) || say ''
}

# module_unload: detaches everything, then takes the module out. Connections
# that are open go on. Fails if something still holds the module.
module_unload() {
	local patience=$((SECONDS + UNLOAD_PATIENCE)) deadline=$((SECONDS + UNLOAD_TIMEOUT)) error
	engine_detach
	shape_remove || :
	while engine_running; do
		error=$(run rmmod appex 2>&1) || :
		engine_running || break
		if ((SECONDS >= deadline)); then
			warn "Unloading $PRODUCT failed: ${error:-$APPEX_PROC is still there}"
			warn "Acceleration is off. The module may be in use: is net.ipv4.tcp_congestion_control set to zeta or net.core.default_qdisc to appex?"
			return 1
		fi
		if ((patience > 0 && SECONDS >= patience)); then
			say 'It takes a long time than usual, please wait for a moment...'
			patience=0
		fi
		sleep 0.2
	done
}

# engine_detach: no interface is accelerated any more.
engine_detach() {
	local dir file
	engine_dirs
	for dir in "${ENGINES[@]}"; do
		for file in "$dir/wanIf" "$dir/lanIf"; do
			[[ ! -e $file ]] || put "$file" '' || :
		done
	done
}

# put FILE VALUE: one write. Fails if the engine refuses.
put() {
	{ printf '%s\n' "$2" >"$1"; } 2>/dev/null
}

# settings_of DIR: what the configuration means for an engine, as lines
# "file NAME VALUE" and "cmd NAME VALUE", in SETTINGS; shaperEnable first 1, as
# the original does, and to its configured value when all else is written.
settings_of() {
	local name target value
	SETTINGS=('file shaperEnable 1')
	for name in "${KEY_ORDER[@]}"; do
		target=${KEY_TARGET[$name]} value=${CONFIG[$name]}
		[[ $name != shaperEnable ]] || continue
		case $target in
		file:*) SETTINGS+=("file ${target#file:} $value") ;;
		cmd:*) SETTINGS+=("cmd ${target#cmd:} $value") ;;
		esac
	done
	[[ ! -e $1/engSysEnable ]] || SETTINGS+=('file engSysEnable 1')
	SETTINGS+=("file shaperEnable ${CONFIG[shaperEnable]}")
}

# settings_write DIR: writes SETTINGS to one engine. A text that is empty and
# is empty already is not written.
settings_write() {
	local dir=$1 kind name value line
	cmd_read "$dir" || return 1
	for line in "${SETTINGS[@]}"; do
		IFS=' ' read -r kind name value <<<"$line"
		if [[ $kind == file ]]; then
			if [[ ! -e $dir/$name ]]; then
				warn "Loading $PRODUCT failed: failed to locate $dir/$name"
				return 1
			fi
			put "$dir/$name" "$value" || {
				warn "Failed to write configuration: $dir/$name"
				return 1
			}
		elif [[ -n ${CMD[$name]+known} ]]; then
			[[ -n $value || -n ${CMD[$name]} ]] || continue
			put "$dir/cmd" "$name: $value" || {
				warn "Failed to write configuration: $dir/cmd:$name"
				return 1
			}
		fi
	done
}

# settings_verify DIR: every value reads back as it was written.
settings_verify() {
	local dir=$1 kind name value line got
	local -A last=()
	cmd_read "$dir" || return 1
	for line in "${SETTINGS[@]}"; do
		IFS=' ' read -r kind name value <<<"$line"
		last["$kind $name"]=$value
	done
	for line in "${!last[@]}"; do
		value=${last[$line]} name=${line#* }
		if [[ $line == file* ]]; then
			file_read "$dir/$name" && [[ $GOT == "$value" ]] && continue
			warn "Failed to write configuration: $dir/$name"
			return 1
		fi
		[[ -n ${CMD[$name]+known} ]] || continue
		got=${CMD[$name]}
		# A line may carry more fields after a single value.
		[[ $got == "$value" || ${got%% *} == "$value" ]] && continue
		[[ $name == lanSegment* ]] && same_segments "$got" "$value" && continue
		warn "Failed to write configuration: $dir/cmd:$name"
		return 1
	done
}

# file_read FILE: its first line, in GOT.
file_read() {
	GOT=
	{ IFS= read -r GOT <"$1"; } 2>/dev/null || [[ -n $GOT || -r $1 ]]
}

# cmd_read DIR: the file cmd, in CMD[key]. A range in brackets behind a key's
# name does not belong to the name.
cmd_read() {
	local line name
	local -a lines=()
	CMD=()
	{ mapfile -t lines <"$1/cmd"; } 2>/dev/null || {
		warn "Loading $PRODUCT failed: failed to locate $1/cmd"
		return 1
	}
	for line in "${lines[@]}"; do
		[[ $line == *:* ]] || continue
		name=${line%%:*} line=${line#*:}
		CMD[${name%%(*}]=${line# }
	done
}

# same_segments A B: equal but for order, letter case and leading zeros.
same_segments() {
	[[ $(segments_sorted "$1") == "$(segments_sorted "$2")" ]]
}

segments_sorted() {
	local each address
	for each in $1; do
		address=${each%%/*}
		while [[ $address == 0?* ]]; do
			address=${address#0}
		done
		[[ $each != */* ]] || address+=/${each#*/}
		printf '%s\n' "${address^^}"
	done | sort
}
