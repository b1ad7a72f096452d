#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest half of selfcheck.
insmod /vm/race.ko
sleep 60
