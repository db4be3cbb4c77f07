# Settlements: what another program computes from the same log, in writing, and from stretch to stretch; the models of payment.

load setup

setup_file() {
	load setup
	cd "$BATS_FILE_TMPDIR" || return
	for name in 0 1 2 3 4 log; do mai-sign keygen -q -W -o $name >/dev/null; done
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	ln -s "$BATS_FILE_TMPDIR"/*.key "$BATS_FILE_TMPDIR"/*.pub .
}

# log NAME FILE: a log of its own with the records of a file
log() {
	rm -rf "$1"
	mai-ledger init -k log.key --origin "example.org/$1" "$1"
	mai-ledger append -k log.key "$1" "$2" >/dev/null
}

# payments of a statement, as settle.jq prints them
payments() {
	jq -r '.payments[] | [.from, .to, .unit, .amount, .terms, .share] | @tsv' "$@" | sort
}

# sums of a statement's payments by payer and unit
sums() {
	jq -sc '[.[].payments[]] | group_by([.from, .unit]) | map([.[0].from, .[0].unit, (map(.amount) | add)])' "$@"
}

did() {
	mai-sign id --json "$1.pub" | jq -r .did
}

# sign WHO JSON: the record
sign() {
	jq -nc --arg me "$(did "$1")" "$2" | mai-ledger sign -k "$1.key"
}

# id RECORD: of its leaf in a log
id() {
	{ printf '\0' && printf %s "$1"; } | sha256sum | cut -d ' ' -f 1
}

# refused STATUS TEXT COMMAND...: one line that has this text, nothing on stdout
refused() {
	local status_wanted=$1 text=$2
	shift 2
	run "-$status_wanted" --separate-stderr "$@"
	[ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == *"$text"* ]] || fail "$*: $output $stderr"
}

@test "random logs: another program computes the same payments; neither receipts' order nor the machine's language matters" {
	local seeds=12 n=0
	[ -z "${MAI_SAN:-}" ] || seeds=3
	for seed in $(seq $seeds); do
		"$top/tests/peers/random_log.py" "$seed" 5
		log L records
		mai-ledger settle -q --json L >ours
		mai-ledger export L | jq -rsf "$top/tests/peers/settle.jq" | sort >theirs
		payments ours | diff - theirs || fail "seed $seed"
		n=$((n + $(wc -l <theirs)))
		LC_ALL=tr_TR.UTF-8 TZ=Asia/Kathmandu mai-ledger settle -q --json L | cmp - ours
		log L shuffled
		mai-ledger settle -q --json L | payments | cmp - theirs
	done
	[ $n -gt $((5 * seeds)) ]
}

@test "another processor computes the same statement" {
	need_aarch64
	for seed in 101 102 103; do
		"$top/tests/peers/random_log.py" $seed 5
		log L records
		mai-ledger settle -q --json -k log.key L >ours
		PATH=$AARCH64:$PATH mai-ledger settle -q --json -k log.key L | cmp - ours
	done
}

@test "CSV says what JSON does, and so do the lines for people" {
	"$top/tests/peers/random_log.py" 5 5
	log L records
	mai-ledger settle -q --csv L >csv
	mai-ledger settle -q --json L >json
	python3 - csv json <<-'END'
		import csv, json, sys
		rows = list(csv.DictReader(open(sys.argv[1], newline="")))
		payments = json.load(open(sys.argv[2]))["payments"]
		assert len(rows) == len(payments) > 5 and any('"' in p["unit"] for p in payments)
		for r, p in zip(rows, payments):
		    p["records"] = " ".join(map(str, p["records"]))
		    assert r == {k: "" if v is None else str(v) for k, v in p.items()}, (r, p)
	END
	[ "$(grep -c $'\r$' csv)" = "$(wc -l <csv)" ]
	mai-ledger settle -q L >lines
	jq -r '.payments[] | "\(.from) pays \(.to) \(.amount) \(.unit)"' json | cmp - lines
	# payouts are sums of payments
	jq -e '(.payments | group_by([.to, .unit]) | map({ to: .[0].to, unit: .[0].unit, amount: (map(.amount) | add) })) == (.payouts | sort_by([.to, .unit]))' json
}

@test "from stretch to stretch: each client pays the same in all, and no receipt is paid twice" {
	for seed in 21 22 23; do
		"$top/tests/peers/random_log.py" $seed 5
		head -n 20 records >first
		log L first
		mai-ledger settle -q --json -k log.key L >one
		mai-ledger append -k log.key L records >/dev/null
		mai-ledger settle -q --json --since one L >two
		mai-ledger settle -q --json L >whole
		[ "$(sums one two)" = "$(sums whole)" ] || fail "seed $seed: $(sums one two) and not $(sums whole)"
		jq -se '[.[] | .payments | map({ records, node }) | unique[].records[]] | length == (unique | length)' one two
		jq -e '.from == 20' two
		# what came after all is nothing
		mai-ledger settle -q --json --since two L | jq -e '.payments == [] and .from == .to and .refused == []'
	done
}

@test "a statement is signed by its issuer; a changed one, one of another log and one of a forked log are refused" {
	"$top/tests/peers/random_log.py" 5 5
	log L records
	mai-ledger settle -q --json -k log.key L >s
	jq -e --arg did "$(did log)" '.issuer == $did and .log == "example.org/L"' s
	mai-ledger settle -q --since s L
	# its form does not matter
	jq . s >pretty
	mai-ledger settle -q --since pretty L
	mai-ledger settle -q --since - L <s
	for change in '.payments[0].amount += 1' '.payouts = []' '.paid += [{}]' '.from = 1' '.to -= 1' 'del(.signature)' 'del(.issuer)' '.issuer = "'"$(did 0)"'"' \
		'.signature = "AAAA"' '.note = "paid"'; do
		jq -c "$change" s >changed
		refused 1 "changed: a statement " mai-ledger settle -q --since changed L
	done
	log M records
	refused 1 "s: a statement for another log" mai-ledger settle -q --since s M
	# of the same name and key, but what it began with is another
	shuf --random-source=records records >other
	cmp -s records other && fail "not another order"
	log L other
	refused 1 "s: a statement for a log that began otherwise" mai-ledger settle -q --since s L
	head -n 5 records >few
	log L few
	refused 1 "a statement for a log of $(wc -l <records) records; this has 5" mai-ledger settle -q --since s L
}

@test "statements that are none, and those without a signature" {
	"$top/tests/peers/random_log.py" 1 5
	log L records
	mai-ledger settle -q --json L >s
	jq -e 'has("issuer") or has("signature") | not' s
	mai-ledger settle -q --since s L
	for change in '.type = "receipt"' 'del(.paid)' '.paid = [{ terms: "x", share: 0, amount: 0 }]' '.to = -1' '.to += 0.5' '.to = "1"' 'del(.root)' '.root = "00"' '[.]' \
		".paid = [{ terms: \"$(printf %064d 1)\", share: 64, amount: 0 }]" ".paid = [{ terms: \"$(printf %064d 1)\", share: 0, amount: -1 }]"; do
		jq -c "$change" s >changed
		refused 1 "changed: " mai-ledger settle -q --since changed L
	done
	head -c 500 /dev/urandom >random
	: >empty
	head -c 100 s >cut
	for f in random empty cut log.pub; do
		refused 1 "$f: " mai-ledger settle -q --since $f L
	done
	refused 3 "none: No such file" mai-ledger settle -q --since none L
}

@test "what does not count is named, each record by its place, and the others are paid" {
	terms=$(sign 0 '{ type: "terms", issuer: $me, name: "t", unit: "u", rows: { per: 1, price: 1 }, shares: [{ to: $me, parts: 1 }] }')
	bad=$(sign 0 '{ type: "terms", issuer: $me, name: "t", unit: "u", shares: [] }')
	asset=$(printf %064d 7)
	# receipt NONCE TERMS MORE: of node 1 for client 2
	receipt() {
		sign 1 '{ type: "receipt", client: "'"$(did 2)"'", node: $me, nonce: "'"$(printf %064d "$1")"'", terms: "'"$2"'", rows: 10, sequence: 0, first_layer: 0,
			last_layer: 1, from: 0, to: 10, time: 1, profile: "mai-1", wire: "f32", input: "'"$asset"'", output: "'"$asset"'" }'" + $3"
	}
	# voucher RECEIPT MORE
	voucher() {
		jq -c --arg id "$(id "$1")" '{ type: "voucher", receipt: $id, client, node, nonce, rows, terms, time } + '"$2" <<<"$1" | mai-ledger sign -k 2.key
	}
	good=$(receipt 1 "$(id "$terms")" '{}')
	lost=$(receipt 2 "$(id "$terms")" '{ previous: "'"$asset"'" }')
	other=$(receipt 3 "$(id "$bad")" '{}')
	{
		echo "$terms"
		echo "$bad"
		echo "$good"
		voucher "$good" '{}'
		voucher "$good" '{ rows: 11 }'
		echo "$lost"
		voucher "$lost" '{}'
		echo "$other"
		voucher "$other" '{}'
		voucher "$(receipt 4 "$(id "$terms")" '{}')" '{}'
		sign 3 '{ type: "registration", asset: "'"$asset"'", kind: "model", name: "m", owner: $me, time: 1 }'
		sign 4 '{ type: "registration", asset: "'"$asset"'", kind: "model", name: "m", owner: $me, time: 1 }'
		sign 4 '{ type: "transfer", asset: "'"$asset"'", from: $me, to: "'"$(did 2)"'", time: 1 }'
		sign 2 '{ type: "subscription", client: $me, from: 0, periods: 1, terms: "'"$(id "$terms")"'", time: 1 }'
	} >records
	log L records
	run -0 --separate-stderr mai-ledger settle --json L
	jq -e '[.payments[].amount] == [10] and .payments[0].records == [2]' <<<"$output"
	jq -e '.refused | length == 8' <<<"$output"
	jq -r '.refused[] | "mai-ledger: warning: record \(.index) does not count: \(.why)"' <<<"$output" | sort >want
	printf '%s\n' "${stderr_lines[@]}" | sort | diff - want
	jq -e '[.refused[].index] == [1, 4, 6, 8, 9, 11, 12, 13] and .refused[0].why == "terms that mean nothing"' <<<"$output"
	run -0 --separate-stderr mai-ledger settle -q L
	[ "$output" = "$(did 2) pays $(did 0) 10 u" ] && [ -z "$stderr" ]
	# those of an older stretch are not named again
	mai-ledger settle -q --json L >s
	run -0 --separate-stderr mai-ledger settle --since s L
	[ -z "$output$stderr" ]
}

@test "terms that mean nothing bind nobody, and don't stop a settlement" {
	local n=0
	: >records
	for change in 'del(.shares[0])' '.shares[0].parts = 0' '.shares[0].parts = 4294967297' '.shares[0].to = "nobody"' '.shares[0].to = { owner: "x" }' '.shares[0].more = 1' \
		'.rows.per = 0' 'del(.rows.price)' '.rows.price = -1' '.rows.price = 0.5' '.rows.price = 9007199254740994' '.resale = { parts: 2, per: 1, to: .issuer }' '.period = { price: 1 }' \
		'.unit = ""' '.unit = "'"$(printf %064d 1)"'"' '.shares = [range(65) as $i | { to: "node", parts: 1 }]'; do
		sign 0 '{ type: "terms", issuer: $me, name: "t", unit: "u", rows: { per: 1, price: 1 }, shares: [{ to: $me, parts: 1 }] } | '"$change" >>records
		n=$((n + 1))
	done
	log L records
	mai-ledger settle -q --json L | jq -e --argjson n $n '.payments == [] and (.refused | length == $n) and all(.refused[]; .why == "terms that mean nothing")'
}

@test "usage, files, and a full disk" {
	"$top/tests/peers/random_log.py" 1 5
	log L records
	for wrong in "" "L L" "--csv --json L" "-k log.key L" "-k log.key --csv L"; do
		# shellcheck disable=SC2086
		run -2 mai-ledger settle $wrong
	done
	refused 3 "none" mai-ledger settle none
	refused 3 "none.key: No such file" mai-ledger settle -k none.key --json L
	run -3 --separate-stderr bash -c 'mai-ledger settle -q L >/dev/full'
	[[ $stderr == *"No space left"* ]]
	log M records
	refused 1 "" mai-ledger settle -q -p M/key L
	# a record that was changed behind the log's back
	find L/tile/entries -type f -exec sed -i 's/"periods":1/"periods":2/; s/"rows":1/"rows":2/' {} +
	refused 1 " is not the one of its hash" mai-ledger settle -q L
	printf '' >nothing
	log E nothing
	[ -z "$(mai-ledger settle E)" ]
	mai-ledger settle --json E | jq -e '.payments == [] and .to == 0'
	mai-ledger settle --csv E | cmp - <(printf 'from,to,unit,amount,terms,share,node,rows,records\r\n')
}

# pays MODEL: the example's output is that on stdin
pays() {
	cat >want
	"$top/scripts/examples/payments" "$1" "$1" >got
	diff got want
	mai-ledger verify "$1/log"
}

@test "models of payment: a price a token" {
	# Carol has 1400 rows, less 100 that are free: 1300 * 250 / 1000 = 325, by rows: 325 * 1100 / 1400 = 255.36 and 325 * 300 / 1400 = 69.64, whole: 255 and
	# 70. The author has 60 parts of 100: 153 and 42, the nodes 102 and 28. Dave's 90 rows are free.
	pays tokens <<-END
		carol pays author 153 uEUR
		carol pays author 42 uEUR
		carol pays node 102 uEUR
		carol pays other 28 uEUR
		author gets 195 uEUR
		node gets 102 uEUR
		other gets 28 uEUR
	END
}

@test "models of payment: a subscription" {
	# One period: 7 and 3 tenths of 10,000,000. The million rows in it cost nothing; 4000 after its end cost 4000 * 250 / 1000 = 1000.
	pays subscription <<-END
		carol pays author 700 uEUR
		carol pays author 7000000 uEUR
		carol pays node 300 uEUR
		carol pays node 3000000 uEUR
		author gets 7000700 uEUR
		node gets 3000300 uEUR
	END
}

@test "models of payment: funders, until they have had twice what they gave" {
	# 1000 by 500 : 300 : 200. Then of 1500 they would have 750, 450 and 300, but may have 500, 300 and 200 more; the author has what is left, 500.
	pays crowd <<-END
		carol pays ann 500 uEUR
		carol pays ben 300 uEUR
		carol pays cid 200 uEUR
		ann gets 500 uEUR
		ben gets 300 uEUR
		cid gets 200 uEUR

		dave pays ann 500 uEUR
		dave pays author 500 uEUR
		dave pays ben 300 uEUR
		dave pays cid 200 uEUR
		ann gets 500 uEUR
		author gets 500 uEUR
		ben gets 300 uEUR
		cid gets 200 uEUR
	END
	jq -e '[.paid[].amount] | sort == [400, 600, 1000]' crowd/statement.2
	jq -e '.from == 3 and (.payments | map(.share) | sort == [0, 1, 2, "rest"])' crowd/statement.2
}

@test "models of payment: an adapter is sold on" {
	# The first sale has no terms. Of 3001, 5 in 100 are 150.05: 150. Of 1000 rows nine tenths are Bob's, of the 2000 after the sale Erin's.
	pays resale <<-END
		bob pays author 150 uEUR
		carol pays bob 900 uEUR
		carol pays erin 1800 uEUR
		carol pays node 100 uEUR
		carol pays node 200 uEUR
		author gets 150 uEUR
		bob gets 900 uEUR
		erin gets 1800 uEUR
		node gets 300 uEUR
	END
}

@test "models of payment: joint work" {
	# 1003 by 40 : 10 : 35 : 15 : 25 of 125 are 320.96, 80.24, 280.84, 120.36 and 200.6. Whole they are 1000; the three that are left go to .96, .84 and .6.
	pays joint <<-END
		carol pays ada 120 uEUR
		carol pays dora 321 uEUR
		carol pays node 201 uEUR
		carol pays theo 281 uEUR
		carol pays vera 80 uEUR
		ada gets 120 uEUR
		dora gets 321 uEUR
		node gets 201 uEUR
		theo gets 281 uEUR
		vera gets 80 uEUR
	END
	run -3 "$top/scripts/examples/payments" joint joint
	run -2 "$top/scripts/examples/payments" barter
	run -2 "$top/scripts/examples/payments"
}
