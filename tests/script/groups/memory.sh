# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# memory: what start, reload and stop do with the kernel's settings for socket buffers.

# breaks: test_socket_memory | lib/memory.sh | s/^\t\tremove_whole "$RUNCONFIG_FILE"/\t\t:/
# breaks: test_socket_memory_after_kill_9 | lib/memory.sh | s/elif ! put "$APPEX_SYSCTL\/$name" "$old"/elif false/
# breaks: test_socket_memory_of_another_boot | lib/memory.sh | s/^\t\[\[ $boot == .*/\t:/
# breaks: test_socket_memory_in_halves | lib/memory.sh | s/\[\[ $shrink != \*1 \]\] ||/:;/
# breaks: test_receive_buffers | lib/memory.sh | s/memory_set "$RMEM_TCP" .*/:/
# breaks: test_receive_buffers | lib/memory.sh | s/^\t\[\[ ${CONFIG\[advinacc\]} == 1 \]\] || memory_restore.*/\t:/
# breaks: test_receive_buffers_and_send_buffers | lib/memory.sh | s/^.*|| memory_restore "$WMEM_CORE".*/\t:/
# breaks: test_receive_buffers_of_large_machines | lib/memory.sh | s/^\t((wanted > most)) || return 0/\t:/
# breaks: test_receive_buffers_of_large_machines | lib/memory.sh | s/^\t((wanted <= RMEM_MOST)) || .*/\t:/
# breaks: test_receive_buffers_that_somebody_else_sets | lib/memory.sh | s/elif \[\[ $new .*/elif false; then/
# breaks: test_receive_buffers_that_cannot_be_set | lib/memory.sh | s/^\t\tmemory_restore "$name" || :$/\t\t:/
# breaks: test_socket_memory_in_other_amounts | lib/memory.sh | s/^\t\tmemory_restore "$name" || return 1/\t\t:/

test_socket_memory() {
	export APPEX_SYSCTL=$T/sys
	mkdir -p "$T"/sys/net/{ipv4,core}
	printf '4096\t16384\t4194304\n' >"$T/sys/net/ipv4/tcp_wmem"
	echo 212992 >"$T/sys/net/core/wmem_max"
	config accif=eth0 'shrinkOSWmem="1 1"'
	ok_lot start
	is "$(<"$T/sys/net/ipv4/tcp_wmem")$(<"$T/sys/net/core/wmem_max")" '4096 16384 3276832768'
	like "$ERR" '*shrinkOSWmem*'
	ok_lot stop
	is "$(<"$T/sys/net/ipv4/tcp_wmem")$(<"$T/sys/net/core/wmem_max")" '4096 16384 4194304212992'
	absent "$APPEX_ROOT/etc/.runconfig"
}

test_socket_memory_after_kill_9() {
	config accif=eth0 shrinkOSWmem='"1 0"' "afterLoad=$T/hook"
	printf '#!/bin/sh\nkill -9 $PPID\n' >"$T/hook"
	chmod +x "$T/hook"
	local before
	# The namespace's own: real kernel setting.
	before=$(cat /proc/sys/net/ipv4/tcp_wmem)
	run_lot start
	is "$STATUS" 137
	is "$(cat /proc/sys/net/ipv4/tcp_wmem)" $'4096\t16384\t32768'
	umount "$T/proc"
	run_lot start
	is "$STATUS" 137
	umount "$T/proc"
	ok_lot stop
	is "$(cat /proc/sys/net/ipv4/tcp_wmem)" "$before"
}

test_socket_memory_of_another_boot() {
	local before
	before=$(cat /proc/sys/net/ipv4/tcp_wmem)
	printf '%s\n' '# boot 1-2-3' 'net/ipv4/tcp_wmem 4096 4096 4096' >"$APPEX_ROOT/etc/.runconfig"
	run_lot stop
	is "$STATUS" 1
	is "$(cat /proc/sys/net/ipv4/tcp_wmem)" "$before"
}

test_socket_memory_in_halves() {
	export APPEX_SYSCTL=$T/sys
	mkdir -p "$T"/sys/net/{ipv4,core}
	echo '1 2 3' >"$T/sys/net/ipv4/tcp_wmem"
	echo 9999 >"$T/sys/net/core/wmem_max"
	config accif=eth0 'shrinkOSWmem="1 0"' 'shrinkOSWmemValue="4096 8192 65536"'
	ok_lot start
	is "$(<"$T/sys/net/ipv4/tcp_wmem") $(<"$T/sys/net/core/wmem_max")" '4096 8192 65536 9999'
	# The second half joins in the record; then all goes back at reload.
	config accif=eth0 shrinkOSWmem=1 shrinkOSWmemMax=70000
	ok_lot reload
	is "$(<"$T/sys/net/ipv4/tcp_wmem") $(<"$T/sys/net/core/wmem_max")" '4096 16384 32768 70000'
	config accif=eth0
	ok_lot reload
	is "$(<"$T/sys/net/ipv4/tcp_wmem") $(<"$T/sys/net/core/wmem_max")" '1 2 3 9999'
	absent "$APPEX_ROOT/etc/.runconfig"
}

# memory KILOBYTES MOST: a machine with that memory, whose receive buffers may have MOST bytes.
memory() {
	export APPEX_SYSCTL=$T/sys APPEX_MEMINFO=$T/meminfo
	mkdir -p "$T"/sys/net/{ipv4,core}
	printf 'MemTotal:       %s kB\nMemFree:        1234 kB\n' "$1" >"$T/meminfo"
	printf '4096\t131072\t%s\n' "$2" >"$T/sys/net/ipv4/tcp_rmem"
	printf '4096\t16384\t4194304\n' >"$T/sys/net/ipv4/tcp_wmem"
	echo 212992 >"$T/sys/net/core/wmem_max"
}
rmem() { xargs <"$T/sys/net/ipv4/tcp_rmem"; }

test_receive_buffers() {
	memory 1000000 8000000
	config accif=eth0
	ok_lot start
	is "$(rmem)" '4096 131072 8000000'
	config accif=eth0 advinacc=1
	ok_lot reload
	is "$(rmem)" '4096 131072 32000000'
	ok_lot reload
	config accif=eth0
	ok_lot reload
	is "$(rmem)" '4096 131072 8000000'
	absent "$APPEX_ROOT/etc/.runconfig"
	config accif=eth0 advinacc=1
	ok_lot restart
	is "$(rmem)" '4096 131072 32000000'
	ok_lot stop
	is "$(rmem)" '4096 131072 8000000'
	absent "$APPEX_ROOT/etc/.runconfig"
}

test_receive_buffers_of_large_machines() {
	memory 16000000 6291456
	config accif=eth0 advinacc=1
	ok_lot start
	is "$(rmem)" '4096 131072 33554432'
	ok_lot stop
	# Somebody has made them larger than this would.
	memory 500000 20000000
	ok_lot start
	is "$(rmem)" '4096 131072 20000000'
	absent "$APPEX_ROOT/etc/.runconfig"
}

test_receive_buffers_and_send_buffers() {
	memory 1000000 8000000
	config accif=eth0 advinacc=1 'shrinkOSWmem="1 1"'
	ok_lot start
	is "$(rmem) $(<"$T/sys/net/core/wmem_max")" '4096 131072 32000000 32768'
	config accif=eth0 advinacc=1
	ok_lot reload
	is "$(rmem) $(<"$T/sys/net/core/wmem_max")" '4096 131072 32000000 212992'
	ok_lot stop
	is "$(rmem)" '4096 131072 8000000'
}

test_receive_buffers_that_somebody_else_sets() {
	memory 1000000 8000000
	config accif=eth0 advinacc=1
	ok_lot start
	echo '4096 131072 64000000' >"$T/sys/net/ipv4/tcp_rmem"
	ok_lot stop
	is "$(rmem)" '4096 131072 64000000'
	like "$ERR" '*tcp_rmem was changed to 4096 131072 64000000 meanwhile and stays so (it was 4096 131072 8000000 *'
	absent "$APPEX_ROOT/etc/.runconfig"
}

test_receive_buffers_that_cannot_be_set() {
	local file=$T/sys/net/ipv4/tcp_rmem
	memory 1000000 8000000
	mount --bind "$file" "$file"
	mount -o remount,bind,ro "$file"
	config accif=eth0 advinacc=1
	ok_lot start
	like "$ERR" '*receive buffers stay at 8000000 bytes at most*'
	absent "$APPEX_ROOT/etc/.runconfig"
	ok_lot restart
	ok_lot stop
	umount "$file"
}

test_socket_memory_in_other_amounts() {
	memory 1000000 8000000
	config accif=eth0 'shrinkOSWmem="0 1"' shrinkOSWmemMax=70000
	ok_lot start
	config accif=eth0 'shrinkOSWmem="0 1"' shrinkOSWmemMax=80000
	ok_lot reload
	is "$(<"$T/sys/net/core/wmem_max")" 80000
	ok_lot stop
	is "$(<"$T/sys/net/core/wmem_max")" 212992
}
