# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# uninstall: what "make install" and install.sh put in place goes again.

# do_uninstall [-f]: stops, then removes what the installation recorded.
do_uninstall() {
	local force='' path
	local -a files=()
	case ${1-} in
	'') ;;
	-f) force=1 ;;
	*)
		usage
		exit 1
		;;
	esac
	if [[ ! -f $MANIFEST_FILE && -z $force ]]; then
		die "No record of an installation ($MANIFEST_FILE): remove the package it came with, or use \"uninstall -f\""
	fi
	stop_running || [[ -n $force ]] || exit 1
	if [[ -f $MANIFEST_FILE ]]; then
		mapfile -t files <"$MANIFEST_FILE"
	else
		files=("$APPEX_ROOT/bin/lotServer.sh" "$APPEX_ROOT"/bin/lib/*.sh "$APPEX_ROOT/bin/lib/" "$APPEX_ROOT/bin/" "$APPEX_ROOT/etc/" "$APPEX_ROOT/log/" "$APPEX_ROOT/")
	fi
	try_forget
	uninstall_files "${files[@]}"
	rm -f -- "$LOCK_FILE"
	say 'Uninstallation done!'
}

# uninstall_files PATH...: files of the installation, then the files of use, then
# the directories (written with a final slash) that are empty by then.
uninstall_files() {
	local path release former=''
	local -a dirs=() releases=()
	if [[ -f $FORMER_FILE ]]; then
		former=$(<"$FORMER_FILE")
	fi
	for path in "$@"; do
		case $path in
		*/) dirs+=("$path") ;;
		/*)
			if [[ $path == */lib/modules/*/appex.ko* ]]; then
				release=${path#*/lib/modules/} release=${release%%/*}
				has_word "$release" "${releases[@]}" || releases+=("$release")
			fi
			rm -f -- "$path"
			;;
		esac
	done
	rm -rf -- "$CONFIG_FILE" "$RULES_FILE" "$OFFLOAD_FILE" "$QDISC_FILE" "$RUNCONFIG_FILE" "$GUARD_FILE" "$PPP_FILE" "$MANIFEST_FILE" "$FORMER_FILE" \
		"$APPEX_ROOT/bin/afterLoad" "$APPEX_ROOT"/log/*
	for path in "${dirs[@]}"; do
		rmdir -- "$path" 2>/dev/null || [[ ! -d $path ]] || warn "[warn] $path is not empty and stays"
	done
	[[ -z $former ]] || bring_back "$former"
	# The module may have been installed for several kernels.
	for release in "${releases[@]}"; do
		depmod -a "$release" 2>/dev/null || :
	done
}

# bring_back DIRECTORY: what the installation found in its place and put aside.
bring_back() {
	[[ -d $1 ]] || return 0
	if [[ -e $APPEX_ROOT || -L $APPEX_ROOT ]]; then
		warn "[warn] what was in $APPEX_ROOT before the installation stays in $1"
	elif mv -- "$1" "$APPEX_ROOT"; then
		say "$1 is $APPEX_ROOT again, as before the installation"
	fi
}
