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
# leaks: has the kernel look for memory that nothing refers to any more, which it complains of. Whatever a process or a
# module refers to is none, so both go first; what is found has not changed since a scan before and is older than five seconds.
leaks() {
	kill -s KILL -- -1
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		modules=$(cut -d' ' -f1 /proc/modules)
		[ -n "$modules" ] || break
		# Sockets of the processes may hold one for a moment.
		for module in $modules; do rmmod "$module" || sleep 1; done
	done >/dev/null 2>&1
	[ -z "$modules" ] || echo "WARNING: lab: $modules cannot be unloaded" >/dev/kmsg
	# It refuses when it has switched itself off.
	echo scan >"$1" && sleep 6 && echo scan >"$1" || echo "WARNING: lab: kmemleak does not work" >/dev/kmsg
	sed 's/^/# kmemleak: /' "$1" >>./stdout
}
# red_zones: has it look at those of all objects, also of what KASAN has kept from being given back. The first of the nodes was made
# before there was anything to make it with, and is never right.
red_zones() {
	for cache in /sys/kernel/slab/*; do
		[ "${cache##*/}" = kmem_cache_node ] || echo 1 >"$cache/validate"
	done 2>/dev/null
}
sh ./script </dev/null >./stdout 2>./stderr
status=$?
[ "$(cat /sys/kernel/slab/kmalloc-96/red_zone 2>/dev/null)" != 1 ] || red_zones
[ ! -e /sys/kernel/debug/kmemleak ] || leaks /sys/kernel/debug/kmemleak
dmesg >./dmesg
# Last: a run without it did not get to its end.
echo "$status" >./status
echo o >/proc/sysrq-trigger
# Power-off happens from a worker; init must not exit before it.
sleep 60
