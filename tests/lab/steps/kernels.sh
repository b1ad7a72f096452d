# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Kernels: the stock kernel's headers, the matching source, the user-mode kernels. Sourced.

# The newest installed Rust-enabled cloud kernel of the tree.
stock_release() {
	local release
	for release in $(find "$TREE/usr/src" -maxdepth 1 -name 'linux-headers-*-cloud-amd64' -printf '%f\n' | sed 's/^linux-headers-//' | sort -rV); do
		if grep -q '^CONFIG_RUST=y' "$TREE/usr/src/linux-headers-$release/.config"; then
			echo "$release"
			return
		fi
	done
	die "the tree has no headers of a kernel with CONFIG_RUST; Debian has them in trixie-backports from 7.2 on"
}

installed_version() {
	# shellcheck disable=SC2016 # dpkg-query's own substitution
	chroot "$TREE" dpkg-query -W -f '${Version}' "$1" 2>/dev/null || true
}

series_of() {
	sed -n 's/^\([0-9]*\.[0-9]*\).*/\1/p' <<<"$1"
}

# kernel_source RELEASE: unpacks the source of that very package version into $CACHE/src. Sets SOURCE to its
# directory as seen inside the tree.
kernel_source() {
	local version package dir
	package=linux-source-$(series_of "$1")
	version=$(installed_version "linux-headers-$1")
	dir=$CACHE/src/$package
	SOURCE=/lab/src/$package
	if [ "$(cat "$dir.version" 2>/dev/null)" = "$version" ] && [ -e "$dir/Makefile" ]; then
		return
	fi
	if [ "$(installed_version "$package")" != "$version" ]; then
		say "installing $package $version"
		logged "$package" tree_apt install --no-install-recommends --allow-downgrades "$package=$version"
	fi
	say "unpacking $package"
	mkdir -p "$CACHE/src"
	rm -rf "$dir" "$dir.new" "$dir.version"
	mkdir "$dir.new"
	logged "unpack-$package" tar -xJf "$TREE/usr/src/$package.tar.xz" -C "$dir.new" --strip-components=1
	mv "$dir.new" "$dir"
	echo "$version" >"$dir.version"
}

stock_headers() {
	local release
	release=$(stock_release)
	say "stock kernel $release: Rust metadata"
	kernel_source "$release"
	in_tree scripts/prepare-headers.sh "$release"
}

# The newest Rust-enabled cloud kernel of another series: shows that the build does not depend on one kernel.
second_headers() {
	local first release found=''
	first=$(series_of "$(stock_release)")
	for release in $(chroot "$TREE" apt-cache search --names-only '^linux-headers-[0-9].*-cloud-amd64$' |
		sed -n 's/^linux-headers-\([^ ]*\) .*/\1/p' | sort -rV); do
		# Rust came with 7.2, and only the newest build of a series still has its source in the archive.
		if [ "$(series_of "$release")" != "$first" ] && dpkg --compare-versions "$(series_of "$release")" ge 7.2; then
			found=$release
			break
		fi
	done
	if [ -z "$found" ]; then
		say "the archive has no second kernel with Rust at the moment; going on with one"
		return
	fi
	say "second kernel $found: headers and Rust metadata"
	if [ -z "$(installed_version "linux-headers-$found")" ]; then
		logged "headers-$found" tree_apt install --no-install-recommends "linux-headers-$found"
	fi
	if ! grep -q '^CONFIG_RUST=y' "$TREE/usr/src/linux-headers-$found/.config"; then
		say "$found has no Rust either; going on with one kernel"
		return
	fi
	in_tree scripts/prepare-headers.sh "$found"
}

# options_lost CONFIG FRAGMENT...: options of the fragments that did not end up in a .config.
options_lost() {
	local config=$1
	shift
	cat "$@" | grep -E '^(CONFIG_|# CONFIG_)' | while read -r line; do
		case $line in
		'# CONFIG_'*' is not set')
			name=${line#\# } && name=${name%% *}
			! grep -q "^$name=" "$config" || echo "$line"
			;;
		*) grep -qxF "$line" "$config" || echo "$line" ;;
		esac
	done
}

# clang puts zeroed data of the large code model into .lbss. The linker script has no place for it, so it ends up behind
# __bss_stop, where kmemleak does not look for references: hundreds of false leaks.
whole_bss() { # SOURCE
	local script=$1/arch/um/kernel/dyn.lds.S
	grep -q lbss "$script" || sed -i 's/^ *\*(COMMON)$/&\n   *(.lbss .lbss.*)/' "$script"
	grep -q lbss "$script" || die "$script has no place for .lbss"
}

# uml_kernel plain|kasan|lockdep
uml_kernel() {
	local kind=$1 dir fragments make_args release inputs lost config draft merged script=
	case $kind in
	plain) dir=uml fragments=("$LAB_DIR/uml.config") make_args=() ;;
	kasan) dir=uml-kasan fragments=("$LAB_DIR/uml.config" "$LAB_DIR/debug.config" "$LAB_DIR/debug-kasan.config") make_args=(LLVM=1) script=$(declare -f whole_bss) ;;
	lockdep) dir=uml-lockdep fragments=("$LAB_DIR/uml.config" "$LAB_DIR/debug.config" "$LAB_DIR/debug-lockdep.config") make_args=() ;;
	esac
	release=$(stock_release)
	inputs=$(hash_of "$(installed_version "linux-headers-$release")" "$(cat "${fragments[@]}")" "${make_args[*]}$script" \
		"$(installed_version rustc) $(installed_version gcc-14) $(installed_version clang) $(installed_version bindgen)")
	if stamp_is "$dir" "$inputs" && [ -x "$CACHE/build/$dir/linux" ]; then
		return
	fi
	kernel_source "$release"
	[ -z "$script" ] || whole_bss "$CACHE/src/${SOURCE##*/}"
	config=$CACHE/build/$dir/.config
	# A debug option that another one excludes must not be lost silently: later fragments win over earlier ones.
	merged=$(mktemp)
	cat "${fragments[@]}" | awk '/^# CONFIG_.* is not set$/ { k = $2; v[k] = $0; next } /^CONFIG_/ { k = $0; sub(/=.*/, "", k); v[k] = $0 } END { for (k in v) print v[k] }' | sort >"$merged"
	stamp_clear "$dir"
	say "building the user-mode kernel '$kind' (3 to 6 minutes)"
	# Configured beside the build, so that an unchanged configuration leaves a finished build untouched.
	draft=$CACHE/build/$dir.config
	rm -rf "$draft"
	mkdir -p "$draft" "$CACHE/build/$dir"
	logged "$dir-config" in_tree make -s -C "$SOURCE" O="/lab/build/$dir.config" ARCH=um "${make_args[@]}" defconfig
	cat "$merged" >>"$draft/.config"
	logged "$dir-olddefconfig" in_tree make -s -C "$SOURCE" O="/lab/build/$dir.config" ARCH=um "${make_args[@]}" olddefconfig
	lost=$(options_lost "$draft/.config" "$merged")
	rm -f "$merged"
	[ -z "$lost" ] || die "options of the user-mode kernel '$kind' did not take effect: ${lost//$'\n'/, }"
	cmp -s "$draft/.config" "$config" || cp "$draft/.config" "$config"
	rm -rf "$draft"
	# A fixed name and date: the kernel hashes them into its random pool, and equal seeds are to give equal
	# results on different machines too.
	logged "$dir" in_tree env KBUILD_BUILD_TIMESTAMP=2026-01-01 KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab KBUILD_BUILD_VERSION=1 \
		make -s -j"${APPEX_JOBS:-$(nproc)}" -C "$SOURCE" O="/lab/build/$dir" ARCH=um "${make_args[@]}" all
	[ -x "$CACHE/build/$dir/linux" ] || die "the build left no $CACHE/build/$dir/linux"
	stamp_set "$dir" "$inputs"
}

traffic_tool() {
	logged traffic in_tree make -s -C /lab/work/tests/lab/traffic OUT=/lab/build/lab CC=gcc-14
}
