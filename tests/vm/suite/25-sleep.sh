#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The machine is suspended to memory (ACPI S3) under accelerated downloads and woken by its clock: its processors, timers, cycle
# counter and network cards begin anew. Nothing is lost, and what is known of the paths stays what it was.
# Sabotage: the web server is gone when the machine wakes.
set -u
. tests/vm/lib/suite.sh

SLEEP_S=5
RATE_MBIT=20
RTT_MS=40
# The clock of boot time counts sleep, that of flows does not.
slept_s() { python3 -c 'import time; print(round(time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)))'; }

# The port that takes this script's output does not live through the loss of its device's state, nor does it without the module.
# So its driver lets go of it while the machine sleeps, and all that is said from then on is kept for the end.
port=$(readlink "/proc/$$/fd/1")
console=$(basename "$(readlink -f "/sys/class/virtio-ports/$(basename "$port")/device")")
asleep() {
	exec >/run/said 2>&1
	echo "$console" >/sys/bus/virtio/drivers/virtio_console/unbind
	rtcwake -m mem -s "$SLEEP_S"
	local status=$?
	echo "$console" >/sys/bus/virtio/drivers/virtio_console/bind
	return "$status"
}
say_it() { cat /run/said >"$port"; } # fails until both sides have got to know the port again

# sane: what is shown of the flows to the client, looked at for two seconds after waking. Rates are no more than the start of a
# connection may send on the path, times are such as its queue, its losses and a busy emulator explain; no number is what a
# clock that goes backwards would leave behind.
sane() {
	local round
	for round in 1 2 3 4 5 6 7 8 9 10; do
		awk -v round="$round" -v rate="$((RATE_MBIT * 1000))" -v rtt="$((RTT_MS * 1000))" '
			/ control=zeta / {
				flows++
				for (i = 1; i <= NF; i++) if (split($i, part, "=") == 2) value[part[1]] = part[2] + 0
				if (value["rate_kbps"] < rate / 1000 || value["rate_kbps"] > 5 * rate || value["path_kbps"] > 5 * rate ||
				    value["base_us"] < rtt * 9 / 10 || value["base_us"] > 3 * rtt ||
				    value["rtt_us"] < rtt * 9 / 10 || value["rtt_us"] > 25 * rtt || value["queue_us"] > 25 * rtt ||
				    value["idle_ms"] > 20000 || value["cwnd"] > 100000) { bad = 1; print round ": " $0 }
			}
			END { if (!flows) print round ": no flow"; exit bad || !flows }' /proc/net/appex*/flows || return 1
		sleep 0.2
	done
}
# seconds_of: time that a download takes; 1000 s if it fails.
seconds_of() {
	local line
	line=$(http_get 0 4 long) || line=1000
	echo "${line%% *}"
}
# as_fast_as SECONDS: one of three downloads takes less than twice that, as the emulator may have to wait for its processors.
as_fast_as() {
	local seconds
	for _ in 1 2 3; do
		seconds=$(seconds_of)
		awk -v before="$1" -v after="$seconds" 'BEGIN { exit !(after < before * 2) }' && return
		echo "$seconds s, $1 s before"
	done
	return 1
}

begin "$(nic 0)"
path_up 0 "$RATE_MBIT" "$RTT_MS" 0.2 || exit 1
http_file long 3000000
http_file longer 8000000
check "start succeeds" lotserver start
before=$(seconds_of)
check "a download before, in $before s" test "${before%.*}" -lt 100
handed_back=$(counter SocketsHandedBack)

background over4 http_get 0 4 longer
background over6 http_get 0 6 longer
check "both downloads are accelerated" until_true 20 all_are zeta 0
sleep 1
awake=$(slept_s)
asleep
same "the machine sleeps and wakes" 0 "$?"
slept=$(($(slept_s) - awake))
check "it has slept for $slept s by its clocks" test "$slept" -ge 1
if sabotaged; then pidof nginx | xargs -r kill -9; fi
check "both are accelerated still" all_are zeta 0
check "what is shown of them is sane" sane
same "no connection was handed back" "$handed_back" "$(counter SocketsHandedBack)"
check "the IPv4 download arrives unchanged" awaited over4
check "the IPv6 download arrives unchanged" awaited over6
check "the next downloads are as fast as before" as_fast_as "$before"
check "stop succeeds" lotserver stop
check "nothing of it is loaded" stopped
finish
status=$?
until_true 20 say_it
[ "$status" = 0 ]
