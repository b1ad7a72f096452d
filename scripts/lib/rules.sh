# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# rules: which connections are accelerated and how, kept in a file of their own
# beside the configuration. The engine knows their form.

# The longest write that the engine takes.
RULES_WRITE_MAX=4096

# rules_read: the rules of the file, without comments, in RULES. Fails where one is longer than any can be.
rules_read() {
	local line number=0
	RULES=()
	[[ -f $RULES_FILE ]] || return 0
	while IFS= read -r line || [[ -n $line ]]; do
		number=$((number + 1))
		[[ $line =~ ^[^#]* ]] && line=${BASH_REMATCH[0]}
		if ((${#line} > RULES_WRITE_MAX)); then
			warn "ERROR(RULES): $RULES_FILE:$number: this rule has ${#line} characters: it must have $RULES_WRITE_MAX at most"
			return 1
		fi
		rules_words "$line"
		[[ -z $RULE ]] || RULES+=("$RULE")
	done <"$RULES_FILE"
}

# rules_words TEXT: its words with one blank between them, without a comment, in RULE.
rules_words() {
	local -a words
	# Not cut off by a pattern, which takes time by the square of the length.
	[[ $1 =~ ^[^#]* ]] && read -ra words <<<"${BASH_REMATCH[0]}"
	RULE=${words[*]}
}

# rules_apply: what the file says replaces what the engine has. In one write, so
# that no connection meets half of it; only a very long list takes several.
rules_apply() {
	local rule text
	[[ -e $APPEX_PROC/rules ]] || return 0
	rules_read || return 1
	printf -v text '%s\n' "${RULES[@]}"
	if ((${#text} <= RULES_WRITE_MAX)); then
		# cat writes at once, the shell line by line.
		{ cat >"$APPEX_PROC/rules" <<<"${text%$'\n'}"; } 2>/dev/null && return 0
	else
		put "$APPEX_PROC/rules" '' || :
		for rule in "${RULES[@]}"; do
			put "$APPEX_PROC/rules" "+$rule" || break
		done && [[ $(wc -l <"$APPEX_PROC/rules") == "${#RULES[@]}" ]] && return 0
	fi
	warn "Failed to write configuration: $APPEX_PROC/rules (from $RULES_FILE; the kernel log names the line)"
	return 1
}

# do_rules [--json|add RULE...|del RULE...]: lists them with their hits, or changes one, in the
# engine and in the file.
do_rules() {
	local action=${1-} line
	if [[ ! -e $APPEX_PROC/rules ]]; then
		[[ $action != --json ]] || {
			say '{"running": false}'
			exit 1
		}
		say "$PRODUCT is NOT running!"
		exit 1
	fi
	case $action in
	--json)
		rules_json
		say "{\"running\": true, \"rules\": $JSON}"
		return
		;;
	'')
		printf '%10s  %s\n' hits rule
		while IFS= read -r line; do
			printf '%10s  %s\n' "${line##*hits=}" "${line%% #*}"
		done <"$APPEX_PROC/rules"
		return
		;;
	add | del) ;;
	*)
		usage
		exit 1
		;;
	esac
	rules_words "${*:2}"
	if [[ -z $RULE ]]; then
		usage
		exit 1
	fi
	local rule=$RULE
	if [[ $action == add ]]; then
		put "$APPEX_PROC/rules" "+$rule" || die "not a rule, or one too many: $rule"
	else
		put "$APPEX_PROC/rules" "-$rule" || die "not a rule: $rule"
	fi
	rules_save "$action" "$rule"
}

# rules_json: the rules that the engine has, in their order, in JSON.
rules_json() {
	local line list='' OBJECT
	while IFS= read -r line; do
		OBJECT=
		json_put_string rule "${line%% #*}"
		json_put_number hits "${line##*hits=}"
		list+="${list:+, }{$OBJECT}"
	done <"$APPEX_PROC/rules"
	JSON="[$list]"
}

# rules_save ACTION RULE: the same for the file; comments and all other lines stay.
rules_save() {
	local line found='' text=''
	if [[ -f $RULES_FILE ]]; then
		while IFS= read -r line || [[ -n $line ]]; do
			rules_words "$line"
			if [[ $RULE == "$2" ]]; then
				found=1
				[[ $1 == add ]] || continue
			fi
			text+=$line$'\n'
		done <"$RULES_FILE"
	fi
	[[ $1 == del || -n $found ]] || text+=$2$'\n'
	printf '%s' "$text" | write_whole "$RULES_FILE" ||
		die "What runs has the change, $RULES_FILE has not: it is lost at the next reload or start"
}
