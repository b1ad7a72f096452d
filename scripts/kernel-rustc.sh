#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Which of this machine's Rust compilers has built that kernel?    scripts/kernel-rustc.sh KDIR
#
# Prints its path; "rustc" if none has, for whoever then says so. Rust metadata is readable only by the very same
# compiler, and machines have several: one of rustup's first in PATH, or, in Ubuntu, one under each version's name.
set -eu
want=$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT="\(.*\)"$/\1/p' "${1:?usage: scripts/kernel-rustc.sh KDIR}/.config" 2>/dev/null || true)
for rustc in "$(command -v rustc || true)" /usr/bin/rustc /usr/bin/rustc-[0-9]*; do
	if [ -x "$rustc" ] && [ "$("$rustc" --version 2>/dev/null)" = "$want" ]; then
		echo "$rustc"
		exit
	fi
done
echo rustc
