#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# install-local.sh [MODULE]: puts the control script, the default configuration,
# the examples of contrib/, man pages, bash completion and the kernel module (default: appex.ko of this tree) in place.
#
#   DESTDIR      put everything under this directory (packagers); no depmod then
#   APPEX_ROOT   directory of bin, etc and log (/appex)
#   APPEX_SHARE  directory of man pages, completion and examples (/usr/local/share)
#   KVER         the kernel's release, if it is not the one the module names
#
# An existing configuration is kept. What is put in place is recorded in
# etc/.manifest, which is what "lotServer.sh uninstall" removes, together with
# the configuration. A directory that is not of this product (LotServer's own) is
# put aside first, its configuration taken over, and uninstall brings it back.
#
# install-local.sh --uninstall: that, for "make uninstall".
# install-local.sh --no-module: without a module, which DKMS then builds (install.sh).
set -euo pipefail
export LC_ALL=C
umask 022

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
module=${1:-$here/appex.ko}
destdir=${DESTDIR:-}
root=${APPEX_ROOT:-/appex}
share=${APPEX_SHARE:-/usr/local/share}

die() {
	printf 'install-local.sh: %s\n' "$*" >&2
	exit 1
}

case ${1-} in
-h | --help)
	sed -n '4,19s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
	exit 0
	;;
--uninstall) ;;
--no-module) module='' ;;
-*) die "unknown option $1, see --help" ;;
esac
[[ $root == /?* && $root != */ ]] || die "APPEX_ROOT must be an absolute directory, not \"$root\""
[[ $share == /?* && $share != */ ]] || die "APPEX_SHARE must be an absolute directory, not \"$share\""
if [[ ${1-} == --uninstall ]]; then
	# LotServer's own script is of this name, too.
	[[ -x $root/bin/lotServer.sh && -e $root/bin/lib/uninstall.sh ]] || die "nothing is installed in $root"
	APPEX_ROOT=$root exec "$root/bin/lotServer.sh" uninstall
fi
[[ -z ${APPEX_DOC-} ]] || die "APPEX_DOC is APPEX_SHARE now, the directory above share/doc: set that instead"
[[ -z $module || -f $module ]] || die "no module $module: build it first (make)"
if [[ -z $destdir ]] && ((EUID != 0)); then
	die "run as root, or set DESTDIR"
fi
if [[ -n $module ]]; then
	# The module itself knows the kernel it was built for.
	release=${KVER:-$(modinfo -F vermagic "$module" 2>/dev/null | cut -d' ' -f1)}
	[[ -n $release ]] || die "cannot tell the kernel of $module: install kmod, or set KVER"
fi

manifest=()

# make_dir PATH: recorded only if it was not there, so that uninstall leaves
# other people's directories.
make_dir() {
	local path=$1
	[[ -d $destdir$path ]] || manifest=("$path/" "${manifest[@]}")
	install -d -m 755 "$destdir$path"
}

# make_path PATH: with all that leads to it; what is there keeps its mode.
make_path() {
	[[ -z $1 || -d $destdir$1 ]] || {
		make_path "${1%/*}"
		make_dir "$1"
	}
}

put() { # MODE FILE PATH
	local mode=$1 from=$2 to=$3
	make_path "${to%/*}"
	install -m "$mode" "$from" "$destdir$to"
	manifest+=("$to")
}

# An installation from before wankbps had an effect shipped it as 1000000: obeyed
# now, that would hold a faster server to one gigabit.
before_shaper='' before_inbound=
[[ ! -e $destdir$root/bin/lib/common.sh || -e $destdir$root/bin/lib/shape.sh ]] || before_shaper=1

# The same for waninkbps, which had an effect later.
! grep -Eqs '^key waninkbps .* 1000000$' "$destdir$root/bin/lib/keys.sh" || before_inbound=1

# put_aside: what somebody else has in that directory, above all LotServer itself; in "former" where it is then.
former=
put_aside() {
	local number=1 dir=$destdir$root
	[[ -d $dir && -n $(ls -A -- "$dir") && ! -e $dir/etc/.manifest && ! -e $dir/bin/lib/common.sh ]] || return 0
	if [[ -z $destdir && -x $dir/bin/lotServer.sh && -d ${APPEX_PROC:-/proc/net/appex} ]]; then
		"$dir/bin/lotServer.sh" stop || :
	fi
	former=$root.former
	while [[ -e $destdir$former ]]; do
		number=$((number + 1))
		former=$root.former$number
	done
	mv -- "$dir" "$destdir$former" || die "cannot put $dir aside"
	printf '%s was there already and is now %s; uninstalling brings it back\n' "$root" "$former"
}
put_aside

for dir in "$root" "$root/bin" "$root/bin/lib" "$root/etc" "$root/log"; do
	make_dir "$dir"
done
put 755 "$here/scripts/lotServer.sh" "$root/bin/lotServer.sh"
for part in "$here"/scripts/lib/*.sh; do
	put 644 "$part" "$root/bin/lib/${part##*/}"
done

while IFS= read -r -d '' file; do
	put 644 "$here/contrib/$file" "$share/doc/appex/examples/$file"
done < <(find "$here/contrib" -type f -printf '%P\0')
put 644 "$here/etc/bash-completion" "$share/bash-completion/completions/lotServer.sh"
put 644 "$here/Documentation/man/lotServer.sh.8" "$share/man/man8/lotServer.sh.8"
put 644 "$here/Documentation/man/appex.4" "$share/man/man4/appex.4"
page=$(awk -f "$here/Documentation/man/lotserver.conf.5.awk" "$here/Documentation/lotserver.rst") ||
	die "cannot make lotserver.conf(5) of $here/Documentation/lotserver.rst: the reason is above"
put 644 /dev/null "$share/man/man5/lotserver.conf.5"
printf '%s\n' "$page" >"$destdir$share/man/man5/lotserver.conf.5"

if [[ -n $module ]]; then
	make_dir "/lib/modules/$release/updates"
	put 644 "$module" "/lib/modules/$release/updates/appex.ko"
	if [[ -z $destdir ]]; then
		depmod -a "$release" || die "depmod failed for $release"
	fi
fi

config=$destdir$root/etc/config
if [[ -n $former ]]; then
	printf '%s\n' "$former" >"$destdir$root/etc/.former"
	[[ ! -f $destdir$former/etc/config ]] || cp -- "$destdir$former/etc/config" "$config"
fi
if [[ -e $config ]]; then
	printf 'Kept the configuration %s\n' "$config"
	# The comment that was shipped with it tells, too, where the old scripts are gone.
	rate='^wankbps=(["'\'']?)1000000\1[[:space:]]*$'
	if grep -Eq "$rate" "$config" && { [[ -n $before_shaper ]] ||
		grep -B1 '^wankbps=' "$config" | grep -Fxq '# (no effect yet)'; }; then
		sed -Ei -e '/^# \(no effect yet\)$/{N;/\nwankbps=/s/^[^\n]*/# (waninkbps has no effect yet)/;/\nshaperEnable=/s/^[^\n]*\n//}' \
			-e "s/$rate/wankbps=\"0\"/M" "$config"
		printf 'wankbps was 1000000 and had no effect; it has one now, so it is 0 (no limit)\n'
	fi
	rate=${rate/wankbps/waninkbps}
	if grep -Eq "$rate" "$config" && { [[ -n $before_shaper$before_inbound ]] ||
		grep -Eq '^# (.*\(no effect yet\)|\(waninkbps has no effect yet\))$' "$config"; }; then
		sed -Ei -e '/^# \(waninkbps has no effect yet\)$/d' -e 's/^(# Inbound bandwidth .*) \(no effect yet\)$/\1; 0 is no limit/' \
			-e "s/$rate/waninkbps=\"0\"/" "$config"
		printf 'waninkbps was 1000000 and had no effect; it has one now, so it is 0 (no limit)\n'
	fi
else
	install -m 644 "$here/etc/config" "$config"
	[[ $root == /appex ]] || sed -i "s|^afterLoad=.*|afterLoad=\"$root/bin/afterLoad\"|" "$config"
fi

# An installation over an older one keeps what that one recorded.
record=$destdir$root/etc/.manifest
{
	printf '%s\n' "${manifest[@]}"
	[[ ! -f $record ]] || cat -- "$record"
} | awk '!seen[$0]++' >"$record.new"
mv -f -- "$record.new" "$record"
printf 'Installed %s/bin/lotServer.sh%s\n' "$root" "${module:+ and /lib/modules/$release/updates/appex.ko}"
if [[ -n $former && -e $config && -z $destdir ]]; then
	printf 'What of the configuration that was there means something else here:\n'
	APPEX_ROOT=$root "$root/bin/lotServer.sh" check 2>&1 | sed 's/^/  /' || :
fi
