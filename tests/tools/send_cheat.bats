# Nodes and clients that cheat, and how they are found out: by the other side, by an audit while they work, by one of the ledger afterwards.

load setup
load nodes

setup_file() {
	load setup
	load nodes
	[ -e "$M" ] || return 0
	cd "$BATS_FILE_TMPDIR" || return
	for name in node me log; do mai-sign keygen -q -W --json -o $name >$name.json; done
	make_models
	jq -nc --arg i "$(did node)" '{ type: "terms", issuer: $i, name: "by the row", unit: "sat", rows: { per: 1, price: 1 }, shares: [{ to: "node", parts: 1 }] }' |
		mai-ledger sign -k node.key >terms
	mai-shard split -q --stock -n 3 -o stock "$M"
	# the middle with one weight changed, and with a layer that adds nothing; both say that they are what they were
	/usr/bin/python3 "$top/tests/tools/gguf.py" zero stock/1.gguf weight.gguf 'blk\.[0-9]*\.ffn_up\.weight' 4
	/usr/bin/python3 "$top/tests/tools/gguf.py" zero stock/1.gguf layer.gguf 'blk\.2\.(attn_output|ffn_down)\.weight'
}

# node NAME COMMAND: one that works for vouchers, at the socket NAME, as $cheat does
node() {
	rm -f "$BATS_TEST_TMPDIR/$1"
	MAI_CHEAT=${cheat:-} "$MAI_BUILD/tests/cheat/mai-send" -v -k node.key --any --terms terms -l "/unix$BATS_TEST_TMPDIR/$1" -- sh -c "$2" 2>>"$BATS_TEST_TMPDIR/$1.log" 3>&- &
	servers+=($!)
	within 10 test -S "$BATS_TEST_TMPDIR/$1"
}

at() {
	echo "/unix$BATS_TEST_TMPDIR/$1"
}

# through WHAT: answers by way of a paid middle; what is said goes to `hop`
through() {
	generate "mai-run parts/0.gguf | mai-send -v -k me.key --timeout 1 --terms terms --receipts $BATS_TEST_TMPDIR/me.jsonl --record $BATS_TEST_TMPDIR/record $1 2>$BATS_TEST_TMPDIR/hop |
		mai-run parts/2.gguf" >"$BATS_TEST_TMPDIR/got"
}

setup() {
	need_shared models/stories260K.gguf
	[ -x "$MAI_BUILD/tests/cheat/mai-send" ] || skip "emulated: the build has no tool that cheats"
	cd "$BATS_FILE_TMPDIR" || return
	servers=()
	mkdir -p "$BATS_TEST_TMPDIR/record"
}

@test "receipts for twice the rows, old ones, and for another answer are not signed for; nor are vouchers for less taken" {
	node honest "mai-run parts/1.gguf"
	through "$(at honest)"
	grep -q '"voucher"' "$BATS_TEST_TMPDIR/me.jsonl"
	for cheat in twice old other; do
		rm "$BATS_TEST_TMPDIR"/me.jsonl*
		node $cheat "mai-run parts/1.gguf"
		! through "$(at $cheat)"
		grep -q "a receipt for what was not sent, or did not come back" "$BATS_TEST_TMPDIR/hop" || fail "$(cat "$BATS_TEST_TMPDIR/hop")"
		# the client has signed for what was right until then
		[ "$(grep -c '"voucher"' "$BATS_TEST_TMPDIR/me.jsonl")" -le "$(grep -c '"receipt"' "$BATS_TEST_TMPDIR/me.jsonl")" ] || fail "$(cat "$BATS_TEST_TMPDIR/me.jsonl")"
	done
	! generate "mai-run parts/0.gguf | MAI_CHEAT=less $MAI_BUILD/tests/cheat/mai-send -k me.key --timeout 1 --terms terms $(at honest) | mai-run parts/2.gguf" >/dev/null 2>&1
	grep -q "a voucher that is not for the receipt that it names" "$BATS_TEST_TMPDIR/honest.log"
}

@test "another weight, a layer left out: an audit online sees it, with the evidence" {
	for wrong in weight layer; do
		node good "mai-run parts/1.gguf"
		node $wrong "mai-run $wrong.gguf"
		mkdir -p "$BATS_TEST_TMPDIR/evidence"
		! generate "mai-run parts/0.gguf | mai-send -v -k me.key --terms terms --audit 1 --evidence $BATS_TEST_TMPDIR/evidence $(at good),$(at $wrong) 2>$BATS_TEST_TMPDIR/hop |
			mai-run parts/2.gguf" >/dev/null
		grep -q "give different answers" "$BATS_TEST_TMPDIR/hop" || fail "$(cat "$BATS_TEST_TMPDIR/hop")"
	done
}

@test "another weight, a layer left out: the ledger's audit sees it, and proves it to who has only the layers, the log's key and the proof" {
	mai-ledger init -k log.key log.d
	for wrong in weight layer; do
		rm -rf "$BATS_TEST_TMPDIR"/me.jsonl* "$BATS_TEST_TMPDIR"/record/* proofs
		mkdir proofs
		node good "mai-run parts/1.gguf"
		node $wrong "mai-run $wrong.gguf"
		through "$(at good)"
		through "$(at $wrong)"
		cat terms "$BATS_TEST_TMPDIR/me.jsonl" | mai-ledger append -k log.key log.d >/dev/null
		audit() {
			mai-ledger audit --record "$BATS_TEST_TMPDIR/record" --salts "$BATS_TEST_TMPDIR/me.jsonl.salts" "$@" log.d "mai-run parts/1.gguf"
		}
		run -1 --separate-stderr audit --proofs proofs
		[[ $output == *" receipts as computed, "*" not, 0 not of these rows or layers" ]] || fail "$output"
		n=$(find proofs -type f | wc -l)
		[ "$n" -ge 4 ]
		[[ $stderr == "mai-ledger: log.d: $n receipts are wrong" ]]
		# on another machine
		rm -rf alone
		mkdir alone
		cp log.d/key parts/1.gguf $wrong.gguf alone
		proof=$(find proofs -type f | sort | head -n 1)
		cp "$proof" alone/proof
		cd alone
		[ "$(mai-ledger audit -p key --fraud proof "mai-run 1.gguf")" = "$(did ../node) has not computed what it says" ]
		run -1 --separate-stderr mai-ledger audit -p key --fraud proof "mai-run $wrong.gguf"
		[[ $stderr == *"shows no fraud: the answer is right" ]]
		# any byte changed, and it is none: no log's record, no rows of the receipt's, or no file
		size=$(stat -c %s proof) rounds=30
		[ -z "${MAI_SAN:-}" ] || rounds=5
		for i in $(seq 1 $((size / rounds)) "$size"); do
			cp proof changed
			byte=$(od -An -tu1 -j $((i - 1)) -N 1 proof)
			printf "\\x$(printf %x $((byte ^ 1)))" | dd of=changed bs=1 seek=$((i - 1)) conv=notrunc status=none
			run ! mai-ledger audit -p key --fraud changed "mai-run 1.gguf"
		done
		head -c $((size - 100)) proof >changed
		run ! mai-ledger audit -p key --fraud changed "mai-run 1.gguf"
		cd ..
	done
	# who has erased a salt can show nothing any more
	: >"$BATS_TEST_TMPDIR/me.jsonl.salts"
	run -0 --separate-stderr audit
	[ "$output" = "0 receipts as computed, 0 not, 0 not of these rows or layers" ]
	[[ $stderr == *"its salt is not there"* ]]
}
