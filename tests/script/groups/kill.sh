# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# kill -9 at every step of start, stop, reload and restart: stop puts everything back, and nothing is left.
#
# A step is a simple command of the script, in its own shell or in one of its subshells, before which a trap on DEBUG
# kills. Steps with even numbers are killed with all that the script has started, as the kernel does for lack of memory in
# a service, odd ones alone, with the subshells and programs at work going on; two times of three a start comes between.
# There are about 46,000 steps at 3,000 places, most in loops over the settings. So it is
#   by default    each place (line) of the scripts at one of its steps, and of these AT_ONCE, other ones in each run;
#   EVERY=places  each place;
#   EVERY=N       each Nth step, EVERY=1 all of them, which takes many hours.

# breaks: test_start | lib/commands.sh | s/^\toffload_restore keep_none || status=1/\t:/
# breaks: test_reload | lib/commands.sh | s/^\tmemory_restore || status=1/\t:/
# breaks: test_stop | lib/shape.sh | s/^shape_remove() {/&\n\treturn 0/
# breaks: test_restart | lib/system.sh | s/^ppp_remove() {/&\n\treturn 0/
# breaks: test_before_a_record | lib/offload.sh | s/^\t\toffload_record "$each" .*/\t\tfeatures_set "$each" "${request[@]}"; &/
# breaks: test_a_mark_alone | lib/commands.sh | s/|| guard_undo/|| :/
# breaks: test_hooks | lib/commands.sh | s/^\t\tppp_remove$/\t\t:/
# breaks: test_hooks | lib/system.sh | s/^\tprintf .*| write_whole "$PPP_FILE" || {/\ttrue || {/
# breaks: test_the_default_for_a_moment | lib/shape.sh | s/^\tshape_write 2>.dev.null || :$/\t:/
# breaks: test_half_written | lib/common.sh | s/|| rm -f -- "$file.new" 2/|| true 2/
# breaks: test_a_trial | lib/commands.sh | s/^\t\ttry_forget$/\t\t:/

AT_ONCE=4

# machine: two devices, one with a queueing discipline that is not the default any more, and all that a start can change.
machine() {
	export APPEX_SYSCTL=$T/sys APPEX_MEMINFO=$T/meminfo TMPDIR=$T/tmp
	mkdir -p "$T"/sys/net/{ipv4,core} "$T"/ppp/{ip-up.d,ip-down.d} "$T/tmp" "$T/bin"
	echo 'MemTotal: 1000000 kB' >"$APPEX_MEMINFO"
	printf '4096 131072 8000000\n' >"$T/sys/net/ipv4/tcp_rmem"
	printf '4096 16384 4194304\n' >"$T/sys/net/ipv4/tcp_wmem"
	echo 212992 >"$T/sys/net/core/wmem_max"
	echo fq_codel >"$T/sys/net/core/default_qdisc"
	veth eth0
	ip link set eth0 up
	ip tuntap add eth1 mode tap
	ip link set eth1 up
	echo 'lport=80 off' >"$APPEX_ROOT/etc/rules"
	# Nobody is to look later: hundreds would wait. Its absence is done without.
	printf '#!/bin/sh\nexit 1\n' >"$T/bin/setsid"
	chmod +x "$T/bin/setsid"
	PATH=$T/bin:$PATH
	cat >"$T/trace" <<-'TRACE'
		unset BASH_ENV # the stand-ins are scripts, too
		set -T
		trap 'printf "%s\n" "${BASH_SOURCE[0]##*/}:$LINENO" >&7' DEBUG
	TRACE
	# A pipe of as many lines as there are steps before, which all shells of the script share.
	cat >"$T/kill" <<-'KILL'
		unset BASH_ENV # the stand-ins are scripts, too
		set -T
		trap 'read -r -u 7 _ || if ((KILL_AT % 2)); then kill -9 "$$"; else kill -9 0; fi' DEBUG
	KILL
	cat >"$T/kill-there" <<-'KILL'
		unset BASH_ENV # the stand-ins are scripts, too
		set -T
		trap '[[ $BASH_COMMAND != $KILL_AT ]] || kill -9 "$$"' DEBUG
	KILL
	small=('accif="eth0 eth1"' engineNum=1)
	all=("${small[@]}" gso=0 rsc=0 wankbps=1000 'shrinkOSWmem="1 1"' advinacc=1 accppp=1 "pppup=$T/ppp/up")
	config "${all[@]}"
	# Makes the file of the lock, which stays.
	run_lot stop
	before=$(seen)
}

seen() {
	features eth0
	features eth1
	tc qdisc show
	tail -n +1 "$T"/sys/net/*/*
	find "$T/ppp" "$T/tmp" "$APPEX_RUN" "$APPEX_ROOT/etc" -printf '%p %l\n' | sort
}

# killed COMMAND: runs it with what is to kill it, in BASH_ENV. What it has started gets to its end.
killed() {
	STATUS=0
	# This shell tells who was killed, too.
	{ /usr/bin/setsid --wait "$LOT" "$1" >"$T/out" 2>"$T/err" || STATUS=$?; } 2>/dev/null
	flock -w 60 "$APPEX_RUN/lotServer.lock" true || fail "$1: somebody keeps the lock"
	# The stand-in of the module's loader may be at work without a lock.
	local i
	for ((i = 0; i < 600; i++)); do
		grep -qsE '^(modprobe|rmmod|ethtool|tc)$' /proc/[0-9]*/comm || break
		sleep 0.1
	done
}

# back WHERE [STARTED]: stop puts everything back, the next start begins with nothing.
back() {
	if [[ -n ${2-} && ! -e $APPEX_PROC ]]; then
		run_lot start
		is "$1: start: $STATUS" "$1: start: 0"
	fi
	run_lot stop
	[[ $STATUS == 0 || $STATUS == 1 && $ERR == 'LotServer is not running!' ]] || fail "$1: stop"
	absent "$APPEX_PROC"
	is "$1: $(diff <(echo "$before") <(seen))" "$1: "
}

# prepare COMMAND: as it is before that command.
prepare() {
	config "${all[@]}"
	case $1 in
	stop | restart) ok_lot start ;;
	reload)
		config "${small[@]}" rsc=0 wankbps=500 accppp=1
		ok_lot start
		config "${all[@]}"
		;;
	esac
}

# steps COMMAND: the numbers of those where it is to be killed.
steps() {
	local every=${EVERY:-places} count
	prepare "$1"
	BASH_ENV=$T/trace ok_lot "$1" 7>"$T/steps"
	run_lot stop
	count=$(wc -l <"$T/steps")
	((count > 2000)) || fail "$1 has $count steps only"
	if [[ $every != places ]]; then
		seq $((RANDOM % every)) "$every" "$count"
		return
	fi
	# The first parts are read in each start of the script, and change nothing.
	grep -nE ':[0-9]+$' "$T/steps" | shuf | awk -F: '!seen[$2 ":" $3]++ { print $1 - 1 }' |
		if [[ -n ${EVERY-} ]]; then cat; else head -n "$AT_ONCE"; fi
}

# sweep COMMAND: kills it at its steps.
sweep() {
	local at round=0 hit=0
	local -a chosen
	machine
	mapfile -t chosen < <(steps "$1")
	((${#chosen[@]} >= AT_ONCE)) || fail "only ${#chosen[@]} steps"
	for at in "${chosen[@]}"; do
		prepare "$1"
		BASH_ENV=$T/kill KILL_AT=$at killed "$1" 7< <(yes 2>/dev/null | head -n "$at")
		round=$((round + 1))
		((STATUS != 137)) || hit=$((hit + 1))
		back "$1 killed at step $at of $(wc -l <"$T/steps"), $(sed -n "$((at + 1))p" "$T/steps")" \
			"$( ((round % 3 == 0)) || echo start)"
	done
	# Waiting for something takes more steps one time than another.
	((hit * 10 >= round * 9)) || fail "killed $hit times of $round"
}

test_start() { sweep start; }
test_stop() { sweep stop; }
test_reload() { sweep reload; }
test_restart() { sweep restart; }

# killed_at COMMAND PLACE: the same before the first command like that, whatever the steps are this time.
killed_at() {
	BASH_ENV=$T/kill-there KILL_AT=$2 killed "$1"
	is "$1 killed at $2: $STATUS" "$1 killed at $2: 137"
}

test_before_a_record() {
	machine
	killed_at start 'offload_record*'
	back here
}

test_a_mark_alone() {
	machine
	killed_at start 'offload_apply*'
	exists "$APPEX_ROOT/etc/.guard"
	back here
}

# The module is gone already.
test_hooks() {
	machine
	prepare stop
	exists "$T/ppp/up"
	killed_at stop 'ppp_remove*'
	absent "$APPEX_PROC"
	back here
}

test_the_default_for_a_moment() {
	machine
	prepare stop
	killed_at stop 'put*SHAPE_DEFAULT*'
	is "$(<"$T/sys/net/core/default_qdisc")" pfifo_fast
	back here
}

# While a record is put in its place, together with what does that.
test_half_written() {
	machine
	printf '#!/bin/sh\ncase $* in *%s*) kill -9 0 ;; esac\nexec /bin/mv "$@"\n' .offload.new >"$T/bin/mv"
	chmod +x "$T/bin/mv"
	killed start
	is "$STATUS" 137
	exists "$APPEX_ROOT/etc/.offload.new"
	back here
}

# What is left of a trial would end a later start.
test_a_trial() {
	machine
	rm "$T/bin/setsid"
	config "${small[@]}"
	killed_at try 'shape_apply*'
	exists "$APPEX_RUN/lotServer.try"
	killed_at stop guard_forget
	back here
}
