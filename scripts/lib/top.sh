# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The lower part of the stats screen: the busiest connections, from the
# differences between two looks at the file flows.

# Lines of the screen that the list leaves to what stands above it.
TOP_RESERVED=14
# Connections in a list that no screen bounds.
TOP_MAX=20

# top_look: every connection of the server itself, in TOP_NOW: both ends, why,
# payload bytes acknowledged and received, segments, those sent again, round
# trip and base round trip in us, mode and phase. Empty without the file.
top_look() {
	TOP_NOW=
	command -v awk >/dev/null || return 0
	# shellcheck disable=SC2016 # awk's own dollars
	TOP_NOW=$(cat "${ENGINES[@]/%//flows}" 2>/dev/null | awk '
		!/^#/ && / acked=/ {
			split("", v)
			for (i = 6; i <= NF; i++) {
				at = index($i, "=")
				v[substr($i, 1, at - 1)] = substr($i, at + 1)
			}
			print $1, $2, $5, v["acked"], v["received"], v["segments"], v["again"],
				v["rtt_us"], v["base_us"] + 0, (v["mode"] ? v["mode"] "/" v["phase"] : v["control"])
		}') || TOP_NOW=
}

# top_rows MILLIS: every connection with its rates since TOP_BEFORE, MILLIS ago, the busiest first.
top_rows() {
	# shellcheck disable=SC2016 # awk's own dollars
	awk -v millis="$1" '
		# A kbit is 128 bytes here, as in the rest of the screen.
		function kbits(bytes) { return bytes * 1000 / millis / 128 }
		NR == FNR { acked[$1, $2] = $4; received[$1, $2] = $5; segments[$1, $2] = $6; again[$1, $2] = $7; next }
		{
			# A connection that is new, or has the ends of an older one, counts from its beginning.
			if (!(($1, $2) in acked) || acked[$1, $2] > $4) {
				acked[$1, $2] = received[$1, $2] = segments[$1, $2] = again[$1, $2] = 0
			}
			sent = $6 - segments[$1, $2]
			share = sent > 0 ? ($7 - again[$1, $2]) * 100 / sent : 0
			printf "%.2f\t%.2f\t%.1f\t%.1f\t%.1f\t%s\t%s\t%s\t%s\n", kbits($4 - acked[$1, $2]),
				kbits($5 - received[$1, $2]), share, $8 / 1000, $9 / 1000, $3, $10, $1, $2
		}' <(printf '%s\n' "$TOP_BEFORE") <(printf '%s\n' "$TOP_NOW") | LC_ALL=C sort -t $'\t' -k1,1nr -k2,2nr
}

# top_show MILLIS COUNT: the COUNT busiest.
top_show() {
	[[ -n $TOP_NOW ]] || return 0
	top_rows "$1" | {
		printf '%12s %12s %7s %8s %8s  %-12s %-20s %s\n' 'out kbit/s' 'in kbit/s' 'again%' 'rtt ms' 'base ms' why mode/phase connection
		local out in share rtt base why mode near far left=$2
		while ((left > 0)) && IFS=$'\t' read -r out in share rtt base why mode near far; do
			[[ $base != 0.0 ]] || base=-
			printf '%12s %12s %7s %8s %8s  %-12s %-20s %s %s\n' "$out" "$in" "$share" "$rtt" "$base" "$why" "$mode" "$near" "$far"
			left=$((left - 1))
		done
		# Read what is left, so that sort does not meet a closed pipe.
		cat >/dev/null
	} 2>/dev/null
}

# top_json MILLIS COUNT: the same, in JSON.
top_json() {
	JSON='[]'
	[[ -n $TOP_NOW ]] || return 0
	# shellcheck disable=SC2016 # awk's own dollars
	JSON=[$(top_rows "$1" | awk -F '\t' -v left="$2" '
		NR <= left {
			printf "%s{\"local\": \"%s\", \"remote\": \"%s\", \"reason\": \"%s\", \"control\": \"%s\", ", (NR > 1 ? ", " : ""), $8, $9, $6, $7
			printf "\"out_bits_per_second\": %.0f, \"in_bits_per_second\": %.0f, \"again_percent\": %s, ", $1 * 1024, $2 * 1024, $3
			printf "\"rtt_ms\": %s, \"base_rtt_ms\": %s}", $4, ($5 > 0 ? $5 : "null")
		}')]
}

# top_room: how many connections the screen has room for, in ROOM.
top_room() {
	local lines
	ROOM=$TOP_MAX
	[[ -t 1 ]] && lines=$(tput lines 2>/dev/null) || return 0
	((lines > TOP_RESERVED + 3)) && ROOM=$((lines - TOP_RESERVED - ${#ENGINES[@]} * 4)) || ROOM=3
	((ROOM > 0)) || ROOM=3
}
