#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Allocations fail where packets are handled, which faults.sh does not reach: all of the module's; in SCARCE rounds of
# downloads (8; make stress: 16; with LONG=1: 300) one, the first that is met, the second and so on; and one of twenty in softirqs, whoever asks. Every
# download has to arrive whole, of this machine and through it; what could not be taken over is served without. Needs a kernel
# with CONFIG_FAULT_INJECTION_STACKTRACE_FILTER (both debug kernels).
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=1000000
MANY=1000000
SCARCE=${SCARCE:-8}
FAULTS=/sys/kernel/debug
topology
quiet_faults
serving 5001 "$BYTES"
far python3 "$HERE/traffic.py" serve 5002 "$BYTES" >/tmp/far &
until_true 30 grep -q ready /tmp/far
require
put subnetAccEnable 1
put wanIf '+wan0 +lan0'

# failing KIND START END INTERVAL [TIMES [PERCENT]]: every INTERVAL-th allocation, or PERCENT of these, by functions between those
# addresses or what they call.
failing() {
	local file=$FAULTS/$1
	echo "$2" >"$file/require-start"
	echo "$3" >"$file/require-end"
	echo "$4" >"$file/interval"
	echo "${5:-$MANY}" >"$file/times"
	echo "${6:-100}" >"$file/probability"
}
# failed KIND [TIMES]: nothing fails any more; how many did.
failed() {
	echo 0 >"$FAULTS/$1/probability"
	echo $((${2:-$MANY} - $(cat "$FAULTS/$1/times")))
}
# shellcheck disable=SC2016 # the inner shell's
fetched() { client timeout 120 bash -c 'cmp /tmp/whole - </dev/tcp/$0/$1' "$@" >>/tmp/differs 2>&1; }
# Of this machine by both families, and through it.
downloads() { fetched 10.9.0.1 5001 && fetched fd00:9::1 5001 && fetched 10.8.0.2 5002; }
idle() { [ "$(stat_of NumOfFlows)" = 0 ]; }

read -r _ size _ _ _ module _ <<<"$(grep '^appex ' /proc/modules)"
of_module=("$module" "$((module + size))")
mapfile -t of_softirq < <(grep -A1 ' handle_softirqs$' /proc/kallsyms | sed 's/^\([0-9a-f]*\) .*/0x\1/')
client python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 "$BYTES" >/dev/null
client bash -c 'cat </dev/tcp/10.9.0.1/5001' >/tmp/whole
same "without a fault all of it arrives" "$BYTES" "$(stat -c %s /tmp/whole)"
put cmd "flowShortTimeout: 1000"
check "and is forgotten" until_true 60 idle

sockets=$(stat_of SocketsAdopted)
failing failslab "${of_module[@]}" 1
check "nothing can be allocated by the module: downloads arrive whole" downloads
flows=$(stat_of NumOfFlows)
at_least "it tried" 6 "$(failed failslab)"
same "no connection was taken over" "$sockets" "$(stat_of SocketsAdopted)"
same "no flow was noted" 0 "$flows"
check "downloads afterwards arrive whole" downloads
at_least "and are accelerated" $((sockets + 2)) "$(stat_of SocketsAdopted)"

# sweep NAME KIND LEAST START END
sweep() {
	local whole=0 met=0 number
	for ((number = 1; number <= SCARCE; number++)); do
		failing "$2" "$4" "$5" "$number" 1
		! downloads || whole=$((whole + 1))
		met=$((met + $(failed "$2" 1)))
	done
	same "$1 for each few downloads: all are whole" "$SCARCE" "$whole"
	at_least "$1 failed in so many of them ($met)" "$3" "$met"
}
sweep "an allocation of the module" failslab $((SCARCE / 2)) "${of_module[@]}"
sweep "an allocation in a softirq" failslab $((SCARCE / 2)) "${of_softirq[@]}"
# KASAN keeps what is freed, so that new pages are asked for; elsewhere there are old ones.
[ "${LAB_KERNEL-}" != kasan ] || sweep "a page in a softirq" fail_page_alloc 1 "${of_softirq[@]}"

# At random, or it may hit the same packet each time that it is sent again.
met=0 whole=0
for ((number = 1; number <= SCARCE / 2; number++)); do
	failing failslab "${of_softirq[@]}" 1 "$MANY" 5
	! downloads || whole=$((whole + 1))
	met=$((met + $(failed failslab)))
done
same "one of twenty allocations in softirqs fails: all downloads are whole" $((SCARCE / 2)) "$whole"
at_least "and it is so many ($met)" $((SCARCE / 2)) "$met"
sockets=$(stat_of SocketsAdopted)
check "without faults downloads arrive whole" downloads
at_least "and are accelerated again" $((sockets + 2)) "$(stat_of SocketsAdopted)"
same "nothing was different anywhere" "" "$(cat /tmp/differs)"
check "the module unloads" rmmod appex
finish
