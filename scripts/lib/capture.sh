# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# pcapEnable: tcpdump writes the packets of accelerated connections to the log directory. The engine
# gives them to an nflog group; nothing of the machine's own rules is touched. Whatever becomes of tcpdump,
# traffic goes on: a full disk ends the capture and nothing else, and status tells.

# The engine's nflog group (src/capture.rs).
CAPTURE_GROUP=24944
# A ring of files: at most 100 MB of the disk, the last minutes of a busy server.
CAPTURE_FILES=10
CAPTURE_FILE_MB=10
# tcpdump's AppArmor profile in Debian lets it write names like this anywhere.
CAPTURE_NAME=appex.pcap
CAPTURE_UNIT=lotServer-capture
CAPTURE_PID_FILE=$APPEX_RUN/lotServer.capture
# What tcpdump said when it ended; its number of packets, or why it could not go on.
CAPTURE_SAID_FILE=$APPEX_RUN/lotServer.capture.said

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
	mkdir -p -- "$APPEX_ROOT/log"
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
	capture_running || warn "[warn] pcapEnable=\"1\": nothing is captured: $(capture_said)"
}

# capture_launch: in a unit of its own with systemd, which would end it together with the service; else in
# a session of its own.
capture_launch() {
	# What it says goes through a pipe: its AppArmor profile does not know our file. Packets are written as
	# they come (-U), so that the files can be read while it runs, and by root: it must open one after the other.
	# shellcheck disable=SC2016 # for the inner shells
	local -a command=(sh -c 'cd / && sh -c '\''echo "$$" >"$1" && exec tcpdump -q -n -i "nflog:$2" -Z root -U -C "$3" -W "$4" -w "$5"'\'' lotServer-capture "$2" "$3" "$4" "$5" "$6" 2>&1 | tail -c 2000 >"$1"'
		lotServer-capture "$CAPTURE_SAID_FILE" "$CAPTURE_PID_FILE" "$CAPTURE_GROUP" "$CAPTURE_FILE_MB" "$CAPTURE_FILES" "$APPEX_ROOT/log/$CAPTURE_NAME")
	if [[ -d $APPEX_SYSTEMD ]] && command -v systemd-run >/dev/null; then
		run systemctl reset-failed "$CAPTURE_UNIT.service" >/dev/null 2>&1 || :
		! run systemd-run --quiet --collect --unit="$CAPTURE_UNIT" "${command[@]}" >/dev/null 2>&1 || return 0
	fi
	command -v setsid >/dev/null || return 1
	run setsid --fork "${command[@]}" </dev/null >/dev/null 2>&1
}

# capture_stop: ends it; what it has is on disk then.
capture_stop() {
	local i
	if capture_running; then
		kill -TERM "$CAPTURE_PID" 2>/dev/null || :
		for ((i = 0; i < 30; i++)); do
			capture_running || break
			sleep 0.1
		done
		! capture_running || kill -KILL "$CAPTURE_PID" 2>/dev/null || :
	fi
	rm -f -- "$CAPTURE_PID_FILE" "$CAPTURE_SAID_FILE"
}

# capture_said: the last error of tcpdump, on one line.
capture_said() {
	local said
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
