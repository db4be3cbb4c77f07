# Keys and the names they give.

load setup

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
	setsid -w sh -c 'echo secret | mai-sign keygen -o locked' >names
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
