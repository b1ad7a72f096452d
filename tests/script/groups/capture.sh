# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# pcapEnable: tcpdump runs while it is on, and nothing depends on it. (With the real one and the real
# module: tests/vm/suite.)

# breaks: test_start_and_stop | lib/commands.sh | s/^\tcapture_stop$/\t:/
# breaks: test_reload_switches_it | lib/commands.sh | s/^\tcapture_apply$/\t:/
# breaks: test_a_capture_that_runs_goes_on | lib/capture.sh | s/! capture_running || return 0/:/
# breaks: test_without_tcpdump | lib/capture.sh | s/if ! command -v tcpdump >\/dev\/null; then/if false; then/
# breaks: test_a_full_disk | lib/capture.sh | s/^\tfinding capture .*/\t:/
# breaks: test_little_room | lib/capture.sh | s/^\t((blocks \* size >= .*/\ttrue/
# breaks: test_somebody_elses_number | lib/capture.sh | s/ \&\& \[\[ $name == tcpdump \]\]//
# breaks: test_the_machines_logger | lib/capture.sh | s/^\tcapture_gives_back .*/\t:/
# breaks: test_the_machines_logger | lib/capture.sh | s/\[\[ $now == "$1" \]\] ||/:;/
# breaks: test_the_unit_of_one_that_ends | lib/capture.sh | /run systemctl stop "$CAPTURE_UNIT/d

alive() {
	exists "$APPEX_RUN/lotServer.capture"
	[[ -e /proc/$(<"$APPEX_RUN/lotServer.capture")/comm ]]
}

test_start_and_stop() {
	config accif=eth0 engineNum=1 pcapEnable=1
	ok_lot start
	is "$(in_engine pcapEnable)" 1
	is "$(<"$FAKE_STATE/captures")" "-q -n -i nflog:24944 -Z root -U -C 10 -W 10 -w $APPEX_ROOT/log/appex.pcap"
	alive || fail 'no tcpdump'
	local number
	number=$(<"$APPEX_RUN/lotServer.capture")
	ok_lot status
	unlike "$OUT" '*nothing is captured*'
	ok_lot stop
	absent "/proc/$number"
	absent "$APPEX_RUN/lotServer.capture"
}

test_off_as_shipped() {
	config accif=eth0 engineNum=1
	ok_lot start
	absent "$FAKE_STATE/captures"
}

test_reload_switches_it() {
	config accif=eth0 engineNum=1
	ok_lot start
	config accif=eth0 engineNum=1 pcapEnable=1
	ok_lot reload
	alive || fail 'no tcpdump'
	config accif=eth0 engineNum=1
	ok_lot reload
	absent "$APPEX_RUN/lotServer.capture"
	is "$(in_engine pcapEnable)" 0
}

test_a_capture_that_runs_goes_on() {
	config accif=eth0 engineNum=1 pcapEnable=1
	ok_lot start
	ok_lot reload
	is "$(wc -l <"$FAKE_STATE/captures")" 1
	alive || fail 'no tcpdump'
	# One that has ended begins anew.
	kill "$(<"$APPEX_RUN/lotServer.capture")"
	sleep 0.5
	ok_lot reload
	is "$(wc -l <"$FAKE_STATE/captures")" 2
	alive || fail 'no tcpdump'
}

test_without_tcpdump() {
	config accif=eth0 engineNum=1 pcapEnable=1
	mkdir "$T/fake"
	cp -r "$HERE/fake/." "$T/fake/"
	rm "$T/fake/tcpdump"
	# A machine's own tcpdump is not to be found either.
	local dir
	for dir in /usr/sbin /usr/bin /sbin /bin; do
		[[ ! -e $dir/tcpdump ]] || mount --bind /dev/null "$dir/tcpdump"
	done
	PATH=$T/fake:/usr/sbin:/usr/bin:/sbin:/bin run_lot start
	is "$STATUS" 0
	like "$ERR" '*"tcpdump" not found, please install it; nothing is captured*'
	exists "$APPEX_PROC"
}

test_a_full_disk() {
	config accif=eth0 engineNum=1 pcapEnable=1
	fault tcpdump 'tcpdump: listening on nflog:24944' 'tcpdump: appex.pcap0: No space left on device'
	ok_lot start
	like "$ERR" '*nothing is captured: appex.pcap0: No space left on device*'
	exists "$APPEX_PROC"
	ok_lot status
	like "$OUT" '*'$'\n''capture              pcapEnable is 1, but nothing is captured: appex.pcap0: No space left on device*'
	rm "$FAKE_STATE/tcpdump"
	ok_lot reload
	is "$ERR" '[warn] no interface eth0 at present: it is accelerated as soon as it appears (its offloads and queues stay as they are until then and a reload)'
	ok_lot status
	unlike "$OUT" '*nothing is captured*'
}

# It ends before the disk is full.
test_little_room() {
	config accif=eth0 engineNum=1 pcapEnable=1
	mount -t tmpfs -o size=70m none "$APPEX_ROOT/log"
	ok_lot start
	alive || fail 'no tcpdump'
	head -c 20000000 /dev/zero >"$APPEX_ROOT/log/other"
	local i
	for ((i = 0; i < 50; i++)); do
		alive || break
		sleep 0.1
	done
	! alive || fail 'it goes on'
	ok_lot status
	like "$OUT" '*nothing is captured: less than 64 MB are left where *log is;*'
	ok_lot reload
	like "$ERR" '*less than 64 MB are left*'
	rm "$APPEX_ROOT/log/other"
	ok_lot reload
	alive || fail 'no tcpdump'
	ok_lot stop
	umount "$APPEX_ROOT/log"
}

# The number in the file is another program's by now.
test_somebody_elses_number() {
	config accif=eth0 engineNum=1 pcapEnable=1
	ok_lot start
	kill "$(<"$APPEX_RUN/lotServer.capture")"
	sleep 1000 &
	local other=$!
	echo "$other" >"$APPEX_RUN/lotServer.capture"
	ok_lot stop
	exists "/proc/$other"
	kill "$other"
}

# What logs the machine's packets by default stays what it was, and what was not changed is not written.
test_the_machines_logger() {
	export APPEX_SYSCTL=$T/sysctl
	local loggers=$APPEX_SYSCTL/net/netfilter/nf_log how i
	mkdir -p "$loggers"
	echo nf_log_ipv6 >"$loggers/10"
	touch -d 2020-01-01 "$loggers/10"
	config accif=eth0 engineNum=1 pcapEnable=1
	for how in NONE nf_log_ipv4; do
		echo "$how" >"$loggers/2"
		ok_lot start
		alive || fail 'no tcpdump'
		for ((i = 0; i < 50; i++)); do
			[[ $(<"$loggers/2") != "$how" ]] || break
			sleep 0.1
		done
		is "$(<"$loggers/2")" "$how"
		ok_lot stop
		is "$(<"$loggers/2")" "$how"
	done
	is "$(<"$loggers/10")" nf_log_ipv6
	is "$(stat -c %Y "$loggers/10")" "$(date -d 2020-01-01 +%s)"
	# Nor does one that fails keep it.
	fault tcpdump 'tcpdump: appex.pcap0: No space left on device'
	ok_lot start
	like "$ERR" '*nothing is captured: appex.pcap0: No space left on device*'
	is "$(<"$loggers/2")" nf_log_ipv4
}

# A start right after a stop: the former unit is there until its watcher has seen that tcpdump is gone.
test_the_unit_of_one_that_ends() {
	export APPEX_SYSTEMD=$T/systemd
	mkdir "$APPEX_SYSTEMD" "$T/units"
	# The process of a unit stands in a file by its name.
	cat >"$T/units/systemd-run" <<-'END'
		#!/bin/bash
		while [[ $1 == -* ]]; do
			[[ $1 != --unit=* ]] || unit=$FAKE_STATE/${1#*=}.service
			shift
		done
		if [[ -f $unit && -d /proc/$(<"$unit") ]]; then exit 1; fi
		[[ $unit == */lotServer-capture.service ]] || exit 0
		setsid "$@" </dev/null >/dev/null 2>&1 &
		echo $! >"$unit"
		echo >>"$FAKE_STATE/units"
	END
	cat >"$T/units/systemctl" <<-'END'
		#!/bin/bash
		unit=$FAKE_STATE/$2
		[[ $1 == stop && -f $unit ]] || exit 0
		kill "$(<"$unit")" 2>/dev/null
		while [[ -d /proc/$(<"$unit") ]]; do sleep 0.05; done
	END
	chmod +x "$T/units/"*
	export PATH=$T/units:$PATH
	config accif=eth0 engineNum=1 pcapEnable=1
	ok_lot start
	alive || fail 'no tcpdump'
	ok_lot stop
	ok_lot start
	alive || fail 'no tcpdump'
	is "$(wc -l <"$FAKE_STATE/units")" 2
	ok_lot stop
}
