# Who is not in a node's list, and shows a credential: let in within its limits.

load setup
load nodes

setup_file() {
	load setup
	load nodes
	[ -e "$M" ] || return 0
	cd "$BATS_FILE_TMPDIR" || return
	for name in owner node me friend; do mai-sign keygen -q -W --json -o $name >$name.json; done
	mai-shard split -q -n 2 -o parts "$M"
	mai-tokenize -m "$M" "Once upon a time" >one.mai
	printf 'issuer %s owner\n' "$(did owner)" >allow
}

# serve ARGUMENT...: a node at the socket s
serve() {
	rm -f "$BATS_TEST_TMPDIR/s"
	mai-send -v -k node.key -a allow -l "/unix$BATS_TEST_TMPDIR/s" "$@" -- mai-run "${part:-$M}" 2>>"$BATS_TEST_TMPDIR/log" 3>&- &
	servers+=($!)
	within 10 test -S "$BATS_TEST_TMPDIR/s"
}

# grant BY TO CLAIMS ARGUMENT...: a capability for TO
grant() {
	jq -c --arg id "$(did "$2")" '{ id: $id } + .' <<<"$3" | mai-sign attest -k "$1.key" -T NodeCapability "${@:4}"
}

# rows WHO CAPABILITY N: N tokens behind the 5 of the prompt
rows() {
	timeout 30 mai-run -q -n "$3" --temp 0 --via "mai-send --timeout 0.2 -k $1.key --capability $2 /unix$BATS_TEST_TMPDIR/s" <one.mai >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
}

# refused WHY WHO CAPABILITY: and the node says so
refused() {
	: >"$BATS_TEST_TMPDIR/log"
	! rows "$2" "$3" 5 || fail "was let in: $1"
	grep -q "$1" "$BATS_TEST_TMPDIR/log" || fail "wanted '$1'" "$(cat "$BATS_TEST_TMPDIR/log")"
}

@test "an issuer of the list, and the node itself, let others in; what is wrong lets nobody in" {
	model=$(mai-shard info --json "$M" | jq -r .model_id)
	grant owner me "{ \"node\": \"$(did node)\", \"model\": [\"$model\"] }" --until 2999-01-01T00:00:00Z >good
	grant node me '{}' >own
	serve
	refused "neither rows nor node state theirs" me good
	rows me own 5
	mai-run -q -n 5 --temp 0 "$M" <one.mai | cmp - "$BATS_TEST_TMPDIR/out"
	refused "a capability for somebody else" friend good
	grant me me '{}' >self
	refused "is no issuer" me self
	grant owner me "{ \"node\": \"$(did me)\" }" >other
	refused "a capability for another node" me other
	grant owner me '{ "hours": 3 }' >other
	refused "the limit 'hours', which is not known here" me other
	grant owner me '{}' --until 2001-01-01T00:00:00Z >other
	refused "expired at 2001-01-01T00:00:00Z" me other
	jq '.credentialSubject.rows = 5' own >other
	refused "the proof's signature is wrong" me other
	jq -c --arg id "$(did me)" -n '{ id: $id }' | mai-sign attest -k owner.key -T ModelLicence >other
	refused "no NodeCapability" me other
	head -c 1000 /dev/urandom >other
	refused "closed" me other
	head -c 20000 /dev/zero >other
	! rows me other 5
	grep -q "other: more than 12288 bytes" "$BATS_TEST_TMPDIR/err"
	kill "${servers[-1]}"
	wait "${servers[-1]}" || :
	part=parts/0.gguf serve
	mai-run parts/0.gguf <one.mai >"$BATS_TEST_TMPDIR/want"
	mai-send -k me.key --capability good "/unix$BATS_TEST_TMPDIR/s" <one.mai | cmp - "$BATS_TEST_TMPDIR/want"
	grant owner me "{ \"model\": \"${model//[0-9]/a}\" }" >other
	! mai-send -k me.key --timeout 0.2 --capability other "/unix$BATS_TEST_TMPDIR/s" <one.mai >/dev/null 2>&1
	grep -q "a capability for another model" "$BATS_TEST_TMPDIR/log"
	# the issuer's own key is not in the list of those who come
	! timeout 30 mai-send --timeout 0.2 -k owner.key "/unix$BATS_TEST_TMPDIR/s" <one.mai >/dev/null 2>&1
}

@test "rows are counted for all to whom a right was passed on, also by the next node; it is revoked at HUP" {
	grant owner me '{ "rows": 20, "delegate": 1 }' --revocable https://example.org/revoked#7 >mine
	grant owner owner '{ "rows": 1 }' --revocable https://example.org/revoked#8 >another
	rm -f revoked
	mai-sign revoke -k owner.key revoked another
	run -1 --separate-stderr grant me friend '{ "rows": 21 }' --from mine --status revoked
	[[ $stderr == *"'rows' is wider than what was passed on"* ]]
	run -1 --separate-stderr grant friend me '{ "rows": 2 }' --from mine --status revoked
	[[ $stderr == *"passes on what is not theirs"* ]]
	run -1 --separate-stderr grant me friend '{ "rows": 2 }' --from mine
	[[ $stderr == *"its issuer's list https://example.org/revoked is not given"* ]]
	grant me friend '{ "rows": 15 }' --from mine --status revoked >theirs
	mai-sign check -p owner.pub --status revoked -T NodeCapability theirs | jq -e '.rows == 15'
	serve --status revoked --usage used
	rows friend theirs 5 # 9 rows
	rows me mine 5       # 18
	refused "the 20 rows of the capability are used up" friend theirs
	kill "${servers[-1]}"
	wait "${servers[-1]}" || :
	serve --status revoked --usage used
	refused "the 20 rows of the capability are used up" me mine
	rm used
	kill "${servers[-1]}"
	wait "${servers[-1]}" || :
	serve --status revoked --usage used
	rows me mine 5
	mai-sign revoke -k owner.key revoked mine
	run -1 --separate-stderr mai-sign check -p owner.pub --status revoked theirs
	[ "$stderr" = "mai-sign: theirs: credential 1: revoked" ]
	kill -HUP "${servers[-1]}"
	within 5 refused revoked me mine
	refused revoked friend theirs
	run -1 --separate-stderr mai-sign revoke -k me.key revoked mine
	[[ $stderr == *"the list of another issuer"* ]]
}

@test "a node's command runs only what somebody of a list has signed" {
	cp "$M" copy.gguf
	echo "$(did owner)" >trusted
	grant node me '{}' >own
	rm -f "$BATS_TEST_TMPDIR/s"
	mai-send -v -k node.key -a allow --trust trusted -l "/unix$BATS_TEST_TMPDIR/s" -- sh -c 'mai-run copy.gguf | cat' 2>>"$BATS_TEST_TMPDIR/log" 3>&- &
	servers+=($!)
	within 10 test -S "$BATS_TEST_TMPDIR/s"
	! rows me own 5
	grep -q "copy.gguf: is not signed" "$BATS_TEST_TMPDIR/log"
	mai-sign sign -k owner.key copy.gguf
	rows me own 5
}
