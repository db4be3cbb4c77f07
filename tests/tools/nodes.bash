# What tests of nodes need: a model in parts, a slower one, prompts; processes that end with the test. After `load setup`.

# did NAME: that of a key whose names are in NAME.json
did() {
	jq -r .did "$1.json"
}

# make_models: in the present folder
make_models() {
	local dim=384
	mai-shard split -q -n 3 -o parts "$M"
	# one that takes its time, so that something can happen to it; under sanitizers a smaller one takes as long
	[ -z "${MAI_SAN:-}" ] || dim=288
	mai-train init -q -V "$M" --seed 3 --dim "$dim" --layers 9 --heads 6 -c 512 -o slow.gguf
	mai-shard split -q -n 3 -o slow slow.gguf
	for i in $(seq 8); do printf 'Once upon a time there was a little dog named Max. He liked to run in the park and play with his friends every day. There were %s dogs\n' "$i"; done >prompts
	mai-tokenize -m "$M" -l <prompts >prompts.mai
}

setup() {
	need_shared models/stories260K.gguf
	cd "$BATS_FILE_TMPDIR" || return
	servers=() options=()
}

teardown() {
	local p
	for p in "${servers[@]:-}"; do
		[ -z "$p" ] || kill -9 "$p" 2>/dev/null || :
	done
	pkill -9 -f "$BATS_FILE_TMPDIR/" 2>/dev/null || :
}

# within SECONDS COMMAND...: tries until it succeeds
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "not within the time: $*"
		sleep 0.05
	done
}

# generate VIA [TOKENS]: ids of the answers, one a line; $penalty is that for repeats, $options more of mai-run's
generate() {
	timeout 120 mai-run -q "${options[@]}" -n "${2:-60}" --temp 1 --seed 7 --repeat-penalty "${penalty:-1}" --stop unlikely --via "$1" <prompts.mai >"$BATS_TEST_TMPDIR/out" &&
		mai-cat --ids "$BATS_TEST_TMPDIR/out"
}

# local_answer FOLDER [TOKENS]: what `same` compares with
local_answer() {
	generate "mai-run $1/0.gguf | mai-run $1/1.gguf | mai-run $1/2.gguf" "${2:-60}" >"$BATS_TEST_TMPDIR/want"
	[ -s "$BATS_TEST_TMPDIR/want" ]
}

# served N WHO: so many times has WHO, a pattern, begun to serve, as the log `hop` says
served() {
	[ "$(grep -c "$2 serves" "$BATS_TEST_TMPDIR/hop")" -ge "$1" ]
}

# only_states N FILE...: what peers in the middle were given opens or forks N sequences (N+: or more, as those that get all again do) and has
# rows, but no token, sampling setting, stop text or grammar
only_states() {
	local f json="$BATS_TEST_TMPDIR/seen.json"
	local count="== $1"
	[[ $1 != *+ ]] || count=">= ${1%+}"
	shift
	for f; do mai-cat --json "$f" 2>/dev/null || :; done >"$json" # that of a peer that was killed is cut
	[ "$(grep -c '"type":"rows"' "$json")" -gt 10 ]
	run grep -c '"token":[0-9]' "$json"
	[ "$output" = 0 ] || fail "tokens: $(grep -m 1 '"token":[0-9]' "$json" | head -c 300)"
	jq -es '[.[] | select(.type == "open" or .type == "fork") | del(.type, .hops, .seq, .pos, .from, .ordinal, .output, .ignore_eos) | map(if type == "number" then . else length end) | add] | length '"$count"' and all(. == 0)' "$json" ||
		fail "$(grep -m 1 open "$json")"
}

same() {
	cmp "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/got"
}
