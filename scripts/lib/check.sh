# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kinds of values of a configuration. check_value decides whether a text is
# of a kind and gives it in the one form in which the engine prints it back;
# range_of says in words what is accepted.

# The kernel module's own limit.
ENGINES_MAX=64
# What an interface list takes: names as the kernel's, shell patterns twice as
# long (one character can take five to describe), at most 256 of them. Letters,
# digits and a few signs only, so that a slip such as $+ppp0 is refused instead
# of waited for.
IF_NAME_MAX=15
IF_PATTERN_MAX=31
IF_ENTRIES_MAX=256
IF_NAME='^[A-Za-z0-9._@][A-Za-z0-9._@-]*$'
IF_PATTERN='^([A-Za-z0-9._@*?]|\[[!^]?[A-Za-z0-9._@-]+\])([A-Za-z0-9._@*?-]|\[[!^]?[A-Za-z0-9._@-]+\])*$'
U32_MAX=4294967295
# One page: the largest write the engine takes.
TEXT_MAX=4096

# range_of KIND: what is accepted, in words.
range_of() {
	local kind=$1 min max unit
	IFS=: read -r kind min max unit <<<"$kind"
	unit=${unit//_/ }
	case $kind in
	bool) echo '0 or 1' ;;
	int) echo "a whole number from $min to $max${unit:+ ($unit)}" ;;
	pair) echo "two whole numbers from $min to $max with a blank between them" ;;
	triple) echo 'three whole numbers from 1 to 2147483647, none smaller than the one before' ;;
	priority) echo 'empty or a whole number from -2147483648 to 2147483647' ;;
	shrink) echo '0 or 1, or two of them with a blank between' ;;
	flags) echo 'a number from 0x0 to 0xffffffff, hexadecimal with 0x or decimal' ;;
	pmtu) echo 'empty or 0' ;;
	cpus) echo "empty or up to $ENGINES_MAX different CPU numbers from 0 to 8191, separated by blanks or commas" ;;
	ifs) echo "up to $IF_ENTRIES_MAX interface names of at most $IF_NAME_MAX characters, or patterns like eth*, separated by blanks" ;;
	segments4) echo 'IPv4 segments such as C210000/16 (hexadecimal address/length), 0 or 1, separated by blanks' ;;
	segments6) echo 'IPv6 segments such as 2001:db8::/32, separated by blanks' ;;
	accrules) echo 'the words acc and noacc and addresses such as 192.0.2.0/24 or 2001:db8::/32, separated by blanks' ;;
	path) echo 'empty or a path that begins with /' ;;
	text) echo 'at most 255 printable ASCII characters' ;;
	any) echo 'any text' ;;
	esac
}

# check_value KIND TEXT: succeeds with CHECKED set to the text in the one form
# in which the engine prints it back, or fails.
check_value() {
	local kind=$1 text=$2 min max
	CHECKED=$text
	IFS=: read -r kind min max _ <<<"$kind"
	case $kind in
	bool) [[ $text == [01] ]] ;;
	int) whole "$text" "$min" "$max" ;;
	pair) check_numbers "$text" 2 "$min" "$max" ;;
	triple) check_numbers "$text" 3 1 2147483647 && ascending "$CHECKED" ;;
	priority) check_priority "$text" ;;
	shrink) check_shrink "$text" ;;
	flags) check_flags "$text" ;;
	pmtu) [[ -z $text || $text == 0 ]] ;;
	cpus) check_cpus "$text" ;;
	ifs) check_interfaces "$text" ;;
	segments4 | segments6 | accrules) check_words "$kind" "$text" ;;
	path) [[ -z $text || $text == /* ]] ;;
	text) [[ ${#text} -le 255 && $text != *[![:print:]]* ]] ;;
	any) : ;;
	*) return 1 ;;
	esac
}

# whole TEXT MIN MAX: a decimal number; CHECKED without leading zeros.
whole() {
	[[ $1 =~ ^0*(0|[1-9][0-9]*)$ ]] || return 1
	local text=${BASH_REMATCH[1]}
	# Compared as text first: bash would wrap a longer number around.
	((${#text} <= ${#3})) || return 1
	if ((${#text} == ${#3})) && [[ $text > $3 ]]; then
		return 1
	fi
	((text >= $2)) || return 1
	CHECKED=$text
}

# check_numbers TEXT COUNT MIN MAX: CHECKED with single blanks.
check_numbers() {
	local text=$1 count=$2 min=$3 max=$4 each out=
	local -a list
	read -ra list <<<"$text"
	((${#list[@]} == count)) || return 1
	for each in "${list[@]}"; do
		whole "$each" "$min" "$max" || return 1
		out+="${out:+ }$CHECKED"
	done
	CHECKED=$out
}

ascending() {
	local last=0 each
	for each in $1; do
		((each >= last)) || return 1
		last=$each
	done
}

check_priority() {
	local text=$1 sign=
	[[ -n $text ]] || return 0
	[[ $text == -* ]] && sign=- text=${text#-}
	if [[ -n $sign ]]; then
		whole "$text" 0 2147483648 || return 1
	else
		whole "$text" 0 2147483647 || return 1
	fi
	[[ $CHECKED == 0 ]] || CHECKED=$sign$CHECKED
}

check_shrink() {
	local -a list
	read -ra list <<<"$1"
	case ${#list[@]} in
	1) [[ ${list[0]} == [01] ]] && CHECKED="${list[0]} ${list[0]}" ;;
	2) [[ ${list[0]}${list[1]} == [01][01] ]] && CHECKED="${list[0]} ${list[1]}" ;;
	*) return 1 ;;
	esac
}

# The engine prints flags as 0x with no padding and small letters.
check_flags() {
	local text=$1
	if [[ $text =~ ^0[xX]0*([0-9a-fA-F]{1,8})$ ]]; then
		text=$((16#${BASH_REMATCH[1]}))
	else
		whole "$text" 0 "$U32_MAX" || return 1
		text=$CHECKED
	fi
	printf -v CHECKED '0x%x' "$text"
}

check_cpus() {
	local each out=
	local -a list
	read -ra list <<<"${1//,/ }"
	((${#list[@]} <= ENGINES_MAX)) || return 1
	for each in "${list[@]}"; do
		whole "$each" 0 8191 || return 1
		[[ " $out " != *" $CHECKED "* ]] || return 1
		out+="${out:+ }$CHECKED"
	done
	CHECKED=$out
}

check_interfaces() {
	local each out=
	local -a list
	read -ra list <<<"$1"
	((${#list[@]} <= IF_ENTRIES_MAX)) || return 1
	for each in "${list[@]}"; do
		if [[ $each == *[*?[]* ]]; then
			[[ ${#each} -le $IF_PATTERN_MAX && $each =~ $IF_PATTERN ]] || return 1
		else
			[[ ${#each} -le $IF_NAME_MAX && $each =~ $IF_NAME ]] || return 1
		fi
		[[ $each != . && $each != .. ]] || return 1
		# Twice the same is once; the engine would not read it back twice.
		[[ " $out " != *" $each "* ]] || continue
		out+="${out:+ }$each"
	done
	CHECKED=$out
}

# check_words KIND TEXT: a list of networks; CHECKED with single blanks.
check_words() {
	local kind=$1 each out=
	local -a list
	read -ra list <<<"$2"
	for each in "${list[@]}"; do
		case $kind in
		# The handbook wants a leading zero digit dropped; both are taken.
		segments4) [[ $each == [01] || $each =~ ^[0-9A-Fa-f]{1,8}/([0-9]|[12][0-9]|3[0-2])$ ]] || return 1 ;;
		segments6)
			[[ $each == */* ]] && expand_ipv6 "${each%/*}" && whole "${each##*/}" 0 128 || return 1
			each=$EXPANDED/$CHECKED
			;;
		accrules) [[ $each == acc || $each == noacc ]] || is_network "$each" || return 1 ;;
		esac
		out+="${out:+ }$each"
	done
	((${#out} <= TEXT_MAX)) || return 1
	CHECKED=$out
}

# is_network TEXT: an address, with or without a length.
is_network() {
	local address=${1%%/*} length=${1#*/} max=128
	local -a bytes
	if [[ $address == *:* ]]; then
		expand_ipv6 "$address" || return 1
	else
		max=32
		[[ $address =~ ^[0-9]+(\.[0-9]+){3}$ ]] || return 1
		IFS=. read -ra bytes <<<"$address"
		for address in "${bytes[@]}"; do
			whole "$address" 0 255 && [[ $CHECKED == "$address" ]] || return 1
		done
	fi
	[[ $1 != */* ]] || { whole "$length" 0 "$max" && [[ $CHECKED == "$length" ]]; }
}

# expand_ipv6 TEXT: EXPANDED as 32 upper-case digits, the engine's form.
expand_ipv6() {
	local text=$1 head tail part out=
	local -a left right
	if [[ $text =~ ^[0-9A-Fa-f]{32}$ ]]; then
		EXPANDED=${text^^}
		return 0
	fi
	[[ $text == *:* && $text != *[!0-9A-Fa-f:]* && $text != *:::* ]] || return 1
	if [[ $text == *::* ]]; then
		head=${text%%::*} tail=${text#*::}
		[[ $tail != *::* && $head != :* && $tail != *: ]] || return 1
	else
		head=$text tail=
		[[ $head != :* && $head != *: ]] || return 1
	fi
	IFS=: read -ra left <<<"$head"
	IFS=: read -ra right <<<"$tail"
	local missing=$((8 - ${#left[@]} - ${#right[@]}))
	if [[ $text == *::* ]]; then
		((missing >= 1)) || return 1
	else
		((missing == 0)) || return 1
	fi
	for part in "${left[@]}"; do
		[[ $part =~ ^[0-9A-Fa-f]{1,4}$ ]] || return 1
		printf -v part '%04X' "$((16#$part))"
		out+=$part
	done
	while ((missing-- > 0)); do
		out+="0000"
	done
	for part in "${right[@]}"; do
		[[ $part =~ ^[0-9A-Fa-f]{1,4}$ ]] || return 1
		printf -v part '%04X' "$((16#$part))"
		out+=$part
	done
	EXPANDED=$out
}
