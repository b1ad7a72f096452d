#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119,SC2120 # load takes optional module parameters
#
# Random operations on every file of /proc/net/appex and of a second engine (procfuzz.py), by processes with and without the
# right to write, at once and beside downloads that have to arrive whole: PROCFUZZ_COUNT in all (make stress: 200,000).
# The same PROCFUZZ_SEED makes each process try the same again, not in the same order among them.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

COUNT=${PROCFUZZ_COUNT:-30000}
SEED=${PROCFUZZ_SEED:-$(($(date +%s) % 1000000))}
ROUNDS=$((2 + COUNT / 100000))
EACH=$((COUNT / ROUNDS / 4))
BYTES=3000000
topology
serving 5001 "$BYTES"
require engines=2
attach
echo "# seed $SEED"

fuzz() { python3 "$HERE/procfuzz.py" "$@"; }
without() { setpriv --bounding-set -net_admin --inh-caps -net_admin -- "$@"; }
fetch() { client python3 "$HERE/traffic.py" fetch 10.9.0.1 5001 "$BYTES"; }
# What of the files is a setting; rules and the filter of flows are settings, too. Hits of rules are none.
settings() {
	local file
	for file in "$PROC"*/*; do
		case ${file##*/} in
		stats) ;;
		flows) head -n 1 "$file" ;;
		*) cat "$file" ;;
		esac
	done
}
# What cannot be written is left out; what cannot be put back is seen afterwards.
put_back() {
	local directory file
	for directory in "$PROC" "${PROC}1"; do
		for file in "$directory"/*; do
			case ${file##*/} in
			stats | version | engine | hz | ioctl | byteCacheIoFails) ;;
			flows | rules) echo >"$file" ;;
			*) cat "/tmp/before/${file#/proc/net/}" >"$file" ;;
			esac
		done
	done
}
rejected() { cat "$PROC/stats" "${PROC}1/stats" | awk '$1 == "RejectedWrites" { n += $3 } END { print n }'; }
adopted() { [ "$(stat_of NumOfAccFlows)" -gt 0 ]; }

mkdir /tmp/before
cp -r "$PROC" "${PROC}1" /tmp/before
before=$(settings)
modes=$(stat -c '%n %a %u %g' "$PROC"*/*)
fetch >/dev/null
# Neither the first reads nor python's own files are to count as the fuzzers'.
fuzz drops 1 100 >/dev/null
idle=$(kernel_kb)
refusals=$(rejected)

for ((round = 1; round <= ROUNDS; round++)); do
	hold
	fetch >/dev/null &
	download=$!
	check "round $round: a download is accelerated" until_true 30 adopted
	pids=()
	for who in may:1 may:2 drops:3 may-not:4; do
		seed=$((SEED + 10 * round + ${who#*:}))
		run=(fuzz)
		if [ "${who%:*}" = may-not ]; then run=(without python3 "$HERE/procfuzz.py"); fi
		"${run[@]}" "${who%:*}" "$seed" "$EACH" >"/tmp/fuzz.$round.$who" &
		pids+=($!)
	done
	ended "round $round: every answer to one who may write is right" "${pids[0]}"
	ended "round $round: and to another one at the same time" "${pids[1]}"
	ended "round $round: nothing is taken from one who opened the files as root and is not root any more" "${pids[2]}"
	ended "round $round: nor from root without CAP_NET_ADMIN" "${pids[3]}"
	check "round $round: all can be put back" put_back
	released "$download"
	ended "round $round: a download beside it arrives whole" "$download"
done
cat /tmp/fuzz.* | awk '$1 == "operations" { n += $2 } END { print "# " n " operations" }'
at_least "that many were done" "$((EACH * 4 * ROUNDS))" "$(cat /tmp/fuzz.* | awk '$1 == "operations" { n += $2 } END { print n }')"
same "all settings are as before" "$before" "$(settings)"
same "and the files' modes and owners" "$modes" "$(stat -c '%n %a %u %g' "$PROC"*/*)"
# That what was tried is not all of one kind.
never() { # HOW COLUMN: files that were never that
	awk -v column="$2" 'NF == 4 { n[$1] += $column } END { for (file in n) if (!n[file]) print file }' /tmp/fuzz.*:[12] |
		grep -vE "/(${3-nothing})\$" | sort
}
same "every file that takes something took something" "" "$(never taken 2 'stats|version|engine|hz|ioctl|byteCacheIoFails')"
same "every file refused something" "" "$(never refused 3)"
same "every file was read whole" "" "$(never read 4)"
same "each refusal was counted, and nothing else" \
	"$(cat /tmp/fuzz.* | awk '$1 == "rejected" { n += $2 } END { print n }')" "$(($(rejected) - refusals))"

# What is to be noticed is: somebody has the right who should not, bytes that are not those that were sent.
accuses() { ! fuzz may-not "$SEED" 2000 2>/tmp/accused >&2 && grep -q ', without the right to$' /tmp/accused; }
check "a file that takes what it should refuse is noticed" accuses
put_back
KEY=0x5BD7 python3 "$HERE/traffic.py" serve 5002 "$BYTES" >/dev/null &
until_true 10 sh -c 'ss -tlnH | grep -q :5002'
refuse "other bytes than were sent are noticed" client python3 "$HERE/traffic.py" fetch 10.9.0.1 5002 "$BYTES"

hold
fetch >/dev/null &
download=$!
check "connections are accelerated as before" until_true 30 adopted
released "$download"
ended "and whole" "$download"
put cmd "flowShortTimeout: 1000"
forgotten() { [ "$(stat_of NumOfFlows)" -lt 5 ] && [ "$(stat_of NumOfAccFlows)" = 0 ]; }
check "flows are forgotten" until_true 60 forgotten
same "nobody was accused" 0 "$(stat_of SocketsBounded)"
after=$(kernel_kb)
echo "# $((after - idle)) kB more of the kernel's memory than before"
check "memory is bounded" [ $((after - idle)) -le 4096 ]
check "the module unloads" rmmod appex
finish
