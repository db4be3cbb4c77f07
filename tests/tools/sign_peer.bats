# What we sign, name and prove, beside libraries of another language: Digital Bazaar's for credentials, noble's Ed25519 and SHA-256,
# js-multiformats.

load setup

setup() {
	PEER=${MAI_BUILD:-$top/build}/credentials
	npm_fetch "$PEER" "$top/tests/peers/credentials" "the libraries for credentials"
	cp "$top/tests/peers/credentials/verify.mjs" "$PEER"
	cd "$BATS_TEST_TMPDIR" || return
}

peer() {
	node "$PEER/verify.mjs" "$@"
}

# refused FILE: by the library, and by hand
refused() {
	run -1 --separate-stderr peer credential "$1"
	# shellcheck disable=SC2154
	[ -z "$output" ] && [[ $stderr == "library: "*$'\n'"hand: "* && $stderr != *": valid"* ]] || fail "$1: $output $stderr"
}

@test "their library verifies our credentials, and refuses those that are changed" {
	mai-sign keygen -W -o a >/dev/null
	mai-sign keygen -W -o b >/dev/null
	jq -n '{ id: "did:example:carol", model: "3fc7", quota: 1000, share: 1e-7, large: 1e21, "größe": "\u0001\"\\€😀", of: [null, true, [], {}, 0.1] }' >claims
	mai-sign attest -k a.key -T NodeCapability --until 2999-01-01T00:00:00Z claims >c
	mai-sign attest -k a.key claims >for-ever
	for f in c for-ever; do
		[ "$(peer credential $f)" = "$(printf 'library: valid\nhand: valid')" ]
	done
	jq . c >pretty
	peer credential pretty
	sed 's/1000/9000/' c >larger
	jq -c '.issuer = "'"$(mai-sign id --json b.pub | jq -r .did)"'"' c >other
	jq -c '.validUntil = "2998-01-01T00:00:00Z"' c >shorter
	jq -c '.proof.created = "2026-01-01T00:00:00Z"' c >earlier
	jq -c '.proof.proofValue = $of[0].proof.proofValue' --slurpfile of for-ever c >mixed
	for f in larger other shorter earlier mixed; do refused $f; done
	# what is signed, and no longer valid
	mai-sign attest -k a.key --until 2001-01-01T00:00:00Z claims >old
	run -1 --separate-stderr peer credential old
	[[ $stderr == "library: "*'after "validUntil"'*$'\n'"hand: valid" ]] || fail "$stderr"
}

@test "we check credentials that their library issues" {
	peer issue >c
	did=$(jq -r .issuer c)
	mai-sign check -p "$did" -T NodeCapability -s did:example:carol c | jq -e --slurpfile c c '. == $c[0].credentialSubject'
	jq -c . c | mai-sign check -p "$did" -
	jq '.credentialSubject.share = 0.2' c >larger
	run -1 --separate-stderr mai-sign check -p "$did" larger
	[ -z "$output" ] && [ "$stderr" = "mai-sign: larger: the proof's signature is wrong" ]
	peer issue >other
	run -1 mai-sign check -p "$did" other
}

@test "PeerId and did:key name one key" {
	for i in 1 2 3; do
		mai-sign keygen -W -o "$i" >/dev/null
		mai-sign id --json "$i.pub" >"$i.json"
		[ "$(peer peerid "$(jq -r .peer "$i.json")" "$(jq -r .did "$i.json")")" = "one key" ]
	done
	run -1 --separate-stderr peer peerid "$(jq -r .peer 1.json)" "$(jq -r .did 2.json)"
	[ "$stderr" = "they name different keys" ]
}

@test "CIDs of files" {
	: >empty
	for i in 1 2 3 4 5; do head -c $((RANDOM * i * i)) /dev/urandom >f$i; done
	mai-sign cid empty f? | cmp - <(peer cid empty f?)
	peer cid empty f? | mai-sign cid -c -
}

@test "signed notes: the peer itself, on notes of others" {
	need_shared vectors/note/signed-note.json
	local n=0 expect
	while read -r v; do
		jq -r .noteBase64 <<<"$v" | base64 -d >note
		expect=$(jq -r .expect <<<"$v")
		if [ "$expect" = ok ]; then
			peer note "$(jq -r '.vkeys[0]' <<<"$v")" note >text
			cmp text <(sed '/^$/,$d' note)
		else
			run -1 --separate-stderr peer note "$(jq -r '.vkeys[0]' <<<"$v")" note
			[ -z "$output" ] || fail "$v: $output"
		fi
		n=$((n + 1))
	done < <(jq -c '.[] | select((.vkeys | length) == 1)' "$SHARED/vectors/note/signed-note.json")
	[ $n -gt 0 ]
}

# vkey NAME TYPE PUB: the verifier key of a name, a type of signature (1, 4) and a public key of minisign
vkey() {
	local key="$BATS_TEST_TMPDIR/vkey"
	# shellcheck disable=SC2059
	{ printf "\\$2" && tail -n 1 "$3" | base64 -d | tail -c 32; } >"$key"
	echo "$1+$({ printf '%s\n' "$1" && cat "$key"; } | sha256sum | cut -c 1-8)+$(base64 -w 0 "$key")"
}

# not_by_them TEXT ARGUMENT...: the peer refuses it
not_by_them() {
	run -1 --separate-stderr peer "${@:2}"
	[ -z "$output" ] && [[ $stderr == *"$1"* ]] || fail "$*: $output $stderr"
}

@test "logs: they verify our records, checkpoints, cosignatures and proofs, and refuse those that are changed" {
	for name in log other witness a; do mai-sign keygen -q -W -o $name >/dev/null; done
	a=$(mai-sign id --json a.pub | jq -r .did)
	"${MAI_BUILD:-$top/build}/tests/bench/ledger-receipts" 300 peer >records
	jq -nc --arg a "$a" --arg h "$(sha256sum records | cut -d ' ' -f 1)" '
		{ type: "terms", issuer: $a, name: "größe \u0001\"😀", unit: "€", shares: [{ to: $a, part: 1e-7 }, 1e21, null] },
		{ type: "registration", kind: "model", name: "m", time: 1, owner: $a, asset: $h }' | mai-ledger sign -k a.key >>records
	mai-ledger init -k log.key --origin example.org/log log
	mai-ledger append -k log.key log records >told
	peer record records | cmp - <(cut -d ' ' -f 2 told)
	k=$(cat log/key)
	[ "$k" = "$(vkey example.org/log 1 log.pub)" ]
	peer note "$k" log/checkpoint | cmp - <(head -n 3 log/checkpoint)
	mai-ledger witness -k witness.key --name example.net/witness --state seen log >cosigned
	w=$(vkey example.net/witness 4 witness.pub)
	peer note "$k" cosigned | cmp - <(head -n 3 log/checkpoint)
	peer note "$w" cosigned | cmp - <(head -n 3 log/checkpoint)
	pairs=()
	for i in 0 1 137 255 256 300 301; do
		mai-ledger prove log $i >proof
		sed -n $((i + 1))p records >record
		cp proof proof.$i && cp record record.$i
		pairs+=(proof.$i record.$i)
		echo "record $i of 302 in example.org/log" >>want
	done
	jq . record >pretty
	echo "record 301 of 302 in example.org/log" >>want
	peer proof "$k" "${pairs[@]}" proof pretty | cmp - want
	# what is changed, or of somebody else
	not_by_them "not signed by example.net/witness" note "$w" log/checkpoint
	not_by_them "not signed by example.net/witness" note "$(vkey example.net/witness 4 other.pub)" cosigned
	not_by_them "not signed by example.org/log" note "$(vkey example.org/log 1 other.pub)" cosigned
	not_by_them "not signed by example.org/log" proof "$(vkey example.org/log 1 other.pub)" proof record
	sed 's/^302$/303/' cosigned >changed
	not_by_them "the signature is wrong" note "$k" changed
	not_by_them "the signature is wrong" note "$w" changed
	sed "s/^302\$/303/" proof >changed
	not_by_them "the signature is wrong" proof "$k" changed record
	sed 's/^index 301$/index 300/' proof >changed
	not_by_them "does not lead to the root" proof "$k" changed record
	sed 3d proof >changed
	not_by_them "the proof" proof "$k" changed record
	sed 's/"time":1,/"time":2,/' record >changed
	not_by_them "does not lead to the root" proof "$k" proof changed
	not_by_them "the signature is wrong" record changed
	sed '5s/"rows":/"rows":1/' records >changed
	not_by_them "the signature is wrong" record changed
	# a log with a record changed, and all its hashes made anew by who has its key, but not that of the record
	jq -c '.name = "n"' record >forged
	run -1 --separate-stderr mai-ledger append -k log.key log forged
	not_by_them "the signature is wrong" record forged
}
