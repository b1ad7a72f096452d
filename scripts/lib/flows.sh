# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# flows: every connection of every engine, one a line, as the engine gives them or as JSON.

# do_flows [--json]
do_flows() {
	json_flag "$@"
	if ((${#REST[@]} > 0)); then
		usage
		exit 1
	fi
	engine_dirs
	if ((${#ENGINES[@]} == 0)); then
		if [[ -n $JSON_WANTED ]]; then
			say '{"running": false}'
		else
			say "$PRODUCT is NOT running!"
		fi
		exit 1
	fi
	[[ -r ${ENGINES[0]}/flows ]] || die "flows: only root may see them"
	if [[ -z $JSON_WANTED ]]; then
		# Of a filter only what differs from none is worth a line.
		cat -- "${ENGINES[@]/%//flows}" | { grep -v '^# filter: *$' || :; }
		return 0
	fi
	local dir i=0
	for dir in "${ENGINES[@]}"; do
		sed "s/^/$i /" "$dir/flows"
		i=$((i + 1))
	done | flows_json
}

# flows_json: lines "ENGINE LINE" as one JSON document. Names and meanings are those of the file; a
# pair whose value is a whole number is a number.
flows_json() {
	# shellcheck disable=SC2016 # awk's own dollars
	awk '
		function text(s) { gsub(/["\\]/, "\\\\&", s); return "\"" s "\"" }
		# "1.2.3.4:5" or "[2001:db8::1]:5"
		function end_of(word, name,    at) {
			at = match(word, /:[0-9]+$/)
			if (!at) return sprintf("\"%s_address\": %s, \"%s_port\": null", name, text(word), name)
			address = substr(word, 1, at - 1)
			gsub(/^\[|\]$/, "", address)
			return sprintf("\"%s_address\": %s, \"%s_port\": %d", name, text(address), name, substr(word, at + 1))
		}
		BEGIN { printf "{\"running\": true, \"flows\": [" }
		$2 == "#" || NF < 7 { next }
		{
			printf "%s\n{\"engine\": %d, %s, %s, \"protocol\": %s, \"state\": %s, \"reason\": %s", found++ ? "," : "",
				$1, end_of($2, "local"), end_of($3, "remote"), text($4), text($5), text($6)
			printf ", \"accelerated\": %s", $6 == "accelerated" || $6 == "by-name" ? "true" : "false"
			for (i = 7; i <= NF; i++) {
				at = index($i, "=")
				value = substr($i, at + 1)
				name = substr($i, 1, at - 1)
				printf ", %s: %s", text(name == "if" ? "interface_index" : name), value ~ /^(0|[1-9][0-9]*)$/ ? value : text(value)
			}
			printf "}"
		}
		END { print "]}" }'
}
