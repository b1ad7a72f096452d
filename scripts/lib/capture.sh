# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# pcapEnable: tcpdump writes the packets of accelerated connections to the log directory. The engine
# gives them to an nflog group; nothing of the machine's own rules is touched. Whatever becomes of tcpdump,
# traffic goes on: a disk that gets full ends the capture and nothing else, and status tells.

# The engine's nflog group (src/capture.rs).
CAPTURE_GROUP=24944
# A ring of files: at most 100 MB of the disk, the last minutes of a busy server.
CAPTURE_FILES=10
CAPTURE_FILE_MB=10
# A capture is not to fill the disk: it ends where less is left. Half a second at 1 Gbit/s: it looks
# once a second, and a busier server writes into it by that much.
CAPTURE_FREE_MB=64
# tcpdump's AppArmor profile in Debian lets it write names like this anywhere.
CAPTURE_NAME=appex.pcap
CAPTURE_UNIT=lotServer-capture
CAPTURE_PID_FILE=$APPEX_RUN/lotServer.capture
# What tcpdump said when it ended; its number of packets, or why it could not go on.
CAPTURE_SAID_FILE=$APPEX_RUN/lotServer.capture.said
# Who logs the machine's packets by default, for IPv4 and IPv6. tcpdump takes the first for itself and does not give it
# back, which would end the log of an administrator's rules; the engine names its group itself and needs neither.
CAPTURE_LOGGERS=("$APPEX_SYSCTL"/net/netfilter/nf_log/{2,10})
# Seconds that tcpdump has to begin.
CAPTURE_BEGINS=10

# capture_running: whether our tcpdump is there; its process number is then in CAPTURE_PID.
capture_running() {
	local name=''
	CAPTURE_PID=
	{ read -r CAPTURE_PID <"$CAPTURE_PID_FILE"; } 2>/dev/null || :
	[[ $CAPTURE_PID =~ ^[1-9][0-9]*$ ]] || return 1
	# The number may be another program's by now.
	{ read -r name <"/proc/$CAPTURE_PID/comm"; } 2>/dev/null && [[ $name == tcpdump ]]
}

# capture_apply: as the configuration says. A capture that cannot begin is told of and no reason not to start.
capture_apply() {
	if [[ ${CONFIG[pcapEnable]} != 1 ]]; then
		capture_stop
		return 0
	fi
	! capture_running || return 0
	if ! command -v tcpdump >/dev/null; then
		warn '[warn] pcapEnable="1": "tcpdump" not found, please install it; nothing is captured'
		return 0
	fi
	if ! mkdir -p -- "$APPEX_ROOT/log" 2>/dev/null; then
		warn "[warn] pcapEnable=\"1\": there is no directory $APPEX_ROOT/log, and none can be made; nothing is captured"
		return 0
	fi
	if ! capture_room; then
		warn "[warn] pcapEnable=\"1\": less than $CAPTURE_FREE_MB MB are left where $APPEX_ROOT/log is; nothing is captured"
		return 0
	fi
	rm -f -- "$CAPTURE_SAID_FILE" "$CAPTURE_PID_FILE"
	# Without it the kernel has nobody to give packets to; built into some kernels.
	run modprobe -q nfnetlink_log 2>/dev/null || :
	capture_launch || {
		warn '[warn] pcapEnable="1": tcpdump cannot be started; nothing is captured'
		return 0
	}
	# It ends at once where it may not listen or write.
	local i
	for ((i = 0; i < 50; i++)); do
		! capture_running || break
		[[ ! -e $CAPTURE_SAID_FILE ]] || break
		sleep 0.1
	done
	sleep 0.2
	! capture_running || return 0
	# Who watches over it looks once a second, and then writes down what it said.
	for ((i = 0; i < 50; i++)); do
		[[ ! -e $CAPTURE_SAID_FILE ]] || break
		sleep 0.1
	done
	warn "[warn] pcapEnable=\"1\": nothing is captured: $(capture_said)"
}

# capture_launch: in a unit of its own with systemd, which would end it together with the service; else in
# a session of its own.
capture_launch() {
	local name
	local -a settings=()
	for name in APPEX_ROOT APPEX_RUN APPEX_SYSCTL APPEX_SYSTEMD; do
		settings+=("$name=${!name}")
	done
	if [[ -d $APPEX_SYSTEMD ]] && command -v systemd-run >/dev/null; then
		# A former one has its name for a second after its tcpdump.
		run systemctl stop "$CAPTURE_UNIT.service" >/dev/null 2>&1 || :
		run systemctl reset-failed "$CAPTURE_UNIT.service" >/dev/null 2>&1 || :
		! run systemd-run --quiet --collect --unit="$CAPTURE_UNIT" "${settings[@]/#/--setenv=}" \
			"$SELF" capture-runs >/dev/null 2>&1 || return 0
	fi
	command -v setsid >/dev/null || return 1
	run setsid --fork env "${settings[@]}" "$SELF" capture-runs </dev/null >/dev/null 2>&1
}

# do_capture: what has been launched. tcpdump does not notice when its disk is full, so it is ended before.
do_capture() {
	local pid line heard='' said=''
	local -a loggers
	cd /
	mapfile -t loggers < <(cat -- "${CAPTURE_LOGGERS[@]}" 2>/dev/null)
	# What it says goes through a pipe, as its AppArmor profile does not know our file. Packets are written as
	# they come (-U), so that the files can be read while it runs, and by root, as it opens one after the other. What
	# others say to each other is for root's eyes only.
	exec 8< <(umask 077 && exec tcpdump -q -n -i "nflog:$CAPTURE_GROUP" -Z root -U -C "$CAPTURE_FILE_MB" -W "$CAPTURE_FILES" \
		-w "$APPEX_ROOT/log/$CAPTURE_NAME" 2>&1 >/dev/null)
	pid=$!
	# Without us nobody looks at the disk.
	trap 'kill -TERM "$pid" 2>/dev/null || :' EXIT
	printf '%s\n' "$pid" >"$CAPTURE_PID_FILE"
	# It has become the default by the time it says so.
	while IFS= read -r -t "$CAPTURE_BEGINS" -u 8 line; do
		heard+=$line$'\n'
		[[ $line != *'listening on'* ]] || break
	done
	capture_gives_back "${loggers[@]}"
	while kill -0 "$pid" 2>/dev/null; do
		if ! capture_room; then
			kill -TERM "$pid" 2>/dev/null || :
			said="tcpdump: less than $CAPTURE_FREE_MB MB are left where $APPEX_ROOT/log is"
		fi
		sleep 1
	done
	# After a stop nobody asks any more.
	[[ -e $CAPTURE_PID_FILE && $(<"$CAPTURE_PID_FILE") == "$pid" ]] || return 0
	{
		printf '%s' "$heard"
		tail -c 2000 <&8
		printf '%s\n' "$said"
	} >"$CAPTURE_SAID_FILE"
}

# capture_gives_back LOGGER...: makes those the default ones again, "NONE" as the kernel spells it, where that is changed.
capture_gives_back() {
	local file now
	for file in "${CAPTURE_LOGGERS[@]}"; do
		(($# > 0)) || return 0
		{ read -r now <"$file"; } 2>/dev/null || now=$1
		[[ $now == "$1" ]] || printf '%s\n' "$1" 2>/dev/null >"$file" || :
		shift
	done
}

# capture_room: whether the disk has room for more; where that cannot be known, it has.
capture_room() {
	local blocks size
	read -r blocks size < <(stat -f -c '%a %S' -- "$APPEX_ROOT/log" 2>/dev/null) || return 0
	((blocks * size >= CAPTURE_FREE_MB * 1048576))
}

# capture_stop: ends it; what it has is on disk then.
capture_stop() {
	local i
	if capture_running; then
		# So that whoever watches over it knows that this is no failure.
		rm -f -- "$CAPTURE_PID_FILE"
		kill -TERM "$CAPTURE_PID" 2>/dev/null || :
		for ((i = 0; i < 30; i++)); do
			kill -0 "$CAPTURE_PID" 2>/dev/null || break
			sleep 0.1
		done
	fi
	rm -f -- "$CAPTURE_PID_FILE" "$CAPTURE_SAID_FILE"
}

# capture_said: the last error of tcpdump, on one line.
capture_said() {
	local said
	if ! capture_room; then
		printf 'less than %d MB are left where %s is\n' "$CAPTURE_FREE_MB" "$APPEX_ROOT/log"
		return
	fi
	said=$(sed -n 's/^tcpdump: //p' "$CAPTURE_SAID_FILE" 2>/dev/null | grep -v '^listening on' | tail -n 1) || said=
	printf '%s\n' "${said:-tcpdump does not run}"
}

# capture_why: for status, where the switch is on and nobody listens.
capture_why() {
	value_of pcapEnable
	[[ $GOT == 1 ]] || return 0
	! capture_running || return 0
	# Somebody's own: group numbers stand in the first column.
	! grep -q "^ *$CAPTURE_GROUP " /proc/net/netfilter/nfnetlink_log 2>/dev/null || return 0
	finding capture "pcapEnable is 1, but nothing is captured: $(capture_said); lotServer.sh reload begins anew"
}
