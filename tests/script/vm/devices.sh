# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016,SC2153,SC2154
#
# Checks with the module, sourced by vm-checks.sh. Network devices: offloads there and back, devices that refuse, vanish or come.

check_offloads() {
	local before name
	before=$(features "$if0" && features "$if1")
	config "accif=\"$if0 $if1\"" gso=0 rsc=0
	lot 0 start
	for name in tcp-segmentation-offload generic-segmentation-offload generic-receive-offload; do
		! ethtool -k "$if0" | grep -q "^$name: on" || fail "$name is on"
		! ethtool -k "$if1" | grep -q "^$name: on" || fail "$name is on"
	done
	lot 0 stop
	gone
	is "$(features "$if0" && features "$if1")" "$before"
}

check_refusing_device_rolls_back() {
	local before
	before=$(features "$if0")
	# Transmit checksums of the loopback device are fixed.
	config "accif=\"$if0 lo\"" gso=0 txcsum=2
	lot 1 start
	said 'Can not disable tx(tx checksumming) of lo, exit!'
	gone
	is "$(features "$if0")" "$before"
}

# follows DEVICE UNDER...: offloads of all of them, there and back.
follows() {
	local each before
	before=$(for each in "$@"; do features "$each"; done)
	config "accif=$1" gso=0
	lot 0 start
	for each in "${@:2}"; do
		! ethtool -k "$each" | grep -q '^tcp-segmentation-offload: on' || fail "tso of $each is on"
	done
	lot 0 stop
	is "$(for each in "$@"; do features "$each"; done)" "$before"
}

check_bond_is_followed() {
	ip link add xb0 type bond 2>/dev/null || { modprobe bonding max_bonds=0 2>/dev/null && ip link add xb0 type bond; } || {
		echo SKIP no bonding driver
		return 0
	}
	ip link add xs0 type veth peer name xs1
	ip link set xs0 master xb0
	follows xb0 xs0
	ip link del xb0
	ip link del xs0
}

check_bridge_is_followed() {
	ip link add xr0 type bridge || { echo SKIP no bridge; return 0; }
	ip link add xs0 type veth peer name xs1
	ip link set xs0 master xr0
	follows xr0 xs0
	ip link del xr0
	ip link del xs0
}

check_vlan_is_followed() {
	ip link add xs0 type veth peer name xs1
	if ip link add link xs0 name xs0.7 type vlan id 7 2>/dev/null; then
		follows xs0.7 xs0
	else
		echo SKIP no VLAN driver
	fi
	ip link del xs0
}

check_interface_vanishes() {
	ip link add xs0 type veth peer name xs1
	config 'accif="xs0 xs9"' gso=0
	lot 0 start
	said 'no interface xs9 at present'
	ip link del xs0
	lot 0 status
	lot 0 stop
	said 'xs0 is gone'
	gone
}

check_pattern() {
	config "accif=\"${if0%?}*\"" gso=0
	local before
	before=$(features "$if0" && features "$if1")
	lot 0 start
	is "$(<"$proc/wanIf")" "${if0%?}*"
	! ethtool -k "$if0" | grep -q '^tcp-segmentation-offload: on' || fail 'tso is on'
	lot 0 stop
	is "$(features "$if0" && features "$if1")" "$before"
}
