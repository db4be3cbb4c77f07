# Stages at nodes: the answer is the local one to the bit, whoever goes away; what a node sees and refuses.

load setup
load nodes

setup_file() {
	load setup
	load nodes
	[ -e "$M" ] || return 0
	cd "$BATS_FILE_TMPDIR" || return
	for name in node me; do mai-sign keygen -q -W --json -o $name >$name.json; done
	make_models
}

# node NAME ARGUMENT...: starts a node at a socket of that name
node() {
	rm -f "$BATS_TEST_TMPDIR/$1"
	mai-send -v -k node.key --any -l "/unix$BATS_TEST_TMPDIR/$1" "${@:2}" 2>>"$BATS_TEST_TMPDIR/$1.log" 3>&- &
	servers+=($!)
	within 10 test -S "$BATS_TEST_TMPDIR/$1"
}

at() {
	echo "/unix$BATS_TEST_TMPDIR/$1"
}

@test "through one node and through two, alone and shared: the bits of the local pipeline" {
	local_answer parts
	node a -- mai-run parts/1.gguf
	node b --shared -- mai-run parts/2.gguf
	node c -- sh -c 'mai-run parts/1.gguf | mai-run parts/2.gguf'
	for via in "mai-run parts/0.gguf | mai-send -k me.key $(at a) | mai-run parts/2.gguf" \
		"mai-run parts/0.gguf | mai-send -k me.key $(at a) $(at b)" \
		"mai-run parts/0.gguf | mai-send -k me.key $(at a) | mai-send -z -k me.key $(at b)" \
		"mai-run parts/0.gguf | mai-send -k me.key $(at c)"; do
		generate "$via" >"$BATS_TEST_TMPDIR/got" && same || fail "$via"
	done
	node d -- mai-run "$M"
	generate "mai-send -k me.key $(at d)" >"$BATS_TEST_TMPDIR/got" && same
	# a plain pipe gives all logits
	mai-tokenize -m "$M" "Once upon a time" | mai-run "$M" | mai-cat --npy >"$BATS_TEST_TMPDIR/want.npy"
	mai-tokenize -m "$M" "Once upon a time" | mai-send -k me.key "$(at d)" | mai-cat --npy | cmp - "$BATS_TEST_TMPDIR/want.npy"
	# streams one after another
	mai-tokenize -m "$M" "Once" >one.mai
	cat one.mai prompts.mai one.mai | mai-run "$M" | mai-cat --npy >"$BATS_TEST_TMPDIR/want.npy"
	cat one.mai prompts.mai one.mai | mai-send -k me.key "$(at d)" | mai-cat --npy | cmp - "$BATS_TEST_TMPDIR/want.npy"
}

@test "types on the link: f16, bf16 and q8 come near, f32 keeps the bits" {
	node a -- mai-run parts/1.gguf
	nll() {
		mai-run -q --perplexity --json --via "mai-run parts/0.gguf | mai-send -k me.key --wire $1 $(at a) | mai-run parts/2.gguf" \
			<prompts.mai | jq .nll
	}
	mai-run -q --perplexity --json "$M" <prompts.mai | jq .nll >"$BATS_TEST_TMPDIR/want"
	nll f32 >"$BATS_TEST_TMPDIR/got" && same
	for type in f16 bf16 q8; do
		nll $type >"$BATS_TEST_TMPDIR/got"
		run -1 same
		paste "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/got" | awk '{ d = ($1 - $2) / $1; exit !(d < 0.01 && d > -0.01) }'
	done
	run -2 --separate-stderr mai-send -k me.key --wire f64 "$(at a)"
	[[ $stderr == *"f32, f16, bf16 or q8"* ]]
}

@test "a node in the middle sees no token and no sampling settings; they come back" {
	local_answer parts
	node a -- sh -c "tee $BATS_TEST_TMPDIR/seen | mai-run parts/1.gguf"
	generate "mai-run parts/0.gguf | mai-send -k me.key $(at a) | mai-run parts/2.gguf" >"$BATS_TEST_TMPDIR/got" && same
	only_states 8 "$BATS_TEST_TMPDIR/seen"
}

@test "mismatches are refused before any row is sent" {
	node a -- mai-run parts/1.gguf
	node b -- mai-run slow/2.gguf
	says() {
		run -1 --separate-stderr bash -o pipefail -c "$2"
		[[ $stderr == *"$1"* ]] || fail "wanted '$1': $stderr"
	}
	says "takes hidden states" "timeout 20 mai-send -k me.key $(at a) <prompts.mai >out"
	says "" "mai-run -q parts/0.gguf <prompts.mai | timeout 20 mai-send -k me.key $(at b) >out"
	# a replica of another model is not one
	within 10 sh -c "{ mai-run -q parts/0.gguf <prompts.mai; sleep 0.5; } | timeout 20 mai-send -v -k me.key $(at a),$(at b) 2>err >out; grep -q 'another model' err"
	says "was cut" "head -c 3000 parts/0.gguf | mai-run -q parts/0.gguf <prompts.mai | head -c 1000 | timeout 20 mai-send -k me.key $(at a) >out"
	says "not a mai stream" "timeout 20 mai-send -k me.key $(at a) <parts/0.gguf >out"
	says "was cut" "timeout 20 mai-send -k me.key $(at a) </dev/null >out"
}

@test "many clients at one shared node: each gets its own answers" {
	node a --shared --max-peer-streams 20 --max-streams 20 -- mai-run "$M"
	for i in $(seq 12); do
		sed "s/dogs/cats and $i birds/" prompts | mai-tokenize -m "$M" -l >p$i.mai
		mai-run -q -n 40 --temp 1 --seed "$i" "$M" <p$i.mai | mai-cat --ids >want$i
	done
	for i in $(seq 12); do
		(timeout 60 mai-run -q -n 40 --temp 1 --seed "$i" --via "mai-send -k me.key $(at a)" <p$i.mai >got$i.mai) 3>&- &
		pids[i]=$!
	done
	for i in $(seq 12); do
		wait "${pids[i]}"
		mai-cat --ids got$i.mai | cmp - want$i
	done
	# one process has served them all
	[ "$(pgrep -c -P "$(pgrep -P "${servers[0]}")")" = 1 ]
}

@test "limits: streams, sequences, rows for nobody, idle streams" {
	node a --max-streams 1 --max-sequences 4 --idle 1 -- mai-run "$M"
	run -1 --separate-stderr bash -o pipefail -c "mai-run -q -n 5 --via 'timeout 20 mai-send -k me.key $(at a)' <prompts.mai >out"
	[[ $stderr == *"takes 4 sequences at a time"* ]]
	mai-tokenize -m "$M" Once | mai-cat --json | sed '/"type":"rows"/s/"seq":0/"seq":9/g' | mai-cat --from-json >bad.mai
	run -1 --separate-stderr timeout 20 mai-send -k me.key "$(at a)" <bad.mai
	[[ $stderr == *"sequence 9, which is not open"* ]]
	(mai-tokenize -m "$M" Once | head -c 500; sleep 20) | timeout 15 mai-send -v -k me.key --timeout 1 "$(at a)" >out 2>err 3>&- || :
	grep -q "nothing was sent for 1 s" err
}

# again N: so many times all was sent again, and came back
again() {
	[ "$(grep -c "were sent again" "$BATS_TEST_TMPDIR/hop")" -ge "$1" ]
}

@test "a node that is killed, frozen, or whose command is: a replica goes on, the answer is the same" {
	local_answer slow 240
	options=(--draft "$M" --draft-p-min 0 --draft-max 3) # guesses that are taken back are sent again likewise
	for r in 1 2; do
		node b$r -- sh -c "tee $BATS_TEST_TMPDIR/seen$r.\$\$ | exec mai-run -t 1 $PWD/slow/1.gguf"
		node c$r --shared -- mai-run -t 1 slow/2.gguf
	done
	: >"$BATS_TEST_TMPDIR/hop"
	generate "mai-run -t 1 slow/0.gguf | mai-send -v -k me.key $(at b1),$(at b2) $(at c1),$(at c2) 2>$BATS_TEST_TMPDIR/hop" 240 >"$BATS_TEST_TMPDIR/got" 3>&- &
	answer=$!
	within 30 served 1 '/b[12]'
	# which of the two is nearer is not ours to say
	first=b1 second=b2 at=0
	served 1 /b1 || first=b2 second=b1 at=2
	sleep 0.2
	kill -9 "${servers[at]}"
	within 60 again 1
	within 30 served 1 /$second
	node $first -- sh -c "tee $BATS_TEST_TMPDIR/seen3.\$\$ | exec mai-run -t 1 $PWD/slow/1.gguf"
	sleep 0.2
	kill -STOP "${servers[2 - at]}"
	within 60 again 2
	within 30 served 2 /$first
	pkill -9 -f "^mai-run -t 1 $PWD/slow/1.gguf"
	kill -CONT "${servers[2 - at]}"
	wait $answer
	same || fail "$(cat "$BATS_TEST_TMPDIR/hop")"
	again 3 || fail "$(cat "$BATS_TEST_TMPDIR/hop")"
	# nor did those in the middle get more than states when all was sent again
	only_states 8+ "$BATS_TEST_TMPDIR"/seen[123].*
}

# came BYTES: so much of the answer has come
came() {
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/out")" -gt "$1" ]
}

# What is kept of a recurrent sequence can't go back: a replica makes it anew from the first position. Prompts begin alike, so that forks are
# tried, and refused, too.
@test "recurrent stages that are killed in the middle of an answer: replicas go on, the answer is the same" {
	need_shared models/arch/rwkv7.gguf
	local n=${MAI_SLOW:+600}
	options=(--ignore-eos)
	mkdir -p recurrent
	for i in $(seq 8); do echo $(seq 3 2 90) "$i" 9; done | mai-cat --from-ids >recurrent/prompts.mai
	cp node.key me.key recurrent/
	cd recurrent
	for name in mamba rwkv7; do
		mai-shard split -q -n 2 -o $name "$SHARED/models/arch/$name.gguf"
		generate "mai-run -t 1 -c 4096 $name/0.gguf | mai-run -t 1 -c 4096 $name/1.gguf" "${n:-2500}" >"$BATS_TEST_TMPDIR/want"
		for r in 1 2; do
			node a$r -- mai-run -t 1 -c 4096 $name/0.gguf
			node b$r --shared -- mai-run -t 1 -c 4096 $name/1.gguf
		done
		for before in "mai-send -q -k me.key $(at a1),$(at a2)" "mai-run -t 1 -c 4096 $name/0.gguf"; do
			: >"$BATS_TEST_TMPDIR/hop" >"$BATS_TEST_TMPDIR/out"
			generate "$before | mai-send -v -k me.key $(at b1),$(at b2) 2>$BATS_TEST_TMPDIR/hop" "${n:-2500}" >"$BATS_TEST_TMPDIR/got" 3>&- &
			answer=$!
			within 30 came $((20 * ${n:-2500}))
			first=1
			served 1 /b1 || first=2
			pkill -9 -P "$(pgrep -P "${servers[$((2 * first - 1))]}")"
			within 30 again 1
			wait $answer
			same || fail "$(cat "$BATS_TEST_TMPDIR/hop")"
		done
		for r in 0 1 2 3; do kill -9 "${servers[r]}"; done
		servers=()
	done
}

@test "no peer serves: status 3 and one reason; a node that comes later is waited for" {
	run -3 --separate-stderr timeout 20 mai-send -k me.key --timeout 0.5 "$(at nobody)" <prompts.mai
	[[ $stderr == *"no peer serves"*"cannot connect"* ]]
	# whoever reads from it hears the same
	run -1 --separate-stderr timeout 20 mai-run -q -n 3 --via "mai-send -q -k me.key --timeout 0.5 $(at nobody) 2>/dev/null" <prompts.mai
	[[ $stderr == "mai-run: pipeline: no peer serves"*"cannot connect"* ]] || fail "$stderr"
	node first -- mai-run "$M"
	run -3 --separate-stderr timeout 5 mai-send -k node.key --any -l "$(at first)" -- true
	[[ $stderr == "mai-send: /unix"*"in use"* ]] || fail "$stderr"
	run -3 --separate-stderr timeout 5 mai-send -k node.key --any -l "$(at none/where)" -- true
	[[ $stderr == "mai-send: /unix"*"No such file"* ]] || fail "$stderr"
	run -1 --separate-stderr timeout 20 mai-run -q -n 3 --via "mai-tokenize -l -m $M </dev/null" <prompts.mai
	[[ $stderr == "mai-run: the last stage does not give tokens" ]] || fail "$stderr"
	(timeout 30 mai-send -k me.key --timeout 20 "$(at late)" <prompts.mai >late.mai; echo $? >status) 3>&- &
	sleep 0.5
	node late -- mai-run "$M"
	within 20 test -s status
	[ "$(cat status)" = 0 ]
	mai-run "$M" <prompts.mai | mai-cat --npy >want.npy
	mai-cat --npy late.mai | cmp - want.npy
}

@test "the journal lies in a file where memory does not suffice" {
	local_answer slow
	for r in 1 2; do node b$r -- mai-run -t 1 slow/1.gguf; done
	generate "mai-run -t 1 slow/0.gguf | mai-send -v -k me.key --journal 10K $(at b1),$(at b2) 2>$BATS_TEST_TMPDIR/hop | mai-run -t 1 slow/2.gguf" \
		>"$BATS_TEST_TMPDIR/got" 3>&- &
	answer=$!
	sleep 0.5
	kill -9 "${servers[0]}" "${servers[1]}" 2>/dev/null || :
	for r in 1 2; do node b$r -- mai-run -t 1 slow/1.gguf; done
	wait $answer
	same
}

@test "HUP: a shard is replaced while it is used; TERM lets those finish who are there" {
	cp slow/1.gguf shard.gguf
	node a --shared -- mai-run -t 1 shard.gguf
	local_answer slow
	generate "mai-run -t 1 slow/0.gguf | mai-send -k me.key $(at a) | mai-run -t 1 slow/2.gguf" >"$BATS_TEST_TMPDIR/got" 3>&- &
	answer=$!
	within 20 grep -q stream-begin "$BATS_TEST_TMPDIR/a.log"
	sleep 0.3
	cp parts/1.gguf shard.new && mv shard.new shard.gguf
	kill -HUP "${servers[0]}"
	# new ones get the new shard
	mai-run -q -n 5 --via "mai-run parts/0.gguf | mai-send -k me.key $(at a) | mai-run parts/2.gguf" <prompts.mai >out
	kill -TERM "${servers[0]}"
	wait $answer || fail "$(cat "$BATS_TEST_TMPDIR/a.log")"
	same
	wait "${servers[0]}"
}

@test "events as JSON, numbers for Prometheus" {
	mai-send --log json -k node.key --any -l "$(at a)" --metrics "$(at m)" -- mai-run "$M" 2>"$BATS_TEST_TMPDIR/log" 3>&- &
	servers+=($!)
	within 10 test -S "$BATS_TEST_TMPDIR/a"
	mai-send -k me.key "$(at a)" <prompts.mai >out
	within 5 grep -q closed "$BATS_TEST_TMPDIR/log"
	grep '^{' "$BATS_TEST_TMPDIR/log" | jq -es --arg me "$(jq -r .peer me.json)" 'map(.event) == ["connected", "stream-begin", "stream-end", "closed"] and
		all(.peer == $me) and (.[2].rows > 50) and (.[0].time | fromdate > 0)'
	http() {
		printf 'GET %s HTTP/1.1\r\nHost: x\r\n\r\n' "$1" | timeout 5 socat - "UNIX:$BATS_TEST_TMPDIR/m" | tr -d '\r'
	}
	http /metrics >metrics
	[ "$(head -n 1 metrics)" = "HTTP/1.1 200 OK" ]
	[ "$(sed -n 's/^mai_streams_total //p' metrics)" = 1 ]
	[ "$(sed -n 's/^mai_sequences_total //p' metrics)" = 8 ]
	[ "$(sed -n 's/^mai_sequences //p' metrics)" = 0 ]
	[ "$(sed -n 's/^mai_rows_in_total //p' metrics)" = "$(sed -n 's/^mai_rows_out_total //p' metrics)" ]
	[ "$(grep -c '^# TYPE' metrics)" = "$(grep -c '^mai_' metrics)" ]
	[[ $(http /) == *"404 Not Found"* ]]
}

# rss PID: kilobytes
rss() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}

@test "thousands who connect and prove nothing: others are served, memory stays small" {
	mai-send -v -k node.key --any -l /ip4/127.0.0.1/tcp/0 -l "$(at a)" --shared -- mai-run "$M" 2>"$BATS_TEST_TMPDIR/log" 3>&- &
	servers+=($!)
	within 10 grep -q 'listening at .unix' "$BATS_TEST_TMPDIR/log"
	port=$(sed -n 's/.*listening at .ip4.127.0.0.1.tcp.\([0-9]*\).*/\1/p' "$BATS_TEST_TMPDIR/log")
	mai-run -q -n 20 --temp 0 "$M" <prompts.mai | mai-cat --ids >want
	for how in connects half garbage slow; do
		n=3000
		[ $how != slow ] || n=200
		"$top/tests/peers/send_hostile.py" $how $n 127.0.0.1 "$port" 3>&- &
		hostile=$!
		for i in 1 2 3; do
			timeout 60 mai-run -q -n 20 --temp 0 --via "mai-send -k me.key /ip4/127.0.0.1/tcp/$port" <prompts.mai | mai-cat --ids | cmp - want
		done
		wait $hostile
	done
	timeout 60 mai-run -q -n 20 --temp 0 --via "mai-send -k me.key $(at a)" <prompts.mai | mai-cat --ids | cmp - want
	[ -n "${MAI_SAN:-}" ] || [ "$(rss "${servers[0]}")" -lt 100000 ] || fail "$(rss "${servers[0]}") kB"
}

@test "a stolen transcript: neither the client's words nor the node's are worth anything again" {
	local replay="$top/tests/peers/send_replay.py" port
	mai-send --log json -k node.key --any -l /ip4/127.0.0.1/tcp/0 -- sh -c "echo started >>$BATS_TEST_TMPDIR/started; exec mai-run $M" 2>"$BATS_TEST_TMPDIR/log" 3>&- &
	servers+=($!)
	within 10 grep -q 'listening at' "$BATS_TEST_TMPDIR/log"
	port=$(sed -n 's/.*listening at .ip4.127.0.0.1.tcp.\([0-9]*\).*/\1/p' "$BATS_TEST_TMPDIR/log")
	mai-run -q -n 20 --temp 0 "$M" <prompts.mai | mai-cat --ids >want
	"$replay" record "$BATS_TEST_TMPDIR/stolen" "$port" >"$BATS_TEST_TMPDIR/proxy" 3>&- &
	servers+=($!)
	within 10 test -s "$BATS_TEST_TMPDIR/proxy"
	ask() {
		timeout 30 mai-run -q -n 20 --temp 0 --via "mai-send -k me.key /ip4/127.0.0.1/tcp/$1" <prompts.mai | mai-cat --ids
	}
	ask "$(cat "$BATS_TEST_TMPDIR/proxy")" | cmp - want
	within 10 test -s "$BATS_TEST_TMPDIR/stolen"
	[ "$(grep -c '"stream-begin"' "$BATS_TEST_TMPDIR/log")" = 1 ] && [ "$(wc -l <"$BATS_TEST_TMPDIR/started")" = 1 ]
	for how in once turns cut; do
		# the choice of Noise, and the node's own handshake message, with a new key; not a byte more
		[ "$("$replay" as-client $how "$BATS_TEST_TMPDIR/stolen" "$port")" -le 260 ]
	done
	# nobody has come in, and no command was started for it
	[ "$(grep -c '"connected"' "$BATS_TEST_TMPDIR/log")" = 1 ] && [ "$(grep -c '"stream-begin"' "$BATS_TEST_TMPDIR/log")" = 1 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/started")" = 1 ]
	ask "$port" | cmp - want
	# a thief in the node's place
	"$replay" as-server "$BATS_TEST_TMPDIR/stolen" >"$BATS_TEST_TMPDIR/thief" 3>&- &
	servers+=($!)
	within 10 test -s "$BATS_TEST_TMPDIR/thief"
	run -3 sh -c "timeout 20 mai-send -v --timeout 2 -k me.key /ip4/127.0.0.1/tcp/$(cat "$BATS_TEST_TMPDIR/thief") <prompts.mai 2>&1 >/dev/null"
	[[ $output == *"handshake: a message is not what the peer sent"* ]] || fail "$output"
}

@test "ten thousand streams of one peer: others are served, memory stays small" {
	need_shared peers/libp2p/package-lock.json
	mai-send -v -k node.key --any -l /ip4/127.0.0.1/tcp/0 -- mai-run "$M" 2>"$BATS_TEST_TMPDIR/log" 3>&- &
	servers+=($!)
	within 10 grep -q 'listening at' "$BATS_TEST_TMPDIR/log"
	at=$(sed -n 's/.*listening at //p' "$BATS_TEST_TMPDIR/log")
	mai-run -q -n 20 --temp 0 "$M" <prompts.mai | mai-cat --ids >want
	js_libp2p
	command node libp2p_streams.mjs "$at" 10000 >"$BATS_TEST_TMPDIR/js" 2>&1 3>&- &
	hostile=$!
	cd "$BATS_FILE_TMPDIR"
	within 20 grep -q "connected 12D3" "$BATS_TEST_TMPDIR/log"
	for i in 1 2 3; do
		timeout 20 mai-run -q -n 20 --temp 0 --via "mai-send -k me.key $at" <prompts.mai | mai-cat --ids | cmp - want
	done
	[ -n "${MAI_SAN:-}" ] || [ "$(rss "${servers[0]}")" -lt 100000 ] || fail "$(rss "${servers[0]}") kB"
	wait $hostile
	jq -e '.asked == 10000 and .open <= 16' "$BATS_TEST_TMPDIR/js"
}

@test "streams that mean harm, and a reader that does not read: others are served" {
	/usr/bin/python3 -c 'import xxhash' 2>/dev/null || skip "needs python3-xxhash"
	node a --shared -- mai-run -q "$M"
	mkdir -p bad
	mai-tokenize -m "$M" Once >one.mai
	"$top/tests/peers/send_hostile.py" streams one.mai bad
	# logits of 20,000 tokens, which nobody reads
	for i in $(seq 200); do echo "Once upon a time there was a dog and a cat and a ball and a tree and a sun, number $i, and they went to the park"; done |
		mai-tokenize -m "$M" -l >long.mai
	mkfifo "$BATS_TEST_TMPDIR/unread"
	exec 9<>"$BATS_TEST_TMPDIR/unread"
	mai-send -q -k me.key "$(at a)" <long.mai >"$BATS_TEST_TMPDIR/unread" 3>&- 9>&- &
	servers+=($!)
	mai-run -q -n 20 --temp 0 "$M" <prompts.mai | mai-cat --ids >want
	for f in bad/*; do
		timeout 10 mai-send -q -k me.key --raw --protocol /mai/stream/1.0.0 "$(at a)" <"$f" >out 2>err 3>&- || [ $? -lt 124 ] || fail "$f: status $?"
	done
	timeout 20 mai-run -q -n 20 --temp 0 --via "mai-send -k me.key $(at a)" <prompts.mai | mai-cat --ids | cmp - want
	[ -n "${MAI_SAN:-}" ] || [ "$(rss "${servers[0]}")" -lt 150000 ] || fail "$(rss "${servers[0]}") kB"
	exec 9>&-
}

@test "audit: two replicas agree; one that computes something else is found out, and the evidence says so" {
	local_answer parts
	# its weights are others, the ids that it states are the same
	cp parts/1.gguf liar.gguf
	/usr/bin/python3 -c '
d = bytearray(open("liar.gguf", "rb").read())
d[len(d) * 6 // 10 | 3] ^= 0x40
open("liar.gguf", "wb").write(d)'
	node a -- mai-run parts/1.gguf
	node b --shared -- mai-run parts/1.gguf
	node c -- mai-run liar.gguf
	mkdir -p evidence
	via() {
		echo "mai-run parts/0.gguf | mai-send -v -k me.key --audit $1 --evidence evidence $2 $3 2>$BATS_TEST_TMPDIR/hop | mai-run parts/2.gguf"
	}
	generate "$(via 1 "$(at a),$(at b)")" >"$BATS_TEST_TMPDIR/got" && same
	compared=$(sed -n 's/.*: \([0-9]*\) rows were compared/\1/p' "$BATS_TEST_TMPDIR/hop")
	[ "$compared" -gt 300 ] || fail "$(cat "$BATS_TEST_TMPDIR/hop")"
	[ -z "$(ls evidence)" ]
	run ! generate "$(via 1 "$(at a),$(at c)")"
	grep -q "audit: .* and .* give different answers for sequence [0-9]* at position [0-9]*; see evidence/" "$BATS_TEST_TMPDIR/hop"
	grep -q "$(at a)" "$BATS_TEST_TMPDIR/hop" && grep -q "$(at c)" "$BATS_TEST_TMPDIR/hop"
	# three streams: what was sent, and two answers to its last row
	[ "$(mai-cat evidence/*.mai | grep -c '^stream')" = 3 ]
	mai-cat --json evidence/*.mai >evidence.json
	[ "$(grep -c '"type":"rows"' evidence.json)" -ge 3 ]
	mai-cat --json <(cat evidence/*.mai) | grep '"type":"rows"' | tail -n 2 >answers
	run ! cmp <(head -n 1 answers) <(tail -n 1 answers)
	# the honest answer is what the shard makes of the input
	position=$(jq '.rows[0].pos' answers | head -n 1)
	{ mai-run parts/1.gguf <evidence/*.mai 2>/dev/null || :; } | { mai-cat --json 2>/dev/null || :; } | grep '"type":"rows"' |
		jq -c --argjson p "$position" '.rows[] | select(.pos == $p) | .data' >honest
	jq -c '.rows[0].data' answers | grep -cxFf honest >n || :
	[ "$(cat n)" = 1 ] || fail "$(cat n) of the answers are the honest one"
	# and on with another
	generate "$(via 1 "$(at c),$(at a)" --go-on)" >"$BATS_TEST_TMPDIR/got" || :
	grep -q "give different answers" "$BATS_TEST_TMPDIR/hop"
	run -2 --separate-stderr mai-send -k me.key --audit 0.5 "$(at a)" <prompts.mai
	[[ $stderr == *"wants a replica"* ]]
}

@test "three hosts: nodes are killed and frozen, cables are pulled; the answer is the same" {
	[ "$(id -u)" = 0 ] && ip netns list >/dev/null 2>&1 || skip "needs root and network namespaces"
	for how in "" --direct; do
		run -0 "$top/tests/peers/send_faults.py" 4 "$RANDOM" 150 slow.gguf "$BATS_TEST_TMPDIR" $how
		[[ $output == *"the answer is the same"* ]] || fail "$output"
	done
}
