#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Two interfaces at once, patterns, and interfaces that are renamed, go down or vanish while attached.
# Sabotage: only the first interface is configured.
# kernel: generic
set -u
. tests/vm/lib/suite.sh

virtio=$(nic 0) e1000=$(nic 2)
begin "$virtio" "$e1000"
if sabotaged; then product_set accif "$virtio"; fi
path_up 0 20 40 0.5 || exit 1
path_up 1 20 40 0.5 || exit 1
http_file long 12000000

check "start on two interfaces succeeds" lotserver start
background first http_get 0 4 long
background second http_get 1 6 long
check "a connection over the virtio NIC is adopted" until_true 20 all_are zeta 0
check "a connection over the e1000 NIC is adopted" until_true 20 all_are zeta 1
check "detaching one interface succeeds" engine_write wanIf "-$e1000"
check "its connection goes back to cubic" until_true 20 all_are cubic 1
check "the other one stays accelerated" all_are zeta 0
check "attaching it again succeeds" engine_write wanIf "+$e1000"
check "its connection is adopted again" until_true 20 all_are zeta 1
check "the virtio download arrives unchanged" awaited first
check "the e1000 download arrives unchanged" awaited second

# A name that is not in the list is not accelerated; the same interface under its name is.
background renamed http_get 1 4 long
check "a connection is adopted" until_true 20 all_are zeta 1
check "the interface is renamed while attached" ip link set "$e1000" name other9
check "its connection goes back to cubic" until_true 20 all_are cubic 1
check "it gets its name back" ip link set other9 name "$e1000"
check "its connection is adopted again" until_true 20 all_are zeta 1
check "the download across both arrives unchanged" awaited renamed

engine_write wanIf ""
same "an empty write detaches all" "" "$(xargs <"$ENGINE/wanIf")"
check "a pattern is accepted" engine_write wanIf "+${e1000%[0-9]}*"
background pattern http_get 1 4 long
check "a connection over an interface it matches is adopted" until_true 20 all_are zeta 1
check "the interface goes down" ip link set "$e1000" down
sleep 1
check "it comes up again" ip link set "$e1000" up
ip -6 address add "fd81::1/64" dev "$e1000" nodad 2>/dev/null
path_routes 1
check "the download across it arrives unchanged" awaited pattern

# The driver lets go of the device in the middle of a download, as when a card is pulled.
device=$(basename "$(readlink -f "/sys/class/net/$e1000/device")")
background pulled http_get 1 4 long --max-time 8
check "a connection is adopted" until_true 20 all_are zeta 1
echo "$device" >/sys/bus/pci/drivers/e1000/unbind
check "the interface vanishes while attached" test ! -e "/sys/class/net/$e1000"
check "statistics are still readable" test -n "$(counter NumOfFlows)"
check "the other interface still works" http_get 0 4 bulk
awaited pulled >/dev/null
check "its download ends with an error" grep -qx 1 "$STATE/pulled"
echo "$device" >/sys/bus/pci/drivers/e1000/bind
until_true 5 nic 2 >/dev/null
e1000=$(nic 2)
addresses "" "$e1000" 10.8.1.1/24 fd81::1/64
path_routes 1
background again http_get 1 4 long
check "the interface is back and accelerated" until_true 20 all_are zeta 1
check "stop succeeds" lotserver stop
check "nothing of it is loaded" stopped
check "the download across stop arrives unchanged" awaited again
finish
