# What we sign and name, beside libraries of another language: Digital Bazaar's for credentials, noble's Ed25519, js-multiformats.

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
