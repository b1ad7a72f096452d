#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The control script's own checks with the real module, on a virtio and an e1000 NIC.
# Sabotage: the script under test no longer turns anything off or back on.
# kernel: generic
set -u
. tests/vm/lib/suite.sh

keep_hooks_patched || exit 1
arguments=(-m /vm/appex.ko)
if [ -n "${SABOTAGE-}" ]; then
	cp -r scripts /run/broken
	sed -i 's/^keep_none() .*/keep_none() { true; }/' /run/broken/lib/offload.sh
	export LOT_SCRIPTS=/run/broken
	arguments+=(-c offloads)
fi
exec tests/script/vm-checks.sh "${arguments[@]}" "$(nic 0)" "$(nic 2)"
