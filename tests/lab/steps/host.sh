# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the set-up needs on the host, and what the host's apt knows about Debian mirrors. Sourced.

# Few on purpose: everything else is used from inside the tree.
host_tools() {
	local missing=() pair
	for pair in mmdebstrap:mmdebstrap unshare:util-linux flock:util-linux sha256sum:coreutils xz:xz-utils dpkg:dpkg; do
		command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	[ -e "$(debian_keyring)" ] || missing+=(debian-archive-keyring)
	[ ${#missing[@]} = 0 ] && return
	mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "missing on this machine: ${missing[*]}; install them: apt install ${missing[*]}"
	fi
	say "installing on this machine: ${missing[*]}"
	logged host-update apt-get -q update
	logged host-tools env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}"
}

debian_keyring() {
	local key
	for key in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
		if [ -e "$key" ]; then
			echo "$key"
			return
		fi
	done
	echo /usr/share/keyrings/debian-archive-keyring.gpg
}

# apt_sources: "URI SUITE" lines of everything the host's apt is told to use, from both of its formats.
apt_sources() {
	local etc=${LAB_APT_ETC:-/etc/apt} file
	for file in "$etc/sources.list" "$etc"/sources.list.d/*.list; do
		[ -r "$file" ] || continue
		# deb [option=value ...] URI SUITE COMPONENT...
		sed -nE 's/#.*//; s/^[[:space:]]*deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]]+([^[:space:]]+).*/\2 \3/p' "$file"
	done
	for file in "$etc"/sources.list.d/*.sources; do
		[ -r "$file" ] || continue
		awk '
		function flush(  i, j, u, s, nu, ns) {
			if (types ~ /(^| )deb( |$)/ && tolower(enabled) !~ /^(no|false|off|0)$/) {
				nu = split(uris, u, " "); ns = split(suites, s, " ")
				for (i = 1; i <= nu; i++) for (j = 1; j <= ns; j++) print u[i], s[j]
			}
			types = uris = suites = enabled = field = ""
		}
		/^#/ { next }
		/^[[:space:]]*$/ { flush(); next }
		/^[^[:space:]]/ { field = tolower($0); sub(/:.*/, "", field); sub(/^[^:]*:[[:space:]]*/, "") }
		field == "types" { types = types " " $0 }
		field == "uris" { uris = uris " " $0 }
		field == "suites" { suites = suites " " $0 }
		field == "enabled" { enabled = $0 }
		END { flush() }' "$file"
	done
}

# debian_mirrors: sets MIRROR and SECURITY_MIRROR to what the host itself uses.
debian_mirrors() {
	local uri suite
	MIRROR='' SECURITY_MIRROR=''
	while read -r uri suite; do
		uri=${uri%/}
		# A mirror list of apt's own holds one mirror a line.
		case $uri in
		mirror+file:*)
			uri=${uri#mirror+file:}
			uri=$(sed -n 's/^\([a-z][a-z]*:[^[:space:]]*\).*/\1/p' "${uri#//}" 2>/dev/null | head -n 1)
			uri=${uri%/}
			;;
		esac
		case $suite in
		*-security | */updates) [ -n "$SECURITY_MIRROR" ] || SECURITY_MIRROR=$uri ;;
		bookworm | trixie | stable | bookworm-updates | trixie-updates | *-backports | testing | sid | forky)
			case $uri in *debian*) [ -n "$MIRROR" ] || MIRROR=$uri ;; esac
			;;
		esac
	done < <(apt_sources)
	MIRROR=${LAB_MIRROR:-$MIRROR}
	if [ -z "$MIRROR" ]; then
		die "found no Debian mirror in this machine's apt configuration; name one: LAB_MIRROR=http://MIRROR/debian $0"
	fi
	if [ -z "$SECURITY_MIRROR" ] || [ -n "${LAB_MIRROR-}" ]; then
		SECURITY_MIRROR=${LAB_SECURITY_MIRROR:-${MIRROR%/}-security}
	fi
}

# host_apt_options FILE: the host's proxy and date settings, which its mirror may need.
host_apt_options() {
	apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|ftp|Check-|Retries|ForceIPv)' >"$1" || true
}
