#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest half of tests/stress/packetdrill: the kernel's own scripts for packetdrill, run by drill/drill.py in user-mode Linux.
#
# Three times: without the module, with it and tun0, the scripts' interface, attached, and with zeta as the congestion
# control that each connection has from its first packet. The first is what the others are compared with, by
# drill/compare.py. VERSIONS: of IP, those of drill.py. NAMES: of scripts, instead of all.
# shellcheck disable=SC2119 # require takes optional module parameters
# shellcheck source=tests/functional/lib.sh
. tests/functional/lib.sh

VERSIONS=${VERSIONS:-ipv4}
SCRIPTS=/tmp/scripts
RESULTS=/run/out/results # kept with tests/lab/uml --keep
export TOLERANCE_US=14000 # what the kernel's own starter gives a slow machine
export PYTHONDONTWRITEBYTECODE=1

shopt -s nullglob
sources=(/lab/src/linux-source-*/tools/testing/selftests/net/packetdrill)
[ ${#sources[@]} -gt 0 ] || {
	not_ok "there is a kernel source with scripts for packetdrill in the lab"
	finish
	exit 1
}
cp -r "$(printf '%s\n' "${sources[@]}" | sort -V | tail -n 1)" "$SCRIPTS"
chmod +x "$SCRIPTS"/*.sh "$SCRIPTS"/*.py
# shellcheck disable=SC2154 # the runner's
case $LAB_KERNEL in plain) build=uml ;; *) build=uml-$LAB_KERNEL ;; esac
insmod "/lab/build/$build/drivers/net/tun.ko"
mkdir -p /dev/net "$RESULTS"
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
ip link set lo up

# Connections that a script leaves behind live on for a while: no other has their ports.
PORT=1024
# all WHICH: what became of each script, a line each.
all() {
	local version
	for version in $VERSIONS; do
		# shellcheck disable=SC2086 # names are words
		FIRST_PORT=$PORT python3 tests/stress/drill/drill.py "$SCRIPTS" "$version" ${NAMES-} >"$RESULTS/part"
		PORT=$((PORT + 3000))
		sed "s/^/$version /" "$RESULTS/part"
	done >"$RESULTS/$1"
}

# Scripts with one thing wrong in each.
plant() { # NAME SED-EXPRESSION
	sed "$2" "$SCRIPTS/tcp_basic_server.pkt" >"$FAULTY/$1.pkt"
	if cmp -s "$SCRIPTS/tcp_basic_server.pkt" "$FAULTY/$1.pkt"; then not_ok "$1 has something wrong in it"; fi
}
FAULTY=/tmp/faulty
mkdir "$FAULTY"
cp "$SCRIPTS"/*.sh "$FAULTY"
plant acknowledgement 's/ack 1001$/ack 1002/'
plant call 's/= 1000/= 999/'
plant option 's/mss 1460/mss 1461/'
plant time 's/\.04 >/.4 >/'
plant unheard 's/recv(4/teleport(4/'
FIRST_PORT=60000 python3 tests/stress/drill/drill.py "$FAULTY" ipv4 >/tmp/faulty.out
same "a script with something wrong in it is red, one with something unknown is not passed" \
	"acknowledgement red packet: call red call: option red packet: time red time: unheard unknown call" \
	"$(cut -d' ' -f1-3 /tmp/faulty.out | xargs)"

all without
require
put subnetAccEnable 1
put wanIf tun0
export SKIP_COPIES=1
all attached
DRILL_CONTROL=zeta all by-name
least=1
[ -n "${NAMES-}" ] || least=$((150 * $(wc -w <<<"$VERSIONS")))
python3 tests/stress/drill/compare.py "$RESULTS" tests/stress/drill/differences "$least" "$TESTS" || FAILED=$((FAILED + 1))
TESTS=$((TESTS + 5))
at_least "connections of the scripts were taken over" "$([ -n "${NAMES-}" ] && echo 1 || echo 40)" "$(stat_of SocketsAdopted)"
# Half an hour that is simulated: the kernel gives up connections whose device is gone after a quarter of one.
unloads() {
	for _ in $(seq 60); do
		! rmmod appex 2>/dev/null || return 0
		sleep 30
	done
	return 1
}
check "the module unloads when the last of them is over" unloads
finish
