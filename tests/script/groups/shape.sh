# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# The shaper on real devices with the real tc (bfifo stands in for it): attached
# only where nobody has set anything up, and everything as it was after stop.

# breaks: test_shipped_default_attaches_nothing | lib/keys.sh | s/^\(key wankbps .*\) 0$/\1 1000/
# breaks: test_a_rate_attaches_and_stop_restores | lib/shape.sh | s/^shape_remove() {/shape_remove() { return 0;/
# breaks: test_hardware_queues_have_one_each | lib/shape.sh | s/^\tif \[\[ $root == mq \]\]; then/\tif false; then/
# breaks: test_shaper_enable_0_attaches_nothing | lib/shape.sh | s/^\t\[\[ ${CONFIG\[shaperEnable\]} == 1 \&\& /\t[[ /
# breaks: test_a_rate_above_the_link_attaches_nothing | lib/shape.sh | s/((SHAPE_KBPS < speed \* 1000))/true/
# breaks: test_what_somebody_set_up_stays | lib/shape.sh | s/^\tif \[\[ -n $root \&\& $root_handle != 0: \]\]; then/\tif false; then/; s/qdisc add dev "$@"/qdisc replace dev "$@"/
# breaks: test_reload_attaches_and_takes_off | lib/commands.sh | s/^\tshape_apply "${devices\[@\]}"/\t:/
# breaks: test_stop_takes_off_what_was_attached_by_hand | lib/shape.sh | s/if \[\[ $above == mq .*/if false; then/
# breaks: test_a_refused_queue_takes_all_back | lib/shape.sh | s/^\tshape_detach "$each" || :$/\t:/
# breaks: test_kill_9_leaves_what_stop_takes_off | lib/commands.sh | s/^\tshape_read$/\tSHAPED=()/
# breaks: test_the_kernel_chooses_what_it_chose | lib/shape.sh | s/^\tput "$APPEX_SYSCTL\/$DEFAULT_QDISC" "$1".*/\t:/
# breaks: test_what_cannot_be_seen_stays | lib/shape.sh | s/\(all=$(run tc .*\) || return 1/\1 || :/; s/qdisc add dev "$@"/qdisc replace dev "$@"/
# breaks: test_a_record_outlives_a_tc_that_fails | lib/shape.sh | s/\(all=$(run tc .*\) || return 1/\1 || :/
# breaks: test_a_change_in_between_stays | lib/shape.sh | s/qdisc add dev "$@"/qdisc replace dev "$@"/
# breaks: test_a_change_before_it_is_taken_off_stays | lib/shape.sh | s/root handle "$2" "$3" >/root >/
# breaks: test_a_queue_set_up_by_hand_stays | lib/shape.sh | s/ \&\& ((others > 0)); then/ \&\& false; then/
# breaks: test_a_queue_without_one_gets_one | lib/shape.sh | s/^\t\tshape_complete .*/\t\t:/
# breaks: test_a_leftover_without_a_record_goes | lib/shape.sh | s/$parent == root \&\& ($kind == appex || .*)/$parent == root \&\& $kind == appex/
# breaks: test_missing_tc_is_told | lib/shape.sh | s/command -v tc >.dev.null/true/

# up IF...: devices with one queue, as the kernel sets it up.
up() {
	veth "$@"
	local name
	for name in "$@"; do
		ip link set "$name" up
	done
}

# qdiscs IF: what tc shows of a device.
qdiscs() {
	tc qdisc show dev "$1"
}

# queues IF: a device with four hardware queues and what the kernel gives one.
queues() {
	ip tuntap add dev "$1" mode tap multi_queue
	ip link set "$1" up
}

test_shipped_default_attaches_nothing() {
	up eth0
	local before
	before=$(qdiscs eth0)
	sed 's/^\(accif\)=.*/\1="eth0"/' "$SCRIPTS/../etc/config" >"$CONF" 2>/dev/null || config accif=eth0
	ok_lot start
	is "$(qdiscs eth0)" "$before"
	absent "$FAKE_STATE/tc-changes"
	ok_lot stop
	config accif=eth0
	ok_lot start
	absent "$FAKE_STATE/tc-changes"
}

test_a_rate_attaches_and_stop_restores() {
	up eth0 eth1
	local before
	before=$(qdiscs eth0)
	config accif=eth0 wankbps=20000
	ok_lot start
	is "$ERR" ''
	like "$OUT" '*eth0 is limited to 20000 kbit/s*'
	like "$(qdiscs eth0)" 'qdisc appex a99e: root *'
	like "$(qdiscs eth1)" "$before"
	exists "$APPEX_ROOT/etc/.qdisc"
	ok_lot stop
	is "$(qdiscs eth0)" "$before"
	absent "$APPEX_ROOT/etc/.qdisc"
}

test_hardware_queues_have_one_each() {
	queues eth0
	local before
	before=$(qdiscs eth0)
	like "$before" 'qdisc mq 0: root*qdisc pfifo_fast 0: parent :1*'
	config accif=eth0 wankbps=20000
	ok_lot start
	like "$(qdiscs eth0)" 'qdisc mq a99e: root*qdisc appex *: parent a99e:1*'
	ok_lot stop
	is "$(qdiscs eth0)" "$before"
}

test_shaper_enable_0_attaches_nothing() {
	up eth0
	config accif=eth0 wankbps=20000 shaperEnable=0
	ok_lot start
	absent "$FAKE_STATE/tc-changes"
}

# The speed of a device comes from a tree that is written here.
test_a_rate_above_the_link_attaches_nothing() {
	up eth0 eth1
	export APPEX_SYSFS=$T/net
	mkdir -p "$T"/net/{eth0,eth1}
	echo 1000 >"$T/net/eth0/speed"
	echo -1 >"$T/net/eth1/speed"
	config 'accif="eth0 eth1"' wankbps=1000000
	ok_lot start
	like "$(qdiscs eth0)" 'qdisc noqueue 0: *'
	like "$(qdiscs eth1)" 'qdisc appex *'
	ok_lot stop
	config accif=eth0 wankbps=999999
	ok_lot start
	like "$(qdiscs eth0)" 'qdisc appex *'
	ok_lot stop
	# What the engine makes of it counts.
	config accif=eth0 wankbps=999999 smMinKbps=1000000
	ok_lot start
	like "$(qdiscs eth0)" 'qdisc noqueue 0: *'
}

test_what_somebody_set_up_stays() {
	up eth0 eth1
	tc qdisc add dev eth0 root handle 7: pfifo limit 77
	tc qdisc add dev eth1 handle ffff: ingress 2>/dev/null || :
	local before
	before=$(qdiscs eth0)
	config 'accif="eth0 eth1"' wankbps=20000
	ok_lot start
	is "$ERR" '[warn] eth0 has a queueing discipline of its own (pfifo 7:): it stays, and wankbps is not enforced there'
	is "$(qdiscs eth0)" "$before"
	like "$(qdiscs eth1)" '*qdisc appex *: root *'
	ok_lot stop
	is "$(qdiscs eth0)" "$before"
	like "$(qdiscs eth1)" '*qdisc noqueue 0: root *'
}

# Set up after start: it is not ours either.
test_what_is_set_up_later_stays() {
	up eth0
	config accif=eth0 wankbps=20000
	ok_lot start
	tc qdisc replace dev eth0 root handle 7: pfifo limit 77
	ok_lot stop
	like "$(qdiscs eth0)" 'qdisc pfifo 7: *'
	absent "$APPEX_ROOT/etc/.qdisc"
}

test_reload_attaches_and_takes_off() {
	up eth0 eth1
	local before
	before=$(qdiscs eth0)
	config accif=eth0
	ok_lot start
	config 'accif="eth0 eth1"' wankbps=20000
	ok_lot reload
	like "$(qdiscs eth0)" 'qdisc appex *'
	# Another rate is the engine's business: nothing is changed, so no packet lost.
	: >"$FAKE_STATE/tc-changes"
	config 'accif="eth0 eth1"' wankbps=30000
	ok_lot reload
	is "$(<"$FAKE_STATE/tc-changes")" ''
	config accif=eth1 wankbps=30000
	ok_lot reload
	is "$(qdiscs eth0)" "$before"
	like "$(qdiscs eth1)" 'qdisc appex *'
	config accif=eth1 wankbps=30000 shaperEnable=0
	ok_lot reload
	like "$(qdiscs eth1)" 'qdisc noqueue *'
	absent "$APPEX_ROOT/etc/.qdisc"
}

test_stop_takes_off_what_was_attached_by_hand() {
	up eth0
	queues eth1
	config accif=eth0
	ok_lot start
	tc qdisc add dev eth0 root handle 5: appex
	tc qdisc add dev eth1 root handle 6: mq
	tc qdisc replace dev eth1 parent 6:1 appex
	ok_lot stop
	like "$(qdiscs eth0)" 'qdisc noqueue 0: *'
	# The hand-made mq stays, and its queue can send.
	like "$(qdiscs eth1)" 'qdisc mq 6: root*qdisc pfifo_fast *: parent 6:1*'
}

test_a_refused_queue_takes_all_back() {
	queues eth0
	up eth1
	local before
	before=$(qdiscs eth0)
	config 'accif="eth0 eth1"' wankbps=20000
	fault tc 'refuse 2'
	ok_lot start
	is "$ERR" '[warn] cannot attach the shaper to eth0: wankbps is not enforced there'
	is "$(qdiscs eth0)" "$before"
	like "$(qdiscs eth1)" 'qdisc appex *'
}

test_kill_9_leaves_what_stop_takes_off() {
	up eth0
	queues eth1
	local before
	before=$(qdiscs eth0 && qdiscs eth1)
	config 'accif="eth0 eth1"' wankbps=20000
	fault tc 'kill-after 2'
	run_lot start
	is "$STATUS" 137
	rm "$FAKE_STATE"/tc
	unlike "$(qdiscs eth0 && qdiscs eth1)" "$before"
	# As if the module had not been loaded, too.
	umount "$T/proc"
	ok_lot stop
	is "$(qdiscs eth0 && qdiscs eth1)" "$before"
	absent "$APPEX_ROOT/etc/.qdisc"
}

# The machine's default was changed since the device came up.
test_the_kernel_chooses_what_it_chose() {
	export APPEX_SYSCTL=$T/sys
	mkdir -p "$T/sys/net/core"
	echo fq_codel >"$T/sys/net/core/default_qdisc"
	queues eth0
	config accif=eth0 wankbps=20000
	ok_lot start
	# Seen by what is written meanwhile.
	printf '#!/bin/sh\n[ "$2" != del ] || cat "%s" >>"%s/chosen"\nexec "%s/fake/tc" "$@"\n' \
		"$T/sys/net/core/default_qdisc" "$T" "$HERE" >"$T/tc"
	chmod +x "$T/tc"
	PATH=$T:$PATH ok_lot stop
	is "$(<"$T/chosen")" pfifo_fast
	is "$(<"$T/sys/net/core/default_qdisc")" fq_codel
}

# The kernel chooses when it goes up.
test_a_device_that_is_down() {
	veth eth0
	config accif=eth0 wankbps=20000
	ok_lot start
	like "$(qdiscs eth0)" 'qdisc appex *: root *'
	ok_lot stop
	ip link set eth0 up
	like "$(qdiscs eth0)" 'qdisc noqueue 0: root *'
}

test_what_cannot_be_seen_stays() {
	up eth0
	tc qdisc add dev eth0 root handle 7: pfifo limit 77
	local before
	before=$(qdiscs eth0)
	rm -f "$FAKE_STATE/tc-changes"
	config accif=eth0 wankbps=20000
	fault tc 'blind 0'
	ok_lot start
	like "$ERR" '*"tc" does not tell what eth0 has: wankbps is not enforced there*'
	absent "$FAKE_STATE/tc-changes"
	rm "$FAKE_STATE"/tc
	is "$(qdiscs eth0)" "$before"
}

test_a_record_outlives_a_tc_that_fails() {
	up eth0
	local before
	before=$(qdiscs eth0)
	config accif=eth0 wankbps=20000
	ok_lot start
	fault tc 'blind 0'
	run_lot stop
	rm "$FAKE_STATE"/tc
	exists "$APPEX_ROOT/etc/.qdisc"
	like "$(qdiscs eth0)" 'qdisc appex *'
	ok_lot stop
	is "$(qdiscs eth0)" "$before"
	absent "$APPEX_ROOT/etc/.qdisc"
}

# Somebody sets a device up while the script is at it.
test_a_change_in_between_stays() {
	up eth0
	config accif=eth0 wankbps=20000
	fault tc 'between 1 qdisc add dev eth0 root handle 7: pfifo limit 77'
	ok_lot start
	is "$ERR" '[warn] cannot attach the shaper to eth0: wankbps is not enforced there'
	like "$(qdiscs eth0)" 'qdisc pfifo 7: root *'
	absent "$APPEX_ROOT/etc/.qdisc"
}

test_a_change_before_it_is_taken_off_stays() {
	up eth0
	config accif=eth0 wankbps=20000
	ok_lot start
	fault tc 'between 2 qdisc replace dev eth0 root handle 7: pfifo limit 77'
	run_lot stop
	like "$(qdiscs eth0)" 'qdisc pfifo 7: root *'
	absent "$APPEX_ROOT/etc/.qdisc"
}

test_a_queue_set_up_by_hand_stays() {
	queues eth0
	config accif=eth0 wankbps=20000
	ok_lot start
	tc qdisc replace dev eth0 parent a99e:1 handle 7: pfifo limit 77
	ok_lot stop
	like "$ERR" '*1 queues of eth0 have disciplines of their own: these stay, and so does its mq*'
	like "$(qdiscs eth0)" '*qdisc pfifo 7: parent a99e:1 *'
	unlike "$(qdiscs eth0)" '*appex*'
	absent "$APPEX_ROOT/etc/.qdisc"
}

# A run was cut short between two queues, or the device has more than before.
test_a_queue_without_one_gets_one() {
	queues eth0
	local before
	before=$(qdiscs eth0)
	config accif=eth0 wankbps=20000
	tc qdisc add dev eth0 root handle a99e: mq
	ok_lot start
	is "$ERR" ''
	unlike "$(qdiscs eth0)" '*pfifo_fast*'
	like "$(qdiscs eth0)" 'qdisc mq a99e: root*qdisc appex *: parent a99e:1*'
	ok_lot stop
	is "$(qdiscs eth0)" "$before"
}

test_a_leftover_without_a_record_goes() {
	queues eth0
	local before
	before=$(qdiscs eth0)
	config accif=eth0
	ok_lot start
	tc qdisc add dev eth0 root handle a99e: mq
	ok_lot stop
	is "$(qdiscs eth0)" "$before"
}

test_missing_tc_is_told() {
	up eth0
	local name
	mkdir "$T/bin"
	for name in bash readlink flock mkdir rm cat sync mv getconf modprobe env sleep dirname python3; do
		ln -s "$(command -v "$name")" "$T/bin/"
	done
	sed -i 's/^export PATH=.*/export PATH/' "$LOT"
	config accif=eth0 wankbps=20000
	PATH=$T/bin ok_lot start
	like "$ERR" '*"tc" not found, please install iproute2: wankbps is not enforced*'
}
