# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Where the kernels of "make test-kernels" come from: a Debian tree for each suite, with that suite's own compilers,
# which kernels it has, and what a virtual machine boots of one. Sourced by run, after the lab's own parts.
#
# A suite is named as Debian does; "arm64" stands for trixie-backports of that architecture, in a tree of this one
# with cross compilers and an emulator, and with a foreign system beside it for the guest.

logs=$CACHE/log/kernels
mkdir -p "$logs"

# To build with. The kernel's gcc comes with its headers.
TOOLS=gcc,make,flex,bison,bc,xz-utils,pahole,python3,kmod,clang,bindgen,rustc,rust-src,ca-certificates
# For kernels of another architecture: their compiler is a cross compiler, and its headers do not ask for that.
CROSS_TOOLS=libc6-dev,gcc-14-aarch64-linux-gnu,qemu-system-arm,cpio,e2fsprogs,iproute2
# Kernels before this one have no Rust.
FIRST=7.2

# cache_of SUITE: where its tree is; the lab's own is the first suite's.
cache_of() {
	# shellcheck disable=SC2153 # of the lab's parts
	if [ "$1" = trixie-backports ]; then echo "$CACHE"; else echo "$CACHE/suites/$1"; fi
}
# The virtual machines' images are the lab's, but for another architecture.
vm_cache_of() { if [ "$1" = arm64 ]; then cache_of "$1"; else echo "$CACHE"; fi; }
# The suite that apt knows.
apt_suite() { if [ "$1" = arm64 ]; then echo trixie-backports; else echo "$1"; fi; }
arch_of() { if [ "$1" = arm64 ]; then echo arm64; else echo amd64; fi; }

# inside SUITE COMMAND...: in that suite's tree, with this project and its own caches at the lab's usual places.
inside() {
	local cache
	cache=$(cache_of "$1")
	shift
	APPEX_CACHE=$cache tests/lab/enter env DEBIAN_FRONTEND=noninteractive "$@"
}
suite_apt() {
	local suite=$1
	shift
	inside "$suite" apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@"
}

# bootstrap NAME DIRECTORY OPTION...: mmdebstrap with the host's mirror settings; the suite and its sources come last.
bootstrap() {
	local name=$1 tree=$2 options
	shift 2
	options=$(mktemp)
	host_apt_options "$options"
	rm -rf "$tree"
	mkdir -p "${tree%/*}"
	logged "$name" unshare --mount --propagation private -- mmdebstrap --mode=root --keyring="$(debian_keyring)" --aptopt="$options" "$@"
	rm -f "$options"
}

suite_tree() { # SUITE
	local suite=$1 tree of=$1 tools=$TOOLS architectures=amd64 sources=()
	tree=$(cache_of "$suite")/tree
	if [ "$suite" = trixie-backports ]; then return; fi
	if [ ! -e "$tree/usr/bin/rustc" ]; then
		debian_mirrors
		case $suite in
		experimental) of=sid ;;
		arm64) of=trixie tools+=,$CROSS_TOOLS architectures=amd64,arm64 ;;
		esac
		sources=("deb $MIRROR $of main")
		[ "$(apt_suite "$suite")" = "$of" ] || sources+=("deb $MIRROR $(apt_suite "$suite") main")
		say "making a tree of $suite (some minutes)"
		bootstrap "tree-$suite" "$tree" --variant=minbase --architectures="$architectures" --include="$tools" "$of" "$tree" "${sources[@]}"
		# No kernel is booted in it, so nothing is to be made for one.
		mkdir -p "$tree/etc/kernel/postinst.d"
		printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
		chmod 755 "$tree/usr/sbin/policy-rc.d"
		cp /etc/resolv.conf "$tree/etc/resolv.conf" 2>/dev/null || true
	fi
	if [ "$suite" = arm64 ]; then userland; fi
	logged "update-$suite" suite_apt "$suite" update
}

# userland: the packages of the guest's system for arm64, unpacked: none of their programs runs here.
userland() {
	local dir packages
	dir=$(vm_cache_of arm64)/build/vm/userland
	[ ! -e "$dir/usr/bin/busybox" ] || return 0
	debian_mirrors
	packages=$(sed -n '/^PACKAGES="/,/"$/{s/^PACKAGES=//;s/"//g;p}' tests/vm/images | xargs | tr ' ' ',')
	bootstrap userland-arm64 "$dir" --variant=extract --architectures=arm64 --include="$packages,busybox-static" trixie "$dir" "deb $MIRROR trixie main"
}

# kernels_of SUITE: releases with headers there, newest of each series and flavour, or all of them with ALL=1.
kernels_of() {
	local arch chosen='{ newest[$1 " " $2] = $3 } END { for (k in newest) print newest[k] }'
	[ "${ALL-}" != 1 ] || chosen='{ print $3 }'
	arch=$(arch_of "$1")
	inside "$1" apt-cache search --names-only "^linux-headers-[0-9].*$arch(-16k)?\$" |
		sed -n 's/^linux-headers-\([^ ]*\) .*/\1/p' | grep -v -- '-common' | sort -Vu |
		while read -r release; do
			series=$(sed -n 's/^\([0-9]*\.[0-9]*\).*/\1/p' <<<"$release")
			flavour=${release#*-}
			! dpkg --compare-versions "$series" ge "$FIRST" || echo "$series $flavour $release"
		done | awk "$chosen" | sort -V |
		while read -r release; do
			# A tree may know kernels of another suite as well.
			if [ "$1" != experimental ] || inside "$1" apt-cache madison "linux-headers-$release" | grep -q ' experimental/'; then
				echo "$release"
			fi
		done
}

# kernel_source SUITE RELEASE: the kernel's source where prepare-headers.sh looks first, so that the flavours of one
# version share it. Whatever is missing here that script fetches itself.
kernel_source() {
	local dir package version other
	dir=$(cache_of "$1")/src package=linux-source-$(sed -n 's/^\([0-9]*\.[0-9]*\).*/\1/p' <<<"$2")
	# shellcheck disable=SC2016 # dpkg-query's own substitution
	version=$(inside "$1" dpkg-query -W -f '${Version}' "linux-headers-$2" 2>/dev/null) || return 0
	[ "$(cat "$dir/$package.version" 2>/dev/null)" != "$version" ] || return 0
	mkdir -p "$dir"
	rm -rf "${dir:?}/$package" "$dir/$package.version"
	other=$CACHE/src/$package
	if [ "$(cat "$other.version" 2>/dev/null)" = "$version" ]; then
		cp -al "$other" "$dir/$package" || return 0
	else
		inside "$1" sh -c "set -e; mkdir -p /lab/src/fetch && cd /lab/src/fetch &&
			apt-get -q -o APT::Sandbox::User=root download $package=$version && mkdir ../$package &&
			dpkg-deb --fsys-tarfile ./*.deb | tar -xO ./usr/src/$package.tar.xz | tar -xJ -C ../$package --strip-components=1" \
			>"$logs/source-$2.log" 2>&1 || return 0
		rm -rf "$dir/fetch"
	fi
	echo "$version" >"$dir/$package.version"
}

# kernel_files SUITE RELEASE: what the virtual machines' images take a kernel from; tests/vm/images knows only the
# lab's own suites.
kernel_files() {
	local dir fetch arch
	dir=$(vm_cache_of "$1")/build/vm/image/$2 arch=$(arch_of "$1")
	[ "$1" != trixie-backports ] || return 0
	[ ! -e "$dir/vmlinuz" ] || return 0
	fetch=$(cache_of "$1")/build/fetch-$2
	rm -rf "$fetch"
	mkdir -p "$dir" "$fetch"
	# In how many packages a kernel comes has changed, and differs between suites.
	inside "$1" sh -c "cd /lab/build/fetch-$2 && for p in linux-base-$2 linux-binary-$2 linux-modules-$2 linux-image-$2; do
		apt-get -q -o APT::Sandbox::User=root download \$p:$arch || true; done
		for d in *.deb; do dpkg-deb -x \$d root; done" >"$logs/fetch-$2.log" 2>&1 || return 1
	rm -rf "$dir/modules"
	mv "$fetch"/root/usr/lib/modules/"$2" "$dir/modules" || return 1
	if [ -e "$dir/modules/vmlinuz" ]; then mv "$dir/modules/vmlinuz" "$dir/vmlinuz"; else mv "$fetch/root/boot/vmlinuz-$2" "$dir/vmlinuz"; fi
	rm -rf "$fetch"
}
