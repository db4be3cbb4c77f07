# The names of files by their hash, and lists of them.

load setup

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# cid FILE: as sha256sum and basenc make it
cid() {
	local hash
	hash=$(sha256sum <"$1" | cut -d ' ' -f 1)
	printf 'b%s' "$(printf 01551220%s "$hash" | tr '[:lower:]' '[:upper:]' | basenc --base16 -d | basenc --base32 -w 0 | tr -d = | tr '[:upper:]' '[:lower:]')"
}

@test "the CID of a file, of an empty one, of stdin: what IPFS calls them" {
	printf 'hello world\n' >f
	: >empty
	[ "$(mai-sign cid f)" = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4  f" ]
	[ "$(mai-sign cid empty)" = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku  empty" ]
	[ "$(mai-sign cid - <f)" = "$(cid f)  -" ]
	head -c 3000000 /dev/urandom >'a  large one'
	[ "$(mai-sign cid f 'a  large one')" = "$(printf '%s  %s\n' "$(cid f)" f "$(cid 'a  large one')" 'a  large one')" ]
}

@test "a list is checked: OK, FAILED, and files that are gone" {
	for f in a b 'c  d'; do head -c 1000 /dev/urandom >"$f"; done
	mai-sign cid a b 'c  d' >list
	[ "$(mai-sign cid -c list)" = "$(printf 'a: OK\nb: OK\nc  d: OK')" ]
	mai-sign cid --check - <list >said
	mai-sign cid -c list list | sort -u | cmp - <(sort said)
	echo >>b
	run -1 --separate-stderr mai-sign cid -c list
	[ "$output" = "$(printf 'a: OK\nb: FAILED\nc  d: OK')" ] && [ "$stderr" = "mai-sign: b: not what its CID says" ]
	rm a
	run -3 --separate-stderr mai-sign cid -c list
	[ "$output" = "$(printf 'a: FAILED open or read\nb: FAILED\nc  d: OK')" ] && [ "${#stderr_lines[@]}" = 2 ]
}

@test "a CID may be in another base; what is no CID of a file is refused" {
	printf 'hello world\n' >f
	printf 'F01551220%s  f\n' "$(sha256sum <f | cut -d ' ' -f 1)" >hex
	[ "$(mai-sign cid -c hex)" = "f: OK" ]
	local right=bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4
	for line in '' f "$right" "$right f" "$right  " "  f" "${right}a  f" "$(sha256sum f)" "Qm$right  f"; do
		printf '%s\n%s  f\n' "$line" "$right" >list
		run -1 --separate-stderr mai-sign cid -c list
		[ "$output" = "f: OK" ] && [ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == "mai-sign: list: line 1: "* ]] || fail "'$line': $output $stderr"
	done
	# of a node of IPFS, which is no file; of a PeerId; the bytes themselves
	for c in QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N bafzaajaiaejcaus4rptsdrtsb2zqrzzj54jbgf5nlmi2ktc5k3zku3glwk6ef2i4 bafkqaa3bmjrq; do
		run -1 --separate-stderr mai-sign cid -c - <<<"$c  f"
		[ -z "$output" ] && [ "$stderr" = "mai-sign: f: its CID is not that of a file, raw, by SHA-256" ] || fail "$c: $output $stderr"
	done
	head -c 1000 /dev/urandom >random
	: >empty
	for f in random empty f; do
		run -1 --separate-stderr mai-sign cid -c $f
		[ -z "$output" ] && [ "${#stderr_lines[@]}" -gt 0 ] || fail "$f: $output"
	done
}

@test "what can't be" {
	run -2 mai-sign cid
	run -2 mai-sign cid -c
	echo >f
	echo >$'two\nlines'
	run -1 --separate-stderr mai-sign cid $'two\nlines' f
	[ "$output" = "$(cid f)  f" ] && [ "$stderr" = "mai-sign: a name with a newline does not go on a line" ]
	run -3 --separate-stderr mai-sign cid none f
	[ "$output" = "$(cid f)  f" ] && [ "$stderr" = "mai-sign: none: No such file or directory" ]
	run -3 mai-sign cid -c none
	run -3 --separate-stderr bash -c 'mai-sign cid f >/dev/full'
	[[ $stderr == *"No space left"* ]]
}
