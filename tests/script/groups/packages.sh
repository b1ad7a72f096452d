# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# packages: what the Debian packages' own scripts do with a directory /appex that was there before: LotServer's, and that of
# install.sh; and when the installation is given up half way. What the packages bring is put there by the tests.
# (The packages themselves: tests/install.)

# breaks: test_over_the_original | ../debian/appex.preinst | s/^\t\[ -z "$original" \].*/\t:/
# breaks: test_over_the_original | ../debian/appex.postrm | s/^\t\tmv "$former" .*/\t\t:/
# breaks: test_given_up | ../debian/appex.postrm | s/"$1" = abort-install/"$1" = abort/
# breaks: test_over_install_sh | ../debian/appex.preinst | s|^\t\t\t/\*) rm -f "$path" ;;|\t\t\t/*) : ;;|
# breaks: test_over_install_sh | ../debian/appex.preinst | s/rmdir --ignore-fail-on-non-empty "$path"/:/
# breaks: test_over_install_sh | ../debian/appex-dkms.preinst | s/^\t\trm -rf .*/\t\t:/
# breaks: test_over_install_sh | ../debian/appex-dkms.preinst | s/"$1" = install/"$1" = upgrade/
# breaks: test_over_install_sh_over_the_original | ../debian/appex.preinst | s|original=$(cat .*|original=|
# breaks: test_what_is_there_stays | ../debian/appex.postrm | s/^\telif \[ -e \/appex \] .*/\telif false; then/
# breaks: test_given_up_over_install_sh | ../debian/appex.postrm | s|/var/lib/appex/moved 2>|/var/lib/appex/former 2>|
# breaks: test_given_up_later | ../debian/appex.postrm | s|{ \[ "$1" = abort-install \] \&\& .*|[ "$1" = abort-install ]; then|
# breaks: test_over_install_sh_that_runs | ../debian/appex.preinst | s/^.*systemctl stop lotServer.service.*/\t:/

# shellcheck source=tests/script/machine.sh
. "$HERE/machine.sh"

# maintainer SCRIPT ARG...: STATUS, OUT and ERR as with run_lot.
maintainer() {
	local script=$1
	shift
	there sh "/project/debian/$script" "$@"
	is "$STATUS" 0
}

# unpacked and removed: what dpkg does with the files of appex.
unpacked() {
	mkdir -p "$R"/appex/bin "$R/etc/appex"
	ln -s /etc/appex "$R/appex/etc"
	echo 'accif="eth0"' >"$R/etc/appex/config"
	ln -s /project/scripts/lotServer.sh "$R/appex/bin/lotServer.sh"
}
removed() {
	rm -f "$R/etc/appex/config" "$R/appex/bin/lotServer.sh" "$R/appex/etc"
}

test_over_the_original() {
	local before
	a_machine
	the_original
	before=$(everything_and_the_original)
	maintainer appex-dkms.preinst install
	maintainer appex.preinst install
	like "$ERR" '*/appex was there already and is now /appex.former*'
	absent "$R/appex"
	unpacked
	maintainer appex.postinst configure ''
	like "$ERR" '*took over the configuration that was in /appex/etc/config*'
	is "$(sed -n s/^wankbps=//p "$R/etc/appex/config")" '"5000"'
	maintainer appex.postrm remove
	exists "$R/appex.former/bin/lotServer.sh"
	removed
	maintainer appex.postrm purge
	like "$ERR" '*/appex.former is /appex again*'
	diff <(echo "$before") <(everything_and_the_original) || fail 'it is not as it was'
	absent "$R/run/original"
}

test_given_up() {
	local before
	a_machine
	the_original
	before=$(everything_and_the_original)
	maintainer appex.preinst install
	maintainer appex.postrm abort-install
	diff <(echo "$before") <(everything_and_the_original) || fail 'it is not as it was'
}

test_given_up_over_install_sh() {
	a_machine
	the_original
	installer -out 70000 --no-run
	is "$STATUS" 0
	maintainer appex.preinst install
	maintainer appex.postrm abort-install
	like "$ERR" '*/appex.former2 is /appex again*run install.sh*again*'
	exists "$R/appex/bin/lib/commands.sh"
	like "$(<"$R/appex/etc/config")" '*wankbps="70000"*'
	exists "$R/appex.former/bin/lotServer.sh"
	absent "$R/var/lib/appex"
}

# over_the_original: the package is installed over it, and its files are removed.
over_the_original() {
	a_machine
	the_original
	maintainer appex.preinst install
	unpacked
	maintainer appex.postinst configure ''
	removed
}

# One that was removed and is installed again still knows what was there at first.
test_given_up_later() {
	over_the_original
	maintainer appex.postrm remove
	rmdir "$R/appex/bin" "$R/appex"
	maintainer appex.preinst install 0.1.0
	maintainer appex.postrm abort-install
	exists "$R/var/lib/appex/former"
	maintainer appex.postrm purge
	like "$ERR" '*/appex.former is /appex again*'
}

# systemd must not take what was install.sh's service for the package's, running.
test_over_install_sh_that_runs() {
	a_machine
	installer --no-run
	mkdir -p "$R/run/systemd/system"
	maintainer appex.preinst install
	like "$(<"$R/run/asked")" '*systemctl stop lotServer.service*'
}

test_what_is_there_stays() {
	over_the_original
	echo mine >"$R/appex/mine"
	maintainer appex.postrm purge
	like "$ERR" '*/appex is not empty and stays; what was there before the installation stays in /appex.former'
	is "$(<"$R/appex/mine")" mine
	exists "$R/appex.former/etc/config"
}

test_over_install_sh() {
	local before found
	a_machine
	before=$(everything)
	installer -out 70000 --no-run
	is "$STATUS" 0
	maintainer appex-dkms.preinst install
	like "$(<"$R/run/asked")" '*dkms remove appex/0.1.0 --all*'
	maintainer appex.preinst install
	like "$ERR" '*the package takes its place, and /appex.former can be removed'
	unpacked
	maintainer appex.postinst configure ''
	is "$(sed -n s/^wankbps=//p "$R/etc/appex/config")" '"70000"'
	removed
	maintainer appex.postrm purge
	# Nothing but the directory that was said to be left.
	exists "$R/appex.former/etc/config"
	found=$(everything | grep -v '^\./appex\.former')
	diff <(echo "$before") <(echo "$found") || fail 'something is left'
}

test_over_install_sh_over_the_original() {
	local before
	a_machine
	the_original
	before=$(everything_and_the_original)
	installer --no-run
	is "$STATUS" 0
	maintainer appex-dkms.preinst install
	maintainer appex.preinst install
	like "$ERR" '*is now /appex.former2*'
	unpacked
	maintainer appex.postinst configure ''
	removed
	maintainer appex.postrm purge
	rm -r "$R/appex.former2"
	diff <(echo "$before") <(everything_and_the_original) || fail 'it is not as it was'
}
