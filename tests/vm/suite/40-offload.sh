#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# NIC features on a virtio and an e1000 NIC: left alone by default, off while it runs where the
# configuration says so, and in every case exactly as before after stop.
# Sabotage: someone changes a feature of each NIC behind the product's back.
# kernel: generic
set -u
. tests/vm/lib/suite.sh

begin "$(nic 0)"
path_up 0 20 20 0 || exit 1
path_up 1 20 20 0 || exit 1
virtio=$(nic 0) e1000=$(nic 2)
same "the NICs are what they should be" "virtio_net e1000" \
	"$(ethtool -i "$virtio" | sed -n 's/^driver: //p') $(ethtool -i "$e1000" | sed -n 's/^driver: //p')"

# on DEVICE FEATURE...: which of the features are on now.
on() {
	local device=$1 feature
	shift
	for feature; do
		ethtool -k "$device" | grep -q "^$feature: on" && printf '%s ' "$feature"
	done
}
ALL="tcp-segmentation-offload generic-segmentation-offload generic-receive-offload large-receive-offload"

# round NAME GSO RSC STILL-ON-PATTERN: start with these settings, look, download, stop, compare.
round() {
	local name=$1 i device before still
	product_set gso "$2"
	product_set rsc "$3"
	for i in 0 1; do
		device=$(nic $((2 * i)))
		product_set accif "$device"
		before=$(ethtool -k "$device")
		check "$name, $device: start succeeds" lotserver start
		# shellcheck disable=SC2086 # a list
		still=$(on "$device" $ALL)
		if [ "$2$3" = 11 ]; then
			same "$name, $device: every feature is left alone" "$before" "$(ethtool -k "$device")"
		else
			same "$name, $device: what is still on" "$4" "$still"
		fi
		check "$name, $device: a download arrives unchanged" http_get "$i" 4 bulk
		check "$name, $device: stop succeeds" lotserver stop
		if sabotaged; then ethtool -K "$device" gro off tx off; fi
		same "$name, $device: all features are as before" "$before" "$(ethtool -k "$device")"
		if sabotaged; then ethtool -K "$device" gro on tx on; fi
	done
}
for device in "$virtio" "$e1000"; do
	# shellcheck disable=SC2086 # a list
	same "$device has them on to begin with" \
		"tcp-segmentation-offload generic-segmentation-offload generic-receive-offload " "$(on "$device" $ALL)"
done
round "defaults" 1 1 ""
round "gso=0 rsc=0" 0 0 ""
round "gso=0" 0 1 "generic-receive-offload "
round "rsc=0" 1 0 "tcp-segmentation-offload generic-segmentation-offload "

# The control script dies by kill -9 between start and stop, and again inside of stop: what it noted is
# enough for the next one to restore everything.
product_set gso 0
product_set rsc 0
product_set accif "$virtio $e1000"
before=$(ethtool -k "$virtio"; ethtool -k "$e1000")
check "start on both NICs succeeds" lotserver start
"$LOTSERVER" stop >/dev/null 2>&1 &
stopping=$!
sleep 0.3
kill -9 "$stopping" 2>/dev/null
wait "$stopping" 2>/dev/null
# What the killed one had started may hold the lock a moment longer: "try again later", status 2.
for _ in $(seq 40); do
	status=0
	lotserver stop >/dev/null || status=$?
	[ "$status" -eq 2 ] || break
	sleep 0.5
done
same "features are as before after a stop that was killed" "$before" "$(ethtool -k "$virtio"; ethtool -k "$e1000")"
check "nothing of it is loaded" stopped
finish
