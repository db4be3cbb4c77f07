# Work that is paid: receipts of the node, vouchers of the client, and what either can't get away with.

load setup
load nodes

setup_file() {
	load setup
	load nodes
	[ -e "$M" ] || return 0
	cd "$BATS_FILE_TMPDIR" || return
	for name in node me author log; do mai-sign keygen -q -W --json -o $name >$name.json; done
	make_models
	for unit in uEUR sat; do
		jq -nc --arg i "$(did node)" --arg a "$(did author)" --arg u $unit '{ type: "terms", issuer: $i, name: "by the row", unit: $u,
			rows: { per: 1000, price: 2000 }, shares: [{ to: $a, parts: 1 }, { to: "node", parts: 3 }] }' | mai-ledger sign -k node.key >$unit
	done
}

# paid NAME ARGUMENT...: a node that works for vouchers, at the socket NAME
paid() {
	rm -f "$BATS_TEST_TMPDIR/$1" "$BATS_TEST_TMPDIR/$1.jsonl"
	mai-send -v -k node.key --any --terms uEUR --receipts "$BATS_TEST_TMPDIR/$1.jsonl" -l "/unix$BATS_TEST_TMPDIR/$1" "${@:2}" 2>>"$BATS_TEST_TMPDIR/$1.log" 3>&- &
	servers+=($!)
	within 10 test -S "$BATS_TEST_TMPDIR/$1"
}

at() {
	echo "/unix$BATS_TEST_TMPDIR/$1"
}

# ledger FILE...: the records of files in a log, whose settlement goes to stdout
ledger() {
	rm -rf log.d
	mai-ledger init -k log.key log.d
	cat uEUR "$@" | mai-ledger append -k log.key log.d >/dev/null
	mai-ledger settle --json log.d
}

@test "the bits are the same; both sides have the same records, all rows are in them, and the ledger pays them out" {
	local_answer parts
	paid a -- mai-run parts/0.gguf
	paid b --shared -- mai-run parts/1.gguf
	paid c -- mai-run parts/2.gguf
	for chain in "$(at a) $(at b) $(at c)" "$(at a) $(at b) $(at c) --wire f16 -z"; do
		rm -f "$BATS_TEST_TMPDIR"/me.jsonl*
		for s in a b c; do : >"$BATS_TEST_TMPDIR/$s.jsonl"; done
		generate "mai-send -k me.key --terms sat --terms uEUR --receipts $BATS_TEST_TMPDIR/me.jsonl $chain" >"$BATS_TEST_TMPDIR/got"
		[[ $chain == *f16* ]] || same
		cat "$BATS_TEST_TMPDIR"/[abc].jsonl | sort >"$BATS_TEST_TMPDIR/nodes"
		sort "$BATS_TEST_TMPDIR/me.jsonl" | cmp - "$BATS_TEST_TMPDIR/nodes"
		[ "$(stat -c %a "$BATS_TEST_TMPDIR/me.jsonl.salts")" = 600 ]
		rows=$(jq -s 'map(select(.type == "voucher")) | group_by(.nonce) | map(max_by(.rows).rows) | add' "$BATS_TEST_TMPDIR/me.jsonl")
		[ "$rows" -gt 1000 ]
		# each stage's receipts say which layers
		jq -s 'map(select(.type == "receipt") | [.first_layer, .last_layer]) | unique | length' "$BATS_TEST_TMPDIR/me.jsonl" | grep -qx 3
		ledger "$BATS_TEST_TMPDIR/me.jsonl" "$BATS_TEST_TMPDIR/nodes" >"$BATS_TEST_TMPDIR/statement"
		jq -e --argjson rows "$rows" '(.payouts | map(.amount) | add) == $rows * 2 and .refused == []' "$BATS_TEST_TMPDIR/statement"
		mai-ledger verify log.d
	done
}

@test "with little credit a long prompt goes on, and so does what was sent again after a fault" {
	for i in $(seq 3); do seq 2000 | tr '\n' ' ' | cut -c 1-3000; done >long
	mai-tokenize -m "$M" -l <long >long.mai
	paid a --credit 2048 -- mai-run -c 4096 parts/0.gguf
	mai-run -c 4096 parts/0.gguf <long.mai | mai-cat --npy >"$BATS_TEST_TMPDIR/want"
	mai-send -k me.key --terms uEUR --receipts "$BATS_TEST_TMPDIR/me.jsonl" "$(at a)" <long.mai | mai-cat --npy | cmp - "$BATS_TEST_TMPDIR/want"
	sort "$BATS_TEST_TMPDIR/me.jsonl" | cmp - <(sort "$BATS_TEST_TMPDIR/a.jsonl")
	[ "$(grep -c voucher "$BATS_TEST_TMPDIR/me.jsonl")" -gt 2 ]
	local_answer slow 160
	paid b1 --credit 2048 -- mai-run slow/1.gguf
	b1=${servers[-1]}
	paid b2 --credit 2048 -- mai-run slow/1.gguf
	generate "mai-run -t 1 slow/0.gguf | mai-send -v -k me.key --terms uEUR --receipts $BATS_TEST_TMPDIR/two.jsonl $(at b1),$(at b2) 2>$BATS_TEST_TMPDIR/hop |
		mai-run -t 1 slow/2.gguf" 160 >"$BATS_TEST_TMPDIR/got" 3>&- &
	answer=$!
	within 30 served 1 .
	within 30 test -s "$BATS_TEST_TMPDIR/two.jsonl"
	if grep -q 'b1 serves' "$BATS_TEST_TMPDIR/hop"; then kill -9 "$b1"; else kill -9 "${servers[-1]}"; fi
	wait $answer
	same
	# what either node has a voucher for is in the client's file too
	cat "$BATS_TEST_TMPDIR"/b[12].jsonl | grep voucher | sort >"$BATS_TEST_TMPDIR/vouchers"
	[ "$(jq -s 'map(.nonce) | unique | length' "$BATS_TEST_TMPDIR/vouchers")" = 2 ]
	[ -z "$(comm -23 "$BATS_TEST_TMPDIR/vouchers" <(sort "$BATS_TEST_TMPDIR/two.jsonl"))" ]
}

@test "who does not agree: no terms, other terms, a node without, a chain" {
	paid a -- mai-run "$M"
	mai-ledger init -k log.key t
	id=$(mai-ledger append -k log.key t uEUR | cut -d ' ' -f 2)
	run -1 --separate-stderr mai-send -k me.key "$(at a)" <prompts.mai
	[[ $stderr == *"works by the terms $id (--terms)"* ]] || fail "$stderr"
	run -1 --separate-stderr mai-send -k me.key --terms sat "$(at a)" <prompts.mai
	[[ $stderr == *"works by the terms"* ]]
	mai-send -k node.key --any -l "$(at b)" -- mai-run "$M" 2>/dev/null 3>&- &
	servers+=($!)
	within 10 test -S "$BATS_TEST_TMPDIR/b"
	run -1 --separate-stderr mai-send -k me.key --terms uEUR "$(at b)" <prompts.mai
	[[ $stderr == *"the peer gives no receipts"* ]]
	run -2 mai-send -k me.key --terms uEUR --direct "$(at a)" "$(at b)"
	run -2 mai-send -k me.key --receipts x "$(at a)"
	run -2 mai-send -k node.key --any --terms uEUR --terms sat -l "$(at c)" -- cat
	run -2 mai-send -k node.key --any --terms uEUR --credit 100 -l "$(at c)" -- cat
	jq -c '.rows.price = 1' uEUR >changed
	run -1 --separate-stderr mai-send -k me.key --terms changed "$(at a)"
	[ "$stderr" = "mai-send: changed: a terms whose signature is wrong" ]
	run -3 mai-send -k me.key --terms none "$(at a)"
}

@test "what is written nowhere is not done: a full disk ends the stream" {
	[ -c /dev/full ] || skip "no /dev/full"
	paid a -- mai-run "$M"
	ln -s /dev/full full.jsonl.salts
	run -3 --separate-stderr mai-send -q -k me.key --timeout 1 --terms uEUR --receipts full.jsonl "$(at a)" <prompts.mai
	[[ $stderr == *"salts: write: No space left on device"* ]] || fail "$stderr"
	ln -s /dev/full "$BATS_TEST_TMPDIR/full.salts"
	mai-send -v -k node.key --any --terms uEUR --receipts "$BATS_TEST_TMPDIR/full" -l "$(at b)" -- mai-run "$M" 2>>"$BATS_TEST_TMPDIR/log" 3>&- &
	servers+=($!)
	within 10 test -S "$BATS_TEST_TMPDIR/b"
	! mai-send -q -k me.key --timeout 1 --terms uEUR "$(at b)" <prompts.mai >/dev/null 2>&1
	grep -q "salts: write: No space left on device" "$BATS_TEST_TMPDIR/log"
}
