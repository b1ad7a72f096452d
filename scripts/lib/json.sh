# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# JSON, as far as this script writes it: one line a document, names that stay.

# json_string TEXT: as a JSON string, in JSON. Control characters but tab and line ends are left out.
json_string() {
	local text=${1//\\/\\\\}
	text=${text//\"/\\\"}
	text=${text//$'\t'/\\t}
	text=${text//$'\r'/\\r}
	text=${text//$'\n'/\\n}
	JSON="\"${text//[[:cntrl:]]/}\""
}

# json_number TEXT: a whole number, or null, in JSON.
json_number() {
	JSON=null
	[[ ! $1 =~ ^(0|[1-9][0-9]*)$ ]] || JSON=$1
}

# json_list WORD...: a list of strings, in JSON.
json_list() {
	local each list=
	for each in "$@"; do
		json_string "$each"
		list+="${list:+, }$JSON"
	done
	JSON="[$list]"
}

# json_put NAME VALUE: adds what is JSON already to the object under way, the caller's OBJECT.
json_put() {
	OBJECT+="${OBJECT:+, }\"$1\": $2"
}

json_put_string() {
	json_string "$2"
	json_put "$1" "$JSON"
}

json_put_number() {
	json_number "$2"
	json_put "$1" "$JSON"
}

# json_flag ARGUMENT...: takes --json out of a command's arguments: JSON_WANTED, and the rest in REST.
json_flag() {
	local each
	JSON_WANTED='' REST=()
	for each in "$@"; do
		if [[ $each == --json ]]; then
			JSON_WANTED=1
		else
			REST+=("$each")
		fi
	done
}
