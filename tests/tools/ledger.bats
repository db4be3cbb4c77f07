# A log of receipts, terms and ownership: appended to, killed, proved, witnessed, handed on; and what is none.

load setup

setup_file() {
	load setup
	cd "$BATS_FILE_TMPDIR" || return
	for name in log other witness alice bob; do mai-sign keygen -q -W --json -o $name >$name.json; done
	receipts 300 >records
	mai-ledger init -k log.key --origin example.org/log plain
	head -n 270 records | mai-ledger append -k log.key plain >plain.told
}

setup() {
	cp "$BATS_FILE_TMPDIR"/{*.key,*.pub,*.json,records,plain.told} "$BATS_TEST_TMPDIR"
	cp -r "$BATS_FILE_TMPDIR/plain" "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return
	servers=()
}

teardown() {
	local p
	for p in "${servers[@]:-}"; do
		[ -z "$p" ] || { kill "$p" && wait "$p"; } 2>/dev/null || :
	done
}

# receipts N: so many signed records, other ones each time
receipts() {
	"${MAI_BUILD:-$top/build}/tests/bench/ledger-receipts" "$1" "$RANDOM"
}

# vkey NAME TYPE PUB: the verifier key of a name, a type of signature (1, 4) and a public key of minisign
vkey() {
	local hex
	hex=$(printf '%02x' "$2")$(tail -n 1 "$3" | base64 -d | tail -c 32 | od -An -v -tx1 | tr -d ' \n')
	echo "$1+$({ printf '%s\n' "$1" && bytes "$hex"; } | sha256sum | cut -c 1-8)+$(bytes "$hex" | base64 -w 0)"
}

bytes() {
	# shellcheck disable=SC2059
	printf "$(sed 's/../\\x&/g' <<<"$1")"
}

# refuses STATUS TEXT COMMAND...: this status, one line that has the text, nothing on stdout
refuses() {
	local wanted=$1 text=$2
	shift 2
	run --separate-stderr "$@"
	[ "$status" = "$wanted" ] || fail "$*: status $status" "$output" "$stderr"
	[ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == "mai-ledger: "*"$text"* ]] || fail "$*: $output $stderr"
}

# is_whole LOG N: it verifies, and has so many records
is_whole() {
	run -0 --separate-stderr mai-ledger verify -p "$(cat plain/key)" "$1"
	[ "$output" = "$1: $2 records, as example.org/log has signed" ] && [ -z "$stderr" ] || fail "$output $stderr"
}

@test "append: where each record is, also when it was there before; show and export give them as they were" {
	[ "$(cut -d ' ' -f 1 plain.told)" = "$(seq 0 269)" ]
	[ "$(cat plain/key)" = "$(vkey example.org/log 1 log.pub)" ]
	is_whole plain 270
	tac records | mai-ledger append -k log.key --json plain >told
	[ "$(jq -c 'select(.new)' told | wc -l)" = 30 ]
	[ "$(jq -r 'select(.new | not) | "\(.index) \(.id)"' told | sort -n)" = "$(cat plain.told)" ]
	[ "$(jq -r 'select(.new).index' told)" = "$(seq 270 299)" ]
	is_whole plain 300
	{ head -n 270 records && tail -n 30 records | tac; } >order
	# shellcheck disable=SC2046
	mai-ledger show plain $(seq 0 299) | cmp - order
	mai-ledger export plain | jq -c .record | cmp - order
	[ "$(mai-ledger export plain | jq .index)" = "$(seq 0 299)" ]
	[ "$(mai-ledger export plain | head -n 270 | jq -r '"\(.index) \(.id)"')" = "$(cat plain.told)" ]
	mai-ledger show --json plain | jq -e --arg key "$(cat plain/key)" '.size == 300 and .origin == "example.org/log" and .key == $key'
	# of files, in another form, with empty lines and without a newline at the end
	jq . records >pretty
	refuses 1 "pretty: line 1: " mai-ledger append -k log.key plain pretty
	{ echo && jq -c 'to_entries | reverse | from_entries' records | sed 's/:/ : /1; s/$/\r/' && printf ' \t\n\n' && head -n 1 records | tr -d '\n'; } >loose
	mai-ledger append -k log.key plain records loose >again
	[ "$(wc -l <again)" = 601 ] && [ "$(head -n 300 again)" = "$(sed '301,600!d' again)" ]
	is_whole plain 300
}

@test "every type of record: signed by whom it binds, and by nobody else" {
	a=$(jq -r .did alice.json)
	b=$(jq -r .did bob.json)
	h=$(sha256sum records | cut -d ' ' -f 1)
	jq -nc --arg a "$a" --arg b "$b" --arg h "$h" '
		{ type: "terms", issuer: $a, name: "t, \"1\"", unit: "€, \"net\"", shares: [{ to: $a, part: 1000 }] },
		{ type: "registration", kind: "model", name: "m", time: 1767323045, owner: $a, asset: $h, terms: $h },
		{ type: "transfer", from: $a, to: $b, asset: $h, time: 1767323046, price: 3 },
		{ type: "voucher", client: $a, node: $b, nonce: $h, receipt: $h, rows: 9007199254740992, terms: $h, time: 1 },
		{ type: "subscription", client: $a, from: 0, periods: 12, terms: $h, time: 1 }' >statements
	mai-ledger sign -k alice.key <statements >signed
	mai-ledger sign -k alice.key statements statements | cmp - <(cat signed signed)
	jq -nc --arg b "$b" '{ id: $b, model: "3fc7" }' | mai-sign attest -k alice.key -T NodeCapability | jq -c . >credential
	mai-ledger append -k log.key plain signed credential >told
	is_whole plain 276
	# shellcheck disable=SC2046
	mai-ledger show plain $(seq 270 274) | jq -cS 'del(.signature)' | cmp - <(jq -cS . statements)
	while read -r line; do
		refuses 1 "is signed by the key of its" mai-ledger sign -k bob.key <<<"$line"
		refuses 1 "without a signature" mai-ledger append -k log.key plain <<<"$line"
		refuses 1 "no record" mai-ledger append -k log.key plain <<<"[$line]"
	done <statements
	while read -r line; do
		refuses 1 "is wrong" mai-ledger append -k log.key plain < <(sed 's/176732304\|"periods":1\|"rows":9\|"net/&1/' <<<"$line")
	done < <(grep -v '"type":"voucher"' signed)
	refuses 1 "signature is wrong" mai-ledger append -k log.key plain < <(sed 's/3fc7/3fc8/' credential)
	refuses 1 "has a proof, and no signature" mai-ledger sign -k alice.key credential
	is_whole plain 276
	# CSV and JSON lines, read by others
	mai-ledger export --csv plain >csv
	mai-ledger export plain >lines
	/usr/bin/python3 - <<-'END'
		import csv, json
		rows = list(csv.DictReader(open("csv", newline="")))
		for row, line in zip(rows, open("lines"), strict=True):
		    line = json.loads(line)
		    record = line["record"]
		    assert row["index"] == str(line["index"]) and row["id"] == line["id"]
		    for name in list(row)[2:]:
		        value = record.get(name, "")
		        # what is not a plain text stands as JSON
		        plain = isinstance(value, str) and json.dumps(value, ensure_ascii=False) == '"%s"' % value
		        assert row[name] == value if plain else json.loads(row[name]) == value, (row, name)
		assert rows[270]["unit"] == json.dumps("€, \"net\"", ensure_ascii=False) and rows[273]["rows"] == "9007199254740992"
	END
}

@test "killed at random moments (MAI_KILLS of them), and started again: what was printed stays true" {
	local n=200
	[ -z "${MAI_SAN:-}" ] || n=20
	run -0 /usr/bin/python3 "$top/tests/peers/ledger_kills.py" kills "${MAI_KILLS:-$n}" "${MAI_SEED:-1}" records
	echo "$output"
}

@test "several writers at once: each record once, each at the place that was told, no checkpoint that was not" {
	local n=4 i
	[ -z "${MAI_SAN:-}" ] || n=3
	for i in $(seq $n); do
		run -0 /usr/bin/python3 "$top/tests/peers/ledger_kills.py" writers $((2 + i % 3)) "${MAI_SEED:-1}$i" records
		echo "$output"
	done
}

@test "a proof needs the key and the record, nothing else; changed anywhere, it is refused" {
	local step=1
	[ -z "${MAI_SAN:-}" ] || step=23
	run -0 /usr/bin/python3 "$top/tests/peers/ledger_proofs.py" plain 20 "${MAI_SEED:-1}" $step
	echo "$output"
	head -n 1 records >record
	mai-ledger prove plain 0 >proof
	mai-ledger verify -p "$(vkey example.org/log 1 log.pub)" --proof proof record
	mai-ledger verify -p plain/key --proof - record <proof
	refuses 1 "is not signed by its log's key" mai-ledger verify -p "$(vkey example.org/log 1 other.pub)" --proof proof record
	refuses 1 "another log, example.org/log" mai-ledger verify -p "$(vkey example.org/another 1 log.pub)" --proof proof record
	refuses 1 "does not lead to the root" mai-ledger verify -p plain/key --proof <(mai-ledger prove plain 1) record
	refuses 2 "needs the key" mai-ledger verify --proof proof record
	refuses 2 "no --since" mai-ledger verify -p plain/key --since plain/checkpoint --proof proof record
}

@test "a witness cosigns a log that grows, and none that was rolled back or forked" {
	w=$(vkey example.net/witness 4 witness.pub)
	[ "$(mai-ledger witness -k witness.key --name example.net/witness)" = "$w" ]
	cosign() {
		mai-ledger witness -k witness.key -p "$BATS_TEST_TMPDIR/plain/key" --name example.net/witness --state seen "$@"
	}
	cp -r plain old
	cosign plain >cosigned
	cmp cosigned seen
	refuses 1 "example.net/witness has not cosigned" mai-ledger verify -w "$w" plain
	cp cosigned plain/checkpoint
	mai-ledger verify -w "$w" plain
	mai-ledger prove plain 5 >proof
	sed -n 6p records >record
	mai-ledger verify -p plain/key -w "$w" --proof proof record
	refuses 1 "example.net/witness has not cosigned" mai-ledger verify -p plain/key -w "$(vkey example.net/witness 4 other.pub)" --proof proof record
	refuses 1 "example.net/witness has not cosigned" mai-ledger verify -p plain/key -w "$w" --proof <(mai-ledger prove old 5) record
	# it grows: behind a checkpoint that others have signed too
	sed -n 271,280p records | mai-ledger append -k log.key plain >/dev/null
	is_whole plain 280
	mai-ledger verify --since cosigned plain
	cosign plain >/dev/null
	cp seen before
	# rolled back; forks by the same key: smaller, as large, larger
	refuses 1 "not what it was" cosign old
	for n in 5 10 20; do
		rm -rf fork
		cp -r old fork
		receipts $n | mai-ledger append -k log.key fork >/dev/null
		is_whole fork $((270 + n))
		refuses 1 "not what it was" cosign fork
		refuses 1 "not what it was" mai-ledger verify --since before fork
		mai-ledger verify --since cosigned fork
	done
	mai-ledger init -k log.key --origin example.org/log empty
	refuses 1 "not what it was" cosign empty
	cmp seen before
	# a log whose tiles are damaged, one of another key, one of another name
	cp -r plain damaged
	printf x | dd of=damaged/tile/0/000 bs=1 seek=77 conv=notrunc status=none
	cosign damaged >/dev/null # none of the hashes that it looks at
	printf x | dd of=damaged/tile/1/000.p/1 bs=1 seek=7 conv=notrunc status=none
	refuses 1 "its tiles are not those of its checkpoint" cosign damaged
	mai-ledger init -k other.key --origin example.org/log false
	refuses 1 "is not signed by its log's key" cosign false
	mai-ledger init -k log.key --origin example.org/another another
	refuses 1 "the checkpoint of another log, example.org/another" cosign another
	echo >seen
	refuses 1 "seen: " cosign plain
	refuses 2 "are wanted" mai-ledger witness -k witness.key --name w plain
	refuses 1 "a key" mai-ledger witness -k witness.key --name 'two words' --state new plain
	[ ! -e new ]
	refuses 3 "missing" mai-ledger witness -k witness.key --name w --state missing/seen plain
}

@test "a log that was copied, or fetched from a web server, verifies there" {
	cp -r plain copy
	is_whole copy 270
	/usr/bin/python3 -u -m http.server -b 127.0.0.1 -d plain 0 >port 2>/dev/null 3>&- &
	servers+=($!)
	for _ in $(seq 100); do
		grep -q http port && break
		sleep 0.1
	done
	/usr/bin/python3 "$top/tests/peers/ledger_fetch.py" "$(grep -o 'http://[^/)]*' port)" fetched
	[ ! -e fetched/key ] && [ ! -e fetched/journal ]
	is_whole fetched 270
	mai-ledger prove -p plain/key fetched 269 | cmp - <(mai-ledger prove plain 269)
	refuses 3 "fetched/key: No such file" mai-ledger verify fetched
	# one that nobody may write to
	cp -r plain readonly
	chmod -R a-w readonly
	[ "$UID" = 0 ] || is_whole readonly 270
	chmod -R u+w readonly
	# with any file of it changed or gone, it does not
	find fetched/tile -type f >files
	[ "$(wc -l <files)" = 5 ]
	while read -r f; do
		cp "$f" kept
		printf '\xff' | dd of="$f" bs=1 seek=$(($(stat -c %s "$f") / 2)) conv=notrunc status=none
		refuses 1 fetched/ mai-ledger verify -p plain/key fetched
		head -c -1 kept >"$f"
		refuses 1 fetched/ mai-ledger verify -p plain/key fetched
		rm "$f"
		refuses 3 "fetched/tile/" mai-ledger verify -p plain/key fetched
		cp kept "$f"
	done <files
	is_whole fetched 270
}

@test "what is no log, no record, no key: one line, and the log stays as it was" {
	mkdir empty
	for verb in show export verify; do
		refuses 3 "empty/key: No such file" mai-ledger $verb empty
		refuses 3 "none: No such file" mai-ledger $verb none
		refuses 3 "records: Not a directory" mai-ledger $verb records
	done
	refuses 3 "empty/key: No such file" mai-ledger append -k log.key empty
	refuses 3 "empty/key: No such file" mai-ledger prove empty 0
	head -c 300 /dev/urandom >empty/key
	refuses 1 "empty/key: " mai-ledger show empty
	printf 'ab\0c+00000000+%s' "$(cut -d + -f 3- plain/key)" >empty/key
	refuses 1 "empty/key: the name of a key has a NUL" mai-ledger show empty
	cp plain/key empty/key
	refuses 3 "empty/checkpoint: No such file" mai-ledger show empty
	head -c 300 /dev/urandom >empty/checkpoint
	refuses 1 "empty/checkpoint: " mai-ledger show empty
	refuses 1 "log of another key" mai-ledger append -k other.key plain
	refuses 1 "is not signed by its log's key" mai-ledger show -p "$(vkey example.org/log 1 other.pub)" plain
	refuses 1 "no verifier key" mai-ledger show -p nonsense plain
	refuses 3 "there is a log already" mai-ledger init -k log.key plain
	refuses 1 "name of a key" mai-ledger init -k log.key --origin 'two words' new
	[ ! -e new ]
	refuses 3 "none.key" mai-ledger append -k none.key plain
	refuses 3 "none: No such file" mai-ledger append -k log.key plain none
	for which in 270 9223372036854775807 "$(printf 'ab%062d' 0)"; do
		refuses 1 "plain: " mai-ledger prove plain "$which"
	done
	refuses 1 "entry 270 of 270" mai-ledger show plain 270
	for which in -1 x 0x1 18446744073709551616 ''; do
		refuses 2 "is no index" mai-ledger prove plain -- "$which"
		refuses 2 "is no index" mai-ledger show plain -- "$which"
	done
	for args in "append" "show" "export plain plain" "prove plain" "verify" "init"; do
		# shellcheck disable=SC2086
		refuses 2 "" mai-ledger $args
	done
	# lines that are no records: all before them are in the log, and printed
	n=270
	for bad in '{}' '[]' 'null' '{"type":"receipt"}' '{"type":"cheque"}' '{"type":1}' '{"@context":1}' 'x' "$(head -n 1 records | cut -c 1-300)" \
		"$(head -n 1 records | sed 's/"rows":/"rows":1/')" "$(head -n 1 records | sed 's/"time"/"when"/')" "$(head -n 1 records)x" $'\x01' $'{"type":"\\u0000\\n"}' \
		"$(printf '{"type":"terms","name":"%070000d"}' 0)" "$(printf '[%0300000d' 0)"; do
		n=$((n + 1))
		{ head -n $n records && printf '%s\n' "$bad" && cat records; } >bad
		run -1 --separate-stderr mai-ledger append -k log.key plain bad
		[ "${#lines[@]}" = $n ] && [ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == "mai-ledger: bad: line $((n + 1)): "* ]] || fail "$bad: ${#lines[@]}" "$stderr"
		[ "${#stderr}" -lt 400 ] || fail "$stderr"
	done
	is_whole plain $n
	for _ in $(seq 5); do
		refuses 1 "stdin: line " mai-ledger append -k log.key plain </dev/urandom
	done
	refuses 1 "stdin: line 1: more than 262140 bytes" mai-ledger append -k log.key plain </dev/zero
	is_whole plain $n
}

@test "a full disk, a closed stdout, an interrupt: a status, at most one line, and a log that is whole" {
	tail -n 30 records >more
	refuses 3 "No space left" bash -c 'mai-ledger append -k log.key plain more >/dev/full'
	is_whole plain 300
	for args in "show plain" "show plain 1" "export plain" "export --csv plain" "prove plain 1" "verify plain" "append -k log.key plain more"; do
		refuses 3 "" bash -c "exec mai-ledger $args >/dev/full"
		refuses 3 "" bash -c "exec mai-ledger $args >&-"
	done
	# the journal does not fit; it does, and a tile does not: then the next who comes completes the batch
	receipts 100 >large
	refuses 3 "File too large" bash -c 'ulimit -f 20; trap "" XFSZ; exec mai-ledger append -k log.key plain large'
	is_whole plain 300
	head -n 5 large >few
	refuses 3 "File too large" bash -c 'ulimit -f 20; trap "" XFSZ; exec mai-ledger append -k log.key plain few'
	mai-ledger show plain | grep -q '^records  300$'
	is_whole plain 305
	mai-ledger append -k log.key plain few | cmp - <(mai-ledger append -k log.key plain few)
	run bash -c 'ulimit -f 20; ulimit -c 0; exec mai-ledger append -k log.key plain large' # and killed by the limit's signal
	[ "$status" = $((128 + 25)) ]
	is_whole plain 305
	mai-ledger append -k log.key plain large | tail -n 1 | grep -q '^399 '
	for args in "init -k log.key new" "witness -k witness.key --name w --state seen plain"; do
		run -3 bash -c "set -o pipefail; (ulimit -f 0; trap '' XFSZ; exec mai-ledger $args) 2>&1 | cat"
		[[ $output == "mai-ledger: "*"File too large" ]] || fail "$args: $output"
	done
	[ ! -e seen ]
	# nobody reads
	run bash -c 'mai-ledger export plain | head -n 1 | wc -l; exit ${PIPESTATUS[0]}'
	[ "$status" = 141 ] && [ "$output" = 1 ]
	# interrupted while it waits
	mkfifo pipe
	env --default-signal=INT mai-ledger append -k log.key plain <pipe >told 2>said 3>&- &
	servers+=($!)
	exec 4>pipe
	receipts 1 >&4
	for _ in $(seq 100); do
		[ ! -s told ] || break
		sleep 0.05
	done
	kill -INT "${servers[-1]}"
	run wait "${servers[-1]}"
	exec 4>&-
	status=0
	wait "${servers[-1]}" || status=$?
	[ "$status" = 130 ] && [ ! -s said ] && [ "$(cut -d ' ' -f 1 told)" = 400 ]
	is_whole plain 401
}
