#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What DKMS runs before each build: scripts/dkms-prepare.sh KERNEL_RELEASE KERNEL_HEADERS
#
# Makes sure that a Rust module can be built for that kernel and leaves the makefile for it, .dkms-make, in the
# current directory. Where the headers come without Rust metadata (Debian) a prepared copy of them is made in
# ${APPEX_HEADERS:-/var/lib/appex/headers}/KERNEL_RELEASE: the directories of other packages stay as they are. If
# something is missing, the reason and the remedy are in DKMS's log and on the terminal of whoever waits.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
release=${1:?usage: dkms-prepare.sh KERNEL_RELEASE KERNEL_HEADERS}
headers=${2:?usage: dkms-prepare.sh KERNEL_RELEASE KERNEL_HEADERS}
store=${APPEX_HEADERS:-/var/lib/appex/headers}

# A kernel upgrade on a busy server should not be felt.
renice -n 10 $$ >/dev/null 2>&1 || true

# tell TEXT: DKMS has sent our output to its log, and its own is where its user looks.
tell() {
	local pid=$PPID
	printf 'appex: %s\n' "$1" >&2
	for _ in 1 2 3 4 5 6; do
		[ "$pid" -gt 1 ] || return 0
		if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dkms ] && ! [ "/proc/$pid/fd/2" -ef "/proc/$$/fd/2" ]; then
			{ printf '\nappex: %s\n' "$1" >>"/proc/$pid/fd/2"; } 2>/dev/null || true
			return 0
		fi
		pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) || return 0
		[ -n "$pid" ] || return 0
	done
}

fail() {
	tell "cannot build for kernel $release: $1"
	tell "then: dkms autoinstall -k $release. Until then the network runs unaccelerated."
	exit 1
}

# Copies for kernels that are gone.
for copy in "$store"/*/; do
	[ -d "$copy" ] || continue
	[ -e "/lib/modules/$(basename "$copy")/build" ] || [ "$(basename "$copy")" = "$release" ] || rm -rf "$copy"
done

# The kernel's compiler; one of the administrator's own may come first in PATH.
[ -n "${RUSTC-}" ] || RUSTC=$("$here/kernel-rustc.sh" "$headers")
if [ "$RUSTC" = rustc ]; then unset RUSTC; else export RUSTC; fi

answer=$("$here/rust-available.sh" "$headers") && usable=1 || usable=
# Metadata that prepare-headers.sh put there itself may be of an older build of the kernel: it knows.
if [ -z "$usable" ] || [ -e "$headers/rust/.appex-stamp" ]; then
	case $answer in
	y | *"Rust metadata"* | *target.json*) ;;
	*) fail "$answer" ;;
	esac
	# Where it was asked for by hand it stays where it is.
	copy=$store/$release
	into=(--into "$copy")
	[ ! -e "$headers/rust/.appex-stamp" ] || copy=$headers into=()
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	mkdir -p "$store"
	if ! "$here/prepare-headers.sh" "${into[@]}" "$release" 2>&1 | tee "$log" >&2; then
		reason=$(sed -n 's/^prepare-headers: error: //p' "$log" | tail -n 1)
		[ -e "$store/$release/rust" ] || rm -rf "${store:?}/$release"
		fail "${reason:-the Rust metadata of its headers could not be made}"
	fi
	headers=$copy
fi
{
	printf 'KDIR := %s\n' "$headers"
	[ -z "${RUSTC-}" ] || printf 'RUSTC := %s\nexport RUSTC\n' "$RUSTC"
	printf 'include Makefile\n'
} >.dkms-make
