# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# rules: kept in a file, given to the engine, changed in both. And the list of
# connections in the stats screen.

# breaks: test_start_gives_the_rules_to_the_engine | lib/commands.sh | 0,/rules_apply || exit 1/s//:/
# breaks: test_reload_replaces_them | lib/rules.sh | s/<<<"${text%/<<<"+${text%/
# breaks: test_a_refused_rule_stops_a_start_and_not_what_runs | lib/rules.sh | s/^\treturn 1$/\treturn 0/
# breaks: test_many_rules | lib/rules.sh | s/^RULES_WRITE_MAX=4096/RULES_WRITE_MAX=99999/
# breaks: test_add_and_del | lib/rules.sh | s/rules_save "$action" "$rule"/:/
# breaks: test_list | lib/rules.sh | s/##\*hits=/##*=h/
# breaks: test_stats_flows | lib/top.sh | s/-k1,1nr/-k1,1n/
# breaks: test_stats_flows_on_a_terminal_only | lib/stats.sh | s/^\t\[\[ ! -t 1 || -n $JSON_WANTED \]\] || flows=1/\tflows=1/

RULES_OF() { cut -d'#' -f1 "$APPEX_PROC/rules" | sed 's/ *$//'; }

test_start_gives_the_rules_to_the_engine() {
	config accif=eth0 engineNum=1
	printf '%s\n' '# what matters' 'lport=443   mode=max # shop' '' 'to=10.0.0.0/8 off' >"$APPEX_ROOT/etc/rules"
	ok_lot start
	is "$(RULES_OF)" $'lport=443 mode=max\nto=10.0.0.0/8 off'
	# At once.
	is "$(grep -c '^rules' "$FAKE_STATE/writes")" 1
}

test_no_file_is_no_rules() {
	config accif=eth0 engineNum=1
	ok_lot start
	is "$(RULES_OF)" ''
}

test_reload_replaces_them() {
	config accif=eth0 engineNum=1
	echo 'lport=443 off' >"$APPEX_ROOT/etc/rules"
	ok_lot start
	echo 'lport=80 off' >"$APPEX_ROOT/etc/rules"
	ok_lot reload
	is "$(RULES_OF)" 'lport=80 off'
	rm "$APPEX_ROOT/etc/rules"
	ok_lot reload
	is "$(RULES_OF)" ''
}

test_a_refused_rule_stops_a_start_and_not_what_runs() {
	config accif=eth0 engineNum=1
	echo 'bad' >"$APPEX_ROOT/etc/rules"
	run_lot start
	is "$STATUS" 1
	like "$ERR" "*Failed to write configuration: $APPEX_PROC/rules (from $APPEX_ROOT/etc/rules*"
	absent "$APPEX_PROC"
	echo 'lport=443 off' >"$APPEX_ROOT/etc/rules"
	ok_lot start
	echo 'bad' >"$APPEX_ROOT/etc/rules"
	run_lot reload
	is "$STATUS" 1
	is "$(RULES_OF)" 'lport=443 off'
}

test_many_rules() {
	local i
	config accif=eth0 engineNum=1
	for ((i = 1; i <= 128; i++)); do
		echo "to=2001:db8:1234:5678:9abc::$i/128 lport=$i mode=conservative"
	done >"$APPEX_ROOT/etc/rules"
	ok_lot start
	is "$(RULES_OF)" "$(<"$APPEX_ROOT/etc/rules")"
}

test_add_and_del() {
	config accif=eth0 engineNum=1
	printf '%s\n' '# kept' 'lport=443 off' >"$APPEX_ROOT/etc/rules"
	ok_lot start
	ok_lot rules add lport=80   mode=max
	ok_lot rules add lport=80 mode=max
	is "$(RULES_OF)" $'lport=443 off\nlport=80 mode=max'
	is "$(<"$APPEX_ROOT/etc/rules")" $'# kept\nlport=443 off\nlport=80 mode=max'
	ok_lot rules del lport=443 off
	is "$(RULES_OF)" 'lport=80 mode=max'
	is "$(<"$APPEX_ROOT/etc/rules")" $'# kept\nlport=80 mode=max'
	run_lot rules add bad
	is "$STATUS" 1
	is "$(<"$APPEX_ROOT/etc/rules")" $'# kept\nlport=80 mode=max'
	run_lot rules add
	is "$STATUS" 1
	run_lot rules remove x
	is "$STATUS" 1
}

test_list() {
	run_lot rules
	is "$STATUS$OUT" '1LotServer is NOT running!'
	config accif=eth0 engineNum=1
	printf '%s\n' 'lport=443 off' 'rport=9 acc' >"$APPEX_ROOT/etc/rules"
	ok_lot start
	ok_lot rules
	is "$OUT" $'      hits  rule\n         0  lport=443 off\n         1  rport=9 acc'
}

# flows ACKED1 ACKED2: a file flows with two connections and one without a socket.
flows() {
	cat >"$FAKE_STATE/flows.new" <<-EOT
		# filter:
		10.0.0.1:443 192.0.2.1:1 tcp established accelerated if=2 idle_ms=0 control=zeta mode=max phase=cruise rate_kbps=1 path_kbps=1 base_us=100000 queue_us=0 loss_ppm=0 rtt_us=120500 cwnd=9 unsent=0 sent=0 acked=$1 received=0 segments=$(($1 / 1000)) again=$(($1 / 4000))
		10.0.0.1:443 192.0.2.2:1 tcp established same-subnet if=2 idle_ms=0 control=cubic rtt_us=500 cwnd=9 unsent=0 sent=0 acked=$2 received=0 segments=$(($2 / 1000)) again=0
		10.0.0.1:53 192.0.2.3:1 udp one-way not-tcp if=2 idle_ms=0
	EOT
	mv "$FAKE_STATE/flows.new" "$FAKE_STATE/flows"
}

test_stats_flows() {
	config accif=eth0 engineNum=1
	ok_lot start
	flows 1000000 5000000
	(
		sleep 0.5
		flows 3560000 6280000
	) &
	APPEX_STATS_INTERVAL=2 run_lot stats flows
	is "$STATUS" 0
	# The busiest first: 2,560,000 bytes in two seconds are 10,000 kbit/s here.
	like "$OUT" $'*engine#0:*out kbit/s*again%*\n* 25.0    120.5    100.0  accelerated  max/cruise * 192.0.2.1:1\n* 0.0      0.5        -  same-subnet  cubic * 192.0.2.2:1'
	local rate
	rate=$(sed -n 's/ *\([0-9]*\)\.[0-9]* .*192.0.2.1:1$/\1/p' "$T/out")
	# On a busy machine the two seconds are longer.
	((rate > 1000 && rate <= 10000)) || fail "rate: $rate"
	unlike "$OUT" '*192.0.2.3*'
}

test_stats_flows_on_a_terminal_only() {
	config accif=eth0 engineNum=1
	ok_lot start
	flows 1000 1000
	APPEX_STATS_INTERVAL=1 run_lot stats
	unlike "$OUT" '*again%*'
	APPEX_STATS_INTERVAL=1 like "$(on_terminal "APPEX_STATS_INTERVAL=1 $LOT stats 1")" '*engine#0:*again%*192.0.2.1:1*'
}
