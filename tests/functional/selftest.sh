#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2119 # load takes optional module parameters
#
# Loads a build with self-tests and looks at what they say.
# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/lib.sh"

check "the self-tests pass" load
rate=$(dmesg | sed -n 's/.*selftest: table: .*, \([0-9]*\) per second.*/\1/p')
# How fast depends on the machine and on who else is on it: a figure, no test.
at_least "the flow table was measured" 1 "$rate"
dmesg | grep -o 'selftest: .*' | sed 's/^/# /'
unload
finish
