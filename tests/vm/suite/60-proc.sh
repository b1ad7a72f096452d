#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The engine's files on a real kernel: owners and modes, every key reads back as written, bad values
# change nothing, any offset and length of read, many readers and writers at once, reading across unload.
# Sabotage: somebody else writes to the file under test all the time.
set -u
. tests/vm/lib/suite.sh

begin "$(nic 0)"
product_set engineNum 1
path_up 0 40 10 0 || exit 1
check "start succeeds" lotserver start

same "every file belongs to root and nobody else can write it" "" \
	"$(find "$ENGINE" -type f \( ! -user root -o ! -group root -o -perm /022 \))"
check "a user without CAP_NET_ADMIN can read" setpriv --reuid 65534 --clear-groups cat "$ENGINE/stats"
before=$(cat "$ENGINE/cmd")
setpriv --bounding-set -net_admin --inh-caps -net_admin sh -c "echo 'initialCwndWan: 99' >$ENGINE/cmd" 2>/dev/null
same "root without CAP_NET_ADMIN cannot write" "$before" "$(cat "$ENGINE/cmd")"

if sabotaged; then
	(while sleep 0.01; do echo "shortRttMS: $((RANDOM % 100))"; done) 2>/dev/null >"$ENGINE/cmd" &
fi
# Writing back what was read is a change of nothing, for every key and every file.
failed=''
while read -r line; do
	case $line in wanState:* | engine:*) continue ;; esac
	echo "$line" >"$ENGINE/cmd" 2>/dev/null || failed+="[$line] "
done <<<"$before"
same "every line of cmd can be written back" "" "$failed"
same "and reads identical afterwards" "$before" "$(cat "$ENGINE/cmd")"
for file in tcpAccEnable trackRandomLoss conservMode subnetAccEnable maxTxEnable shaperEnable wanKbps wanInKbps; do
	value=$(cat "$ENGINE/$file")
	engine_write "$file" "$value"
	same "$file reads back as written" "$value" "$(cat "$ENGINE/$file")"
done

dmesg --clear
for bad in "initialCwndWan: -1" "initialCwndWan: x" "noSuchKey: 1" "initialCwndWan 5" "gso: 2" "l2wQLimit: 1"; do
	if echo "$bad" 2>/dev/null >"$ENGINE/cmd"; then bad "cmd refuses '$bad'"; else ok "cmd refuses '$bad'"; fi
done
same "nothing has changed" "$before" "$(cat "$ENGINE/cmd")"
check "the kernel's log says so" sh -c "dmesg | grep -q 'appex.*initialCwndWan'"

whole=$(cat "$ENGINE/cmd")
for size in 1 7 4095; do
	same "cmd read $size bytes at a time is the same" "$whole" "$(dd if="$ENGINE/cmd" bs=$size status=none)"
done
same "cmd read from byte 100 is its tail" "$(tail -c +101 <<<"$whole")" \
	"$(dd if="$ENGINE/cmd" iflag=skip_bytes skip=100 status=none)"

# Two values are only ever seen together, whoever writes: as many readings as it takes to see both, on a busy host too.
while :; do
	for pair in "256 2048" "512 4096"; do echo "l2wQLimit: $pair" >"$ENGINE/cmd" || exit 1; done
done &
writer=$!
torn='' small=0 large=0
for _ in $(seq 1000); do
	line=$(grep '^l2wQLimit:' "$ENGINE/cmd")
	case $line in
	"l2wQLimit: 256 2048") small=$((small + 1)) ;;
	"l2wQLimit: 512 4096") large=$((large + 1)) ;;
	*) torn="$line" ;;
	esac
	if [ "$small" -ge 10 ] && [ "$large" -ge 10 ]; then break; fi
done
check "the writer still writes" kill "$writer"
wait "$writer" 2>/dev/null || true
check "each of two pairs of values was read 10 times meanwhile: $small, $large" test "$small" -ge 10 -a "$large" -ge 10
same "a pair of values is never seen torn" "" "$torn"

# Readers that hold the files open while the module goes: their reads end, the unload does not wait for ever.
for _ in 1 2 3; do
	(while :; do cat "$ENGINE/stats" "$ENGINE/cmd" 2>/dev/null; done >/dev/null) &
	readers+=("$!")
done
exec 5<"$ENGINE/stats"
for round in 1 2 3 4 5; do
	check "round $round: stop while files are read" lotserver stop
	check "round $round: start again" lotserver start
done
check "a file held open across an unload gives an end or an error, not a hang" timeout 5 sh -c 'cat <&5 >/dev/null 2>&1 || true'
exec 5<&-
kill "${readers[@]}"
check "stop succeeds" lotserver stop
check "nothing of it is loaded" stopped
finish
