# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Long, lossy paths inside the virtual machine. Sourced by scripts that run in the guest.
#
#   initial namespace            "near$i"            "far$i"              "client$i"
#   server, nic 2i   ~~~~~~~~  nic 2i+1  |  veth == veth  |  veth  ======  veth
#   10.8.i.1, fd8i::1         -> tbf: rate, buffer   -> netem: delay/2, loss   10.9.i.2, fd9i::2
#                                                      <- netem: delay/2
#
# The wavy line is the wire between two emulated NICs, so the server's packets pass a real driver with
# real offloads. The bottleneck is before the loss, as on a real path: netem drops before its own rate
# limiter, so loss and rate in one netem would fake a better path. Nothing is shaped on the server's NIC.
# Everything between the NICs is real time: under TCG keep rates to 20-50 Mbit/s.

# nic N: the name now of the guest's N-th NIC, found by the address QEMU gave it; fails if it has no driver.
nic() {
	ip -o link | sed -n "s/^[0-9]*: \([^:@]*\)[:@].*52:54:00:a9:be:0$1 .*/\1/p" | grep .
}

# client I COMMAND...: run COMMAND on the client at the far end of path I.
client() {
	local i=$1
	shift
	ip netns exec "client$i" "$@"
}

# addresses NAMESPACE DEVICE V4 V6: "" is the initial namespace.
addresses() {
	local in=()
	[ -z "$1" ] || in=(-n "$1")
	ip "${in[@]}" address add "$3" dev "$2"
	ip "${in[@]}" address add "$4" dev "$2" nodad
	ip "${in[@]}" link set "$2" up
}

# unsegmented NAMESPACE DEVICE: no packet larger than the MTU on that device, in either direction.
unsegmented() {
	local feature
	for feature in tso gso gro lro rx-gro-hw; do
		ip netns exec "$1" ethtool -K "$2" "$feature" off 2>/dev/null || true
	done
}

# path_set I MBIT DELAY_MS LOSS_PERCENT [SEED]: the path's physics; may be called again while traffic flows.
# The buffer is one bandwidth-delay product, at least 64 kB. The bucket holds 4 ms: under TCG timers are late
# by a millisecond now and then, and a smaller one would lose rate to that.
path_set() {
	local i=$1 mbit=$2 delay=$3 loss=$4 seed=${5:-7} buffer burst
	buffer=$((mbit * 125 * delay))
	burst=$((mbit * 500))
	ip netns exec "near$i" tc qdisc replace dev out root handle 1: tbf rate "${mbit}mbit" \
		burst $((burst > 3200 ? burst : 3200)) limit $((buffer > 65536 ? buffer : 65536))
	ip netns exec "far$i" tc qdisc replace dev out root handle 1: netem delay "$((delay * 500))us" \
		loss "$loss%" limit 200000 seed "$seed"
	ip netns exec "far$i" tc qdisc replace dev in root handle 1: netem delay "$((delay * 500))us" limit 200000
}

# path_up I MBIT DELAY_MS LOSS_PERCENT [SEED]: make path I (0: virtio, 1: e1000).
path_up() {
	local i=$1 server peer space
	if ! server=$(nic $((2 * i))) || ! peer=$(nic $((2 * i + 1))); then
		echo "path $i: NIC missing (no driver in this kernel?)" >&2
		return 1
	fi
	for space in "near$i" "far$i" "client$i"; do
		ip netns add "$space"
		ip -n "$space" link set lo up
		ip netns exec "$space" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	done
	ip link set "$peer" netns "near$i" name in
	ip link add out netns "near$i" type veth peer name in netns "far$i"
	ip link add out netns "far$i" type veth peer name eth0 netns "client$i"
	unsegmented "near$i" in
	unsegmented "near$i" out
	unsegmented "far$i" in
	unsegmented "far$i" out
	unsegmented "client$i" eth0

	addresses "" "$server" "10.8.$i.1/24" "fd8$i::1/64"
	addresses "near$i" in "10.8.$i.2/24" "fd8$i::2/64"
	addresses "near$i" out "10.8.10$i.1/24" "fd1$i::1/64"
	addresses "far$i" in "10.8.10$i.2/24" "fd1$i::2/64"
	addresses "far$i" out "10.9.$i.1/24" "fd9$i::1/64"
	addresses "client$i" eth0 "10.9.$i.2/24" "fd9$i::2/64"

	path_routes "$i"
	ip -n "near$i" route add "10.9.$i.0/24" via "10.8.10$i.2"
	ip -n "near$i" -6 route add "fd9$i::/64" via "fd1$i::2"
	ip -n "far$i" route add "10.8.$i.0/24" via "10.8.10$i.1"
	ip -n "far$i" -6 route add "fd8$i::/64" via "fd1$i::1"
	ip -n "client$i" route add default via "10.9.$i.1"
	ip -n "client$i" -6 route add default via "fd9$i::1"
	path_set "$@"
}

# path_routes I: the server's way to client I. Apart, because these routes go when its NIC goes down.
path_routes() {
	ip route replace "10.9.$1.0/24" via "10.8.$1.2"
	ip -6 route replace "fd9$1::/64" via "fd8$1::2"
}

# path_down I: give the NICs back and leave no namespace.
path_down() {
	local i=$1 peer
	peer=$(ip -n "near$i" -o link show in | grep -o '52:54:00:a9:be:0[0-9]')
	ip -n "near$i" link set in netns 1 name "eth${peer: -1}"
	ip netns del "client$i"
	ip netns del "far$i"
	ip netns del "near$i"
	ip address flush dev "$(nic $((2 * i)))"
}
