# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# What start changes elsewhere, and installing and removing.

# breaks: test_ppp_links | lib/system.sh | s/\[\[ ! -L $link || .*/:/
# breaks: test_ppp_links_elsewhere | lib/system.sh | s/^.*PPP_TARGETS\[0\]=.*$/\t:/
# breaks: test_ppp_hooks | lib/system.sh | s/put "$dir\/wanIf" "$sign$name"/put "$dir\/wanIf" "$name"/
# breaks: test_ppp_hook_waits_for_a_running_command | lib/system.sh | s/^\tlock 30$/\tlock/
# breaks: test_reload_keeps_ppp_links | lib/commands.sh | s/if \[\[ ${CONFIG\[accppp\]} == 1 \]\]; then/if false; then/
# breaks: test_uninstall | lib/uninstall.sh | s/mapfile -t files <"$MANIFEST_FILE"/files=()/
# breaks: test_uninstall | install-local.sh | s|^\tput 644 "$here/contrib.*|\t:|
# breaks: test_uninstall | install-local.sh | s|^printf '%s.n' "$page".*|:|
# breaks: test_uninstall_for_several_kernels | lib/uninstall.sh | s/releases+=("$release")/releases=("$release")/
# breaks: test_install_options | install-local.sh | s/^-\*) die.*//
# breaks: test_install_options | install-local.sh | s/^-h | --help)/-h)/
# breaks: test_uninstall_leaves_the_rest | lib/uninstall.sh | s/rmdir -- "$path" 2>\/dev\/null/rm -rf -- "$path"/
# breaks: test_uninstall_without_a_record | lib/uninstall.sh | s/if \[\[ ! -f $MANIFEST_FILE .*; then/if false; then/
# breaks: test_install_over_the_original | install-local.sh | s/^put_aside$/:/
# breaks: test_install_over_the_original | lib/uninstall.sh | s/^.*|| bring_back "$former"$/:/
# breaks: test_install_over_the_original | install-local.sh | s/^.*bin\/lotServer.sh" check .*/:/
# breaks: test_former_stays_aside | lib/uninstall.sh | s/if \[\[ -e $APPEX_ROOT ||.*/if false; then/
# breaks: test_install_lifts_a_limit_that_had_no_effect | install-local.sh | s/rate=.^wankbps=/&no/
# breaks: test_install_lifts_an_inbound_limit_that_had_no_effect | install-local.sh | s/before_inbound=1/:/
# breaks: test_install_keeps_a_limit_that_was_meant | install-local.sh | s/ \&\& { \[\[ -n $before_shaper \]\] ||$/ \&\& { true ||/
# breaks: test_install_keeps_the_configuration | install-local.sh | s/if \[\[ -e $config \]\]; then/if false; then/

test_ppp_links() {
	mkdir -p "$T"/ppp/{ip-up.d,ip-down.d}
	echo mine >"$T/ppp/ip-up.local"
	config accif=eth0 accppp=1
	ok_lot start
	like "$ERR" "*$T/ppp/ip-up.local is not ours and stays as it is*"
	is "$(readlink "$T/ppp/ip-up.d/pppup")" "$LOT"
	is "$(readlink "$T/ppp/ip-down.d/pppdown")" "$LOT"
	is "$(readlink "$T/ppp/ip-down.local")" "$LOT"
	is "$(<"$T/ppp/ip-up.local")" mine
	config accif=eth0
	ok_lot reload
	absent "$T/ppp/ip-up.d/pppup"
	config accif=eth0 accppp=1
	ok_lot reload
	exists "$T/ppp/ip-up.d/pppup"
	ok_lot stop
	absent "$T/ppp/ip-up.d/pppup"
	absent "$T/ppp/ip-down.d/pppdown"
	absent "$T/ppp/ip-down.local"
	is "$(<"$T/ppp/ip-up.local")" mine
}

test_ppp_links_elsewhere() {
	mkdir -p "$T"/ppp/{ip-up.d,ip-down.d} "$T"/other/{up,down}
	config accif=eth0 engineNum=1 accppp=1 "pppup=$T/other/up/pppup" "pppdown=$T/other/down/pppdown"
	ok_lot start
	absent "$T/ppp/ip-up.d/pppup"
	absent "$T/ppp/ip-down.d/pppdown"
	"$T/other/up/pppup" ppp3
	is "$(in_engine wanIf)" 'eth0 ppp3'
	"$T/other/down/pppdown" ppp3
	is "$(in_engine wanIf)" eth0
	ok_lot reload
	exists "$T/other/up/pppup"
	config accif=eth0 engineNum=1 "pppup=$T/other/up/pppup" "pppdown=$T/other/down/pppdown"
	ok_lot reload
	absent "$T/other/up/pppup"
	absent "$T/other/down/pppdown"
	ok_lot stop
}

test_ppp_hooks() {
	mkdir -p "$T"/ppp/{ip-up.d,ip-down.d}
	config accif=eth0 accppp=1
	ok_lot start
	"$T/ppp/ip-up.d/pppup" ppp0 /dev/tty 115200 10.0.0.1 10.0.0.2
	is "$(in_engine wanIf)" 'eth0 ppp0'
	IFNAME=ppp1 "$T/ppp/ip-up.local"
	is "$(in_engine wanIf)" 'eth0 ppp0 ppp1'
	"$T/ppp/ip-down.d/pppdown" ppp0
	is "$(in_engine wanIf)" 'eth0 ppp1'
	# The slip of the original's helper, and a name that is configured itself.
	"$T/ppp/ip-up.local" '$+ppp0'
	"$T/ppp/ip-up.local" 'ppp*'
	"$T/ppp/ip-down.local" eth0
	is "$(in_engine wanIf)" 'eth0 ppp1'
	cp "$T/ppp/ip-up.local" "$T/unused" 2>/dev/null
	ln -s "$LOT" "$T/pppup"
	ok_lot stop
	"$T/pppup" ppp0 || fail 'a hook must not fail while stopped'
}

test_ppp_hook_waits_for_a_running_command() {
	config accif=eth0 accppp=1 engineNum=1
	ln -s "$LOT" "$T/pppup"
	fault load 'late 2'
	"$LOT" start >/dev/null 2>&1 &
	for _ in {1..50}; do
		[[ ! -e $FAKE_STATE/loads ]] || break
		sleep 0.1
	done
	"$T/pppup" ppp3 >"$T/out" 2>&1 || :
	wait $!
	is "$(in_engine wanIf)" 'eth0 ppp3'
}

test_reload_keeps_ppp_links() {
	veth ppp0
	config accif=eth0 accppp=1
	ok_lot start
	is "$(in_engine wanIf)" 'eth0 ppp0'
	config accif=eth1 accppp=1
	ok_lot reload
	is "$(in_engine wanIf)" 'eth1 ppp0'
}

# installed: by install-local.sh into a root of its own, with a module that
# names a kernel that does not exist.
installed() {
	rm -rf "$APPEX_ROOT"
	echo module >"$T/appex.ko"
	mkdir -p "$T/tree/scripts"
	cp -r "$SCRIPTS/." "$T/tree/scripts/"
	cp -r "$HERE"/../../{contrib,etc,Documentation} "$T/tree/"
	export APPEX_SHARE=$T/usr/share
	# The host's module directories must stay clean.
	mkdir -p "$T/modules"
	mount --bind "$T/modules" /lib/modules
	KVER=0.0-test "$T/tree/scripts/install-local.sh" "$T/appex.ko" >"$T/out" 2>&1 || fail "$(<"$T/out")"
}

test_uninstall() {
	mkdir -p /lib/modules
	installed
	exists "$APPEX_ROOT/bin/lib/offload.sh"
	exists /lib/modules/0.0-test/updates/appex.ko
	diff -r "$T/tree/contrib" "$APPEX_SHARE/doc/appex/examples" || fail 'not all examples were installed'
	exists "$APPEX_SHARE/bash-completion/completions/lotServer.sh"
	exists "$APPEX_SHARE/man/man8/lotServer.sh.8"
	exists "$APPEX_SHARE/man/man4/appex.4"
	grep -q '^\.TH LOTSERVER\.CONF 5' "$APPEX_SHARE/man/man5/lotserver.conf.5" || fail 'no page of the configuration'
	sed -i 's/^accif=.*/accif="eth0"/' "$CONF"
	veth eth0
	echo 'gso="0"' >>"$CONF"
	ok_lot start
	is "$(feature eth0 tcp-segmentation-offload)" off
	echo capture >"$APPEX_ROOT/log/x.pcap"
	ok_lot uninstall
	is "$OUT" 'Uninstallation done!'
	is "$(feature eth0 tcp-segmentation-offload)" on
	absent "$APPEX_PROC"
	absent "$APPEX_ROOT"
	absent "$T/usr"
	absent /lib/modules/0.0-test/updates/appex.ko
}

test_uninstall_for_several_kernels() {
	mkdir -p /lib/modules "$T/bin"
	printf '#!/bin/sh\necho "$*" >>"$FAKE_STATE/depmod"\n' >"$T/bin/depmod"
	chmod +x "$T/bin/depmod"
	PATH=$T/bin:$PATH
	installed
	KVER=0.1-test "$T/tree/scripts/install-local.sh" "$T/appex.ko" >"$T/out" 2>&1 || fail "$(<"$T/out")"
	exists /lib/modules/0.1-test/updates/appex.ko
	rm "$FAKE_STATE/depmod"
	ok_lot uninstall
	absent /lib/modules/0.0-test/updates/appex.ko
	absent /lib/modules/0.1-test/updates/appex.ko
	is "$(sort "$FAKE_STATE/depmod")" $'-a 0.0-test\n-a 0.1-test'
}

test_install_options() {
	local option
	for option in -h --help; do
		"$SCRIPTS/install-local.sh" "$option" >"$T/out" 2>&1 || fail "$(<"$T/out")"
		like "$(<"$T/out")" 'install-local.sh \[MODULE\]: *--uninstall*'
		unlike "$(<"$T/out")" '*set -euo*'
	done
	! "$SCRIPTS/install-local.sh" --frobnicate >"$T/out" 2>&1 || fail 'an unknown option is taken'
	is "$(<"$T/out")" 'install-local.sh: unknown option --frobnicate, see --help'
	! APPEX_ROOT=$T/none "$SCRIPTS/install-local.sh" --uninstall >"$T/out" 2>&1 || fail 'there is nothing to remove'
	is "$(<"$T/out")" "install-local.sh: nothing is installed in $T/none"
}

test_uninstall_leaves_the_rest() {
	mkdir -p /lib/modules
	installed
	echo precious >"$APPEX_ROOT/bin/mine"
	ok_lot uninst
	like "$ERR" "*$APPEX_ROOT/bin/ is not empty and stays*"
	is "$(find "$APPEX_ROOT" -type f)" "$APPEX_ROOT/bin/mine"
}

test_uninstall_without_a_record() {
	config accif=eth0
	run_lot uninstall
	is "$STATUS" 1
	like "$ERR" '*No record of an installation*uninstall -f*'
	exists "$LOT"
	ok_lot uninstall -f
	absent "$APPEX_ROOT"
}

test_install_keeps_the_configuration() {
	mkdir -p /lib/modules
	installed
	echo '# mine' >>"$CONF"
	KVER=0.0-test "$T/tree/scripts/install-local.sh" "$T/appex.ko" >"$T/out"
	like "$(<"$CONF")" '*# mine'
	like "$(<"$T/out")" "Kept the configuration $CONF*"
	# The record of both installations removes everything.
	ok_lot uninstall
	absent "$APPEX_ROOT"
}

# original: LotServer's own directory, and nothing of ours.
original() {
	rm -rf "$APPEX_ROOT"
	mkdir -p "$APPEX_ROOT"/{bin,etc,log}
	printf '#!/bin/sh\necho original >>%s\n' "$T/called" >"$APPEX_ROOT/bin/lotServer.sh"
	chmod 755 "$APPEX_ROOT/bin/lotServer.sh"
	echo log >"$APPEX_ROOT/log/dump"
	printf '%s\n' 'accif="eth0"' 'gso="0"' 'serial="0123"' >"$CONF"
	cp -a "$APPEX_ROOT" "$T/kept"
}

test_install_over_the_original() {
	mkdir -p /lib/modules
	veth eth0
	installed
	original
	again
	like "$(<"$T/out")" "*$APPEX_ROOT was there already and is now $APPEX_ROOT.former;*"
	like "$(<"$T/out")" "*means something else here:*  $CONF:2: gso=\"0\" turns tso*"
	diff -r "$T/kept" "$APPEX_ROOT.former" || fail 'something of the original is lost'
	like "$(<"$CONF")" '*serial="0123"'
	absent "$T/called"
	# Once more: that is ours, and stays where it is.
	echo 'advacc="0"' >>"$CONF"
	again
	absent "$APPEX_ROOT.former2"
	ok_lot start
	ok_lot uninstall
	like "$OUT" "*$APPEX_ROOT.former is $APPEX_ROOT again*"
	diff -r "$T/kept" "$APPEX_ROOT" || fail 'the original is not as it was'
	absent "$APPEX_ROOT.former"
	# The original's own script is not asked to uninstall.
	! "$T/tree/scripts/install-local.sh" --uninstall >"$T/out" 2>&1 || fail 'there is nothing to remove'
	like "$(<"$T/out")" "*nothing is installed in $APPEX_ROOT"
	absent "$T/called"
}

test_former_stays_aside() {
	mkdir -p /lib/modules "$APPEX_ROOT.former"
	veth eth0
	installed
	original
	again
	echo precious >"$APPEX_ROOT/bin/mine"
	ok_lot uninstall
	like "$ERR" "*before the installation stays in $APPEX_ROOT.former2*"
	is "$(find "$APPEX_ROOT" -type f)" "$APPEX_ROOT/bin/mine"
	diff -r "$T/kept" "$APPEX_ROOT.former2" || fail 'something of the original is lost'
}

# again: installs once more.
again() {
	KVER=0.0-test "$T/tree/scripts/install-local.sh" "$T/appex.ko" >"$T/out" 2>&1 || fail "$(<"$T/out")"
}

test_install_lifts_a_limit_that_had_no_effect() {
	mkdir -p /lib/modules
	installed
	# As an older version shipped it.
	cat >"$CONF" <<-'OLD'
		accif="eth0"
		# Outbound and inbound bandwidth in kbit/s (加速接口上行/下行带宽); 0 is no limit.
		# (no effect yet)
		wankbps="1000000"
		waninkbps="1000000"

		# Shaper (流量整形开关): 1 keeps to wankbps and waninkbps, 0 measures the bandwidth
		# (no effect yet)
		shaperEnable="1"
	OLD
	again
	like "$(<"$T/out")" '*wankbps was 1000000 and had no effect; it has one now, so it is 0*'
	like "$(<"$CONF")" '*
wankbps="0"
waninkbps="0"
*bandwidth
shaperEnable="1"'
	# Without the comment the old scripts tell, which know of no shaper.
	printf 'accif="eth0"\nwankbps=1000000\n' >"$CONF"
	rm "$APPEX_ROOT/bin/lib/shape.sh"
	again
	is "$(<"$CONF")" $'accif="eth0"\nwankbps="0"'
}

test_install_lifts_an_inbound_limit_that_had_no_effect() {
	mkdir -p /lib/modules
	installed
	# As the version before shipped it, and as the comment in the configuration tells.
	sed -i 's/^\(key waninkbps .* \)0$/\11000000/' "$APPEX_ROOT/bin/lib/keys.sh"
	printf 'accif="eth0"\nwankbps="1000000"\nwaninkbps="1000000"\n' >"$CONF"
	again
	like "$(<"$T/out")" '*waninkbps was 1000000 and had no effect; it has one now, so it is 0*'
	is "$(<"$CONF")" $'accif="eth0"\nwankbps="1000000"\nwaninkbps="0"'
	printf '# Inbound bandwidth in kbit/s (no effect yet)\nwaninkbps="1000000"\n' >"$CONF"
	again
	is "$(<"$CONF")" $'# Inbound bandwidth in kbit/s; 0 is no limit\nwaninkbps="0"'
}

test_install_keeps_a_limit_that_was_meant() {
	mkdir -p /lib/modules
	installed
	printf 'accif="eth0"\nwankbps="1000000"\n' >"$CONF"
	again
	is "$(<"$CONF")" $'accif="eth0"\nwankbps="1000000"'
	printf 'accif="eth0"\nwaninkbps="1000000"\n' >"$CONF"
	again
	is "$(<"$CONF")" $'accif="eth0"\nwaninkbps="1000000"'
	rm "$APPEX_ROOT/bin/lib/shape.sh"
	printf 'accif="eth0"\nwankbps="20000"\n' >"$CONF"
	again
	is "$(<"$CONF")" $'accif="eth0"\nwankbps="20000"'
}

test_install_for_a_package() {
	echo module >"$T/appex.ko"
	APPEX_ROOT=/appex DESTDIR=$T/dest KVER=1.2-3 "$SCRIPTS/install-local.sh" "$T/appex.ko" >"$T/out" 2>&1 || {
		[[ ! -e $SCRIPTS/../etc/config ]] || fail "$(<"$T/out")"
	}
	exists "$T/dest/appex/bin/lib/commands.sh"
	exists "$T/dest/lib/modules/1.2-3/updates/appex.ko"
	absent /appex/bin/lotServer.sh
}
