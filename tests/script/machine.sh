# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# A machine that is only a file system of its own, made of a few programs of this one, for what installs and removes.
# DKMS, compilers and systemd are stood in for.

PROGRAMS='bash sh env cat sed grep awk ls cp mv rm mkdir rmdir install find sort head tail cut tr uname dirname basename readlink
	mktemp chmod ln date stat sync sleep id touch wc comm diff'

# machine OS RELEASE: a machine with that os-release text and that kernel, without anything that installing needs.
machine() {
	local name path library
	release=$2 R=$T/root
	mkdir "$R"
	mkdir -p "$R"/{usr/bin,usr/lib/modules/"$release",usr/src,usr/sbin,tmp,run,proc,dev,etc/systemd/system,var/lib,boot,project,root}
	for name in bin sbin lib lib64; do ln -s "usr/$name" "$R/$name"; done
	mkdir "$R/usr/lib64"
	for name in $PROGRAMS; do
		path=$(type -P "$name")
		cp -L "$path" "$R/usr/bin/$name"
		# With its libraries, where the loader expects them.
		for library in $(ldd "$path" 2>/dev/null | grep -o '/[^ ]*'); do
			mkdir -p "$R${library%/*}"
			cp -Ln "$library" "$R$library"
		done
	done
	mknod -m 666 "$R/dev/null" c 1 3
	ln -s /proc/self/fd "$R/dev/fd"
	mount -t proc proc "$R/proc"
	printf '%s\n' "$1" >"$R/etc/os-release"
	cp -r "$SCRIPTS" "$SCRIPTS"/../{install.sh,dkms.conf,etc,contrib,debian,Documentation,Kbuild,Makefile} "$R/project/"
	mkdir "$R/project/src"
	cp "$SCRIPTS"/../src/*.[rc]* "$R/project/src/"
}

# tool NAME BODY: a program of the machine.
tool() {
	printf '#!/bin/sh\n%s\n' "$2" >"$R/usr/bin/$1"
	chmod 755 "$R/usr/bin/$1"
}

RUSTC_TEXT='rustc 1.85.1 (4eb161250 2025-03-15)'

# tools: everything but the kernel's headers. DKMS writes down what it is asked.
tools() {
	local name
	for name in make gcc clang flex bison bc pahole python3 xz modinfo; do tool "$name" 'exit 0'; done
	tool rustc "echo '$RUSTC_TEXT'"
	tool bindgen 'echo "bindgen 0.71.1"'
	tool systemctl 'echo "systemctl $*" >>/run/asked'
	tool dkms 'echo "dkms $*" >>/run/asked
		case $1 in
		status) if [ "${3-}" = -k ]; then grep ", $4," /run/dkms-status; else cat /run/dkms-status; fi 2>/dev/null ;;
		add) echo "$2: added" >/run/dkms-status; test -e "/usr/src/${2%/*}-${2#*/}/Kbuild" ;;
		install) test ! -e /run/dkms-fails && echo "$2, $4, x86_64: installed" >/run/dkms-status ;;
		remove) rm -f /run/dkms-status ;;
		esac'
	mkdir -p "$R/usr/src/rustc-1.85.1/library/core"
}

# headers: the kernel's headers, with Rust metadata.
headers() {
	local dir=$R/usr/src/headers
	mkdir -p "$dir/rust" "$dir/scripts" "$dir/include/config"
	printf '%s\n' CONFIG_RUST=y CONFIG_X86_64=y "CONFIG_RUSTC_VERSION_TEXT=\"$RUSTC_TEXT\"" >"$dir/.config"
	printf '%s\n' "$release" >"$dir/include/config/kernel.release"
	touch "$dir/Makefile" "$dir"/rust/{libcore,libkernel,libbindings}.rmeta "$dir/rust/libmacros.so" "$dir/scripts/target.json"
	ln -s /usr/src/headers "$R/usr/lib/modules/$release/build"
}

# a_machine: one that has all that install.sh and the scripts of the packages call.
a_machine() {
	local name
	machine 'ID=arch' 7.3.1-arch1-1
	tools
	for name in rmmod ip flock depmod; do tool "$name" 'exit 0'; done
	headers
}

# the_original: LotServer is there.
the_original() {
	mkdir -p "$R"/appex/{bin,etc,log}
	printf '#!/bin/sh\necho called >>/run/original\n' >"$R/appex/bin/lotServer.sh"
	chmod 755 "$R/appex/bin/lotServer.sh"
	printf 'accif="eth0"\nwankbps="5000"\nwaninkbps="1000000"\n' >"$R/appex/etc/config"
}

# there COMMAND...: runs it in the machine. STATUS, OUT and ERR as with run_lot.
there() {
	STATUS=0
	chroot "$R" /usr/bin/env -i PATH=/usr/bin KVER="$release" HOME=/root "$@" >"$T/out" 2>"$T/err" </dev/null || STATUS=$?
	OUT=$(<"$T/out") ERR=$(<"$T/err")
}
installer() { there /project/install.sh "$@"; }

# everything: the machine's files.
everything() { (cd "$R" && find . -xdev \( -path ./run -o -path ./proc -o -path ./tmp \) -prune -o -printf '%p %y %m %l\n' | sort); }
everything_and_the_original() {
	everything
	cat "$R"/appex/*/*
}
