#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest half of tests/vm/selfcheck/run: behave as the first argument says.
case $1 in
status) echo "on $(nproc) processors" && exit "$2" ;;
insmod) insmod /vm/complain.ko how="$2" ;;
dies) echo o >/proc/sysrq-trigger && sleep 60 ;;
hangs) sleep 600 ;;
panic) echo c >/proc/sysrq-trigger && sleep 60 ;;
esac
exit 0
