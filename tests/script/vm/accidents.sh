# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016,SC2153,SC2154
#
# Checks with the module, sourced by vm-checks.sh. Killed, interrupted, called at once, stopped while somebody is at work.

# Killed at any moment: whatever it had done, stop puts everything back.
check_kill_9_at_any_moment() {
	local before i pid
	before=$(features "$if0" && features "$if1")
	config "accif=\"$if0 $if1\"" gso=0 rsc=0
	for ((i = 1; i <= 10; i++)); do
		"$lot" start >/dev/null 2>&1 &
		pid=$!
		sleep "$(awk "BEGIN { print $i * $i * 0.024 }")"
		kill -9 "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
		# A program it had started may still be at work, and has the lock then.
		while grep -qsE '^(ethtool|modprobe|insmod)$' /proc/[0-9]*/comm; do
			sleep 0.1
		done
		flock "$APPEX_RUN/lotServer.lock" true
		# Every other time a start comes between, which must not lose the record.
		if ((i % 2)) && ! [[ -e $proc ]]; then
			lot 0 start
		fi
		run_lot stop
		[[ $STATUS == 0 || $STATUS == 1 ]] || fail "round $i: stop ended with $STATUS"
		gone
		is "round $i: $(features "$if0" && features "$if1")" "round $i: $before"
	done
}

check_signal_rolls_back() {
	local before pid
	before=$(features "$if0")
	config "accif=$if0" gso=0 configTimeout=20
	APPEX_PROC=$T/nowhere env --default-signal "$lot" start >/dev/null 2>&1 &
	pid=$!
	for _ in {1..100}; do
		! loaded || break
		sleep 0.1
	done
	loaded || fail 'it did not come to load'
	kill -TERM "$pid"
	! wait "$pid" || fail 'it went on'
	gone
	is "$(features "$if0")" "$before"
}

check_many_at_once() {
	local i n=0 pid status
	local -a pids=()
	config "accif=$if0"
	for ((i = 0; i < 8; i++)); do
		"$lot" start >/dev/null 2>&1 &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		status=0
		wait "$pid" || status=$?
		case $status in
		0) n=$((n + 1)) ;;
		1 | 2) ;;
		*) fail "status $status" ;;
		esac
	done
	is "$n" 1
	is "$(<"$proc/wanIf")" "$if0"
}

# People look around in /proc while it runs: stop must not hang on them.
check_stop_with_someone_in_the_directory() {
	local pid
	config "accif=$if0"
	lot 0 start
	(cd "$proc" && exec sleep 60) &
	pid=$!
	tail -f "$proc/stats" >/dev/null 2>&1 &
	sleep 0.3
	local before=$SECONDS
	run_lot stop
	kill "$pid" $! 2>/dev/null || :
	is "$STATUS" 0
	((SECONDS - before < 30)) || fail "it took $((SECONDS - before)) s"
	gone
}

# A transfer over the loopback device goes on, byte for byte, when acceleration
# stops and starts below it.
check_stop_under_a_connection() {
	command -v python3 >/dev/null || { echo SKIP no python3; return 0; }
	config 'accif="lo"' subnetAcc=1
	lot 0 start
	cat >"$T/transfer.py" <<-'PY'
		import hashlib, os, socket, threading, time
		listener = socket.create_server(("127.0.0.1", 0))
		block = os.urandom(65536)
		sent, got = hashlib.sha256(), hashlib.sha256()
		def serve():
		    conn, _ = listener.accept()
		    for _ in range(200):
		        conn.sendall(block)
		        sent.update(block)
		        time.sleep(0.02)
		    conn.close()
		thread = threading.Thread(target=serve)
		thread.start()
		with socket.create_connection(listener.getsockname()) as client:
		    print("started", flush=True)
		    while data := client.recv(65536):
		        got.update(data)
		thread.join()
		print("same" if sent.digest() == got.digest() else "different")
	PY
	python3 "$T/transfer.py" >"$T/transfer" 2>&1 &
	local pid=$!
	sleep 1
	lot 0 stop
	gone
	lot 0 start
	sleep 0.5
	lot 0 stop
	wait "$pid" || fail "$(<"$T/transfer")"
	is "$(tail -n 1 "$T/transfer")" same
}
