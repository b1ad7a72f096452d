#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs in the booted machine as a service: the phase named in /run/appex-test/phase. Says "ok - NAME" and "not ok -
# NAME", everything else as a comment, on a port of the machine that is no console; then switches the machine off.
set -uo pipefail
cd /run/appex-test || exit
phase=$(cat phase)
for _ in $(seq 100); do
	[ ! -e /dev/virtio-ports/appex.out ] || break
	sleep 0.2
done
exec >/dev/virtio-ports/appex.out 2>&1 </dev/null
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin DEBIAN_FRONTEND=noninteractive
lot=/appex/bin/lotServer.sh
card=$(ip -4 -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)

say() { printf '%s\n' "$*" | sed 's/^/# /'; }
# check NAME COMMAND...: a test, and what it said if it failed.
check() {
	local name=$1 said
	shift
	if said=$("$@" 2>&1); then
		echo "ok - $phase: $name"
	else
		echo "not ok - $phase: $name"
		say "$* said: $said"
	fi
}
# shown COMMAND...: a line of the transcript.
shown() {
	say "root@server:~$ $*"
	"$@" 2>&1 | sed 's/^/#   /'
	return "${PIPESTATUS[0]}"
}
fails() { ! "$@"; }
loaded() { grep -q '^appex ' /proc/modules && [ -d /proc/net/appex ]; }
# Open connections to beyond the router, with data on their way.
network() { timeout 20 bash -c 'exec 3<>/dev/tcp/192.0.2.1/9000 && head -c 100000 /dev/zero >&3'; }
zeta_on_the_wire() {
	local info pid status
	timeout 30 bash -c 'exec 3<>/dev/tcp/192.0.2.1/9000; head -c 300000 /dev/zero >&3; sleep 20' &
	pid=$!
	sleep 3
	info=$(ss -tinH dst 192.0.2.1)
	say "$info"
	# Each engine, one for each processor, counts its own.
	grep -hE '^NumOfAccFlows' /proc/net/appex*/stats
	grep -q ' zeta ' <<<"$info" && grep -qhE '^NumOfAccFlows *= *[1-9]' /proc/net/appex*/stats
	status=$?
	kill "$pid"
	wait "$pid" 2>/dev/null
	return "$status"
}
attached() { [ "$(cat /proc/net/appex/wanIf)" = "$card" ] && [ -n "$card" ]; }
within() { # SECONDS COMMAND...
	local i seconds=$1
	shift
	for ((i = 0; i < seconds * 2; i++)); do
		! "$@" || return 0
		sleep 0.5
	done
	return 1
}
accelerated() {
	check 'the service is active' systemctl is-active lotServer.service
	check 'the module is loaded' loaded
	check "$card, the default route's interface, is accelerated" attached
	check 'a connection runs under zeta' zeta_on_the_wire
}

# What an accelerator could have changed on a machine.
state() {
	local name
	# What udev has not loaded yet it will have loaded the next time.
	udevadm settle --timeout=120
	for name in $(ip -o link show | sed -n 's/^[0-9]*: \([^:@]*\).*/\1/p'); do
		echo "== ethtool -k $name"
		ethtool -k "$name"
	done
	echo '== qdisc'
	tc qdisc show
	echo '== sysctl'
	sysctl -a 2>/dev/null | grep -vE '^(kernel\.random\.|kernel\.ns_last_pid|kernel\.pty\.nr|fs\.(dentry-state|inode-nr|inode-state|file-nr|quota|aio-nr)|net\.netfilter\.nf_conntrack_count|kernel\.hung_task_detect|kernel\.sched_domain|kernel\.cap_last|kernel\.threads-max|user\.max|vm\.(user|admin)_reserve|kernel\.perf_event_max_sample_rate|net\.ipv4\.(tcp_mem|udp_mem)|fs\.epoll\.max|net\.ipv[46]\.(conf|neigh)\.[^.]*\.(base_reachable|stable_secret)|fs\.fanotify|fs\.inotify)'
	echo '== modules'
	sed 's/ .*//' /proc/modules | sort
	echo '== congestion controls'
	cat /proc/sys/net/ipv4/tcp_available_congestion_control /proc/sys/net/ipv4/tcp_congestion_control
	echo '== units'
	systemctl list-unit-files --no-legend --no-pager | awk '{ print $1, $2 }' | grep -v appex-test
}

phase_before() {
	check 'the network works' network
	check 'no module' fails loaded
	echo 'state begins'
	state
	echo 'state ends'
}

phase_after() { phase_before; }
phase_purged() { phase_before; }

# metrics DIRECTORY: the timer's service, of the examples in there, writes what Prometheus reads.
metrics() {
	local status=0 units=/run/systemd/system
	cp "$1"/prometheus/lotServer-metrics.* "$units/"
	mkdir -p /var/lib/prometheus/node-exporter
	systemctl daemon-reload
	systemctl start lotServer-metrics.service && grep -x 'appex_up 1' /var/lib/prometheus/node-exporter/appex.prom || status=1
	rm -rf /var/lib/prometheus "$units"/lotServer-metrics.*
	systemctl daemon-reload
	return "$status"
}

phase_installed() {
	shown uname -r
	accelerated
	shown "$lot" status
	check 'the example for Prometheus works' metrics /usr/share/doc/appex/examples

	check 'reload under systemd' systemctl reload lotServer.service
	sed -i 's/^wankbps=.*/wankbps="54321"/' /appex/etc/config
	check 'reload takes a change over' systemctl reload lotServer.service
	check 'the configuration of before is in force' grep -qx 'initialCwndWan: 44' /proc/net/appex/cmd
	check 'the change is in force' grep -qx 54321 /proc/net/appex/wanKbps
	check 'what was attached stays attached' attached
	check 'stopping the service' systemctl stop lotServer.service
	check 'the module is gone' fails loaded
	check 'the network works without it' network
	check 'stopping once more is no failure' systemctl stop lotServer.service

	# A trial, from a session that is killed right after.
	setsid --wait bash -c "$lot try 20 </dev/null >/run/try.out 2>&1; kill -KILL 0" >/dev/null 2>&1
	shown cat /run/try.out
	check 'try has started it' loaded
	check 'a timer of the system waits for the confirmation' systemctl is-active lotServer-try.timer
	check 'unconfirmed it is taken back' within 60 fails loaded
	# The module goes first; what took it back may still be at it.
	check 'and whoever took it back comes to an end' within 30 flock -n /run/lotServer.lock true
	check 'the network works after that' network
	shown "$lot" try 20
	shown "$lot" confirm
	sleep 23
	check 'confirmed it goes on' loaded
	check 'the service takes over what was started by hand' systemctl start lotServer.service
	check 'it still runs' attached

	# A configuration that cannot start.
	sed -i 's/^wankbps=.*/wankbps="fast"/' /appex/etc/config
	check 'a bad configuration is refused at reload' fails systemctl reload lotServer.service
	check 'what runs goes on' attached
	systemctl stop lotServer.service
	check 'a bad configuration does not start' fails systemctl start lotServer.service
	check 'not accelerated' fails loaded
	check 'but with a network' network
	sed -i 's/^wankbps=.*/wankbps="1000000"/' /appex/etc/config
	check 'mended it starts' systemctl start lotServer.service

	# The same package once more, as an upgrade does it.
	check 'an upgrade of the control script' dpkg -i appex_*.deb
	accelerated

	# The postinst of a running machine starts it; everywhere else here packages are installed while the machine is off.
	shown dpkg -P appex
	check 'purging the control script unloads the module' fails loaded
	check 'and brings back the directory /appex that was there' test -e /appex/bin/acce-3.10.61.0-x64
	check 'and leaves none beside' fails test -e /appex.former
	shown apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 install ./appex_*.deb
	check 'the directory is beside again' test -e /appex.former/bin/acce-3.10.61.0-x64
	accelerated
	check 'with the configuration of before' grep -qx 'initialCwndWan: 44' /proc/net/appex/cmd
	check 'no failed units' test -z "$(systemctl --failed --no-legend | grep -v networkd-wait)"

	sync
	check 'the service starts anew' systemctl restart lotServer.service
	network
	reset_button
}

# As by a reset button: nothing is stopped and nothing is written. What has to be on disk by then is what start has put there.
reset_button() {
	echo 'end of phase'
	sleep 1
	echo b >/proc/sysrq-trigger
	sleep 60
}

phase_crashed() {
	accelerated
	shown "$lot" status
	check 'status tells of one crash' grep -q 'guard. This machine went down without a shutdown within 10 minutes' <<<"$("$lot" status)"
	reset_button
}

phase_guarded() {
	check 'after two crashes in a row it is not started' fails systemctl is-active lotServer.service
	check 'not accelerated' fails loaded
	check 'but with a network' network
	shown systemctl --no-pager status lotServer.service
	check 'the journal has the reason' grep -q 'guard. 2 times in a row' <<<"$(journalctl -q -b -u lotServer.service -o cat)"
	shown "$lot" status
	check 'started by hand it runs' "$lot" start
	check 'and is attached' attached
	check 'the service takes it over' systemctl start lotServer.service
	check 'a look after ten minutes is arranged' systemctl is-active lotServer-guard.timer
	check 'a stop is a clean end' systemctl stop lotServer.service
	check 'and nobody looks after it any more' within 30 fails systemctl is-active lotServer-guard.timer
	check 'the service starts again by itself' systemctl start lotServer.service
	accelerated
}

phase_upgraded() {
	shown uname -r
	accelerated
	shown dkms status
	shown apt-get -q -y -o Dpkg::Use-Pty=0 purge appex appex-dkms
	check 'purge unloads the module' fails loaded
	check 'the network works after the purge' network
	check 'nothing is left in the usual places' test -z \
		"$(ls -d /appex.former* /etc/appex /var/lib/appex /var/lib/dkms/appex /var/log/appex /usr/src/appex* /run/lotServer* /lib/modules/*/updates 2>/dev/null)"
}

phase_script() {
	accelerated
	check 'the options are in force' test "$(cat /proc/net/appex/wanKbps /proc/net/appex/wanInKbps | tr '\n' ' ')" = '60000 50000 '
	check 'install.sh runs it, too' ./project/install.sh --no-boot
	network
	check 'the example for Prometheus works' metrics /usr/local/share/doc/appex/examples
	check 'man pages and completion are in place' test -s /usr/local/share/man/man5/lotserver.conf.5 -a -s /usr/local/share/bash-completion/completions/lotServer.sh
	check 'packets are counted' within 30 grep -qE '^WanOutBytes *= *[1-9]' /proc/net/appex/stats /proc/net/appex1/stats
	shown ./project/install.sh uninstall
	check 'uninstalling unloads the module' fails loaded
	check 'the network works after that' network
	check 'no service is left' fails systemctl cat lotServer.service
}

phase_by-hand() {
	check 'nothing runs by itself' fails loaded
	shown "$lot" start
	check 'lotServer.sh start loads the module' loaded
	check "$card, the default route's interface, is accelerated" attached
	check 'a connection runs under zeta' zeta_on_the_wire
	shown "$lot" stop
	check 'stop unloads it' fails loaded
	check 'the network works after that' network
	shown "$lot" uninstall -f
	check 'nothing is left in the usual places' test -z \
		"$(ls -d /appex /etc/appex /lib/modules/*/updates /lib/modules/*/extra 2>/dev/null)"
}

within 60 network
say "the machine is $(systemctl is-system-running --wait)"
"phase_$phase"
echo 'end of phase'
sync
systemctl poweroff
