# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# missing: what start says where there is no module for the kernel that runs.

# breaks: test_by_hand | lib/engine.sh | s/warn "Load $PRODUCT failed!"/:/
# breaks: test_by_hand | lib/engine.sh | s/warn "appex is not installed.*/:/
# breaks: test_reason_of_dkms | lib/engine.sh | s/\[\[ -z $reason \]\] || warn "$reason"/:/
# breaks: test_no_headers | lib/engine.sh | s/^\t\[\[ $1 != \*+deb13\* \]\] ||.*/\t:/
# breaks: test_no_headers | lib/engine.sh | s/build\/Makefile \]\]; then/nothing ]] \&\& false; then/
# breaks: test_no_rust | lib/engine.sh | s,-r $APPEX_BOOT/config-$release,-r $APPEX_BOOT/nothing,
# breaks: test_no_rust | lib/engine.sh | s/|| name=cloud-$name/|| :/
# breaks: test_no_rust | lib/engine.sh | s/|| name=arm64/|| :/
# breaks: test_rust_but_old | lib/engine.sh | s/elif too_old "$release"; then/elif false; then/
# breaks: test_installed_kernels | lib/engine.sh | s/! too_old "$other" \&\& //
# breaks: test_installed_kernels | lib/engine.sh | s/ | sort -V)$/)/
# breaks: test_installed_kernels | lib/engine.sh | s/ || built=$other/ || :/
# breaks: test_first_kernel_is_the_same_everywhere | rust-available.sh | s/^first=.*/first=7.1/
# breaks: test_first_kernel_is_the_same_everywhere | ../dkms.conf | s/KERNEL_MIN="7.2"/KERNEL_MIN="7.1"/

# runs RELEASE MACHINE: the kernel that runs.
runs() {
	mkdir -p "$T/bin" "$APPEX_BOOT"
	printf '#!/bin/sh\ncase $1 in -m) echo %s ;; *) echo %s ;; esac\n' "${2-x86_64}" "$1" >"$T/bin/uname"
	chmod 755 "$T/bin/uname"
	[[ $PATH == "$T/bin:"* ]] || PATH=$T/bin:$PATH
}

# has RELEASE [LINE]: a kernel of the machine, with that line in its configuration.
has() { printf '%s\n' CONFIG_MODULES=y "${2-}" >"$APPEX_BOOT/config-$1"; }

# refused: a start that finds no module.
refused() {
	config accif=eth0
	fault load missing
	run_lot start
	is "$STATUS" 1
	like "$ERR" '*Load LotServer failed!*Module appex not found*'
	absent "$APPEX_PROC"
}

test_by_hand() {
	runs 7.3.4+deb13-amd64
	refused
	like "$ERR" '*appex is not installed for kernel 7.3.4+deb13-amd64: run make and make install'
}

# DKMS's log says why there is no module, and what to install.
test_reason_of_dkms() {
	local log=$APPEX_DKMS/appex/0.1.0/build/make.log
	runs 7.3.4+deb13-amd64
	mkdir -p "${log%/*}" "$APPEX_KERNELS/7.3.4+deb13-amd64/build"
	touch "$APPEX_KERNELS/7.3.4+deb13-amd64/build/Makefile"
	printf '%s\n' 'appex: cannot build for kernel 1.2.3: of another kernel' \
		'appex: cannot build for kernel 7.3.4+deb13-amd64: packages are missing: bison; install them: apt install bison' >"$log"
	refused
	like "$ERR" '*cannot build for kernel 7.3.4+deb13-amd64: packages are missing: bison; install them: apt install bison*'
	like "$ERR" '*has not built appex for kernel 7.3.4+deb13-amd64: run dkms autoinstall -k 7.3.4+deb13-amd64'
	unlike "$ERR" '*of another kernel*'
	unlike "$ERR" '*make install*'
}

# The exact package, and where it is from; another kernel that has the module, too.
test_no_headers() {
	runs 7.3.4+deb13-cloud-amd64
	mkdir -p "$APPEX_DKMS/appex"
	has 7.3.4+deb13-cloud-amd64 CONFIG_RUST=y
	refused
	like "$ERR" '*has not built appex for kernel 7.3.4+deb13-cloud-amd64, whose headers are not installed: apt install -t trixie-backports linux-headers-7.3.4+deb13-cloud-amd64, which has DKMS build it'
	has 7.2.12+deb13-cloud-amd64 CONFIG_RUST=y
	mkdir -p "$APPEX_KERNELS/7.2.12+deb13-cloud-amd64/updates/dkms"
	touch "$APPEX_KERNELS/7.2.12+deb13-cloud-amd64/updates/dkms/appex.ko.xz"
	refused
	like "$ERR" '*has DKMS build it*This machine has kernel 7.2.12+deb13-cloud-amd64, for which appex is built: reboot into that'
	runs 7.3.4+deb14-amd64
	refused
	like "$ERR" '*not installed: apt install linux-headers-7.3.4+deb14-amd64,*'
}

test_no_rust() {
	runs 6.12.117+deb13-amd64
	mkdir -p "$APPEX_DKMS/appex"
	has 6.12.117+deb13-amd64
	refused
	like "$ERR" "*6.12.117+deb13-amd64 was built without Rust*linux-image-amd64 of trixie-backports, 7.2 or newer*apt's sources:*apt install -t trixie-backports linux-image-amd64 linux-headers-amd64; reboot"
	unlike "$ERR" '*has not built*'
	runs 6.12.117+deb13-cloud-arm64 aarch64
	has 6.12.117+deb13-cloud-arm64
	refused
	like "$ERR" '*without Rust*apt install -t trixie-backports linux-image-cloud-arm64 linux-headers-cloud-arm64; reboot'
}

# What DKMS passes over without a word.
test_rust_but_old() {
	runs 7.1.9-1-amd64
	mkdir -p "$APPEX_DKMS/appex"
	has 7.1.9-1-amd64 CONFIG_RUST=y
	refused
	like "$ERR" '*The kernel 7.1.9-1-amd64 is older than 7.2, the first that appex builds for.*linux-image-amd64 of trixie-backports*; reboot'
	unlike "$ERR" '*has not built*'
	runs 7.2.0-1-amd64
	refused
	unlike "$ERR" '*is older*'
}

test_installed_kernels() {
	runs 6.12.117+deb13-amd64
	has 6.12.117+deb13-amd64
	has 6.19.9+deb13-amd64 CONFIG_RUST=y
	refused
	like "$ERR" '*linux-image-amd64 of trixie-backports*'
	has 7.9.1+deb13-amd64 CONFIG_RUST=y
	has 7.10.2+deb13-amd64 CONFIG_RUST=y
	has 7.11.0+deb13-amd64
	refused
	like "$ERR" '*This machine has kernel 7.10.2+deb13-amd64, which will do: apt install -t trixie-backports linux-headers-7.10.2+deb13-amd64, then reboot into that'
	unlike "$ERR" '*linux-image-amd64*'
	mkdir -p "$APPEX_KERNELS/7.9.1+deb13-amd64/updates"
	touch "$APPEX_KERNELS/7.9.1+deb13-amd64/updates/appex.ko"
	refused
	like "$ERR" '*This machine has kernel 7.9.1+deb13-amd64, for which appex is built: reboot into that'
}

# What builds, what installs and what starts run without each other, so each says it.
test_first_kernel_is_the_same_everywhere() {
	local top=$SCRIPTS/.. first
	first=$(sed -n 's/^FIRST_KERNEL=//p' "$SCRIPTS/lib/engine.sh")
	like "$first" '[1-9]*.*'
	is "$(sed -n 's/^first=//p' "$SCRIPTS/rust-available.sh")" "$first"
	is "$(sed -n 's/^BUILD_EXCLUSIVE_KERNEL_MIN="\(.*\)"$/\1/p' "$top/dkms.conf")" "$first"
	is "$(sed -n 's/.*needs one of \([0-9.]*\) or newer.*/\1/p' "$top/install.sh")" "$first"
	is "$(sed -n 's/^FIRST=//p' "$HERE/../kernels/trees.sh")" "$first"
	is "$(grep -o 'linux-headers-[^ ]* (>= [0-9.]*' "$top/debian/control" | sed 's/.* //' | sort -u)" "$first"
}
