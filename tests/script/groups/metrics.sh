# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# metrics: what Prometheus reads, and the dashboard and the manual that speak of it.

# breaks: test_well_formed_and_all_on_the_dashboard | lib/metrics.sh | s/appex_copied_packets_total/appex_copied_packets/
# breaks: test_values | lib/metrics.sh | s/printf '%s{family="ipv%d"} %s\\n'/printf '%s{family="ipv%d"} 1%s\\n'/
# breaks: test_sums_the_engines | lib/metrics.sh | s/for dir in "${ENGINES\[@\]}"; do/for dir in "${ENGINES[0]}"; do/
# breaks: test_odd_rules | lib/metrics.sh | s/^\ttext=${text.*/\t:/
# breaks: test_when_stopped | lib/metrics.sh | s/((${#ENGINES\[@\]} > 0)) || return 0/:/
# breaks: test_a_new_counter | lib/metrics.sh | s/done < <(printf '%s\\n' "${!COUNT\[@\]}" | sort)/done <\/dev\/null/
# breaks: test_file_is_replaced_as_a_whole | lib/metrics.sh | s/local new=.*/local new=$1/
# breaks: test_file_that_cannot_be_written | lib/metrics.sh | s/^\tdie "metrics: cannot write $1"/\treturn 0/

TOP=$HERE/../..
PARSER=$HERE/metrics.py

full() {
	veth eth0
	ip link set eth0 up
	ip link set p-eth0 up
	config accif=eth0 'cpuID="0 1"' wankbps=5000
	printf '%s\n' 'lport=443 mode=max' 'to=2001:db8::/32 off' >"$APPEX_ROOT/etc/rules"
	ok_lot start
	# All that the engine counts, by the reference that is made from its source.
	sed -n '/^.. generated: counters/,/^.. end/s/^   "\([A-Za-z]*\)", \(yes\|no\), .*/\1 \2/p' \
		"$TOP/Documentation/interface.rst" | while read -r name each; do
		echo "$name = 3000"
		[[ $each != yes ]] || printf '%s\n' "V4$name = 1000" "V6$name = 2000"
	done >"$FAKE_STATE/stats"
	cat >"$FAKE_STATE/flows" <<-'EOT'
		# filter:
		10.0.0.1:443 192.0.2.1:1 tcp established accelerated if=2 idle_ms=0 control=zeta mode=max phase=cruise rate_kbps=1 path_kbps=3000 base_us=100000 queue_us=20000 loss_ppm=10000 rtt_us=120000 cwnd=9 acked=1
		10.0.0.1:443 192.0.2.4:1 tcp established accelerated if=2 idle_ms=0 control=zeta mode=max phase=cruise rate_kbps=1 path_kbps=1000 base_us=50000 queue_us=0 loss_ppm=0 rtt_us=50000 cwnd=9 acked=1
		10.0.0.1:443 192.0.2.2:1 tcp established same-subnet if=2 idle_ms=0 control=cubic rtt_us=500 cwnd=9 acked=1
	EOT
}

parses() {
	"$PARSER" "$@" >"$T/parsed" 2>&1 || fail "$(<"$T/parsed")"
	# Debian's own judge, where it is.
	! command -v promtool >/dev/null || promtool check metrics <"$1" >"$T/parsed" 2>&1 || fail "$(<"$T/parsed")"
}

# value SERIES: of the last run.
value() {
	grep -v '^#' "$T/out" | grep -F "$1 " | sed 's/.* //'
}

test_well_formed_and_all_on_the_dashboard() {
	full
	ok_lot metrics
	parses "$T/out" "$TOP/contrib/prometheus/grafana-dashboard.json" "$TOP/Documentation/metrics.rst"
}

test_values() {
	full
	ok_lot metrics
	is "$(value 'appex_wan_out_bytes_total{family="ipv6"}')" 4000
	is "$(value 'appex_interface_up{interface="eth0"}')" 1
	is "$(value appex_wan_limit_bits_per_second)" 5000000
	is "$(value appex_session_limit_flows)/$(value appex_up)" 2000/1
	# Both engines show the same connections here.
	is "$(value 'appex_flows_by_reason{reason="same-subnet"}')/$(value 'appex_flows_by_reason{reason="limit"}')" 2/0
	is "$(value appex_rtt_mean_seconds)/$(value appex_random_loss_mean_ratio)/$(value appex_path_rate_mean_bits_per_second)" 0.085/0.005/2000000
	is "$(value 'appex_rule_hits_total{rule="to=2001:db8::/32 off"}')" 1
	ip link set p-eth0 down
	ok_lot metrics
	is "$(value 'appex_interface_up{interface="eth0"}')" 0
}

test_sums_the_engines() {
	full
	ok_lot metrics
	is "$(value appex_sockets_adopted_total)" 6000
}

test_odd_rules() {
	config accif=eth0 engineNum=1
	printf '%s\n' 'cgroup=/a"b\c off' >"$APPEX_ROOT/etc/rules"
	ok_lot start
	ok_lot metrics
	parses "$T/out"
	is "$(value 'appex_rule_hits_total{rule="cgroup=/a\"b\\c off"}')" 0
}

test_when_stopped() {
	ok_lot metrics
	is "$OUT" $'# HELP appex_up Whether the accelerator is loaded.\n# TYPE appex_up gauge\nappex_up 0'
}

test_a_new_counter() {
	config accif=eth0 engineNum=1
	ok_lot start
	printf '%s\n' 'NumOfFlows = 1' 'InboundShapedBytes = 77' >"$FAKE_STATE/stats"
	ok_lot metrics
	parses "$T/out"
	is "$(value appex_inbound_shaped_bytes_total)" 77
}

test_file_is_replaced_as_a_whole() {
	full
	echo old >"$T/appex.prom"
	exec 8<"$T/appex.prom"
	ok_lot metrics "$T/appex.prom"
	is "$OUT$ERR" ''
	parses "$T/appex.prom"
	# Who has the old one open goes on reading the old one.
	is "$(cat <&8)" old
	is "$(stat -c %a "$T/appex.prom")" 644
	is "$(ls "$T" | grep -c prom)" 1
}

test_file_that_cannot_be_written() {
	run_lot metrics "$T/no/appex.prom"
	is "$STATUS" 1
	like "$ERR" '*there is no directory*'
	mkdir "$T/full"
	mount -t tmpfs -o size=4k none "$T/full"
	echo old >"$T/full/appex.prom"
	full
	run_lot metrics "$T/full/appex.prom"
	is "$STATUS" 1
	like "$ERR" '*cannot write*'
	is "$(<"$T/full/appex.prom")" old
	is "$(ls "$T/full")" appex.prom
	umount "$T/full"
}
