# The options of mai-run that say how a token is chosen: that each reaches the stage which samples, by its name and its default,
# and what it does there. What the steps compute is known to tests/unit/sample.c.

load setup

setup_file() {
	load setup
	[ ! -e "$M" ] || (cd "$BATS_FILE_TMPDIR" && mai-shard split -n 3 -o parts "$M")
}

setup() {
	need_shared models/stories260K.gguf
	cd "$BATS_TEST_TMPDIR" || return
	printf '1 403 407 261 378\n1 410 422\n1 338 401 396 338 401\n' | mai-cat --from-ids >prompts
	via="mai-run $BATS_FILE_TMPDIR/parts/0.gguf | mai-run $BATS_FILE_TMPDIR/parts/1.gguf | mai-run $BATS_FILE_TMPDIR/parts/2.gguf"
}

# asked OPTION...: what the first sequence asks for then, as JSON
asked() {
	mai-run -n 1 "$@" --via "tee asked.mai | mai-run $M" <prompts >/dev/null
	mai-cat --json asked.mai | jq -c 'select(.type == "open") | del(.type, .hops, .seq, .ordinal, .output, .seed, .ignore_eos)' | head -n 1
}

generate() {
	mai-run -n 40 --ignore-eos "$@" <prompts | mai-cat --ids
}

@test "without options the settings are llama.cpp's defaults" {
	command -v jq >/dev/null || skip "needs jq"
	asked | jq -e '. == {temperature: 0.800000012, top_k: 40, top_p: 0.949999988, min_p: 0.0500000007, repeat_penalty: 1,
		repeat_last: 64, presence_penalty: 0, frequency_penalty: 0, dry_multiplier: 0, dry_base: 1.75, dry_allowed_length: 2,
		dry_penalty_last_n: 64, top_n_sigma: 0, typical_p: 1, xtc_probability: 0, xtc_threshold: 0.100000001, dynatemp_range: 0,
		dynatemp_exponent: 1, mirostat: 0, mirostat_tau: 5, mirostat_eta: 0.100000001, logit_bias: [], stop: [],
		dry_sequence_breakers: [], grammar: ""}'
}

@test "each option sets what its name says" {
	command -v jq >/dev/null || skip "needs jq"
	asked -l 5+1.5 --logit-bias 6-2 -l 7-inf -l 8-false --repeat-penalty 1.25 --presence-penalty 0.5 --frequency-penalty -0.25 \
		--repeat-last-n 99 --dry-multiplier 0.75 --dry-base 1.5 --dry-allowed-length 3 --dry-penalty-last-n 77 --top-n-sigma 1.5 \
		--top-k 33 --typical-p 0.5 --top-p 0.25 --min-p 0.125 --xtc-probability 0.375 --xtc-threshold 0.0625 --temp 0.5 \
		--dynatemp-range 0.25 --dynatemp-exp 2 --mirostat 2 --mirostat-ent 4 --mirostat-lr 0.5 --stop x |
		jq -e '. == {temperature: 0.5, top_k: 33, top_p: 0.25, min_p: 0.125, repeat_penalty: 1.25, repeat_last: 99,
			presence_penalty: 0.5, frequency_penalty: -0.25, dry_multiplier: 0.75, dry_base: 1.5, dry_allowed_length: 3,
			dry_penalty_last_n: 77, top_n_sigma: 1.5, typical_p: 0.5, xtc_probability: 0.375, xtc_threshold: 0.0625,
			dynatemp_range: 0.25, dynatemp_exponent: 2, mirostat: 2, mirostat_tau: 4, mirostat_eta: 0.5,
			logit_bias: [[5, 1.5], [6, -2], [7, "-inf"], [8, "-inf"]], stop: ["x"], dry_sequence_breakers: ["\n", ":", "\"", "*"],
			grammar: ""}'
}

@test "sequence breakers: those that are given instead of the usual ones, with escapes; none takes back" {
	command -v jq >/dev/null || skip "needs jq"
	breakers() {
		asked --dry-multiplier 1 "$@" | jq -c .dry_sequence_breakers
	}
	[ "$(breakers --dry-sequence-breaker ' the' --dry-sequence-breaker '\n\t\\x\q')" = '[" the","\n\t\\x\\q"]' ]
	[ "$(breakers --dry-sequence-breaker none)" = '[]' ]
	[ "$(breakers --dry-sequence-breaker a --dry-sequence-breaker none --dry-sequence-breaker b)" = '["b"]' ]
	[ "$(asked --top-n-sigma -1 | jq .top_n_sigma)" = 0 ]
}

@test "each setting changes tokens, and gives the same in one process and in three" {
	generate "$M" >usual
	for how in '-l 261-inf' '--presence-penalty 2' '--frequency-penalty 1' '--repeat-penalty 1.5 --repeat-last-n 9' '--dry-multiplier 4' \
		'--top-n-sigma 0.25' '--typical-p 0.2' '--xtc-probability 0.5' '--dynatemp-range 0.7 --dynatemp-exp 0.5' '--mirostat 1' \
		'--mirostat 2 --mirostat-ent 2 --mirostat-lr 0.5'; do
		# shellcheck disable=SC2086
		generate $how "$M" >one
		run ! cmp -s usual one
		# shellcheck disable=SC2086
		generate $how --via "$via" | cmp - one || fail "$how"
	done
}

@test "mirostat goes on as it would have where a sequence waited for memory and was sent again" {
	for version in 1 2; do
		generate --mirostat $version --mirostat-lr 0.9 --mirostat-ent 1.5 -n 90 "$M" >roomy
		mai-run -n 90 --ignore-eos --mirostat $version --mirostat-lr 0.9 --mirostat-ent 1.5 --kv-mem 400K "$M" <prompts | mai-cat --ids | cmp - roomy
		mai-run -n 90 --ignore-eos --mirostat $version --mirostat-lr 0.9 --mirostat-ent 1.5 --via "tee asked.mai | mai-run --kv-mem 400K $M" <prompts |
			mai-cat --ids | cmp - roomy
		[ "$(mai-cat asked.mai | grep -c ^open)" -gt 3 ] # more than there are sequences
	done
}

@test "a forbidden token does not come, a favoured one does; the likeliest comes with settings that do nothing" {
	generate --temp 0 "$M" >likeliest
	grep -qw 261 likeliest
	generate --temp 0 -l 261-inf "$M" >without
	run ! grep -qw 261 without
	generate --temp 0 -l 300+1000 "$M" | tr ' ' '\n' | sort -u | cmp - <(echo 300)
	generate --temp 0 -l 261+0 --dry-multiplier 9 --dry-penalty-last-n 0 --presence-penalty 9 --repeat-last-n 0 --top-n-sigma -1 \
		--xtc-probability 1 --xtc-threshold 0.6 --mirostat 0 "$M" | cmp - likeliest
}

@test "where all tokens are forbidden: status 1 and a line a sequence" {
	seq -f '-l %g-inf' 0 511 | xargs >all
	# shellcheck disable=SC2046
	run -1 --separate-stderr mai-run -n 3 $(cat all) "$M" <prompts
	[ "$(grep -c '^mai-run: sequence' <<<"$stderr")" = 3 ]
}

@test "wrong usage: status 2" {
	for args in '-l 5' '-l x+1' '-l +1' '-l 5+' '-l 5+x' '-l 5+1x' '-l 5+inf' '-l 5+nan' '-l 5--1' '-l 5+1e9' '-l 4294967296+1' '-l 5*2' \
		'--presence-penalty x' '--frequency-penalty inf' '--dry-base 0.5' '--dry-multiplier -1' '--xtc-probability 2' \
		'--typical-p -0.1' '--mirostat 3' '--mirostat-lr -1' '--dynatemp-range -1' '--top-n-sigma nan' \
		'--dry-sequence-breaker 12345678901234567890123456789012345678901'; do
		# shellcheck disable=SC2086
		run -2 mai-run -n 1 $args "$M" </dev/null
		[[ $output == "mai-run: "*"(see 'mai-run --help')" ]] || fail "$args: $output"
	done
	run -2 mai-run -n 1 --dry-sequence-breaker '' "$M" </dev/null
	run -1 mai-run -n 1 -l 512-inf "$M" <prompts
	[[ $output == "mai-run: $M: --logit-bias of token 512, which the vocabulary of 512 does not have" ]]
}
