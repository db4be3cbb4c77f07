# Chains of nodes that pass rows on to each other: the answer is the local one to the bit; who sees what, and who may take part.

load setup
load nodes
penalty=1.2 # so that the last needs all tokens

setup_file() {
	load setup
	load nodes
	[ -e "$M" ] || return 0
	cd "$BATS_FILE_TMPDIR" || return
	for name in a b c me; do mai-sign keygen -q -W -o $name >/dev/null; done
	mai-sign id --json me.pub | jq -r .peer >friends
	make_models
}

# node NAME KEY ARGUMENT...: starts a node; its address is then in the variable of its name
node() {
	local log="$BATS_TEST_TMPDIR/$1.log"
	: >"$log"
	mai-send -v -k "$2.key" -a friends -l "/ip4/127.0.0.1/tcp/0" "${@:3}" >/dev/null 2>>"$log" 3>&- &
	servers+=($!)
	within 10 grep -q 'listening at' "$log" || fail "$(cat "$log")"
	printf -v "$1" %s "$(sed -n 's/.*listening at //p' "$log")"
}

@test "through three nodes, which know only the client: the bits of the local pipeline" {
	local_answer parts
	node first a --direct -- mai-run parts/0.gguf
	node middle b --direct -- sh -c "tee $BATS_TEST_TMPDIR/seen | mai-run parts/1.gguf"
	node last c --direct --shared -- mai-run parts/2.gguf
	generate "mai-send -k me.key --direct $first $middle $last" >"$BATS_TEST_TMPDIR/got" && same
	# the one in the middle has seen hidden states, and nothing else
	only_states 8 "$BATS_TEST_TMPDIR/seen"
	# it dialled the last, and nothing went back
	grep -q "/p2p/.*: connected" "$BATS_TEST_TMPDIR/middle.log"
	# parts of the pipeline, and another type on the links
	generate "mai-send -k me.key --direct $first $middle | mai-run parts/2.gguf" >"$BATS_TEST_TMPDIR/got" && same
	generate "mai-run parts/0.gguf | mai-send -z -k me.key --direct $middle $last" >"$BATS_TEST_TMPDIR/got" && same
	generate "mai-send -k me.key --wire f16 $first $middle $last" >"$BATS_TEST_TMPDIR/want"
	generate "mai-send -k me.key --wire f16 --direct $first $middle $last" >"$BATS_TEST_TMPDIR/got" && same
	# streams one after another
	mai-tokenize -m "$M" "Once" >one.mai
	cat one.mai prompts.mai one.mai | mai-run "$M" | mai-cat --npy >"$BATS_TEST_TMPDIR/want"
	cat one.mai prompts.mai one.mai | timeout 60 mai-send -k me.key --direct "$first" "$middle" "$last" | mai-cat --npy >"$BATS_TEST_TMPDIR/got" && same
	# all streams were ended well
	run ! grep -h "stream-fault\|stream-end.*failed" "$BATS_TEST_TMPDIR"/*.log
}

@test "a stage closes sequences by itself: those behind it hear of them twice" {
	local how first middle last
	options=(--context-shift)
	local_answer parts
	cp "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/longer"
	generate "mai-run -c 80 parts/0.gguf | mai-run parts/1.gguf | mai-run parts/2.gguf" >"$BATS_TEST_TMPDIR/want"
	run ! cmp -s "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/longer"
	node first a --direct -- mai-run -c 80 parts/0.gguf
	node middle b --direct -- mai-run parts/1.gguf
	node last c --direct --shared -- mai-run parts/2.gguf
	for how in "" --direct; do
		generate "mai-send -k me.key $how $first $middle $last" >"$BATS_TEST_TMPDIR/got"
		same
		generate "mai-run -c 80 parts/0.gguf | mai-send -k me.key $how $middle $last" >"$BATS_TEST_TMPDIR/got"
		same
	done
	run ! grep -h "stream-fault\|stream-end.*failed" "$BATS_TEST_TMPDIR"/*.log
}

@test "many clients at once" {
	local i pids=()
	local_answer parts
	node first a --direct --shared -- mai-run parts/0.gguf
	node middle b --direct --shared -- mai-run parts/1.gguf
	node last c --direct --shared -- mai-run parts/2.gguf
	for i in 1 2 3 4 5 6; do
		timeout 120 mai-run -q -n 60 --temp 1 --seed 7 --repeat-penalty 1.2 --stop unlikely --via "mai-send -k me.key --direct $first $middle $last" \
			<prompts.mai 3>&- | mai-cat --ids >"$BATS_TEST_TMPDIR/got$i" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in 1 2 3 4 5 6; do cmp "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/got$i"; done
}

@test "who does not pass on, who is not let in, who is of another model: refused, with a reason" {
	node first a --direct -- mai-run parts/0.gguf
	node middle b -- mai-run parts/1.gguf
	node last c --direct -- mai-run parts/2.gguf
	node other c --direct -- mai-run slow/2.gguf
	says() {
		run -1 --separate-stderr timeout 30 bash -o pipefail -c "$2"
		[[ $stderr == *"$1"* ]] || fail "wanted '$1': $stderr"
	}
	says "passes nothing on" "mai-send -k me.key --direct $first $middle $last <prompts.mai >out"
	run -3 --separate-stderr timeout 30 mai-send --timeout 2 -k me.key --direct "$first" "$last" <prompts.mai
	[[ $stderr == *"no peer serves: "*"layer"* ]] || fail "$stderr"
	# the first node's key is no client's, neither alone nor beside a chain
	run -3 --separate-stderr timeout 30 mai-send --timeout 2 -k a.key "$last" <prompts.mai
	run -2 --separate-stderr mai-send -k me.key --direct --audit 1 "$first,$first" "$last,$last" <prompts.mai
	# a chain is waited for by the peer that its client has named, and by no other
	mkfifo "$BATS_TEST_TMPDIR/held"
	exec 9<>"$BATS_TEST_TMPDIR/held"
	mai-send -q -k me.key --direct "$first" "$last" <"$BATS_TEST_TMPDIR/held" >/dev/null 2>&1 3>&- 9>&- &
	servers+=($!)
	sleep 0.5
	run -1 --separate-stderr timeout 30 mai-send --timeout 3 -k a.key "$last" <prompts.mai
	[[ $stderr == *"not in the list"* ]] || fail "$stderr"
	run -3 --separate-stderr timeout 30 mai-send --timeout 2 -k b.key "$last" <prompts.mai
	exec 9>&-
}

# serving: which of the two first nodes has the chain that serves now
serving() {
	local last
	last=$(sed -n 's/.*the chain from \([^ ]*\) serves.*/\1/p' "$BATS_TEST_TMPDIR/hop" | tail -n 1)
	[ "$last" = "$one0" ] && echo 0 || echo 1
}

@test "nodes of a chain are killed and frozen: another chain goes on, the answer is the same" {
	local i k answer hit chain="the chain from .*"
	local_answer slow 160
	for i in 0 1 2; do
		k=$(cut -c $((i + 1)) <<<abc)
		node "one$i" $k --direct -- sh -c "tee $BATS_TEST_TMPDIR/place$i.one.\$\$ | mai-run slow/$i.gguf"
		node "two$i" $k --direct -- sh -c "tee $BATS_TEST_TMPDIR/place$i.two.\$\$ | mai-run slow/$i.gguf"
	done
	: >"$BATS_TEST_TMPDIR/hop"
	generate "mai-send -v -k me.key --direct $one0,$two0 $one1,$two1 $one2,$two2 2>$BATS_TEST_TMPDIR/hop" 160 >"$BATS_TEST_TMPDIR/got" 3>&- &
	answer=$!
	within 60 served 1 "$chain"
	sleep 0.3
	# the middle of the chain that serves, as both began with their own; then the first of the next, for a while
	kill -9 "${servers[2 + $(serving)]}"
	within 60 served 2 "$chain"
	hit=${servers[$(serving)]}
	kill -STOP "$hit"
	within 60 served 3 "$chain"
	kill -CONT "$hit"
	wait $answer
	same
	only_states 8+ "$BATS_TEST_TMPDIR"/place1.*
}
