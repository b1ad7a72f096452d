#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Can a Rust module be built for this kernel?    scripts/rust-available.sh [--quiet] KDIR
#
# Prints "y", or one reason that a person can act on. With --quiet the reason goes to standard error and
# "y" is not printed. Exit status 0 for yes, 1 for no. KDIR is a headers directory (/lib/modules/$(uname -r)/build)
# or a kernel build directory. RUSTC and BINDGEN name other tools, as for make.
set -eu

quiet=
if [ "${1-}" = --quiet ]; then
	quiet=1
	shift
fi
if [ $# != 1 ]; then
	echo "usage: scripts/rust-available.sh [--quiet] KDIR" >&2
	exit 2
fi
kdir=$1
here=$(cd "$(dirname "$0")" && pwd)

no() {
	if [ "$quiet" ]; then echo "appex: cannot build: $*" >&2; else echo "$*"; fi
	exit 1
}

# The first kernel that the module builds for.
first=7.2

# other_kernel TEXT: this kernel will never do, for that reason.
other_kernel() {
	arch=amd64
	[ "$(uname -m)" != aarch64 ] || arch=arm64
	no "$1; in Debian the kernels that will do are linux-image-$arch and" \
		"linux-image-cloud-$arch $first or newer from trixie-backports. Add the suite trixie-backports to apt's sources if it is not" \
		"there (copy the line of trixie with the suite changed; in a .sources file add it to Suites), then apt update;" \
		"apt install -t trixie-backports linux-image-$arch linux-headers-$arch (on a cloud image linux-image-cloud-$arch" \
		"linux-headers-cloud-$arch); then reboot"
}

no_rust() {
	other_kernel "$1 was built without CONFIG_RUST"
}

# not_too_old RELEASE
not_too_old() {
	major=${1%%[!0-9]*} minor=${1#*.}
	minor=${minor%%[!0-9]*}
	[ "${major:-0}" -gt "${first%.*}" ] || { [ "$major" = "${first%.*}" ] && [ "${minor:-0}" -ge "${first#*.}" ]; } ||
		other_kernel "the kernel $1 is older than $first, the first that this module builds for"
}

# config NAME: the value of an option of that kernel, without quotes; empty when it is off.
config() {
	sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$kdir/.config" | head -n 1
}

if [ ! -d "$kdir" ]; then
	release=$(uname -r)
	case $kdir in */modules/*/build) release=${kdir%/build} release=${release##*/} ;; esac
	# In Debian 13 kernels that will do come from backports only.
	suite=
	case $release in *+deb13*) suite='-t trixie-backports ' ;; esac
	text="there are no kernel headers in $kdir; install them: apt install ${suite}linux-headers-$release"
	not_too_old "$release"
	[ -r "/boot/config-$release" ] || no "$text; if apt has none: this kernel is not Debian's"
	# Headers would not help a kernel without Rust.
	grep -q '^CONFIG_RUST=y' "/boot/config-$release" || no_rust "the kernel $release"
	no "$text"
fi
[ -r "$kdir/.config" ] || no "$kdir has no .config: it is not a headers directory or a configured kernel build directory"

if [ "$(config CONFIG_RUST)" != y ]; then
	no_rust "the kernel of $kdir"
fi

release=$(cat "$kdir/include/config/kernel.release" 2>/dev/null || true)
[ -z "$release" ] || not_too_old "$release"

rustc=${RUSTC:-rustc}
command -v "$rustc" >/dev/null 2>&1 || no "no Rust compiler ($rustc); install it: apt install rustc"
have=$("$rustc" --version 2>/dev/null) || no "'$rustc --version' does not work"
want=$(config CONFIG_RUSTC_VERSION_TEXT)
if [ -n "$want" ] && [ "$have" != "$want" ]; then
	series=$(printf '%s\n' "$want" | sed -n 's/^rustc \([0-9]*\.[0-9]*\)\..*/\1/p')
	hint="install the distribution's own compiler (Debian: apt install rustc; Ubuntu: apt install rustc-$series)"
	other=$("$here/kernel-rustc.sh" "$kdir")
	[ -n "${RUSTC-}" ] || [ "$other" = rustc ] || hint="use the one that is there: make RUSTC=$other"
	no "the kernel was built with '$want' but $(command -v "$rustc") is '$have', and Rust metadata is readable only by the very same compiler; $hint"
fi
bindgen=${BINDGEN:-bindgen}
command -v "$bindgen" >/dev/null 2>&1 || no "no bindgen ($bindgen); install it: apt install bindgen"
"$bindgen" --version >/dev/null 2>&1 || no "'$bindgen --version' does not work; install it again: apt install --reinstall bindgen"

for file in rust/libcore.rmeta rust/libkernel.rmeta rust/libbindings.rmeta rust/libmacros.so; do
	[ -e "$kdir/$file" ] || no "the headers in $kdir have no Rust metadata ($file); make it, once per kernel: sudo $here/prepare-headers.sh" \
		"$(cat "$kdir/include/config/kernel.release" 2>/dev/null || basename "$kdir" | sed 's/^linux-headers-//')"
done
# x86 kernels describe their target in a file; other architectures use one that rustc knows.
if [ "$(config CONFIG_X86_64)" = y ] && [ ! -e "$kdir/scripts/target.json" ]; then
	no "the headers in $kdir have no scripts/target.json; make it: sudo $here/prepare-headers.sh $(cat "$kdir/include/config/kernel.release" 2>/dev/null)"
fi
[ "$quiet" ] || echo y
