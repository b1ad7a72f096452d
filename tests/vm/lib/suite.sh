# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What every test script of tests/vm/suite starts with. Sourced by scripts that run in the guest.
#
# With SABOTAGE=1 a script breaks the one thing it is there to watch over, at the place marked with
# sabotaged(), and has to report failures: that is how suite/run shows that it can.

here=$(dirname "${BASH_SOURCE[0]}")
. "$here/tap.sh"
. "$here/topology.sh"
. "$here/http.sh"
. "$here/product.sh"
unset here
STATE=/run/state
mkdir -p "$STATE"

sabotaged() { [ -n "${SABOTAGE-}" ]; }

# running / stopped: is the product in the kernel, as users were taught to look.
running() { lsmod | grep -q '^appex ' && [ -r "$ENGINE/stats" ]; }
stopped() { ! lsmod | grep -q '^appex' && ! ls -d /proc/net/appex* 2>/dev/null; }

# until_true SECONDS COMMAND...: poll; fails if it has not become true by then.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# all_are NAME I: path I has connections and NAME is the congestion control of each.
all_are() {
	local got
	got=$(congestion_controls "$2" | sort -u)
	[ "$got" = "$1" ]
}

# lotserver COMMAND...: the control script, its output kept for the report of a failure.
lotserver() {
	"$LOTSERVER" "$@" >/run/lotserver.out 2>&1 || {
		local status=$?
		cat /run/lotserver.out
		return "$status"
	}
}

# background NAME COMMAND...: run it in the background with its result for awaited().
background() {
	local name=$1
	shift
	("$@" >"$STATE/$name.out" 2>&1 && echo 0 >"$STATE/$name" || echo 1 >"$STATE/$name") &
}

# awaited NAME: wait for a background command of that name and return its result.
awaited() {
	until_true 120 test -e "$STATE/$1" || return 1
	cat "$STATE/$1.out"
	[ "$(cat "$STATE/$1")" = 0 ]
}

# keep_hooks_patched: empty chains on every hook of the module, until the guest ends.
#
# The first and the last user of a netfilter hook make the kernel patch __ip_local_out() and its like while
# other processors run them. QEMU's multi-threaded translator at times runs the breakpoint of such a patch
# when the kernel is done with it: "Oops: int3" at that instruction. Seen here without any module of ours
# after 4,650 rounds of nft adding and deleting one chain under traffic, never with another chain beside it.
keep_hooks_patched() {
	nft -f - <<-'NFT'
		table inet keep_hooks_patched {
			chain pre { type filter hook prerouting priority 0; }
			chain out { type filter hook output priority 0; }
			chain post { type filter hook postrouting priority 0; }
		}
	NFT
}

# begin INTERFACE...: product installed for those interfaces, a web server with files.
begin() {
	keep_hooks_patched || exit 1
	http_file bulk 3000000
	http_file short 30000
	http_start
	product_install || exit 1
	product_set accif "$*"
}

# What the kernel has allocated for itself and cannot give away, kB.
kernel_kb() {
	local cache
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	# Pages of which no object is used, kept for the next one.
	for cache in /sys/kernel/slab/*/shrink; do echo 1 >"$cache"; done
	awk '/^(SUnreclaim|Percpu|VmallocUsed):/ { n += $2 } END { print n }' /proc/meminfo
}
# nobody_uses MODULE: it is loaded, and nobody holds it.
nobody_uses() { [ "$(cat "/sys/module/$1/refcnt")" = 0 ]; }
# Closed by their programs, and not yet by their peers.
no_orphans() { [ "$(awk '/^TCP:/ { print $5 }' /proc/net/sockstat)" = 0 ]; }
# nothing_leaked: of a kernel with kmemleak, when the module is gone and with it the names of its functions. It reports what
# has not changed since the scan before and is older than five seconds.
nothing_leaked() {
	local leaks=/sys/kernel/debug/kmemleak
	[ -e "$leaks" ] || return 0
	check "kmemleak is at work" sh -c "echo scan >$leaks && sleep 6 && echo scan >$leaks"
	same "it finds nothing" "" "$(head -c 4000 "$leaks")"
}
