#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# lotServer.sh - starts, stops and shows the appex accelerator.
#
# This file only sets up the shell, finds its parts and chooses the command;
# the work is in lib/ beside it (installed as /appex/bin/lib). Its own name
# matters: called through a link named pppup, pppdown, ip-up.local or
# ip-down.local it is the hook of the PPP daemon.
#
# Environment, for tests and packagers (all optional):
#   APPEX_ROOT    directory of bin, etc and log              (/appex)
#   APPEX_PROC    directory of engine 0                      (/proc/net/appex)
#   APPEX_MODULE  path of the module to load                 (modprobe appex)
#   APPEX_RUN     directory of the lock and the pid file     (/run)
#   APPEX_SYSFS   where network devices are described        (/sys/class/net)
#   APPEX_SYSCTL  where kernel settings are                  (/proc/sys)
#   APPEX_MEMINFO how much memory there is                   (/proc/meminfo)
#   APPEX_PPP     directory of the PPP daemon's hooks        (/etc/ppp)
#   APPEX_SYSTEMD there only where systemd is process 1      (/run/systemd/system)
#   APPEX_MODULES the list of loaded modules                 (/proc/modules)
#   APPEX_DKMS    where DKMS keeps its builds                (/var/lib/dkms)
#   APPEX_BOOT    where the kernels' configurations are      (/boot)
#   APPEX_KERNELS where the kernels' modules are             (/lib/modules)
#   APPEX_STATS_INTERVAL  seconds between two stats screens  (5)
set -euo pipefail

if ((BASH_VERSINFO[0] < 5)); then
	echo "lotServer.sh: needs bash 5 or later, this is $BASH_VERSION" >&2
	exit 1
fi

# Output must not depend on the user's language, and cron, systemd and the PPP
# daemon call with a PATH without sbin, or with none (the shell's own then).
export LC_ALL=C
export PATH="${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 022

SELF=$(readlink -f -- "${BASH_SOURCE[0]}")
LIB=${SELF%/*}/lib
for part in common json keys check config offload shape device engine rules memory system report why stats top flows metrics capture later try guard compare uninstall commands; do
	# shellcheck source=/dev/null
	. "$LIB/$part.sh" || {
		printf 'lotServer.sh: its part %s/%s.sh is missing: install it again\n' "$LIB" "$part" >&2
		exit 1
	}
done
unset part

main "$@"
exit
