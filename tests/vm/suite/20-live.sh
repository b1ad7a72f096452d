#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Start, reload and stop while downloads run: not one byte is lost and connections go on.
# Sabotage: the web server is killed where the product is stopped.
set -u
. tests/vm/lib/suite.sh

begin "$(nic 0)"
path_up 0 20 60 0.5 || exit 1
http_file long 12000000

background early http_get 0 4 long
check "a connection before start uses the kernel's own" until_true 20 all_are cubic 0
check "start under load succeeds" lotserver start
check "the connection that was open is adopted" until_true 20 all_are zeta 0
check "its download arrives unchanged" awaited early

background reloaded http_get 0 4 long
background reloaded6 http_get 0 6 long
check "both downloads are adopted" until_true 20 all_are zeta 0
for value in 44 22 64; do
	product_set initialCwndWan "$value"
	check "reload under load succeeds" lotserver reload
	same "the new value is in force" "initialCwndWan: $value" "$(grep '^initialCwndWan:' "$ENGINE/cmd")"
done
check "the IPv4 download across three reloads arrives unchanged" awaited reloaded
check "the IPv6 download across three reloads arrives unchanged" awaited reloaded6

product_set acc 0
background switched http_get 0 4 long
check "a download is adopted" until_true 20 all_are zeta 0
check "reload with acc=0 succeeds" lotserver reload
check "the connection is handed back to cubic" until_true 20 all_are cubic 0
product_set acc 1
check "reload with acc=1 succeeds" lotserver reload
check "the connection is adopted again" until_true 20 all_are zeta 0
check "its download arrives unchanged" awaited switched

background stopping http_get 0 4 long
background stopping6 http_get 0 6 long
check "both downloads are adopted" until_true 20 all_are zeta 0
if sabotaged; then http_stop; pidof nginx | xargs -r kill -9; fi
check "stop during downloads succeeds" lotserver stop
check "the module is gone while they run" stopped
check "they go on under cubic" all_are cubic 0
check "the IPv4 download across stop arrives unchanged" awaited stopping
check "the IPv6 download across stop arrives unchanged" awaited stopping6
finish
