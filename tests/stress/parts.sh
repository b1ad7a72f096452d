# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The parts of `make stress`: what takes a number of times or hostility. Sourced by tests/run, which has `run` and `functional`.
#
# Two lanes at once, on two processors. What has not begun after STRESS_MINUTES (30) counts as failed, and what is at work
# then is ended. With LONG=1 all numbers are those of reliability.md's long runs: hours, and no limit but each part's own. Each
# number can be set by its own name, too.

STRESS_NUMBERS="HOSTILE_COUNT=100000:250000 PROCFUZZ_COUNT=200000:2000000 FLOOD_COUNT=1000000:1000000 BYTES_EACH=60000000:1000000000 FUZZ_SECONDS=30:600
 ROUNDS=80:1000 RACE_SECONDS=60:600 RECONNECTS=4000:100000 FLOWS=2000:10000 SCARCE=16:300"
# The last minute is for what has to end.
STRESS_END=$((${STRESS_MINUTES:-30} * 60 - 60))
STRESS_PART=10000

group_stress() {
	local number name
	for number in $STRESS_NUMBERS; do
		name=${number%%=*} number=${number#*=}
		if [ -n "${LONG-}" ]; then number=${number#*:}; else number=${number%:*}; fi
		declare -gx "$name=${!name:-$number}"
	done
	run stress-build tests/lab/enter tests/build.sh
	# Both in the background, as the time of a child counts for the shell that waits for it.
	stress_virtual &
	stress_user_mode &
	wait
}

# part NAME COMMAND...: as run, within what is left of the time.
part() {
	local name=$1 limit=$STRESS_PART
	shift
	if [ -z "${LONG-}" ]; then limit=$((STRESS_END - SECONDS)); fi
	if [ "$limit" -lt 30 ]; then
		run "stress-$name" echo "not ok - it begins within $STRESS_END seconds (STRESS_MINUTES= gives more)"
	else
		# What does not know of the limit is ended soon after it.
		run "stress-$name" timeout -k 20 $((limit + 20)) env TIME_LIMIT="$limit" "$@"
	fi
}

# A functional test on one of the kernels for user mode.
user_mode() { # KERNEL NAME [VARIABLE=VALUE]...
	local kernel=$1 name=$2
	shift 2
	part "$name-$kernel" env "$@" tests/functional/start "$kernel" "tests/functional/$name.sh"
}

# In QEMU, on the stock kernel; what `make test` leaves out of the functional tests under KASAN; and what fills up this lane.
stress_virtual() {
	local groups="sockets zerocopy" name
	if [ -n "${LONG-}" ]; then groups+=" ao tls fastopen mptcp"; fi
	part races tests/stress/smp races "RACE_SECONDS=$RACE_SECONDS"
	part crowd tests/stress/smp crowd "RECONNECTS=$RECONNECTS" "FLOWS=$FLOWS"
	part rounds tests/stress/smp rounds "ROUNDS=$ROUNDS"
	part devices tests/vm/suite/run 55-devices
	part kinds tests/stress/kinds
	part sockops tests/stress/kinds sockops
	# shellcheck disable=SC2086 # words
	part selftests tests/stress/selftests $groups
	for name in $KASAN_REST; do user_mode kasan "$name"; done
	user_mode plain flood FLOOD_LIMIT=100000
	user_mode kasan flood FLOOD_COUNT=100000
	user_mode lockdep flood FLOOD_COUNT=20000
	user_mode lockdep events
	part fuzz env SECONDS_EACH="$FUZZ_SECONDS" tests/fuzz/run
}

# In user-mode Linux and on the host.
stress_user_mode() {
	local kernel
	user_mode kasan hostile
	user_mode lockdep hostile HOSTILE_COUNT=4000
	user_mode kasan procfuzz
	part peers tests/stress/peers
	part packetdrill tests/stress/packetdrill
	user_mode plain bytes
	part bytes-jumbo env BYTES_EACH=$((BYTES_EACH * 4)) FRAME_BYTES=9000 tests/functional/start plain tests/functional/bytes.sh
	for kernel in kasan lockdep; do
		user_mode "$kernel" bytes BYTES_EACH=100000
		user_mode "$kernel" rounds
		user_mode "$kernel" scarce
	done
}

# Not part of `make stress`: the virtual machines' parts on kernels that look for data races (kcsan) and for locks, RCU, sleeping
# and leaks (locks), on four processors, and that a planted race is seen. Two hours with the kernels, which are built first.
group_debug() {
	local kernel
	for kernel in locks kcsan; do run "debug-kernel-$kernel" tests/vm/debug/kernel "$kernel"; done
	run races-self-check tests/vm/debug/selfcheck
	for kernel in locks kcsan; do debug_kernel "$kernel"; done
}

# Of the suite of the virtual machine. 25-sleep needs what wakes a machine, 90-seeing the kernel's tracing, 70-script a distribution's modules.
DEBUG_SUITE="10-start 20-live 40-offload 50-interfaces 55-devices 60-proc 65-users 80-shaper"

# shellcheck disable=SC2086 # words
debug_kernel() { # KERNEL
	export TIME_LIMIT=${TIME_LIMIT:-3600}
	run "debug-vm-$1" tests/vm/suite/run -k "$1" $DEBUG_SUITE
	run "debug-races-$1" tests/stress/smp -k "$1" races "RACE_SECONDS=${RACE_SECONDS:-300}"
	run "debug-rounds-$1" tests/stress/smp -k "$1" rounds "ROUNDS=${ROUNDS:-200}"
	run "debug-crowd-$1" tests/stress/smp -k "$1" crowd "RECONNECTS=${RECONNECTS:-2000}" "FLOWS=${FLOWS:-1000}"
	run "debug-kinds-$1" tests/stress/kinds -k "$1"
	run "debug-sockops-$1" tests/stress/kinds -k "$1" sockops
	run "debug-selftests-$1" tests/stress/selftests -k "$1" sockets zerocopy
}
