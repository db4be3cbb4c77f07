# Links: mai-send to mai-send, and to js-libp2p, over every kind of socket; who is let in; what is refused.

load setup

setup_file() {
	load setup
	cd "$BATS_FILE_TMPDIR" || return
	for name in node me stranger; do mai-sign keygen -q -W --json -o $name >$name.json; done
	head -c 64M /dev/urandom >bytes
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	node=$(jq -r .peer node.json)
	echo=/mai/echo/1.0.0
}

teardown() {
	[ -z "${server:-}" ] || kill "$server" 2>/dev/null || :
	[ -z "${js:-}" ] || kill "$js" 2>/dev/null || :
}

# within SECONDS COMMAND...: tries until it succeeds
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "not within the time: $*" "$(cat "$BATS_TEST_TMPDIR/server" 2>/dev/null)"
		sleep 0.05
	done
}

# serve ARGUMENT...: starts a server, whose address goes to $peer
serve() {
	: >"$BATS_TEST_TMPDIR/server" # what the one before has said is not to be taken for this one's
	mai-send -v -k node.key "$@" 2>"$BATS_TEST_TMPDIR/server" 3>&- &
	server=$!
	within 10 grep -q listening "$BATS_TEST_TMPDIR/server"
	peer=$(sed -n 's/.*listening at //p' "$BATS_TEST_TMPDIR/server" | head -n 1)
}

serve_echo() {
	serve "$@" --raw --protocol $echo -- cat
}

ask() {
	timeout 60 mai-send -k me.key --raw --protocol $echo "$@"
}

# says STATUS TEXT COMMAND...: exits with STATUS and one line with TEXT
says() {
	run "-$1" --separate-stderr "${@:3}"
	[ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == *"$2"* ]] || fail "wanted '$2'" "$stderr"
}

@test "64 MB there and back over IPv4, IPv6, a name, a Unix socket" {
	for address in /ip4/127.0.0.1/tcp/0 /ip6/::1/tcp/0 "/unix$BATS_TEST_TMPDIR/socket"; do
		serve_echo --any -l "$address" || continue
		[[ $peer == *"/p2p/$node" ]]
		ask "$peer" <bytes | cmp - bytes
		if [[ $peer == /ip4/* ]]; then
			port=${peer#/ip4/127.0.0.1/tcp/}
			ask "/dns/localhost/tcp/$port" <bytes | cmp - bytes
			ask "/dns4/localhost/tcp/${port%%/*}" </dev/null | cmp - /dev/null
		fi
		kill $server
		wait $server
	done
	[ ! -e "$BATS_TEST_TMPDIR/socket" ]
}

@test "over stdin and stdout, as ssh would join them" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	socat "UNIX-LISTEN:$BATS_TEST_TMPDIR/socket" \
		EXEC:"mai-send -k node.key --stdio --any --raw --protocol $echo -- cat" 2>"$BATS_TEST_TMPDIR/server" 3>&- &
	server=$!
	within 10 test -S "$BATS_TEST_TMPDIR/socket"
	ask "/unix$BATS_TEST_TMPDIR/socket/p2p/$node" <bytes | cmp - bytes
}

@test "who is not in the list gets nothing; the list is read again at HUP" {
	jq -r .peer stranger.json >allow
	serve_echo -a allow -l /ip4/127.0.0.1/tcp/0
	says 3 "closed the connection" ask "$peer" </dev/null
	grep -q "not in the list" "$BATS_TEST_TMPDIR/server"
	for form in "$(jq -r .peer me.json) me" "$(jq -r .did me.json)" "$(tail -n 1 me.pub)"; do
		printf '# friends\n\n%s\n' "$form" >allow
		kill -HUP $server
		within 5 sh -c "echo x | timeout 5 mai-send -q -k me.key --raw --protocol $echo $peer 2>/dev/null | grep -q x"
		echo "$(jq -r .peer stranger.json)" >allow
		kill -HUP $server
		within 5 sh -c "! echo x | timeout 5 mai-send -q -k me.key --raw --protocol $echo $peer 2>/dev/null"
	done
	echo nonsense >allow
	kill -HUP $server
	within 5 grep -q "allow: line 1" "$BATS_TEST_TMPDIR/server"
}

@test "a node can neither open files nor start programs by itself; its commands end with it" {
	serve --any -l /ip4/127.0.0.1/tcp/0 --raw --protocol $echo -- sh -c 'echo $$; cat >/dev/null; sleep 100'
	# builds for sanitizers can't be confined, and say so
	grep -q 'not confined' "$BATS_TEST_TMPDIR/server" ||
		[ "$(sed -n 's/^NoNewPrivs:\t//p; s/^Seccomp:\t//p' /proc/$server/status | tr '\n' ' ')" = "1 2 " ]
	ask "$peer" </dev/null >"$BATS_TEST_TMPDIR/pid" 3>&- &
	within 10 test -s "$BATS_TEST_TMPDIR/pid"
	command=$(cat "$BATS_TEST_TMPDIR/pid")
	# the command is not confined
	[ "$(sed -n 's/^Seccomp:\t//p' /proc/$command/status)" = 0 ]
	keeper=$(pgrep -P $server)
	kill -9 $server
	within 5 sh -c "! kill -0 $keeper 2>/dev/null"
	within 5 sh -c "! kill -0 $command 2>/dev/null"
	# and without the keeper there is no node
	serve --any -l /ip4/127.0.0.1/tcp/0 --raw --protocol $echo -- cat
	kill -9 "$(pgrep -P $server)"
	status=0
	wait $server || status=$?
	[ "$status" = 3 ]
	grep -q "the process that starts commands has gone" "$BATS_TEST_TMPDIR/server"
}

@test "peers that are not there, are another, or speak something else" {
	serve_echo --any -l /ip4/127.0.0.1/tcp/0
	says 1 "the peer is $node, not $(jq -r .peer me.json)" ask "${peer%/p2p/*}/p2p/$(jq -r .peer me.json)" </dev/null
	says 1 "does not speak /none/1" mai-send -k me.key --raw --protocol /none/1 "$peer" </dev/null
	kill $server
	wait $server
	says 3 "cannot connect" ask "$peer" </dev/null
	says 3 "cannot connect" ask "/unix$BATS_TEST_TMPDIR/none" </dev/null
	says 1 "is no address" ask "/ip4/127.0.0.1/udp/1" </dev/null
	says 3 "none.key" mai-send -k none.key --raw --protocol $echo "$peer"
	chmod 644 stranger.key
	says 1 "others can read" mai-send -k stranger.key --raw --protocol $echo "$peer"
	chmod 600 stranger.key
	says 1 "not a secret key" mai-send -k me.pub --raw --protocol $echo "$peer"
}

@test "names from the address book" {
	export XDG_CONFIG_HOME=$BATS_TEST_TMPDIR
	serve_echo --any -l /ip4/127.0.0.1/tcp/0
	mkdir "$XDG_CONFIG_HOME/mai"
	cp me.key "$XDG_CONFIG_HOME/mai/"
	says 1 "no address book" ask there </dev/null
	printf '# peers\n\nelsewhere\t/ip4/192.0.2.1/tcp/1\n there  %s  the one here\nnowhere\nodd nonsense\n' "$peer" >"$XDG_CONFIG_HOME/mai/peers"
	[ "$(echo x | mai-send --raw --protocol $echo there)" = x ]
	mai-send --identify there | grep -q "$node"
	says 1 "has no 'unknown'" ask unknown </dev/null
	says 1 "peers: line 5: no address" ask nowhere </dev/null
	says 1 "peers: line 6: 'nonsense'" ask odd </dev/null
}

@test "a server that is not one, or goes away in the middle" {
	socat -d -d TCP-LISTEN:0,bind=127.0.0.1,fork EXEC:cat 2>"$BATS_TEST_TMPDIR/server" 3>&- &
	server=$!
	within 5 grep -q "listening on" "$BATS_TEST_TMPDIR/server"
	port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$BATS_TEST_TMPDIR/server")
	says 1 "" ask "/ip4/127.0.0.1/tcp/$port" </dev/null
	kill $server
	wait $server || :
	serve_echo --any -l /ip4/127.0.0.1/tcp/0
	mkfifo "$BATS_TEST_TMPDIR/silent"
	exec 9<>"$BATS_TEST_TMPDIR/silent"
	(ask "$peer" <&9 >out 2>err || echo $? >status) 3>&- &
	within 5 grep -q connected "$BATS_TEST_TMPDIR/server"
	kill -9 $server
	wait $server || :
	within 5 test -s status
	exec 9>&-
	[ "$(cat status)" = 3 ] && [ "$(wc -l <err)" = 1 ]
}

@test "a command that fails, ends early, or is too many" {
	serve --any -l /ip4/127.0.0.1/tcp/0 --max-streams 1 --raw --protocol $echo -- head -c 5
	[ "$(ask "$peer" <bytes | wc -c)" = 5 ]
	kill $server
	wait $server
	serve --any -l /ip4/127.0.0.1/tcp/0 --max-streams 1 --raw --protocol $echo -- cat
	(sleep 10 | ask "$peer") 3>&- &
	within 5 grep -q connected "$BATS_TEST_TMPDIR/server"
	sleep 0.3
	says 3 "reset" ask "$peer" </dev/null
	kill $server
	wait $server
	serve --any -l /ip4/127.0.0.1/tcp/0 --raw --protocol $echo -- no-such-command
	says 3 "reset" ask "$peer" </dev/null
	grep -q "no-such-command" "$BATS_TEST_TMPDIR/server"
}

@test "a reader that has gone: death by SIGPIPE, silently" {
	serve --any -l /ip4/127.0.0.1/tcp/0 --raw --protocol $echo -- cat /dev/zero
	run bash -c "mai-send -k me.key --raw --protocol $echo $peer </dev/null 2>$BATS_TEST_TMPDIR/err | head -c 10 >/dev/null; exit \${PIPESTATUS[0]}"
	[ "$status" = 141 ] && [ ! -s "$BATS_TEST_TMPDIR/err" ]
}

@test "js-libp2p dials: echo of 64 MB, identify, ping" {
	serve_echo --any -l /ip4/127.0.0.1/tcp/0
	js_libp2p
	node dial.mjs "$peer" --mode echo --mb 64 | jq -e .ok
	node dial.mjs "$peer" --mode ping | jq -e '.ok and .pingMs >= 0'
	node dial.mjs "$peer" --mode identify >"$BATS_TEST_TMPDIR/id"
	jq -e --arg id "$node" '.ok and .peerId == $id and (.protocols | index("/mai/echo/1.0.0"))' "$BATS_TEST_TMPDIR/id"
}

@test "js-libp2p is dialled: echo of 64 MB, sink, identify" {
	js_libp2p
	node echo-server.mjs >"$BATS_TEST_TMPDIR/js" 2>&1 3>&- &
	js=$!
	within 20 grep -q READY "$BATS_TEST_TMPDIR/js"
	peer=$(sed -n 's/READY //p' "$BATS_TEST_TMPDIR/js" | head -n 1)
	cd "$BATS_FILE_TMPDIR"
	ask "$peer" <bytes | cmp - bytes
	[ "$(timeout 60 mai-send -k me.key --raw --protocol /mai/sink/1.0.0 "$peer" <bytes | od -An -tx1 | tr -d ' ')" = 0000000004000000 ]
	mai-send -k me.key --identify --json "$peer" | jq -e '(.agent | startswith("js-libp2p")) and (.protocols | index("/mai/echo/1.0.0")) and .ping_ms > 0'
}
