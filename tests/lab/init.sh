#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# First process of every user-mode kernel of the lab. Makes a usable system out of a read-only hostfs
# root, runs the script the runner left in the job directory (kernel parameter labdir=), writes its
# exit status there and powers off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm /run/netns /run/out /run/lock
mount -t devpts devpts /dev/pts 2>/dev/null
mount -t tmpfs tmpfs /dev/shm
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
ln -sf /proc/self/fd /dev/fd 2>/dev/null
labdir=$(sed 's/.*labdir=\([^ ]*\).*/\1/' /proc/cmdline)
mount -t hostfs -o "hostfs=$labdir" none /run/out
cd /run/out || exit 1
sh ./script </dev/null >./stdout 2>./stderr
echo $? >./status
dmesg >./dmesg
echo o >/proc/sysrq-trigger
# Power-off happens from a worker; init must not exit before it.
sleep 60
