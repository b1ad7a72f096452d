#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Installs appex on a Linux with DKMS, and starts it now and at every boot:
#
#   ./install.sh [OPTION]...            ./install.sh uninstall
#
#     -i "IF..."   accelerated interfaces       (those of the default routes)
#     -out KBPS    outbound bandwidth, kbit/s   (0: no limit)
#     -in KBPS     inbound bandwidth, kbit/s    (0: no limit)
#     -t MS        shortRttMS                   (0: off)
#     -r, -b       run now; run at boot: both are done anyway. --no-run, --no-boot: they are not
#     -e, -p, -f   of the original's installer: accepted, without effect
#     --check      only say what is missing
#
# Nothing is asked and nothing downloaded, except by scripts/prepare-headers.sh: on Debian, the kernel's source package.
# What is missing is named in one line, with the command that installs it. An existing /appex/etc/config is kept,
# the options given change it; LotServer's own /appex is put aside, and uninstall brings it back. KVER names another kernel than the running one. On Debian the packages ("make deb") are
# the better way.
set -euo pipefail
export LC_ALL=C
umask 022
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
unit=/etc/systemd/system/lotServer.service
config=/appex/etc/config
systemd=${APPEX_SYSTEMD:-/run/systemd/system}

say() { printf 'install.sh: %s\n' "$*"; }
die() {
	printf 'install.sh: %s\n' "$*" >&2
	exit 1
}

declare -A wanted=()
run=1 boot=1 action=install
# value OPTION NUMBER-OF-WORDS VALUE: an option's value must be there.
value() { (($2 >= 2)) || die "$1 needs a value, see --help"; }
number() { [[ $2 =~ ^[0-9]{1,10}$ ]] || die "$1: \"$2\" is not a whole number"; }
while (($# > 0)); do
	case $1 in
	-i) value "$1" $# && wanted[accif]=$2 && shift ;;
	-out) value "$1" $# && number "$1" "$2" && wanted[wankbps]=$2 && shift ;;
	-in) value "$1" $# && number "$1" "$2" && wanted[waninkbps]=$2 && shift ;;
	-t) value "$1" $# && number "$1" "$2" && wanted[shortRttMS]=$2 && shift ;;
	-e | -p) value "$1" $# && shift ;;
	-f) ;;
	-r) run=1 ;;
	-b) boot=1 ;;
	--no-run) run='' ;;
	--no-boot) boot='' ;;
	--check) action=check ;;
	uninstall) action=uninstall ;;
	install) action=install ;;
	-h | --help)
		sed -n '4,20s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
		exit 0
		;;
	*) die "unknown option $1, see --help" ;;
	esac
	shift
done
[[ ${wanted[accif]-x} =~ ^[][A-Za-z0-9._@*?\ -]+$ ]] || die "-i: \"${wanted[accif]}\" is no list of interface names"

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$here/dkms.conf")
source=/usr/src/appex-$version
release=${KVER:-$(uname -r)}
headers=/lib/modules/$release/build

# --- what the distribution calls things ----------------------------------------------------------------
distribution() {
	local ID='' ID_LIKE='' word
	if [[ -r /etc/os-release ]]; then
		# shellcheck source=/dev/null
		. /etc/os-release
	fi
	for word in $ID $ID_LIKE; do
		case $word in
		debian | ubuntu | fedora | rhel | arch | suse | opensuse*) printf '%s\n' "${word/opensuse*/suse}" && return ;;
		esac
	done
	echo other
}
family=$(distribution)

# headers_package: what brings the headers of the kernel. Arch's kernels say what they are called, openSUSE's have their
# flavour at the end of the release.
headers_package() {
	local name=linux
	case $family in
	debian | ubuntu) printf 'linux-headers-%s\n' "$release" ;;
	fedora | rhel) printf 'kernel-devel-%s\n' "$release" ;;
	suse) printf 'kernel-%s-devel\n' "${release##*-}" ;;
	arch)
		[[ ! -r /lib/modules/$release/pkgbase ]] || name=$(</lib/modules/"$release"/pkgbase)
		printf '%s-headers\n' "$name"
		;;
	*) printf 'the headers of kernel %s\n' "$release" ;;
	esac
}

# command_for MISSING...: the command that installs these things (headers, metadata, or the name of a program).
command_for() {
	local what
	local -a names=()
	for what; do
		case $family:$what in
		*:headers) names+=("$(headers_package)") ;;
		ubuntu:metadata) names+=("linux-lib-rust-$release") ;;
		*:ld.lld) names+=(lld) ;;
		*:llvm-nm) names+=(llvm) ;;
		fedora:bindgen | rhel:bindgen) names+=(bindgen-cli) ;;
		arch:bindgen | suse:bindgen) names+=(rust-bindgen) ;;
		arch:rustc | suse:rustc | fedora:rustc | rhel:rustc) names+=(rust) ;;
		*) names+=("$what") ;;
		esac
	done
	case $family in
	debian | ubuntu) echo "apt install ${names[*]}" ;;
	fedora | rhel) echo "dnf install ${names[*]}" ;;
	arch) echo "pacman -S ${names[*]}" ;;
	suse) echo "zypper install ${names[*]}" ;;
	*) echo "with your package manager: ${names[*]}" ;;
	esac
}

# other_kernel ANSWER REASON: which kernel will do depends on the distribution; of Debian's the answer names it.
other_kernel() {
	[[ $family != debian ]] || die "$1"
	die "$2; appex needs one of 7.2 or newer with Rust (CONFIG_RUST): install such a kernel of your distribution, and reboot"
}

# --- checks ----------------------------------------------------------------------------------------------
check() {
	local tool answer usable=''
	local -a missing=()
	answer=$(RUSTC=${RUSTC:-$("$here/scripts/kernel-rustc.sh" "$headers")} "$here/scripts/rust-available.sh" "$headers") && usable=1
	# Nobody is sent to install anything for a kernel that will never do.
	case $answer in
	*'without CONFIG_RUST'*) other_kernel "$answer" "the kernel $release was built without Rust" ;;
	*'is older than'*) other_kernel "$answer" "the kernel $release is too old" ;;
	esac
	local -a tools=(dkms make gcc rustc bindgen)
	# A kernel that clang has built is built for with LLVM=1.
	! grep -qs '^CONFIG_CC_IS_CLANG=y' "$headers/.config" || tools+=(clang ld.lld llvm-nm)
	# What making the metadata of Debian's headers takes; see scripts/prepare-headers.sh.
	[[ $family != debian ]] || tools+=(clang flex bison bc pahole python3)
	for tool in "${tools[@]}"; do
		command -v "$tool" >/dev/null || missing+=("$tool")
	done
	if [[ $family == debian ]]; then
		command -v xz >/dev/null || missing+=(xz-utils)
		compgen -G '/usr/src/rustc-*/library/core' >/dev/null || missing+=(rust-src)
	fi
	[[ -e $headers/Makefile ]] || missing+=(headers)
	((${#missing[@]} == 0)) || die "missing: ${missing[*]}; install: $(command_for "${missing[@]}")"
	if [[ -z $usable ]]; then
		case $answer in
		*"Rust metadata ("* | *target.json*)
			# Only of Debian's headers it can be made, by the build itself.
			case $family in
			debian) ;;
			ubuntu) die "the headers of $release have no Rust metadata; install: $(command_for metadata)" ;;
			*) die "the headers of $release, $headers, have no Rust metadata, and it cannot be made here: this kernel's package lacks it" ;;
			esac
			;;
		*) die "$answer" ;;
		esac
	fi
	if [[ -e /sys/firmware/efi ]] && command -v mokutil >/dev/null && mokutil --sb-state 2>/dev/null | grep -q 'SecureBoot enabled'; then
		say "Secure Boot is on: the module is signed with DKMS's key, which must be enrolled once: mokutil --import /var/lib/dkms/mok.pub, then reboot"
	fi
}

# --- installing ------------------------------------------------------------------------------------------
installed_by_package() { command -v dpkg-query >/dev/null && dpkg-query -W appex appex-dkms >/dev/null 2>&1; }

remove_module() {
	local other
	for other in $(dkms status appex 2>/dev/null | sed -n 's|^appex/\([^,: ]*\).*|\1|p' | sort -u); do
		dkms remove "appex/$other" --all >/dev/null 2>&1 || :
		rm -rf "/usr/src/appex-$other"
	done
}

# install_module: built only if it is another one than DKMS has, so that options can be changed in a moment.
install_module() {
	local new
	new=$(mktemp -d)
	mkdir "$new/scripts"
	cp -r "$here/Kbuild" "$here/Makefile" "$here/dkms.conf" "$here/src" "$new/"
	cp -r "$here"/scripts/{dkms-prepare.sh,kernel-rustc.sh,prepare-headers.sh,rust-available.sh,clang} "$new/scripts/"
	find "$new" \( -name '*.o' -o -name '*.cmd' -o -name bindings_generated.rs \) -delete
	if dkms status "appex/$version" -k "$release" 2>/dev/null | grep -q ': installed' && diff -rq "$new" "$source" >/dev/null 2>&1; then
		rm -rf "$new"
		say "the module is built for kernel $release already"
		return
	fi
	say "building the module for kernel $release (some minutes where Rust metadata has to be made)"
	remove_module
	rm -rf "$source"
	chmod 755 "$new"
	mv "$new" "$source"
	dkms add "appex/$version" >/dev/null
	dkms install "appex/$version" -k "$release" || {
		remove_module
		die 'the module was not built; the reason is above. Nothing was installed'
	}
}

# set_key KEY VALUE: in the configuration, where it stands or at the end.
set_key() {
	if grep -q "^$1=" "$config"; then
		sed -i "s|^$1=.*|$1=\"$2\"|" "$config"
	else
		printf '%s="%s"\n' "$1" "$2" >>"$config"
	fi
}

packets() { cat /proc/net/appex*/stats 2>/dev/null | awk '/^(WanInBytes|WanOutBytes)/ { n += $3 } END { print n + 0 }'; }

start() {
	local before i
	# By the service where there is one, so that shutting down stops it, too.
	if [[ -d $systemd && -e $unit ]]; then
		systemctl restart lotServer.service 2>/dev/null || {
			journalctl -q -b -u lotServer.service -o cat -n 6 >&2 || :
			return 1
		}
	else
		/appex/bin/lotServer.sh restart || return 1
	fi
	before=$(packets)
	for ((i = 0; i < 20; i++)); do
		(($(packets) == before)) || break
		sleep 0.5
	done
	if (($(packets) > before)); then
		say "running on $(cat /proc/net/appex/wanIf); packets are counted"
	else
		say "running on $(cat /proc/net/appex/wanIf), but no packet went over it in ten seconds: is that the right interface? (-i)"
	fi
}

do_install() {
	local key
	check
	! installed_by_package || die 'the packages are installed; remove them first: apt purge appex appex-dkms'
	install_module
	"$here/scripts/install-local.sh" --no-module
	for key in "${!wanted[@]}"; do
		set_key "$key" "${wanted[$key]}"
	done
	if [[ -d /etc/systemd/system ]]; then
		install -m 644 "$here/etc/lotServer.service" "$unit"
		grep -qxF "$unit" /appex/etc/.manifest || printf '%s\n' "$unit" >>/appex/etc/.manifest
		[[ ! -d $systemd ]] || systemctl daemon-reload
		[[ -z $boot ]] || systemctl enable lotServer.service >/dev/null 2>&1 || say 'cannot enable lotServer.service: it will not start at boot'
	elif [[ $boot ]]; then
		say 'there is no systemd here: have /appex/bin/lotServer.sh boot run at boot, and stop at shutdown, yourself'
	fi
	if [[ $run ]]; then
		start || die 'installed, but it does not start; the reason is above, and the network goes on unaccelerated. Once that is mended: /appex/bin/lotServer.sh start'
	fi
	say 'done. "lotServer.sh status" in /appex/bin shows what it does; ./install.sh uninstall removes it'
}

do_uninstall() {
	! installed_by_package || die 'the packages are installed; remove them: apt purge appex appex-dkms'
	if [[ -e $unit ]]; then
		systemctl disable lotServer.service >/dev/null 2>&1 || :
	fi
	# LotServer's own script is of this name, too, and is nobody's here to remove.
	if [[ -x /appex/bin/lotServer.sh && -e /appex/bin/lib/uninstall.sh ]]; then
		/appex/bin/lotServer.sh uninstall -f || die 'not removed; the reason is above'
	fi
	[[ ! -d $systemd ]] || systemctl daemon-reload
	! command -v dkms >/dev/null || remove_module
	rm -rf /var/lib/appex/headers
	[[ ! -d /var/lib/appex ]] || rmdir --ignore-fail-on-non-empty /var/lib/appex
	say 'removed'
}

((EUID == 0)) || die 'run it as root'
case $action in
check)
	check
	say "kernel $release: nothing is missing"
	;;
install) do_install ;;
uninstall) do_uninstall ;;
esac
