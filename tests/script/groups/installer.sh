# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# installer: install.sh on distributions of which there is only the description here: what it says is missing and
# the command it names, what it puts where, and that uninstall takes all of it away again. It runs in a file system of its
# own, made of a few programs of this machine; DKMS, compilers and systemd are stood in for. (With Debian's: tests/install.)

# breaks: test_missing_on_fedora | ../install.sh | s/bindgen-cli/bindgen/
# breaks: test_missing_on_arch | ../install.sh | s/pkgbase/nothing/
# breaks: test_missing_for_clang | ../install.sh | s/tools+=(clang ld.lld/tools+=(clang/
# breaks: test_missing_on_opensuse | ../install.sh | s/kernel-%s-devel\\n' .*;;/kernel-default-devel\\n' ;;/
# breaks: test_missing_on_ubuntu | ../install.sh | s/^\t\tdebian | ubuntu | fedora | rhel | arch/\t\tdebian | fedora | rhel | arch/
# breaks: test_missing_on_debian | ../install.sh | s/tools+=(clang flex/tools+=(clang/
# breaks: test_missing_elsewhere | ../install.sh | s/with your package manager/apt install/
# breaks: test_nothing_is_missing | rust-available.sh | s/^\[ "$quiet" \] || echo y/no nothing/
# breaks: test_no_metadata | ../install.sh | s/linux-lib-rust-$release/linux-lib-rust/
# breaks: test_no_rust | ../install.sh | s/\*'without CONFIG_RUST'\*) other_kernel/*nothing*) other_kernel/
# breaks: test_too_old | rust-available.sh | s/^first=.*/first=6.0/
# breaks: test_another_compiler | kernel-rustc.sh | s,/usr/bin/rustc-\[0-9\]\*,,
# breaks: test_another_compiler | ../install.sh | s/"Rust metadata ("/"Rust metadata"/
# breaks: test_options | ../install.sh | s/wanted\[shortRttMS\]=/wanted[x]=/
# breaks: test_built_once | ../install.sh | s/ \&\& diff -rq .*; then/; then/
# breaks: test_built_once | ../install.sh | s/^\t\treturn$/\t\t:/
# breaks: test_refused_options | ../install.sh | s/^number() {/&\n\treturn 0; /
# breaks: test_installs_and_uninstalls | ../install.sh | s/^\t\trm -rf "\/usr\/src\/appex-$other"/\t\t:/
# breaks: test_over_the_original | ../install.sh | s/ \&\& -e \/appex\/bin\/lib\/uninstall.sh//
# breaks: test_over_the_original | install-local.sh | s/^put_aside$/:/
# breaks: test_failed_build | ../install.sh | s/^\t\tremove_module$/\t\t:/
# breaks: test_not_enabled_when_told | ../install.sh | s/boot=''/boot=1/

# shellcheck source=tests/script/machine.sh
. "$HERE/machine.sh"

says() {
	installer --check
	is "$ERR" "install.sh: $1"
	is "$STATUS" 1
}

FEDORA='ID=fedora'
ARCH='ID=arch'
SUSE=$'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"'
UBUNTU=$'ID=ubuntu\nID_LIKE=debian'
DEBIAN='ID=debian'

test_missing_on_fedora() {
	machine "$FEDORA" 7.3.1-200.fc44.x86_64
	says 'missing: dkms make gcc rustc bindgen headers; install: dnf install dkms make gcc rust bindgen-cli kernel-devel-7.3.1-200.fc44.x86_64'
	printf '%s\n' 'ID="rocky"' 'ID_LIKE="rhel centos fedora"' >"$R/etc/os-release"
	tools
	says 'missing: headers; install: dnf install kernel-devel-7.3.1-200.fc44.x86_64'
}

test_missing_on_arch() {
	machine "$ARCH" 7.3.1-arch1-1
	says 'missing: dkms make gcc rustc bindgen headers; install: pacman -S dkms make gcc rust rust-bindgen linux-headers'
	# Each of its kernels has headers of its own.
	echo linux-zen >"$R/usr/lib/modules/$release/pkgbase"
	printf '%s\n' 'ID=cachyos' 'ID_LIKE=arch' >"$R/etc/os-release"
	tools
	says 'missing: headers; install: pacman -S linux-zen-headers'
}

# Some of its kernels are built by clang.
test_missing_for_clang() {
	machine "$ARCH" 7.3.1-2-cachyos
	tools
	headers
	echo CONFIG_CC_IS_CLANG=y >>"$R/usr/src/headers/.config"
	says 'missing: ld.lld llvm-nm; install: pacman -S lld llvm'
}

test_missing_on_opensuse() {
	machine "$SUSE" 7.3.1-1-default
	says 'missing: dkms make gcc rustc bindgen headers; install: zypper install dkms make gcc rust rust-bindgen kernel-default-devel'
	release=7.3.1-1-azure
	tools
	says 'missing: headers; install: zypper install kernel-azure-devel'
}

test_missing_on_ubuntu() {
	machine "$UBUNTU" 7.3.0-12-generic
	says 'missing: dkms make gcc rustc bindgen headers; install: apt install dkms make gcc rustc bindgen linux-headers-7.3.0-12-generic'
	printf '%s\n' 'ID=linuxmint' 'ID_LIKE="ubuntu debian"' >"$R/etc/os-release"
	tools
	rm "$R/usr/bin/bindgen"
	says 'missing: bindgen headers; install: apt install bindgen linux-headers-7.3.0-12-generic'
}

# Where the Rust metadata is made, more is needed.
test_missing_on_debian() {
	machine "$DEBIAN" 7.3.4+deb13-cloud-amd64
	says 'missing: dkms make gcc rustc bindgen clang flex bison bc pahole python3 xz-utils rust-src headers; install: apt install dkms make gcc rustc bindgen clang flex bison bc pahole python3 xz-utils rust-src linux-headers-7.3.4+deb13-cloud-amd64'
}

test_missing_elsewhere() {
	machine 'ID=alpine' 7.3.1-0-virt
	tools
	rm "$R/usr/bin/dkms"
	says 'missing: dkms headers; install: with your package manager: dkms the headers of kernel 7.3.1-0-virt'
}

test_nothing_is_missing() {
	machine "$FEDORA" 7.3.1-200.fc44.x86_64
	tools
	headers
	installer --check
	is "$STATUS $ERR" '0 '
	is "$OUT" 'install.sh: kernel 7.3.1-200.fc44.x86_64: nothing is missing'
	# Asking changes nothing.
	absent "$R/appex"
	absent "$R/run/asked"
}

test_no_metadata() {
	machine "$UBUNTU" 7.3.0-12-generic
	tools
	headers
	rm -r "$R/usr/src/headers/rust"
	says 'the headers of 7.3.0-12-generic have no Rust metadata; install: apt install linux-lib-rust-7.3.0-12-generic'
	echo "$FEDORA" >"$R/etc/os-release"
	says 'the headers of 7.3.0-12-generic, /lib/modules/7.3.0-12-generic/build, have no Rust metadata, and it cannot be made here: this kernel'\''s package lacks it'
	# In Debian the build makes it.
	echo "$DEBIAN" >"$R/etc/os-release"
	installer --check
	is "$STATUS $ERR" '0 '
}

test_no_rust() {
	machine "$FEDORA" 7.3.1-200.fc44.x86_64
	tools
	headers
	sed -i /CONFIG_RUST=/d "$R/usr/src/headers/.config"
	says 'the kernel 7.3.1-200.fc44.x86_64 was built without Rust; appex needs one of 7.2 or newer with Rust (CONFIG_RUST): install such a kernel of your distribution, and reboot'
	# Known without headers, too: nobody is sent to install them in vain.
	rm "$R/usr/lib/modules/$release/build"
	echo CONFIG_MODULES=y >"$R/boot/config-$release"
	says 'the kernel 7.3.1-200.fc44.x86_64 was built without Rust; appex needs one of 7.2 or newer with Rust (CONFIG_RUST): install such a kernel of your distribution, and reboot'
	echo "$DEBIAN" >"$R/etc/os-release"
	installer --check
	like "$ERR" '*built without CONFIG_RUST*7.2 or newer from trixie-backports*apt install -t trixie-backports linux-image-*64 linux-headers-*64*'
	is "$STATUS" 1
}

test_too_old() {
	machine "$UBUNTU" 6.17.0-8-generic
	tools
	headers
	says 'the kernel 6.17.0-8-generic is too old; appex needs one of 7.2 or newer with Rust (CONFIG_RUST): install such a kernel of your distribution, and reboot'
	rm "$R/usr/lib/modules/$release/build"
	says 'the kernel 6.17.0-8-generic is too old; appex needs one of 7.2 or newer with Rust (CONFIG_RUST): install such a kernel of your distribution, and reboot'
	echo "$DEBIAN" >"$R/etc/os-release"
	installer --check
	like "$ERR" 'install.sh: the kernel 6.17.0-8-generic is older than 7.2*apt install -t trixie-backports linux-image-*64 linux-headers-*64*'
	is "$STATUS" 1
}

# Ubuntu's kernels are built with a compiler that has its version in its name.
test_another_compiler() {
	local os
	machine "$UBUNTU" 7.3.0-12-generic
	tools
	tool rustc "echo 'rustc 1.75.0 (82e1608df 2023-12-21)'"
	headers
	for os in "$UBUNTU" "$DEBIAN"; do
		echo "$os" >"$R/etc/os-release"
		installer --check
		is "$os $STATUS" "$os 1"
		like "$ERR" "*the kernel was built with '$RUSTC_TEXT' but /usr/bin/rustc is 'rustc 1.75.0*apt install rustc-1.85)"
	done
	tool rustc-1.85 "echo '$RUSTC_TEXT'"
	installer --check
	is "$STATUS $ERR" '0 '
}

# in_config KEY
in_config() { sed -n "s/^$1=//p" "$R/appex/etc/config"; }

test_options() {
	machine "$FEDORA" 7.3.1-200.fc44.x86_64
	tools
	headers
	installer -i 'eth0 eth1' -out 90000 -in 80000 -t 20 -e somebody -p secret -f -r -b --no-run
	is "$STATUS $ERR" '0 '
	is "$(in_config accif) $(in_config wankbps) $(in_config waninkbps) $(in_config shortRttMS)" '"eth0 eth1" "90000" "80000" "20"'
	# Again: what is not named stays, what somebody has changed, too.
	sed -i 's/^maxmode=.*/maxmode="1"/' "$R/appex/etc/config"
	installer -out 70000 --no-run
	is "$STATUS $ERR" '0 '
	is "$(in_config accif) $(in_config wankbps) $(in_config shortRttMS) $(in_config maxmode)" '"eth0 eth1" "70000" "20" "1"'
}

# Only another module is worth the minutes of building it.
test_built_once() {
	local builds
	machine "$FEDORA" 7.3.1-200.fc44.x86_64
	tools
	headers
	for builds in 1 1 2 2; do
		# The third time there is a new version of it.
		[[ $builds == 1 ]] || echo '// changed' >"$R/project/src/changed.rs"
		installer --no-run
		is "$STATUS $ERR" '0 '
		is "$(grep -c '^dkms install' "$R/run/asked")" "$builds"
	done
	# And for another kernel.
	release=7.3.2-200.fc44.x86_64
	mv "$R"/usr/lib/modules/{7.3.1,7.3.2}-200.fc44.x86_64
	installer --no-run
	is "$(grep -c '^dkms install' "$R/run/asked")" 3
}

test_refused_options() {
	local text
	machine "$FEDORA" 7.3.1-200.fc44.x86_64
	tools
	headers
	for text in '-out' '-out fast' '-in -5' '-t 1.5' '-out 12345678901' '-i' '-i eth0;reboot' '--frobnicate'; do
		# shellcheck disable=SC2086 # words
		installer $text
		is "$text $STATUS" "$text 1"
		like "$ERR" 'install.sh: *'
	done
	absent "$R/appex"
	absent "$R/run/asked"
}

test_installs_and_uninstalls() {
	local before script
	a_machine
	before=$(everything)
	installer --no-run
	is "$STATUS $ERR" '0 '
	like "$OUT" '*install.sh: done.*'
	exists "$R/appex/bin/lotServer.sh"
	exists "$R/usr/src/appex-0.1.0/src/appex_main.rs"
	exists "$R/usr/src/appex-0.1.0/scripts/clang/generated/autoconf.h"
	exists "$R/etc/systemd/system/lotServer.service"
	exists "$R/usr/local/share/doc/appex/examples/prometheus/lotServer-metrics.timer"
	exists "$R/usr/local/share/man/man5/lotserver.conf.5"
	like "$(<"$R/run/asked")" '*dkms install appex/0.1.0 -k 7.3.1-arch1-1*systemctl enable lotServer.service*'
	# What DKMS runs is all there.
	for script in $(sed -n 's/.*PRE_BUILD="\([^ ]*\).*/\1/p' "$R/usr/src/appex-0.1.0/dkms.conf") \
		$(grep -ohE '\$here/[a-z-]*\.sh' "$R"/usr/src/appex-0.1.0/scripts/*.sh | sed 's|.*/|scripts/|' | sort -u); do
		exists "$R/usr/src/appex-0.1.0/$script"
	done
	installer uninstall
	is "$STATUS $ERR" '0 '
	like "$OUT" '*install.sh: removed'
	like "$(<"$R/run/asked")" '*systemctl disable lotServer.service*'
	diff <(echo "$before") <(everything) || fail 'something is left'
}

test_over_the_original() {
	local before
	a_machine
	the_original
	before=$(everything_and_the_original)
	installer -out 70000 --no-run
	is "$STATUS $ERR" '0 '
	like "$OUT" '*/appex was there already and is now /appex.former*waninkbps="1000000" is obeyed*'
	is "$(in_config accif) $(in_config waninkbps) $(in_config wankbps)" '"eth0" "1000000" "70000"'
	installer uninstall
	is "$STATUS $ERR" '0 '
	diff <(echo "$before") <(everything_and_the_original) || fail 'it is not as it was'
	# Once more does not ask the original's script.
	installer uninstall
	is "$STATUS" 0
	absent "$R/run/original"
	diff <(echo "$before") <(everything_and_the_original) || fail 'it is not as it was'
}

test_failed_build() {
	local before
	machine "$ARCH" 7.3.1-arch1-1
	tools
	headers
	before=$(everything)
	touch "$R/run/dkms-fails"
	installer
	is "$STATUS" 1
	like "$ERR" '*the module was not built; the reason is above. Nothing was installed'
	diff <(echo "$before") <(everything) || fail 'something is left'
}

test_not_enabled_when_told() {
	machine "$ARCH" 7.3.1-arch1-1
	tools
	headers
	installer --no-run --no-boot
	is "$STATUS $ERR" '0 '
	unlike "$(<"$R/run/asked")" '*systemctl enable*'
	unlike "$(<"$R/run/asked")" '*restart*'
}
