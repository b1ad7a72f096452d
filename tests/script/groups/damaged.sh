# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# Configurations and rules that got damaged, as mutate.py makes them, through what loads them: taken or refused with
# messages of the script's own, soon, and nothing executed, made, expanded or loaded.

# breaks: test_configurations | lib/config.sh | s/^\tlocal line=$1 at=.*/\teval "$1" 2>\/dev\/null; &/
# breaks: test_configurations | lib/config.sh | s/^\tflags=$((CONFIG\[tcpFlags\]))/\tflags=$((CONFIG[tcpFlags] + NOT_THERE))/
# breaks: test_configurations | lib/check.sh | s/^\tint) whole .*/\tint) ((text >= min)) ;;/
# breaks: test_endless_lines | lib/config.sh | s/^\tif ((${#line} > LINE_MAX)); then/\tif false; then/
# breaks: test_start_of_damaged_ones | lib/config.sh | s/^\t((CONFIG_ERRORS == 0)) || exit 1/\t:/
# breaks: test_terminal_is_safe | lib/config.sh | s/^\tSHOWN=${SHOWN\/.*/\t:/
# breaks: test_rules | lib/rules.sh | s/\&\& read -ra words .*/\&\& eval "words=(${1%%#*})"/
# breaks: test_rules_of_a_start | lib/rules.sh | s/^\treturn 1$/\treturn 0/

# What the script says begins like this.
SAYS='^(ERROR|WARNING)\((CONFIG|RULES)\): |^\[warn\] |^Failed to write configuration: |^Missing config file: '

# mutations FILE COUNT: copies of it, in $T/damaged.
mutations() {
	mkdir -p "$T/damaged" "$T/here" "$T/traces"
	"$HERE/mutate.py" "$1" "$T/damaged" "$2" "$T/traces/run"
	is "$(find "$T/damaged" -type f | wc -l)" "$2"
	cd "$T/here" || fail cd
}

# base: what is shipped, for a device that is there.
base() {
	sed 's/^accif=.*/accif="eth0"/' "$SCRIPTS/../etc/config" >"$T/base"
	like "$(grep -c = "$T/base")" '[4-9][0-9]'
}

# clean: nothing was executed or made.
clean() {
	is "$(ls -A "$T/here" "$T/traces")" $''"$T/here:"$'\n\n'"$T/traces:"
	untouched
}

# each CODE: runs it for each mutation, in FILE, in a subshell of one shell with the script's parts: how many ended how, in
# OUT; all must come back within five seconds, though the machine is busy, and say nothing but SAYS.
each() {
	with_parts '
		mkdir "$APPEX_RUN/said"
		declare -A ends=()
		slowest=0
		for FILE in "$APPEX_RUN"/../damaged/*; do
			status=0 begin=${EPOCHREALTIME/.}
			('"$1"') >"$APPEX_RUN/said/${FILE##*/}" 2>&1 || status=$?
			took=$((${EPOCHREALTIME/.} - begin))
			((took < 5000000)) || echo "${FILE##*/} took $took us"
			ends[$status]=$((${ends[$status]-0} + 1))
		done
		for status in "${!ends[@]}"; do echo "$status: ${ends[$status]}"; done | sort'
	is "$STATUS" 0
	! grep -aEv "$SAYS" "$APPEX_RUN"/said/* -h >"$T/strange" || fail "$(head -c 2000 "$T/strange" | cat -v)"
	clean
}

test_configurations() {
	base
	mutations "$T/base" 500
	each 'CONFIG_FILE=$FILE; set -e; config_load; trap - EXIT; ((${#CONFIG[@]} == ${#KEY_ORDER[@]}))'
	# Some only moved a line, or are damaged in a comment.
	like "$OUT" $'0: 2??\n1: 2??'
}

test_endless_lines() {
	local begin with
	while IFS='|' read -r with begin; do
		{
			printf '%s\n%s' 'accif="eth0"' "$begin"
			printf '%1048576s' '' | tr ' ' "$with"
			printf '"\n'
		} >"$CONF"
		STATUS=0
		timeout 20 "$LOT" start >"$T/out" 2>"$T/err" || STATUS=$?
		is "$STATUS" 1
		like "$(<"$T/err")" "ERROR(CONFIG): $CONF:2: this line has * characters: it must have 16384 at most"
	done <<-'LINES'
		 |accif="eth0
		 |accif=eth0
		0|wankbps="
		 |
		a|
		"|acc="
	LINES
	# As long as it may be.
	printf 'accif="eth0%*s"\nwankbps="%016000d"\n' 16000 '' 7 >"$CONF"
	STATUS=0
	timeout 20 "$LOT" start >"$T/out" 2>"$T/err" || STATUS=$?
	is "$STATUS$(in_engine wanKbps)" 07
}

# Through the command itself, with all that it does around.
test_start_of_damaged_ones() {
	local file refused=0
	base
	mutations "$T/base" 40
	for file in "$T"/damaged/*; do
		cp "$file" "$CONF"
		STATUS=0
		timeout 30 "$LOT" start >"$T/out" 2>"$T/err" || STATUS=$?
		((STATUS <= 1)) || fail "$file: $STATUS"
		if grep -aq '^ERROR' "$T/err"; then
			is "$STATUS" 1
			clean
			refused=$((refused + 1))
		else
			is "${file##*/} $STATUS" "${file##*/} 0"
			"$LOT" stop >/dev/null
			rm "$FAKE_STATE/loads"
		fi
		! grep -aEv "$SAYS" "$T/err" >"$T/strange" || fail "$(head -c 2000 "$T/strange" | cat -v)"
	done
	((refused > 5)) || fail "only $refused refused"
	is "$(ls -A "$T/traces" "$T/here" | wc -w)" 2
}

test_terminal_is_safe() {
	printf 'accif="eth0"\nacc="\e]0;x\a\e[2J"\n\e[31mred\nlanif="\e[1m\nwankbps=1 \e[2m\n' >"$CONF"
	run_lot start
	is "$STATUS$(tr -d '[:print:]\n' <"$T/err")" 1
	is "$(wc -l <"$T/err")" 4
	config 'accif="eth0"' "acc=\"$(printf '%09999d' 0)\""
	run_lot start
	is "$STATUS" 1
	((${#ERR} < 1500)) || fail "a message of ${#ERR} characters"
}

# a_list: rules as people write them.
a_list() {
	local i
	for ((i = 1; i <= 20; i++)); do
		printf '%s\n' "# number $i" "lport=$i mode=max # shop" "to=10.$i.0.0/16 off" ''
	done >"$T/base"
}

test_rules() {
	a_list
	mutations "$T/base" 1000
	each 'RULES_FILE=$FILE; rules_read && ((${#RULES[@]} < 200))'
	# All but what has an endless line.
	like "$OUT" $'0: 9??\n1: ??*'
}

# The stand-in refuses "bad" and what is too long; neither is left half in it.
test_rules_of_a_start() {
	a_list
	mutations "$T/base" 20
	config accif=eth0 engineNum=1
	local file refused=0
	for file in "$T"/damaged/*; do
		cp "$file" "$APPEX_ROOT/etc/rules"
		echo "lport=1 $( ((RANDOM % 2)) && echo bad)" >>"$APPEX_ROOT/etc/rules"
		STATUS=0
		timeout 60 "$LOT" start >"$T/out" 2>"$T/err" || STATUS=$?
		((STATUS <= 1)) || fail "$file: $STATUS"
		! grep -aEv "$SAYS" "$T/err" >"$T/strange" || fail "$(head -c 2000 "$T/strange" | cat -v)"
		if ((STATUS == 1)); then
			like "$(tail -n 1 "$T/err")" "*$APPEX_ROOT/etc/rules*"
			absent "$APPEX_PROC"
			refused=$((refused + 1))
		else
			"$LOT" stop >/dev/null
		fi
	done
	((refused > 0)) || fail 'none was refused'
	is "$(ls -A "$T/traces" "$T/here" | wc -w)" 2
}
