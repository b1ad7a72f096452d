# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # used by the scripts that source this file
# The product in the virtual machine: install it, configure it, look at it. Sourced, after topology.sh.

LOTSERVER=/appex/bin/lotServer.sh
ENGINE=/proc/net/appex

# product_install: what "make install" does on a server, with the module that the runner brought.
product_install() {
	scripts/install-local.sh /vm/appex.ko >/run/install.log 2>&1 || {
		cat /run/install.log >&2
		return 1
	}
}

# product_set KEY VALUE: one setting of the config file.
product_set() {
	sed -i "/^$1=/d" /appex/etc/config
	echo "$1=\"$2\"" >>/appex/etc/config
}

# engine_write FILE TEXT: one write to a file of every engine, as the control script does.
engine_write() {
	local engine
	for engine in /proc/net/appex*; do
		printf '%s\n' "$2" >"$engine/$1" || return 1
	done
}

# counter NAME: one value of the statistics, the sum over the engines. Engine N has the packets of CPU N.
counter() {
	awk -v name="$1" '$1 == name && $2 == "=" { sum += $3; found = 1 } END { if (found) print sum }' /proc/net/appex*/stats
}

# machine_state: what a stopped product has to leave as it found it, in words. Features of all NICs, queueing
# disciplines, network settings, loaded modules, packet filters, the product's run files and /proc entries.
machine_state() {
	local device
	# These two load modules of their own: once, before anything is listed.
	nft list ruleset >/dev/null
	ss -tin >/dev/null
	for device in $(cd /sys/class/net && echo *); do
		echo "== offloads of $device"
		ethtool -k "$device" 2>/dev/null
	done
	echo "== queueing disciplines"
	tc qdisc show
	echo "== settings"
	# Left out: values that the kernel itself changes.
	sysctl -a 2>/dev/null | grep '^net\.' | grep -vE 'nf_conntrack_count|stable_secret|ip6frag|max_dgram_qlen'
	echo "== modules"
	lsmod | awk 'NR > 1 { print $1 }' | sort
	echo "== filters"
	nft list ruleset
	echo "== files"
	find /proc/net/ -maxdepth 1 -name 'appex*' -print
	find /appex/etc /run -maxdepth 1 \( -name '.offload' -o -name '.qdisc' -o -name '.runconfig' -o -name '.guard' -o -name 'lotServer.pid' \) -print 2>/dev/null || true
}

# congestion_controls I: the congestion control of each of the server's connections to client I, one a line.
# The name is the first word of ss's information line, after the socket's line.
congestion_controls() {
	ss -tinH state established "( sport = :80 )" | awk -v four="10.9.$1.2:" -v six="[fd9$1::2]:" '
		/^[^ \t]/ { mine = index($0, four) || index($0, six) }
		/^[ \t]/ && mine { print $1 }'
}
