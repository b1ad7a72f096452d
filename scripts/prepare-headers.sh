#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the Rust metadata that Debian's kernel headers lack.
#
#   scripts/prepare-headers.sh [KERNEL_RELEASE]     (default: the running kernel's)
#     --into DIR     leave the installed headers alone and make a prepared copy of them in DIR
#     --source DIR   unpacked source of the very same kernel package, to save the unpacking
#     --force        make it anew
#
# An out-of-tree Rust module needs the compiled interfaces of the kernel's own crates (rust/*.rmeta, the
# macro libraries and scripts/target.json). Fedora, Arch and others ship them with their headers, Debian does not. This
# builds them from the matching linux-source package with the headers' own configuration, checks that every
# Rust symbol comes out under the name that the kernel exports, and installs them. Once per kernel;
# about a minute and 1.5 GB of temporary space below ${TMPDIR:-/var/tmp}. DKMS has it done by dkms-prepare.sh, --into a directory of its own.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
release=
into=
source_dir=
force=

say() { printf 'prepare-headers: %s\n' "$*" >&2; }
die() {
	printf 'prepare-headers: error: %s\n' "$*" >&2
	exit 1
}

while [ $# -gt 0 ]; do
	case $1 in
	--into) into=${2:?--into needs a directory} && shift ;;
	--source) source_dir=${2:?--source needs a directory} && shift ;;
	--force) force=1 ;;
	-h | --help)
		sed -n '3,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
		exit 0
		;;
	-*) die "unknown option $1, see --help" ;;
	*) release=$1 ;;
	esac
	shift
done
release=${release:-$(uname -r)}

# --- what there is -----------------------------------------------------------------------------------
headers=/usr/src/linux-headers-$release
if [ ! -e "$headers/Makefile" ]; then
	headers=$(readlink -f "/lib/modules/$release/build" 2>/dev/null || true)
	[ -e "${headers:-/nonexistent}/Makefile" ] || die "no headers of kernel $release; install them: apt install linux-headers-$release"
fi
config() { sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$headers/.config" | head -n 1; }
[ -r "$headers/.config" ] || die "$headers has no .config; reinstall: apt install --reinstall linux-headers-$release"

target=$headers
if [ -n "$into" ]; then
	mkdir -p "$into"
	target=$(cd "$into" && pwd -P)
fi
[ -w "$target" ] || die "$target is not writable: run as root, or use --into DIR"

# The compiler must be the kernel's; a newer one first in PATH (rustup) is common.
wanted=$(config CONFIG_RUSTC_VERSION_TEXT)
RUSTC=${RUSTC:-$("$here/kernel-rustc.sh" "$headers")}
export RUSTC

package_version=$(dpkg-query -W -f '${Version}' "linux-headers-$release" 2>/dev/null || true)
stamp="$release ${package_version:-unpackaged} $wanted"
exec 8>"$target/.appex-prepare.lock"
flock -n 8 || { say "another run works on $target; waiting" && flock 8; }

if [ -z "$force" ] && [ -e "$target/rust/libkernel.rmeta" ]; then
	if [ ! -e "$target/rust/.appex-stamp" ] && [ -z "$into" ]; then
		answer=$("$here/rust-available.sh" "$target") && exit 0
		die "$answer"
	fi
	if [ "$(cat "$target/rust/.appex-stamp" 2>/dev/null)" = "$stamp" ]; then
		answer=$("$here/rust-available.sh" "$target") && exit 0
		# Without metadata of this compiler there is nothing to be had by building it again.
		case $answer in *"Rust metadata"* | *target.json*) ;; *) die "$answer" ;; esac
	fi
fi
if [ "$(config CONFIG_RUST)" != y ]; then
	answer=$("$here/rust-available.sh" "$headers" || true)
	die "$answer"
fi

# A kernel of another architecture than this machine's is built for with Debian's cross compilers.
cross=()
if [ "$(config CONFIG_ARM64)" = y ] && [ "$HOSTTYPE" != aarch64 ]; then
	cross=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
elif [ "$(config CONFIG_X86_64)" = y ] && [ "$HOSTTYPE" != x86_64 ]; then
	cross=(ARCH=x86_64 CROSS_COMPILE=x86_64-linux-gnu-)
fi

# --- what is missing ---------------------------------------------------------------------------------
if [ -z "$package_version" ] || ! command -v apt-get >/dev/null; then
	die "the headers of $release have no Rust metadata, and they are no Debian package, for which alone this script can make it." \
		"Fedora and Arch ship it with their headers, Ubuntu in linux-lib-rust-$release: install that, or build a kernel with CONFIG_RUST=y yourself"
fi
# The compiler of the kernel, as its headers call it.
cc=$(config CONFIG_CC_VERSION_TEXT)
cc=${cc%% *}
missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need make make
gcc=gcc-${cc##*gcc-}
[ ${#cross[@]} = 0 ] || gcc+=-${cc%-gcc-*}
need "$cc" "${gcc//_/-}"
need "$RUSTC" rustc
need bindgen bindgen
need clang clang
need flex flex
need bison bison
need bc bc
need xz xz-utils
need python3 python3
# Without it the kernel's configuration would lose CONFIG_DEBUG_INFO_BTF, on which structures depend.
[ -z "$(config CONFIG_DEBUG_INFO_BTF)" ] || need pahole pahole
if command -v "$RUSTC" >/dev/null; then
	[ -e "$("$RUSTC" --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs" ] || missing+=(rust-src)
	have=$("$RUSTC" --version)
	[ "$have" = "$wanted" ] || die "kernel $release was built with '$wanted', but the compiler here is '$have';" \
		"install Debian's own (apt install rustc) or name it: RUSTC=/path/to/rustc $0 $release"
fi
[ ${#missing[@]} = 0 ] || die "packages are missing: ${missing[*]}; install them: apt install ${missing[*]}"

# --- the source --------------------------------------------------------------------------------------
series=$(printf '%s\n' "$release" | sed -n 's/^\([0-9]*\.[0-9]*\).*/\1/p')
source_package=linux-source-$series
work=$(mktemp -d "${TMPDIR:-/var/tmp}/appex-headers.XXXXXX")
trap 'rm -rf "$work"' EXIT
began=$SECONDS
# The kernel's build runs programs that it has built; hardened machines mount /var/tmp and /tmp noexec.
printf '#!/bin/sh\n' >"$work/runs"
chmod 755 "$work/runs"
"$work/runs" 2>/dev/null || die "programs cannot be run in ${TMPDIR:-/var/tmp} (is it mounted noexec?); name another directory: TMPDIR=/root $0 $release"

# Everything but the code of drivers and file systems, which has no part in the metadata and is most of the size.
unpack() {
	mkdir "$work/src"
	tar -xJf "$1" -C "$work/src" --strip-components=1 --exclude='*/drivers/*.c' --exclude='*/sound/*.c' --exclude='*/fs/*.c' \
		--exclude='*/Documentation/*.rst' --exclude='*/Documentation/*.yaml' --exclude='*.dts' --exclude='*.dtsi' --exclude='*/asic_reg/*' \
		--exclude='*/selftests/*' || die "cannot unpack $source_package (is there 1.5 GB of space in ${TMPDIR:-/var/tmp}?)"
	source_dir=$work/src
}

# A directory that the lab's set-up unpacked carries the package version it came from.
if [ -z "$source_dir" ] && [ -n "${APPEX_SOURCES-}" ] && [ "$(cat "$APPEX_SOURCES/$source_package.version" 2>/dev/null)" = "$package_version" ]; then
	source_dir=$APPEX_SOURCES/$source_package
fi
if [ -z "$source_dir" ] && [ "$(dpkg-query -W -f '${Version}' "$source_package" 2>/dev/null)" = "$package_version" ]; then
	say "unpacking /usr/src/$source_package.tar.xz"
	unpack "/usr/src/$source_package.tar.xz"
fi
if [ -z "$source_dir" ]; then
	say "downloading $source_package $package_version"
	(cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$source_package=$package_version" >download.log 2>&1) ||
		die "the archive has no $source_package $package_version: $(tail -n 1 "$work/download.log")." \
			"Run 'apt-get update' and try again. If a newer kernel took its place, install that: apt install -t trixie-backports linux-image-amd64 linux-headers-amd64, then reboot"
	say "unpacking it"
	dpkg-deb --fsys-tarfile "$work"/linux-source-*.deb | tar -xO "./usr/src/$source_package.tar.xz" >"$work/source.tar.xz"
	rm -f "$work"/linux-source-*.deb
	unpack "$work/source.tar.xz"
	rm -f "$work/source.tar.xz"
fi

# --- build and check ---------------------------------------------------------------------------------
say "building the Rust metadata of $release (about a minute, once for this kernel)"
out=$work/out
mkdir "$out"
cp "$headers/.config" "$out/.config"
build() {
	make -C "$source_dir" O="$out" "${cross[@]}" CC="$cc" RUSTC="$RUSTC" -j"${APPEX_JOBS:-$(nproc)}" -s "$@" >>"$work/build.log" 2>&1 8>&- || {
		tail -n 25 "$work/build.log" >&2
		die "the build of the Rust metadata failed"
	}
}
build olddefconfig
# What the tools here cannot do is switched off without a word, and structures would differ from the kernel's.
settings() { grep -vE '^#|^$|_VERSION(_TEXT)?=|^CONFIG_(PAHOLE|GCC|LD|AS|RUSTC?|CLANG|LLD|BINDGEN)_' "$1" | sort; }
lost=$(comm -23 <(settings "$headers/.config") <(settings "$out/.config") | head -n 5 | tr '\n' ' ')
[ -z "$lost" ] || say "with the tools here the kernel's configuration changes: $lost"
grep -q '^CONFIG_RUST=y' "$out/.config" || {
	die "with the tools here the kernel's configuration loses CONFIG_RUST: $(make -s -C "$source_dir" O="$out" "${cross[@]}" CC="$cc" RUSTC="$RUSTC" rustavailable 2>&1 | tail -n 5)"
}
# The metadata is wanted, not the programs that a whole kernel's build checks and signs objects with: they would take
# libelf's and OpenSSL's headers, and of libelf a machine with a backported kernel has a version to which the
# distribution's headers do not belong. The configuration that the sources see stays as it is.
build prepare CONFIG_OBJTOOL= CONFIG_DEBUG_INFO_BTF= CONFIG_MODULE_SIG_FORMAT= CONFIG_SYSTEM_TRUSTED_KEYRING=

# The names carry hashes of everything they are made of: one that differs would fail at insmod at best.
sed -n 's/^EXPORT_SYMBOL_RUST_GPL(\(.*\)).*/\1/p' "$out"/rust/exports_*_generated.h | sort -u >"$work/built"
awk '{ print $2 }' "$headers/Module.symvers" | sort -u >"$work/kernel"
[ -s "$work/built" ] || die "the build exports no Rust symbols; see the kernel's rust/Makefile"
strangers=$(comm -23 "$work/built" "$work/kernel" | wc -l)
lost=$(grep -E '^(_R|rust_helper_)' "$work/kernel" | comm -13 "$work/built" - | wc -l)
if [ "$strangers" != 0 ] || [ "$lost" != 0 ]; then
	die "the metadata does not fit kernel $release: of $(wc -l <"$work/built") Rust symbols $strangers are not exported by the kernel, and $lost of the kernel's are missing"
fi

# --- install -----------------------------------------------------------------------------------------
if [ "$target" != "$headers" ]; then
	# A headers directory of its own: same content, its own scripts/ and its own name inside its Makefile.
	find "$target" -mindepth 1 -maxdepth 1 ! -name .appex-prepare.lock -exec rm -rf {} +
	cp -a "$headers/." "$target/"
	if [ -L "$target/scripts" ]; then
		rm "$target/scripts"
		cp -a "$(readlink -f "$headers/scripts")" "$target/scripts"
	fi
	[ ! -L "$target/tools" ] || ln -sfn "$(readlink -f "$headers/tools")" "$target/tools"
	sed -i "s|^KBUILD_OUTPUT=.*|KBUILD_OUTPUT=$target|" "$target/Makefile"
fi
rm -rf "$target/rust.new"
mkdir "$target/rust.new"
cp -a "$out"/rust/*.rmeta "$out"/rust/*.so "$target/rust.new/"
printf '%s\n' "$stamp" >"$target/rust.new/.appex-stamp"
if [ -e "$out/scripts/target.json" ]; then
	cp "$out/scripts/target.json" "$target/scripts/target.json.new"
	mv "$target/scripts/target.json.new" "$target/scripts/target.json"
fi
rm -rf "$target/rust"
mv "$target/rust.new" "$target/rust"
answer=$("$here/rust-available.sh" "$target") || die "installed, but still not usable: $answer"
say "done: $(wc -l <"$work/built") Rust symbols agree with kernel $release; $((SECONDS - began)) s"
