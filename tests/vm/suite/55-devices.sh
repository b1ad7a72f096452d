#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What is done to a network card under a download: its driver resets it, its rings, its queues, its MTU, its network
# namespace. The download arrives whole, the next one is accelerated, and after stop its features are as before.
# Sabotage: the drivers are told nothing, and one of the features is another after stop.
# kernel: generic
# queues: 2
set -u
. tests/vm/lib/suite.sh

virtio=$(nic 0) e1000=$(nic 2)
begin "$virtio" "$e1000"
# Slow, as what counts is how long a download takes, and an emulator is slow by the packet.
path_up 0 5 40 0.5 || exit 1
path_up 1 5 40 0.5 || exit 1
http_file long 6000000
# All on the way takes what the server may send at any time, and the clients say so.
for i in 0 1; do
	for end in "near$i in" "near$i out" "far$i in" "far$i out" "client$i eth0"; do
		read -r space device <<<"$end"
		ip -n "$space" link set "$device" mtu 9000
	done
done
# Features that are off while it runs, so that there is something to put back.
product_set gso 0
product_set rsc 0
features() { ethtool -k "$virtio" && ethtool -k "$e1000"; }
before=$(features)
check "start on both cards succeeds" lotserver start
check "their features are others now" test "$before" != "$(features)"

# under NAME I: begins a download over path I, which is I for all that follows.
under() {
	name=$1 i=$2
	background "$name" http_get "$i" 4 long --max-time 110
	check "$name: a download is accelerated" until_true 20 all_are zeta "$i"
}
# tell ARGUMENT...: by ethtool.
tell() { sabotaged || ethtool "$@"; }
# whole: what was done was done during the download, and has not done any harm.
whole() {
	check "$name: statistics can be read" test -n "$(counter NumOfFlows)"
	check "$name: it is accelerated still" until_true 60 all_are zeta "$i"
	check "$name: all that was during the download" test ! -e "$STATE/$name"
	check "$name: it arrives unchanged" awaited "$name"
}
carrier_changes() { cat "/sys/class/net/$e1000/carrier_changes"; }
# went_since N: the carrier has gone and come again since it had changed so many times.
went_since() { [ "$(carrier_changes)" -ge $(($1 + 2)) ] && [ "$(cat "/sys/class/net/$e1000/carrier")" = 1 ]; }
# now_is OPTION DEVICE NAME: what ethtool says of the current setting.
now_is() { ethtool "$1" "$2" | sed -n "/^Current/,\$s/^$3:[[:space:]]*//p"; }

under reset 1
for round in 1 2; do
	changes=$(carrier_changes)
	check "reset: the driver is told to, time $round" tell -r "$e1000"
	check "reset: the carrier goes and comes, time $round" until_true 20 went_since "$changes"
done
whole

under rings 1
for size in 80 1024 256; do
	check "rings: they are made anew" tell -G "$e1000" rx "$size" tx "$size"
	same "rings: their size" "$size $size" "$(now_is -g "$e1000" RX) $(now_is -g "$e1000" TX)"
done
whole

under queues 0
for count in 1 2 1 2; do
	check "queues: their number changes" tell -L "$virtio" combined "$count"
	same "queues: their number" "$count" "$(now_is -l "$virtio" Combined)"
	sleep 0.5
done
whole

# Segments are as large as the MTU allows: it less 20 bytes of IP, 20 of TCP and 12 of timestamps.
segments_are() { ss -tinH state established "( sport = :80 and dst 10.9.$i.2 )" | grep -q " mss:$1 "; }
for device in "$virtio" "$e1000"; do
	i=0
	if [ "$device" = "$e1000" ]; then i=1; fi
	ip link set "$device" mtu 9000
	under "mtu$i" "$i"
	for mtu in 1500 1200 9000 1500; do
		check "$name: the MTU of $device changes" ip link set "$device" mtu "$mtu"
		check "$name: segments are made for $mtu" until_true 20 segments_are $((mtu - 52))
	done
	whole
	ip link set "$device" mtu 1500
	ip -6 address replace "fd8$i::1/64" dev "$device" nodad # gone when the MTU was less than IPv6 needs
done

# To another network namespace and back; then the namespace goes, and the kernel itself brings the card home.
present() { nic $((2 * i)) >/dev/null; }
for device in "$virtio" "$e1000"; do
	i=0
	if [ "$device" = "$e1000" ]; then i=1; fi
	under "namespace$i" "$i"
	for how in moved deleted; do
		ip netns add away
		check "$name: the card leaves" ip link set "$device" netns away
		check "$name: it is gone" test ! -e "/sys/class/net/$device"
		check "$name: its connection goes back to cubic" until_true 20 all_are cubic "$i"
		check "$name: it works there" ip -n away link set "$device" up
		if [ "$how" = moved ]; then check "$name: it is moved back" ip -n away link set "$device" netns 1; fi
		ip netns del away
		check "$name: it is back" until_true 20 present
		same "$name: by its name" "$device" "$(nic $((2 * i)))"
		addresses "" "$device" "10.8.$i.1/24" "fd8$i::1/64"
		path_routes "$i"
		check "$name: its connection is adopted again" until_true 60 all_are zeta "$i"
	done
	whole
done

for i in 0 1; do
	under "last$i" "$i"
	whole
done
check "stop succeeds" lotserver stop
check "nothing of it is loaded" stopped
if sabotaged; then ethtool -K "$virtio" gro off; fi
same "all features are as before" "$before" "$(features)"
finish
