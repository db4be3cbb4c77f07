# Keys and the names they give; signatures, beside minisign and signify.

load setup

# need PROGRAM
need() {
	command -v "$1" >/dev/null || skip "needs $1"
}

setup_file() {
	load setup
	cd "$BATS_FILE_TMPDIR" || return
	# a passphrase takes seconds each time, which is what it is for
	setsid -w sh -c 'echo secret | mai-sign keygen -o locked' >names
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

@test "keygen: two files, the secret one its owner's; no key is written over" {
	mai-sign keygen -W -o a >names
	[ "$(stat -c %a a.key a.pub | tr '\n' ' ')" = "600 644 " ]
	grep -q '^did:key  did:key:z6Mk' names && grep -q '^PeerId   12D3KooW' names
	mai-sign id a.pub | cmp - names
	mai-sign id --json a.pub | jq -e --arg names "$(cat names)" '. as $o | $names | contains($o.did) and contains($o.peer) and contains($o.key)'
	[[ $(head -n 1 a.pub) == "untrusted comment: minisign public key $(mai-sign id --json a.pub | jq -r .key)" ]]
	cp a.key before
	run -3 --separate-stderr mai-sign keygen -W -o a
	[ "${#stderr_lines[@]}" = 1 ] && cmp a.key before
	rm a.pub
	run -3 mai-sign keygen -W -o a
	cmp a.key before && [ ! -e a.pub ]
	mai-sign keygen -W -o b >other
	run ! cmp names other
	run -3 mai-sign keygen -W -o missing/folder/key
}

@test "without a name: the user's own key, which mai-send takes" {
	export HOME=$BATS_TEST_TMPDIR/home XDG_CONFIG_HOME=
	mkdir home
	run -3 --separate-stderr mai-send --identify /ip4/127.0.0.1/tcp/1
	[[ $stderr == *"/home/.config/mai/me.key: no such file"*"mai-sign keygen"* ]]
	mai-sign keygen -W >names
	[ "$(stat -c %a home/.config/mai home/.config/mai/me.key | tr '\n' ' ')" = "700 600 " ]
	mai-sign id | cmp - names
	run -3 mai-sign keygen -W
	run -3 --separate-stderr mai-send --identify /ip4/127.0.0.1/tcp/1
	[[ $stderr == *"cannot connect"* ]]
	XDG_CONFIG_HOME=$PWD/other mai-sign keygen -W >names
	[ -e other/mai/me.pub ]
}

@test "a key with a passphrase: the right one opens it, another does not" {
	cp "$BATS_FILE_TMPDIR/locked.key" .
	[ "$(sed -n 2p locked.key | base64 -d | head -c 4)" = EdSc ]
	# nobody listens there: how far it gets tells whether the key was read
	run -1 --separate-stderr setsid -w sh -c 'echo wrong | mai-send -k locked.key --identify /ip4/127.0.0.1/tcp/1'
	[[ $stderr == *"locked.key: wrong passphrase"* ]]
	run -3 --separate-stderr setsid -w sh -c 'echo secret | mai-send -k locked.key --identify /ip4/127.0.0.1/tcp/1'
	[[ $stderr == *"cannot connect"* ]]
	run -3 setsid -w sh -c 'mai-sign keygen -o none </dev/null'
	[ ! -e none.key ]
}

@test "what is no key is refused with one line" {
	mai-sign keygen -q -W -o a >/dev/null
	head -c 100 a.pub >cut
	: >empty
	head -c 200 /dev/urandom >random
	for f in cut empty random a.key; do
		run -1 --separate-stderr mai-sign id $f
		[ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == "mai-sign: $f: not a public key of minisign" ]] || fail "$f: $stderr"
	done
	run -3 mai-sign id missing
	run -2 mai-sign id a.pub b.pub
	run -2 mai-sign keygen name
}

# some N: files of random sizes and bytes, f101 and on; few of them are empty
some() {
	local i
	for i in $(seq "$1"); do head -c $((RANDOM * RANDOM % (1 << (RANDOM % 20)))) /dev/urandom >f$((100 + i)); done
}

@test "minisign verifies what we sign, and we what it signs: files of random sizes" {
	need minisign
	mai-sign keygen -W -o a >/dev/null
	local n=100
	[ -z "${MAI_SAN:-}" ] || n=10
	some $n
	mai-sign sign -k a.key f???
	for f in f???; do
		minisign -Vqm $f -p a.pub || fail $f
		minisign -S -s a.key -x $f.theirs -m $f -t "theirs: $f" </dev/null >/dev/null
		[ "$(mai-sign verify -p a.pub -x $f.theirs $f)" = "$f: signed by $(mai-sign id --json a.pub | jq -r .did): theirs: $f" ]
	done
	# all at once; and of each, with a byte more, none
	[ "$(mai-sign verify -p a.pub f??? | wc -l)" = $n ]
	for f in f???; do echo >>$f; done
	run -1 --separate-stderr mai-sign verify -p a.pub f???
	[ -z "$output" ] && [ "${#stderr_lines[@]}" = $n ]
}

@test "keys of minisign and of ours, with a passphrase" {
	need minisign
	[ -z "${MAI_SAN:-}" ] || skip "tried by the build without sanitizers"
	cp "$BATS_FILE_TMPDIR"/locked.??? .
	setsid -w sh -c 'printf "secret\nsecret\n" | minisign -G -p theirs.pub -s theirs.key >/dev/null'
	echo data >f
	setsid -w sh -c "echo secret | mai-sign sign -k theirs.key f"
	minisign -Vqm f -p theirs.pub
	setsid -w sh -c "echo secret | minisign -S -s locked.key -m f >/dev/null"
	mai-sign verify -p locked.pub f
}

@test "signify verifies what we sign with --legacy, and we what it signs" {
	need signify-openbsd
	mai-sign keygen -W -o a >/dev/null
	signify-openbsd -G -n -p s.pub -s s.sec
	some 10
	for f in f???; do
		mai-sign sign --legacy -k a.key -x $f.a $f
		signify-openbsd -Vq -p a.pub -x $f.a -m $f || fail $f
		minisign -Vqm $f -x $f.a -p a.pub
		mai-sign verify -p a.pub -x $f.a $f
		signify-openbsd -S -s s.sec -m $f
		[ "$(mai-sign verify -p s.pub $f)" = "$f: signed by $(mai-sign id --json s.pub | jq -r .did)" ]
		echo >>$f
		run -1 mai-sign verify -p s.pub $f
		run -1 mai-sign verify -p a.pub -x $f.a $f
	done
}

@test "the files of others: good ones verify, bad ones don't" {
	need_shared vectors/minisign/a.pub
	local v=$SHARED/vectors/minisign f m k n=0
	for f in "$v"/*.minisig "$v"/*.sig; do
		m=$(basename "$f")
		k=a
		[[ $m != *.b.* ]] || k=b
		[[ $m != *.c-password* ]] || k=c
		[[ $m != *.sig ]] || k=s
		for m in "$v"/msg/*; do
			if [[ $(basename "$f") == $(basename "$m").* ]]; then
				mai-sign verify -p "$v/$k.pub" -x "$f" "$m"
				n=$((n + 1))
			else
				run -1 mai-sign verify -p "$v/$k.pub" -x "$f" "$m"
			fi
		done
	done
	[ $n -gt 10 ]
	for f in "$v"/good/*; do mai-sign verify -p "$v/a.pub" -x "$f" "$v/msg/hello.txt"; done
	for f in "$v"/bad/*; do
		run -1 --separate-stderr mai-sign verify -p "$v/a.pub" -x "$f" "$v/msg/hello.txt"
		[ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ] || fail "$f: $output $stderr"
	done
}

@test "who must have signed: a file, a did:key, a PeerId, a line of minisign, a name; or anybody in a list" {
	mai-sign keygen -W -o a >/dev/null
	mai-sign keygen -W -o b >/dev/null
	echo data >f
	mai-sign sign -k a.key -t "the first" f
	a=$(mai-sign id --json a.pub | jq -r .did)
	b=$(mai-sign id --json b.pub | jq -r .did)
	for k in a.pub "$a" "$(mai-sign id --json a.pub | jq -r .peer)" "$(tail -n 1 a.pub)"; do
		[ "$(mai-sign verify -p "$k" f)" = "f: signed by $a: the first" ]
	done
	for k in b.pub "$b" "$(tail -n 1 b.pub)" f none; do
		run ! mai-sign verify -p "$k" f
		[ "${#lines[@]}" = 1 ]
	done
	printf '# whom we trust\n%s alice works on models\n%s bob\n' "$a" "$b" >list
	[ "$(mai-sign verify -a list f)" = "f: signed by alice: the first" ]
	[ "$(mai-sign verify -a list -p alice f)" = "f: signed by $a: the first" ]
	mai-sign verify -a list --json f | jq -e --arg did "$a" '. == { file: "f", did: $did, name: "alice", comment: "the first" }'
	run -1 --separate-stderr mai-sign verify -a list -p bob f
	[ "$stderr" = "mai-sign: f: the signature is wrong, or of another key" ]
	run -1 mai-sign verify -a list -p carol f
	sed -i /alice/d list
	run -1 mai-sign verify -a list f
	: >empty
	run -1 --separate-stderr mai-sign verify -a empty f
	[[ $stderr == "mai-sign: f: signed by key "*", which is not known" ]]
	export XDG_CONFIG_HOME=$PWD/config
	run -3 --separate-stderr mai-sign verify f
	[[ $stderr == *"/config/mai/trusted: No such file or directory" ]]
	mkdir -p config/mai && echo "$a me" >config/mai/trusted
	[ "$(mai-sign verify f)" = "f: signed by me: the first" ]
}

@test "stdin and stdout, several files, and what can't be" {
	mai-sign keygen -W -o a >/dev/null
	echo data | mai-sign sign -k a.key -x - - >sig
	echo data | mai-sign verify -p a.pub -x sig -
	echo data >f
	mai-sign verify -p a.pub -x - f <sig
	run -2 mai-sign sign -k a.key
	run -2 mai-sign sign -k a.key -
	run -2 mai-sign verify -p a.pub -x sig f f
	# what is there goes on, what is missing is said
	mai-sign sign -k a.key f
	run -3 --separate-stderr mai-sign verify -p a.pub none f
	[[ $output == "f: signed by "* ]] && [ "$stderr" = "mai-sign: none.minisig: No such file or directory" ]
	run -3 --separate-stderr mai-sign sign -k a.key none
	[ ! -e none.minisig ]
	run -1 --separate-stderr mai-sign sign -k a.key -t $'two\nlines' -x g f
	[[ $stderr == *"the trusted comment is not a line of text" ]] && [ ! -e g ]
	run -3 --separate-stderr bash -c 'mai-sign verify -p a.pub f >/dev/full'
	[[ $stderr == *"No space left"* ]]
	head -c 1000 /dev/urandom >random
	for x in random empty f a.pub a.key; do
		: >>$x
		run -1 --separate-stderr mai-sign verify -p a.pub -x $x f
		[ "${#stderr_lines[@]}" = 1 ] || fail "$x: $stderr"
	done
}

# refuses TEXT COMMAND...: status 1, one line that ends so, nothing on stdout
refuses() {
	local text=$1
	shift
	run -1 --separate-stderr "$@" </dev/null
	[ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == *"$text" ]] || fail "$*: $output $stderr"
}

@test "models: one signature vouches for all shards, and each is checked by itself" {
	need_shared models/stories260K.gguf
	mai-sign keygen -W -o a >/dev/null
	mai-sign keygen -W -o b >/dev/null
	echo "$(mai-sign id --json a.pub | jq -r .did) alice" >list
	echo "$(mai-sign id --json b.pub | jq -r .did) bob" >others
	cp "$M" whole.gguf
	mai-shard split -q -n 2 -o parts whole.gguf
	run -3 mai-sign verify -a list -m parts/manifest.json
	refuses "parts/1.gguf: is not signed, and neither is parts/manifest.json" mai-run --trust list parts/1.gguf
	mai-sign sign -k a.key parts/manifest.json whole.gguf
	[ "$(mai-sign verify -a list -m parts/manifest.json parts/1.gguf whole.gguf)" = \
		"$(printf '%s: signed by alice\n' parts/manifest.json parts/1.gguf whole.gguf)" ]
	mai-tokenize -m "$M" "Once upon a time" >in.mai
	mai-run -n 5 --temp 0 "$M" <in.mai >want
	for model in whole.gguf parts/manifest.json "parts/0.gguf parts/1.gguf"; do
		# shellcheck disable=SC2086
		mai-run -n 5 --temp 0 --trust list $model <in.mai | cmp - want
		# shellcheck disable=SC2086
		refuses ": the signature is wrong, or of another key" mai-run -n 5 --trust others $model
	done
	mai-run -n 5 --temp 0 --via 'mai-run --trust list parts/0.gguf | mai-run --trust list parts/1.gguf' <in.mai | cmp - want
	# who has one shard needs no other
	mkdir one
	cp parts/1.gguf parts/manifest.json* one
	mai-sign verify -a list -m one/1.gguf
	run -3 mai-sign verify -a list -m one/manifest.json
	# the verbs of mai-shard
	mai-shard info --trust list parts/manifest.json >info
	mai-shard join --trust list -o joined.gguf parts/manifest.json
	mai-shard quantize -q q8_0 --trust list -o q.gguf whole.gguf
	refuses "is not signed, and neither is manifest.json" mai-shard info --trust list q.gguf
	refuses "is not signed, and neither is manifest.json" mai-shard merge --mean --trust list -o mean.gguf whole.gguf:0.5 q.gguf
	refuses ": the signature is wrong, or of another key" mai-shard split -n 2 --trust others -o other whole.gguf
	[ ! -e other ] && [ ! -e mean.gguf ]
	# another shard, a byte of one, a manifest that names another
	cp parts/1.gguf one/2.gguf
	refuses "one/2.gguf: is not signed, and one/manifest.json does not name it" mai-run --trust list one/2.gguf
	printf '\1' | dd of=one/1.gguf bs=1 seek=500000 conv=notrunc status=none
	refuses "one/1.gguf: not the file that one/manifest.json states (SHA-256)" mai-run --trust list one/1.gguf
	sed -i "s/$(sha256sum parts/1.gguf | cut -d ' ' -f 1)/$(sha256sum one/1.gguf | cut -d ' ' -f 1)/" one/manifest.json
	refuses "one/manifest.json: the signature is wrong, or of another key" mai-run --trust list one/1.gguf
	run -2 mai-run -n 5 --trust list --via 'cat'
	run -3 mai-run -n 5 --trust none whole.gguf
}

@test "credentials: issued for who is named, checked offline, printed as JSON; changed ones are refused" {
	mai-sign keygen -W -o a >/dev/null
	mai-sign keygen -W -o b >/dev/null
	a=$(mai-sign id --json a.pub | jq -r .did)
	b=$(mai-sign id --json b.pub | jq -r .did)
	echo "$a alice" >list
	jq -n --arg b "$b" '{ id: $b, model: "3fc7", quota: 1000 }' >claims
	mai-sign attest -k a.key -T NodeCapability --until 2999-01-01T00:00:00Z claims >c
	mai-sign attest -k a.key <claims >for-ever
	jq -e --arg a "$a" --arg b "$b" '.issuer == $a and .credentialSubject.id == $b and .proof.cryptosuite == "eddsa-jcs-2022" and
		.["@context"][0] == "https://www.w3.org/ns/credentials/v2" and .type == ["VerifiableCredential", "NodeCapability"]' c
	mai-sign check -a list -T NodeCapability -s "$b" c | jq -e --slurpfile want claims '. == $want[0]'
	[ "$(mai-sign check -p alice -a list c for-ever | wc -l)" = 2 ]
	mai-sign check -p a.pub - <for-ever
	# its form does not matter, what it says does
	jq . c | mai-sign check -p a.pub -
	refuses "c: issued by $a, who is not known" mai-sign check -p b.pub c
	refuses "c: not of the type that is wanted" mai-sign check -p a.pub -T Licence c
	refuses "c: speaks of somebody else" mai-sign check -p a.pub -s "$a" c
	sed 's/1000/9000/' c >more
	refuses "more: the proof's signature is wrong" mai-sign check -p a.pub more
	mai-sign attest -k a.key --until 2001-01-01T00:00:00Z claims >old
	refuses "old: expired at 2001-01-01T00:00:00Z" mai-sign check -p a.pub old
	jq '.issuer = "'"$b"'"' c >other
	refuses "other: the proof's signature is wrong" mai-sign check -p a.pub other
	head -c 1000 /dev/urandom >random
	: >empty
	for f in claims random empty a.pub a.key; do
		refuses "" mai-sign check -p a.pub $f
	done
	refuses "" mai-sign attest -k a.key random
	refuses "what is said is no object, or an empty one" sh -c 'echo "[]" | mai-sign attest -k a.key'
	run -2 mai-sign attest -k a.key --until tomorrow claims
	run -2 mai-sign check -p a.pub
	run -3 mai-sign check -p a.pub none
}
