# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Host side of the installation tests: a clean Debian system as a disk image, commands in it while it is off,
# and booting it. Sourced, never run; callers have set -euo pipefail.
#
# The image is one ext4 file system without partitions. While the machine is off, commands run in it through a
# loop mount in a mount namespace of their own, so nothing stays mounted whatever ends the test; package
# operations that compile are done that way, because an emulated processor takes a quarter of an hour for
# what this machine does in one minute.
#
# shellcheck disable=SC2034 # used by the scripts that source this file

INSTALL_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=tests/lab/lib.sh
. "$INSTALL_TOP/tests/lab/lib.sh"
# shellcheck source=tests/lab/steps/host.sh
. "$INSTALL_TOP/tests/lab/steps/host.sh"
INSTALL_DIR=$CACHE/build/install
INSTALL_LAB=/lab/build/install
BASE=$INSTALL_DIR/base

# What a small server has, with its network set up by systemd-networkd. No compiler: what the packages need
# beyond this they must ask for themselves.
BASE_PACKAGES=systemd-sysv,udev,dbus,kmod,iproute2,procps,ca-certificates,iputils-ping,ethtool

# in_image IMAGE COMMAND...: runs it as root of the system in an image that is not booted. Downloaded packages
# are kept beside the images, for the next run.
in_image() {
	local image=$1
	shift
	mkdir -p "$INSTALL_DIR/mnt" "$INSTALL_DIR/archives/partial"
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private --pid --fork --kill-child -- bash -c '
		set -euo pipefail
		image=$1 root=$2 archives=$3 top=$4
		shift 4
		mount -o loop "$image" "$root"
		mount -t proc proc "$root/proc"
		mount -t sysfs -o ro sysfs "$root/sys"
		# Devices of its own: whatever a package removes or makes in /dev, it is not that of the machine the test runs on.
		mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
		for device in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
			read -r name major minor <<<"$device"
			mknod -m 666 "$root/dev/$name" c "$major" "$minor"
		done
		mkdir "$root/dev/pts" "$root/dev/shm"
		mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
		mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
		ln -s pts/ptmx "$root/dev/ptmx"
		ln -s /proc/self/fd "$root/dev/fd"
		ln -s fd/0 "$root/dev/stdin"
		ln -s fd/1 "$root/dev/stdout"
		ln -s fd/2 "$root/dev/stderr"
		mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
		mount -t tmpfs -o mode=755 tmpfs "$root/run"
		mount --bind "$archives" "$root/var/cache/apt/archives"
		mkdir -p "$root/run/appex-test"
		mount --bind "$top" "$root/run/appex-test"
		cp -L /etc/resolv.conf "$root/run/resolv.conf"
		# Not a file of the image: what the tests compare has to stay as installed.
		[ ! -e "$root/etc/resolv.conf" ] || mount --bind "$root/run/resolv.conf" "$root/etc/resolv.conf"
		status=0
		chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			HOME=/root LC_ALL=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive SUDO_FORCE_REMOVE=yes "$@" || status=$?
		sync
		exit "$status"
	' in_image "$image" "$INSTALL_DIR/mnt" "$INSTALL_DIR/archives" "$INSTALL_DIR/share" "$@"
}

# apt_in IMAGE ARGUMENT...
apt_in() {
	local image=$1
	shift
	in_image "$image" apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 -o APT::Keep-Downloaded-Packages=true "$@"
}

# kernels_of_archive: releases of the cloud kernels with Rust that the archive has, oldest first; only the
# newest of a series still has its source there.
kernels_of_archive() {
	chroot "$TREE" apt-cache search --names-only '^linux-image-[0-9].*-cloud-amd64$' |
		sed -n 's/^linux-image-\([^ ]*\) .*/\1/p' | grep -v unsigned | sort -V |
		awk -F. '{ newest[$1 "." $2] = $0; if (!($1 "." $2 in seen)) { seen[$1 "." $2] = 1; order[++n] = $1 "." $2 } }
			END { for (i = 1; i <= n; i++) print newest[order[i]] }' |
		while read -r release; do
			! dpkg --compare-versions "$release" ge 7.2 || echo "$release"
		done
}

# make_base: the clean system with the older of two kernels. Sets OLD and NEW.
make_base() {
	local -a kernels
	local options key
	mapfile -t kernels < <(kernels_of_archive)
	[ ${#kernels[@]} -ge 2 ] || die "the archive has only these kernels with Rust: ${kernels[*]-none}; the test needs two"
	OLD=${kernels[-2]} NEW=${kernels[-1]}
	mkdir -p "$BASE" "$INSTALL_DIR/share"
	key=$(hash_of "$OLD $NEW $BASE_PACKAGES" "$(declare -f make_base)")
	if [ "$(cat "$BASE/key" 2>/dev/null)" = "$key" ]; then return; fi
	debian_mirrors
	say "making a clean Debian 13 server with kernel $OLD (some minutes)"
	rm -rf "$BASE/tree" "$BASE/image" "$BASE/key"
	options=$(mktemp)
	host_apt_options "$options"
	mkdir -p "$INSTALL_DIR/archives/partial"
	logged install-tree unshare --mount --propagation private -- mmdebstrap --variant=minbase --mode=root \
		--keyring="$(debian_keyring)" --include="$BASE_PACKAGES" --aptopt="$options" trixie "$BASE/tree" \
		"deb $MIRROR trixie main" "deb $MIRROR trixie-backports main" "deb $SECURITY_MIRROR trixie-security main"
	rm -f "$options"
	printf '[Match]\nName=en*\n[Network]\nDHCP=ipv4\n' >"$BASE/tree/etc/systemd/network/test.network"
	chroot "$BASE/tree" systemctl enable -q systemd-networkd.service
	echo appex-test >"$BASE/tree/etc/hostname"
	: >"$BASE/tree/etc/resolv.conf"
	# The machine is booted without an initramfs of its own, and making one takes a minute each time.
	mkdir -p "$BASE/tree/etc/kernel/postinst.d"
	printf '%s\n' force-unsafe-io path-exclude=/etc/kernel/postinst.d/dracut path-exclude=/etc/kernel/postinst.d/initramfs-tools \
		>"$BASE/tree/etc/dpkg/dpkg.cfg.d/test"
	local hook
	for hook in dracut initramfs-tools; do
		printf '#!/bin/sh\nexit 0\n' >"$BASE/tree/etc/kernel/postinst.d/$hook"
		chmod 755 "$BASE/tree/etc/kernel/postinst.d/$hook"
	done
	truncate -s 8G "$BASE/image.new"
	# With a journal, as servers have it: this machine is reset, and without one even what was synced may be lost.
	mke2fs -q -t ext4 -E root_owner=0:0 -d "$BASE/tree" "$BASE/image.new"
	rm -rf "$BASE/tree"
	logged install-update apt_in "$BASE/image.new" update
	logged install-kernel apt_in "$BASE/image.new" install --no-install-recommends -t trixie-backports \
		"linux-image-$OLD" "linux-headers-$OLD"
	mv "$BASE/image.new" "$BASE/image"
	echo "$key" >"$BASE/key"
}

# boot IMAGE KERNEL PHASE: starts the machine with that kernel, lets systemd bring it up, runs guest.sh PHASE in it
# as a service and waits for its power to go off. Prints what the guest says. The service and the script come on
# a second disk and live in /run: the machine's own file system has nothing of the test.
boot() {
	local image=$1 kernel=$2 phase=$3 dir=$INSTALL_DIR/boot status=0
	rm -rf "$dir"
	mkdir -p "$dir" "$INSTALL_DIR/share/modules"
	rm -f "$INSTALL_DIR"/share/modules/*
	# shellcheck disable=SC2016 # for the shell inside
	in_image "$image" sh -c '
		number=10
		cp "/boot/vmlinuz-$1" /run/appex-test/vmlinuz
		for name in virtio_blk ext4; do modprobe -S "$1" --show-depends "$name"; done | while read -r verb file rest; do
			[ "$verb" = insmod ] || continue
			cp "$file" "/run/appex-test/modules/$number.ko.xz"
			number=$((number + 1))
		done' boot "$kernel"
	cp "$INSTALL_DIR/share/vmlinuz" "$dir/vmlinuz"
	tar -C "$INSTALL_TOP/tests/install/guest" -cf "$dir/payload" .
	tar -C "$INSTALL_DIR/share" -rf "$dir/payload" --exclude=./modules --exclude=./vmlinuz .
	printf '%s\n' "$phase" >"$dir/phase"
	tar -C "$dir" -rf "$dir/payload" phase
	ln -f "$image" "$dir/disk" 2>/dev/null || die "$image must be on the same file system as $dir"
	: >"$dir/out"
	(
		cd "$INSTALL_TOP"
		exec unshare --net tests/lab/enter tests/install/boot "$INSTALL_LAB/boot"
	) >"$dir/qemu.log" 2>&1 || status=$?
	cat "$dir/out"
	cp "$dir/console" "$CACHE/log/install-console-$phase.log" 2>/dev/null || true
	if [ "$status" != 0 ] || ! grep -qx 'end of phase' "$dir/out"; then
		echo "not ok - phase $phase came to its end (status $status)"
		tail -n 15 "$dir/qemu.log" "$dir/console" | sed 's/^/# /'
		return 1
	fi
	if ! tests/lab/tripwire "$dir/console"; then
		echo "not ok - phase $phase: the kernel did not complain"
		return 1
	fi
}
