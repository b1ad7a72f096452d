# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The configuration file is read as data, never executed: key="value" lines,
# also with single quotes or none, comments, Windows line ends. Nothing in a
# value is expanded.

# No line that means something is longer; some of what is done with a line takes time by its length squared.
LINE_MAX=16384
# So much of a line or value is shown.
SHOWN_MAX=1000

# Filled by config_load: the value of every key, defaults included, and where
# each one given in the file stands.
declare -gA CONFIG=() CONFIG_LINE=()

# config_load: reads and checks everything; on any error all of them are named
# with file, line, key, value and accepted range, and the run ends. Nothing on
# the machine has been touched by then.
config_load() {
	[[ -f $CONFIG_FILE ]] || die "Missing config file: $CONFIG_FILE"
	[[ -r $CONFIG_FILE ]] || die "ERROR(CONFIGFILE): cannot read $CONFIG_FILE"
	CONFIG=() CONFIG_LINE=()
	local name
	CONFIG_ERRORS=0
	config_parse
	for name in "${KEY_ORDER[@]}"; do
		# An empty value is what the original shipped for "not set".
		[[ -n ${CONFIG[$name]-} ]] || CONFIG[$name]=${KEY_DEFAULT[$name]}
	done
	((CONFIG_ERRORS > 0)) || config_derive
	((CONFIG_ERRORS == 0)) || exit 1
}

# shown TEXT: for a message, one line of what a terminal can show, in SHOWN.
shown() {
	SHOWN=${1:0:SHOWN_MAX}
	((${#1} <= SHOWN_MAX)) || SHOWN+=...
	SHOWN=${SHOWN//[$'\001'-$'\010'$'\013'-$'\037'$'\177']/?}
}

config_error() {
	warn "ERROR(CONFIG): $*"
	CONFIG_ERRORS=$((CONFIG_ERRORS + 1))
}

config_parse() {
	local line number=0
	while IFS= read -r line || [[ -n $line ]]; do
		number=$((number + 1))
		[[ $number != 1 || $line != $'\xef\xbb\xbf'* ]] || line=${line:3}
		config_line "$line" "$number"
	done <"$CONFIG_FILE"
}

# config_line TEXT NUMBER
config_line() {
	local line=$1 at=$CONFIG_FILE:$2 name value rest
	if ((${#line} > LINE_MAX)); then
		config_error "$at: this line has ${#line} characters: it must have $LINE_MAX at most"
		return 0
	fi
	# By regular expressions and lengths: to cut a text off by a pattern takes time by the square of its length.
	[[ $line =~ ^[[:space:]]*(.*)$ ]] && line=${BASH_REMATCH[1]}
	[[ -n $line && $line != '#'* ]] || return 0
	if ! [[ $line =~ ^([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$ ]]; then
		shown "$line"
		config_error "$at: \"$SHOWN\" is not of the form key=\"value\""
		return 0
	fi
	name=${BASH_REMATCH[1]} rest=${BASH_REMATCH[2]}
	case $rest in
	'"'*'"'*) rest=${rest#?} value=${rest%%'"'*} rest=${rest:${#value}+1} ;;
	"'"*"'"*) rest=${rest#?} value=${rest%%"'"*} rest=${rest:${#value}+1} ;;
	'"'* | "'"*)
		shown "$rest"
		config_error "$at: ${name:0:SHOWN_MAX}: the closing quote is missing in $SHOWN"
		return 0
		;;
	'#'*) value='' ;;
	*) value=${rest%%[[:space:];]*} rest=${rest:${#value}} ;;
	esac
	[[ $rest =~ ^[[:space:]\;]*(.*)$ ]] && rest=${BASH_REMATCH[1]}
	if [[ -n $rest && $rest != '#'* ]]; then
		shown "$rest"
		config_error "$at: ${name:0:SHOWN_MAX}: unexpected text after the value: $SHOWN"
		return 0
	fi
	config_take "$name" "$value" "$2"
}

# config_take NAME VALUE LINE: one assignment, checked by the key's kind.
config_take() {
	local name=$1 value=$2 line=$3 at=$CONFIG_FILE:$3
	name=${KEY_ALIAS[$name]-$name}
	if [[ -z ${KEY_KIND[$name]-} ]]; then
		warn "WARNING(CONFIG): $at: unknown key \"${name:0:SHOWN_MAX}\" is ignored"
		return 0
	fi
	if [[ -n ${CONFIG_LINE[$name]-} ]]; then
		warn "WARNING(CONFIG): $at: $name is set again (first in line ${CONFIG_LINE[$name]}); this one counts"
	fi
	CONFIG_LINE[$name]=$line
	# Blanks at the ends mean nothing in any kind.
	[[ $value =~ ^[[:space:]]*(.*[^[:space:]])?[[:space:]]*$ ]] && value=${BASH_REMATCH[1]}
	if [[ -z $value ]]; then
		CONFIG[$name]=
	elif [[ ${KEY_KIND[$name]} == pmtu && $value != 0 ]]; then
		shown "$value"
		config_error "pmtu can only be empty or zero ($at: pmtu=\"$SHOWN\")"
	elif check_value "${KEY_KIND[$name]}" "$value"; then
		CONFIG[$name]=$CHECKED
	else
		shown "$value"
		config_error "$at: $name=\"$SHOWN\" is not accepted: it must be $(range_of "${KEY_KIND[$name]}")"
	fi
}

# config_derive: what follows from several keys together, by the original's
# rules (its order mistake with highcsv mended).
config_derive() {
	local flags
	[[ ${CONFIG[accif]} != auto ]] || default_interfaces
	if [[ -z ${CONFIG[accif]} ]]; then
		config_error "$CONFIG_FILE${CONFIG_LINE[accif]:+:${CONFIG_LINE[accif]}}: accif=\"\" is not accepted: it must be at least one interface name, such as eth0, or pattern, such as eth*"
	fi
	[[ ${CONFIG[maxmode]} == 0 ]] || CONFIG[advacc]=1
	# Only max mode has a duration.
	[[ ${CONFIG[maxmode]} == 1 ]] || CONFIG[maxTxEffectiveMS]=0
	[[ ${CONFIG[byteCacheEnable]}${CONFIG[dataCompEnable]} != 00 ]] || CONFIG[httpCompEnable]=0
	if [[ ${CONFIG[ipv4Only]}${CONFIG[ipv6Only]} == 11 ]]; then
		config_error "$CONFIG_FILE:${CONFIG_LINE[ipv6Only]}: ipv6Only=\"1\" is not accepted together with ipv4Only=\"1\" (line ${CONFIG_LINE[ipv4Only]}): it must be 0"
	fi
	flags=$((CONFIG[tcpFlags]))
	# 0x4000: the stronger congestion control; 0x800: bypass of short round trips.
	((CONFIG[highcsv] == 0)) || flags=$((flags | 0x4000))
	((CONFIG[shortRttMS] == 0)) || flags=$((flags | 0x800))
	printf -v CONFIG[tcpFlags] '0x%x' "$flags"
}
