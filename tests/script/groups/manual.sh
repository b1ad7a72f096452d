# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# What is written about the keys agrees with the script, and the script's ranges
# and defaults with the engine's (Documentation/interface.rst, whose tables are
# made from the module's source).

# breaks: test_manual_has_every_key | lib/keys.sh | s/^key smBurstMS .*/key smBurstMS int:0:9:ms cmd:smBurstMS 16/
# breaks: test_ranges_agree_with_the_engine | lib/keys.sh | s/^\(key smBurstMS *\)int:0:10000/\1int:0:10001/
# breaks: test_defaults_agree_with_the_engine | lib/keys.sh | s/^\(key smBurstMS .*\)16$/\117/
# breaks: test_keys_of_the_script_have_tests | lib/keys.sh | s/ updatedAt / updatedAt inventedAt /
# breaks: test_obeyed_agrees_with_the_engine | lib/keys.sh | s/^\(key voipAccEnable .*\)file:voipAccEnable/\1file:wanKbps/

MANUAL=$HERE/../../Documentation/lotserver.rst
REFERENCE=$HERE/../../Documentation/interface.rst

# keys: lines "NAME KIND TARGET|DEFAULT|RANGE" of every key, as the script has them.
keys() {
	with_parts 'for k in "${KEY_ORDER[@]}"; do
		printf "%s %s %s|%s|%s\n" "$k" "${KEY_KIND[$k]}" "${KEY_TARGET[$k]}" "${KEY_DEFAULT[$k]}" "$(range_of "${KEY_KIND[$k]}")"
	done'
	is "$STATUS" 0
	printf '%s\n' "$OUT"
}

test_manual_has_every_key() {
	local name default range
	while IFS='|' read -r name default range; do
		name=${name%% *}
		case $name in
		afterLoad) default=/appex/bin/afterLoad ;;
		detectInterrupt | pmtu)
			grep -qF "\`\`$name\`\`" "$MANUAL" || fail "not in the manual: $name"
			continue
			;;
		esac
		if [[ $range == 'any text' ]]; then
			grep -qF "\`\`$name\`\`" "$MANUAL" || fail "not in the manual: $name"
		else
			grep -qF "   \"\`\`$name\`\`\", \"${default:+\`\`$default\`\`}\", \"$range\", \"" "$MANUAL" ||
				fail "the manual says otherwise: $name, default \"$default\", $range"
		fi
	done < <(keys)
}

# Which keys have an effect, in the manual and in the configuration's comments.
# What the script does by itself (gso, rsc) is an effect, too.
test_obeyed_agrees_with_the_engine() {
	local name target engine count=0
	while IFS='|' read -r name _; do
		read -r name _ target <<<"$name"
		case $name in
		gso | rsc) engine=yes ;;
		lanif) engine=$(engine_obeys lanIf) ;;
		highcsv) engine=$(engine_obeys tcpFlags) ;;
		*)
			[[ $target != ignored ]] || continue
			engine=yes
			[[ $target != *:* ]] || engine=$(engine_obeys "${target#*:}")
			;;
		esac
		is "$name $(manual_obeys "$name")" "$name $engine"
		count=$((count + 1))
	done < <(keys)
	((count > 60)) || fail "only $count keys compared"
}

# Each key that the engine does not have names the group that would turn red, and that group names it.
test_keys_of_the_script_have_tests() {
	local name target test count=0
	while IFS='|' read -r name _; do
		read -r name _ target <<<"$name"
		[[ $target != *:* ]] || continue
		test=$(sed -n "s/^   \"\`\`$name\`\`\", \"\([a-z]*\.sh\)\"$/\1/p" "$MANUAL")
		[[ -n $test && -f $HERE/groups/$test ]] || fail "no test of $name in the manual"
		grep -qw "$name" "$HERE/groups/$test" || fail "$test does not name $name"
		count=$((count + 1))
	done < <(keys)
	((count > 40)) || fail "only $count keys"
}

# The comment above a group of keys in etc/config speaks of all of them.
test_shipped_config_says_what_has_no_effect() {
	local name mark count=0
	while read -r name mark; do
		is "$name $mark" "$name $(manual_obeys "$name")"
		count=$((count + 1))
	done < <(awk '
		/^#/ { if (!comment) mark = "yes"; comment = 1; if (/\(no effect/) mark = "no"; next }
		/^[a-zA-Z0-9]+=/ { name = $0; sub(/=.*/, "", name); print name, mark }
		{ comment = 0 }' "$HERE/../../etc/config")
	((count > 30)) || fail "only $count keys compared"
}

# engine_obeys NAME, manual_obeys KEY: yes or no, as the reference and the manual say.
engine_obeys() {
	sed -n "s/^   \"$1\", \"[^\"]*\", \"[^\"]*\", \([a-z]*\), .*/\1/p" "$REFERENCE" | head -n 1
}

manual_obeys() {
	sed -n "s/^   \"\`\`$1\`\`\", \"[^\"]*\", \"[^\"]*\", \"\([a-z]*\)\", .*/\1/p" "$MANUAL"
}

# engine_row NAME: the reference's row for a file or key, "VALUES|DEFAULT".
engine_row() {
	sed -n "s/^   \"$1\", \"\([^\"]*\)\", \"\([^\"]*\)\", .*/\1|\2/p" "$REFERENCE" | head -n 1
}

test_ranges_agree_with_the_engine() {
	local name kind target min max row values count=0
	while IFS='|' read -r name _; do
		read -r name kind target <<<"$name"
		[[ $target == *:* ]] || continue
		IFS=: read -r kind min max _ <<<"$kind"
		row=$(engine_row "${target#*:}")
		values=${row%%|*}
		case $kind in
		bool) is "$name $values" "$name 0 or 1" ;;
		int) is "$name ${values#empty, or }" "$name $min to $max" ;;
		pair) is "$name $values" "$name two numbers, each $min to $max" ;;
		*) [[ -n $row ]] || fail "the engine does not know $name" ;;
		esac
		count=$((count + 1))
	done < <(keys)
	((count > 50)) || fail "only $count keys compared"
}

test_defaults_agree_with_the_engine() {
	local name default target expected
	while IFS='|' read -r name default _; do
		read -r name _ target <<<"$name"
		[[ $target == *:* ]] || continue
		expected=$(engine_row "${target#*:}")
		is "$name ${default:-empty}" "$name ${expected#*|}"
	done < <(keys)
}
