# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# Disks that take nothing: the installation read-only, and one without a byte left. Every command comes back soon, says
# which file and what to do or does without, and what a refused start changed is as before.

# breaks: test_read_only_start_refused | lib/offload.sh | s/^\t\toffload_record "$each" .*/\t\toffload_record "$each" "${names[@]}" || : || {/
# breaks: test_read_only_start_refused | lib/common.sh | s/^\twarn "Cannot write $file.*/\t:/
# breaks: test_read_only_without_records | lib/guard.sh | s/guard_write || warn .*/guard_write || exit 1/
# breaks: test_read_only_stop | lib/common.sh | s/^\twarn "Cannot remove $1.*/\t:/
# breaks: test_read_only_stop | lib/commands.sh | s/^\tmemory_restore || status=1/\t:/
# breaks: test_read_only_reload | lib/commands.sh | s/^\tROLLBACK=reload_undo$/\t:/
# breaks: test_read_only_run | lib/common.sh | s/ || die "ERROR: cannot write $LOCK_FILE.*//
# breaks: test_full_start_refused | lib/memory.sh | s/^\t\twarn "Failed to write $RUNCONFIG_FILE"/\t\treturn 0/
# breaks: test_full_start_refused | lib/common.sh | s/^\trm -f -- "$new".*/\t:/
# breaks: test_full_shaper | lib/shape.sh | s/^\tshape_write || {/\tshape_write || : || {/
# breaks: test_full_stop | lib/shape.sh | s/^\t((status != 0)) || SHAPED=()$/\t:/
# breaks: test_full_stop | lib/commands.sh | s/^\toffload_restore keep_none || status=1/\t:/
# breaks: test_full_reload | lib/commands.sh | s/^\toffload_restore keep_old || :/\t:/
# breaks: test_full_rules | lib/rules.sh | s/| write_whole "$RULES_FILE" ||/>"$RULES_FILE" ||/
# breaks: test_full_try | lib/try.sh | s/| write_whole "$TRY_FILE" || die .*/| write_whole "$TRY_FILE" || :/
# breaks: test_full_run | lib/common.sh | s/^\t{ printf .*>"$PID_FILE"; } .*/\tprintf x >"$PID_FILE"/

ETC() { printf '%s/etc' "$APPEX_ROOT"; }

# machine: two devices, one of them with the kernel's default of another time, and settings of its own; LINES beside accif.
machine() {
	export APPEX_SYSCTL=$T/sys APPEX_MEMINFO=$T/meminfo TMPDIR=$T/tmp
	mkdir -p "$T"/sys/net/{ipv4,core} "$T"/ppp/{ip-up.d,ip-down.d} "$T/tmp"
	echo 'MemTotal: 1000000 kB' >"$APPEX_MEMINFO"
	printf '4096\t131072\t8000000\n' >"$T/sys/net/ipv4/tcp_rmem"
	printf '4096\t16384\t4194304\n' >"$T/sys/net/ipv4/tcp_wmem"
	echo 212992 >"$T/sys/net/core/wmem_max"
	echo fq_codel >"$T/sys/net/core/default_qdisc"
	veth eth0
	ip link set eth0 up
	ip tuntap add eth1 mode tap
	ip link set eth1 up
	small=('accif="eth0 eth1"' engineNum=1)
	all=("${small[@]}" gso=0 rsc=0 wankbps=1000 'shrinkOSWmem="1 1"' advinacc=1 accppp=1)
	config "${small[@]}"
	before=$(seen)
}

# seen: what a start may change, and must not when it is refused.
seen() {
	features eth0
	features eth1
	tc qdisc show
	# The kernel puts tabs where blanks are written.
	tail -n +1 "$T"/sys/net/*/* | tr '\t' ' '
	find "$T/ppp" "$T/tmp" -printf '%p %l\n' | sort
}

# as_before: no trace of a start.
as_before() {
	same
	absent "$APPEX_PROC"
}
same() { is "$(diff <(echo "$before") <(seen))" ''; }

# only_configured: no record, and nothing half written, beside these.
only_configured() {
	is "$(ls -A "$(ETC)")" "$(printf '%s\n' "$@")"
}

read_only() { mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"; }

# full DIRECTORY: what is in it is on a disk of its own that has no byte left.
full() {
	mkdir "$T/kept"
	cp -a "$1/." "$T/kept/"
	mount -t tmpfs -o size=64k none "$1"
	cp -a "$T/kept/." "$1/"
	rm -r "$T/kept"
	fill "$1"
}
fill() {
	cat /dev/zero >"$1/.filler" 2>/dev/null || :
	! echo more 2>/dev/null >"$1/.more" || fail "there is room in $1"
	rm -f "$1/.more"
}
room() { rm "$1/.filler"; }

# soon ARG...: runs the script, which ends within a minute even on a busy machine, and says nothing of its own lines.
soon() {
	STATUS=0
	timeout -k 1 60 "$LOT" "$@" >"$T/out" 2>"$T/err" || STATUS=$?
	OUT=$(<"$T/out") ERR=$(<"$T/err")
	((STATUS < 124)) || fail "it did not end"
	unlike "$OUT$ERR" '*: line [0-9]*'
	unlike "$OUT$ERR" '*No such file*'
}

# refused FILE WHY ARG...: so ends a command that cannot do without a file.
refused() {
	local file=$1 why=$2
	shift 2
	soon "$@"
	is "$STATUS" 1
	like "$ERR" "*Cannot write $file: $why: make room there, or make it writable*"
}

RO='Read-only file system'
FULL='No space left on device'

test_read_only_start_refused() {
	machine
	config "${all[@]}"
	read_only "$APPEX_ROOT"
	refused "$(ETC)/.offload" "$RO" start
	like "$ERR" '*Failed to write*no offload of eth0 was changed*'
	as_before
	refused "$(ETC)/.offload" "$RO" restart
	as_before
	refused "$(ETC)/.offload" "$RO" try 60
	as_before
	absent "$APPEX_RUN/lotServer.try"
	soon status
	is "$STATUS" 0
	like "$OUT" '*NOT running*'
	soon check
	is "$STATUS" 0
	soon stop
	is "$STATUS$ERR" '1LotServer is not running!'
	as_before
	only_configured config
}

# What needs no record starts all the same.
test_read_only_without_records() {
	machine
	read_only "$APPEX_ROOT"
	soon start
	is "$STATUS" 0
	like "$ERR" "*Cannot write $(ETC)/.guard: $RO*should this machine crash*"
	is "$(in_engine wanIf)" 'eth0 eth1'
	soon status
	is "$STATUS" 0
	soon reload
	is "$STATUS" 0
	soon rules add lport=80 off
	is "$STATUS" 1
	like "$ERR" "*Cannot write $(ETC)/rules: $RO*What runs has the change*"
	soon stop
	is "$STATUS" 0
	as_before
	only_configured config
}

# Made read-only by the kernel after an error of the disk, while it runs.
test_read_only_stop() {
	machine
	config "${all[@]}"
	ok_lot start
	unlike "$(seen)" "$before"
	exists "$T/ppp/ip-up.d/pppup"
	read_only "$(ETC)"
	soon stop
	is "$STATUS" 1
	as_before
	local name
	for name in .offload .runconfig .qdisc; do
		like "$ERR" "*Cannot remove $(ETC)/$name: $RO: make it writable, then run lotServer.sh stop*"
	done
	umount "$(ETC)"
	ok_lot stop
	as_before
	only_configured config
}

test_read_only_reload() {
	machine
	ok_lot start
	config "${all[@]}" wankbps=77
	read_only "$(ETC)"
	refused "$(ETC)/.offload" "$RO" reload
	like "$ERR" '*goes on with its former settings*'
	is "$(in_engine wanKbps)" 0
	same
	soon status
	is "$STATUS" 0
	umount "$(ETC)"
	ok_lot stop
	as_before
	only_configured config
}

test_read_only_run() {
	machine
	read_only "$APPEX_RUN"
	local command
	for command in start stop reload restart 'rules add lport=1 off'; do
		# shellcheck disable=SC2086 # words of a command
		soon $command
		is "$STATUS" 1
		[[ $command == rules* ]] || is "$ERR" "ERROR: cannot write $APPEX_RUN/lotServer.lock: make $APPEX_RUN writable"
	done
	soon status
	is "$STATUS" 0
	as_before
	only_configured config
}

test_full_start_refused() {
	machine
	config "${all[@]}"
	full "$(ETC)"
	refused "$(ETC)/.offload" "$FULL" start
	as_before
	only_configured .filler config
	config_is "${all[@]}"
	room "$(ETC)"
	config "${small[@]}" 'shrinkOSWmem="1 1"'
	fill "$(ETC)"
	refused "$(ETC)/.runconfig" "$FULL" restart
	as_before
	soon status
	is "$STATUS" 0
	soon stop
	is "$STATUS" 1
	as_before
	only_configured .filler config
	config_is "${small[@]}" 'shrinkOSWmem="1 1"'
}
config_is() { is "$(<"$CONF")" "$(printf '%s\n' "$@")"; }

# A shaper is no reason not to start.
test_full_shaper() {
	machine
	config "${small[@]}" wankbps=1000 accppp=1
	full "$(ETC)"
	soon start
	is "$STATUS" 0
	like "$ERR" "*Cannot write $(ETC)/.qdisc: $FULL*no shaper on eth0*"
	like "$ERR" '*new PPP links stay unaccelerated*'
	same
	soon stop
	is "$STATUS" 0
	as_before
	only_configured .filler config
}

test_full_stop() {
	machine
	config "${all[@]}" "pppup=$T/ppp/up"
	ok_lot start
	exists "$T/ppp/up"
	full "$(ETC)"
	full "$T/tmp"
	soon stop
	umount "$T/tmp"
	is "$STATUS" 0
	as_before
	only_configured .filler config
	# Killed before it was stopped, too, and with nothing to remove before the first record is written.
	umount "$(ETC)"
	rm "$(ETC)"/.[a-z]*
	config "${all[@]}" accppp=0
	ok_lot start
	umount "$T/proc"
	full "$(ETC)"
	soon stop
	is "$STATUS" 0
	as_before
	only_configured .filler config
}

test_full_reload() {
	machine
	ok_lot start
	config "${all[@]}" wankbps=77
	full "$(ETC)"
	refused "$(ETC)/.offload" "$FULL" reload
	like "$ERR" '*goes on with its former settings*'
	is "$(in_engine wanKbps)" 0
	same
	# Half of it: the first device gets on the disk, and is changed, and the second one does not.
	truncate -s -4096 "$(ETC)/.filler"
	refused "$(ETC)/.offload" "$FULL" reload
	same
	soon stop
	is "$STATUS" 0
	as_before
	only_configured .filler config
}

test_full_rules() {
	machine
	local i text
	for ((i = 1; i <= 100; i++)); do
		echo "# rule $i, with a comment that must not be lost"
		echo "lport=$i off"
	done >"$(ETC)/rules"
	text=$(<"$(ETC)/rules")
	ok_lot start
	full "$(ETC)"
	for i in 'add lport=9999 off' 'del lport=1 off'; do
		# shellcheck disable=SC2086 # words of a command
		soon rules $i
		is "$STATUS" 1
		like "$ERR" "*Cannot write $(ETC)/rules: $FULL*What runs has the change, $(ETC)/rules has not*"
		is "$(<"$(ETC)/rules")" "$text"
	done
	room "$(ETC)"
	ok_lot rules del lport=1 off
	is "$(grep -c ' off$' "$(ETC)/rules")" 99
	is "$(grep -c '^# rule' "$(ETC)/rules")" 100
	ok_lot stop
	only_configured config rules
}

test_full_try() {
	machine
	full "$APPEX_RUN"
	refused "$APPEX_RUN/lotServer.try" "$FULL" try 60
	as_before
	is "$(ls -A "$APPEX_RUN")" $'.filler\nlotServer.lock'
}

# The lock and the process number need no byte.
test_full_run() {
	machine
	config "${all[@]}"
	full "$APPEX_RUN"
	soon start
	is "$STATUS" 0
	unlike "$(seen)" "$before"
	soon stop
	is "$STATUS$ERR" 0
	as_before
	is "$(ls -A "$APPEX_RUN")" $'.filler\nlotServer.lock'
	only_configured config
}
