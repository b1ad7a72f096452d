# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The Debian 13 tree: made once with mmdebstrap, afterwards completed and updated with its own apt. Sourced.

package_lines() {
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$LAB_DIR/packages"
}

# All names, or only those that are to come from trixie-backports.
packages() {
	if [ "${1-}" = @bpo ]; then
		package_lines | sed -n 's/^@bpo //p' | tr ' ' '\n'
	else
		package_lines | sed 's/^@bpo //' | tr ' ' '\n'
	fi
}

write_sources() {
	cat <<-END
		deb $MIRROR trixie main
		deb $MIRROR trixie-backports main
		deb $SECURITY_MIRROR trixie-security main
	END
}

# in_tree CMD...: as root of the tree, with the host's network.
in_tree() {
	"$LAB_DIR/enter" env DEBIAN_FRONTEND=noninteractive "$@"
}

tree_apt() {
	in_tree apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@"
}

make_tree() {
	local options sources
	debian_mirrors
	say "making a Debian 13 tree in $TREE from $MIRROR (some minutes)"
	mapfile -t sources < <(write_sources)
	options=$(mktemp)
	host_apt_options "$options"
	# A half-made tree of an interrupted run is worth nothing.
	rm -rf "$TREE.new"
	# Its mounts in a namespace of their own: none is left, whatever interrupts it.
	logged tree unshare --mount --propagation private -- mmdebstrap --variant=minbase --mode=root --keyring="$(debian_keyring)" --include=ca-certificates \
		--aptopt="$options" trixie "$TREE.new" "${sources[@]}"
	rm -f "$options"
	rm -rf "$TREE"
	mv "$TREE.new" "$TREE"
}

# Compiling and loading make no use of initramfs generators or boot loaders; the kernel's hooks are kept from
# calling any, and services from starting.
quiet_tree() {
	mkdir -p "$TREE/etc/kernel/postinst.d" "$TREE/usr/sbin"
	printf '#!/bin/sh\nexit 101\n' >"$TREE/usr/sbin/policy-rc.d"
	chmod 755 "$TREE/usr/sbin/policy-rc.d"
	# A tree that a power cut spoils is made again; documentation is read elsewhere, and no initramfs is
	# wanted: the virtual machines have their own. All of this is most of the time of an installation.
	printf '%s\n' force-unsafe-io path-exclude=/etc/kernel/postinst.d/dracut path-exclude=/etc/kernel/postinst.d/initramfs-tools \
		path-exclude=/usr/share/doc/\* path-exclude=/usr/share/man/\* path-exclude=/usr/share/locale/\* \
		>"$TREE/etc/dpkg/dpkg.cfg.d/lab"
	# dracut's own set-up runs its hook, so there must be one; dpkg leaves this one alone.
	local hook
	for hook in dracut initramfs-tools; do
		printf '#!/bin/sh\nexit 0\n' >"$TREE/etc/kernel/postinst.d/$hook"
		chmod 755 "$TREE/etc/kernel/postinst.d/$hook"
	done
	[ -e "$TREE/etc/kernel-img.conf" ] || printf 'do_symlinks = no\nlink_in_boot = no\n' >"$TREE/etc/kernel-img.conf"
	cp /etc/resolv.conf "$TREE/etc/resolv.conf" 2>/dev/null || true
}

missing_packages() {
	local wanted
	mapfile -t wanted < <(packages)
	# It fails when it does not know one of them, which is no news here.
	# shellcheck disable=SC2016 # dpkg-query's own substitution
	{ chroot "$TREE" dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true; } |
		awk '$2 == "installed" { print $1 }' | sort -u |
		comm -13 - <(printf '%s\n' "${wanted[@]}" | sort -u)
}

# tree_ready [UPDATE]: the tree is there and complete. Looks for newer packages at most once a day.
tree_ready() {
	local missing backports list
	[ -x "$TREE/usr/bin/apt-get" ] || make_tree
	quiet_tree
	if [ ! -s "$TREE/etc/apt/sources.list" ] && ! ls "$TREE"/etc/apt/sources.list.d/* >/dev/null 2>&1; then
		debian_mirrors
		write_sources >"$TREE/etc/apt/sources.list"
	fi
	missing=$(missing_packages)
	if [ -z "$missing" ] && [ -z "$1" ] && [ -n "$(find "$CACHE/stamps/updated" -mmin -1440 2>/dev/null)" ]; then
		return
	fi
	say "updating the package lists of the tree"
	if ! (logged tree-update tree_apt update); then
		# Without a network a complete tree is still good.
		[ -z "$missing" ] || die "cannot update the package lists, and these packages are missing: ${missing//$'\n'/ }"
		say "no update (no network?); going on with the tree as it is"
		return
	fi
	# What an interrupted run left half installed.
	logged tree-resume in_tree sh -c 'dpkg --configure -a && apt-get -q -y -o APT::Sandbox::User=root -f install'
	if [ -n "$missing" ]; then
		say "installing in the tree: ${missing//$'\n'/ }"
		mapfile -t backports < <(packages @bpo | grep -xF "$missing" || true)
		mapfile -t list < <(grep -vxF "$(packages @bpo)" <<<"$missing" || true)
		[ ${#list[@]} = 0 ] || logged tree-packages tree_apt install --no-install-recommends "${list[@]}"
		[ ${#backports[@]} = 0 ] || logged tree-backports tree_apt install --no-install-recommends -t trixie-backports "${backports[@]}"
	fi
	mapfile -t backports < <(packages @bpo)
	logged tree-upgrade tree_apt install --no-install-recommends -t trixie-backports "${backports[@]}"
	chroot "$TREE" apt-get clean
	mkdir -p "$CACHE/stamps"
	touch "$CACHE/stamps/updated"
}
