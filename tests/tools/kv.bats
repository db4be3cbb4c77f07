# The state of a sequence in a file, and positions that several sequences share: the bits stay, the work is less.

load setup
load stream
no_leak_check

setup() {
	need_shared models/stories260K.gguf
	cd "$BATS_TEST_TMPDIR" || return
	mai-shard split -q -n 3 -o parts "$M"
	mai-tokenize -m "$M" 'Once upon a time there was a little dog named Max. He liked to run and' >prompt.mai
	mai-tokenize -m "$M" 'Once upon a time there was a little dog named Max. He liked to eat' >other.mai
}

# sent FILE: how many rows a stream has, and how many forks
sent() {
	mai-cat --json "$1" | jq -s -r '[([.[] | select(.type == "rows") | .rows | length] | add), ([.[] | select(.type == "fork")] | length)] | @tsv'
}

@test "a prompt's state is loaded elsewhere: nothing but its last row is computed, and the bits are the same" {
	mai-run -n 20 "$M" <prompt.mai >whole.mai
	mai-run -n 0 --kv-save state.gguf "$M" <prompt.mai >none.mai
	[ "$(mai-cat --ids none.mai)" = "" ]
	for how in "-t 1" "-t 3" "-b 1"; do
		# shellcheck disable=SC2086 # options
		mai-run -n 20 $how --kv-load state.gguf "$M" <prompt.mai | cmp - whole.mai
	done
	MAI_CPU=scalar mai-run -n 20 --kv-load state.gguf "$M" <prompt.mai | cmp - whole.mai
	mai-run -n 20 --kv-load state.gguf --via "tee seen.mai | mai-run --kv-load state.gguf $M" <prompt.mai | cmp - whole.mai
	# the prompt's last, and the 19 tokens before the last
	[ "$(sent seen.mai)" = $'20\t1' ] || fail "$(sent seen.mai)"
}

@test "what was generated is in the state, and a text that differs somewhere shares what comes before" {
	mai-run -n 20 "$M" <other.mai >want.mai
	mai-run -n 10 --kv-save state.gguf "$M" <prompt.mai >first.mai
	mai-shard info --json state.gguf | jq -e '.architecture == "mai-kv"'
	mai-run -n 20 --kv-load state.gguf --via "tee seen.mai | mai-run --kv-load state.gguf $M" <other.mai | cmp - want.mai
	local n
	n=$(mai-cat --ids other.mai | wc -w)
	[ "$(sent seen.mai | cut -f 1)" -lt $((n + 10)) ]
	# all of it, as one more prompt
	mai-run -n 10 --echo "$M" <prompt.mai | mai-cat --ids | mai-cat --from-ids >longer.mai
	mai-run -n 20 "$M" <longer.mai >want.mai
	mai-run -n 20 --kv-load state.gguf --via "tee seen.mai | mai-run --kv-load state.gguf $M" <longer.mai | cmp - want.mai
	[ "$(sent seen.mai)" = $'20\t1' ] || fail "$(sent seen.mai)"
}

@test "each stage of a pipeline has its own file; where one is missing all is computed" {
	mai-run -n 20 "$M" <prompt.mai >whole.mai
	mai-run -n 0 --via "mai-run --kv-save 0.gguf parts/0.gguf | mai-run --kv-save 1.gguf parts/1.gguf | mai-run --kv-save 2.gguf parts/2.gguf" <prompt.mai
	mai-run -n 20 --kv-load 0.gguf --via "mai-run --kv-load 0.gguf parts/0.gguf | tee seen.mai | mai-run --kv-load 1.gguf parts/1.gguf | mai-run --kv-load 2.gguf parts/2.gguf" \
		<prompt.mai | cmp - whole.mai
	[ "$(sent seen.mai)" = $'20\t1' ] || fail "$(sent seen.mai)"
	run -0 --separate-stderr mai-run -n 20 --kv-load 0.gguf --via "mai-run -q --kv-load 0.gguf parts/0.gguf | mai-run -q parts/1.gguf | mai-run -q --kv-load 2.gguf parts/2.gguf" <prompt.mai
	[[ $stderr = *"a stage lacks the state that was loaded: its positions are computed again" ]]
	mai-run -q -n 20 --kv-load 0.gguf --via "mai-run -q --kv-load 0.gguf parts/0.gguf | mai-run -q parts/1.gguf | mai-run -q --kv-load 2.gguf parts/2.gguf" \
		<prompt.mai 2>/dev/null | cmp - whole.mai
}

# refused WORDS ARGUMENT...
refused() {
	run -1 --separate-stderr mai-run -n 2 "${@:2}" "$M" <prompt.mai
	[[ $stderr = "mai-run: "*"$1"* ]] && [ "${#stderr_lines[@]}" = 1 ] || fail "$stderr"
	[ -z "$output" ] || fail "there is output"
}

@test "a state of something else, or that was changed, is refused" {
	mai-run -n 0 --kv-save state.gguf "$M" <prompt.mai >none.mai
	mai-run -n 0 --kv-type f16 --kv-save half.gguf "$M" <prompt.mai >none.mai
	mai-run --kv-save part.gguf parts/0.gguf <prompt.mai >none.mai
	mai-train init -q -V "$M" --seed 3 --dim 64 --layers 5 --heads 8 --kv-heads 4 -o same.gguf
	mai-run -n 4 --kv-type f16 "$M" <prompt.mai >want.mai
	mai-run -n 4 --kv-type f16 --kv-load half.gguf "$M" <prompt.mai | cmp - want.mai
	refused 'half.gguf: computed as "mai-arithmetic-1 kv=f16", but this stage computes "mai-arithmetic-1 kv=f32"' --kv-load half.gguf
	refused 'part.gguf: of layers 0 to 1, but 0 to 4 are here' --kv-load part.gguf
	refused 'the context has 10' -c 10 --kv-load state.gguf
	refused "$M: not the state of a sequence, as --kv-save writes it" --kv-load "$M"
	run -1 --separate-stderr mai-run -n 2 --kv-load state.gguf same.gguf <prompt.mai
	[ "$stderr" = "mai-run: state.gguf: the state of another model" ] || fail "$stderr"
	size=$(stat -c %s state.gguf)
	for at in 700 $((size / 2)) $((size - 5)); do
		cp state.gguf changed.gguf
		printf '\xee' | dd of=changed.gguf bs=1 seek="$at" conv=notrunc status=none
		refused 'changed.gguf: ' --kv-load changed.gguf
	done
	[[ $stderr = *"the checksum is wrong" ]]
	head -c $((size / 2)) state.gguf >cut.gguf
	refused 'cut.gguf: ' --kv-load cut.gguf
	: >empty
	refused 'empty: ' --kv-load empty
}

@test "a state that can't be written, a sequence that fails: no file, and a status" {
	run -3 --separate-stderr mai-run -n 2 --kv-save /dev/full "$M" <prompt.mai
	[[ $stderr = "mai-run: /dev/full: No space left on device" ]] || fail "$stderr"
	run -3 mai-run -n 2 --kv-save nowhere/state.gguf "$M" <prompt.mai
	echo 1 403 9999 | mai-cat --from-ids >bad.mai
	run -1 mai-run -n 2 --kv-save bad.gguf "$M" <bad.mai
	[ ! -e bad.gguf ]
	run -2 mai-run --score --kv-save state.gguf "$M" <prompt.mai
	run -2 mai-run -n 2 --kv-save state.gguf --via "mai-run $M" <prompt.mai
}

@test "prompts that begin alike: the common part is computed once, the bits are those of each alone" {
	for i in $(seq 12); do
		echo "Once upon a time there was a little dog named Max. He liked to run in the park and play with his friends every day. Number $i"
	done | mai-tokenize -l -m "$M" >in.mai
	mai-run -n 8 -b 1 "$M" <in.mai | mai-cat --ids >alone
	mai-run -n 8 --via "tee seen.mai | mai-run $M" <in.mai | mai-cat --ids | cmp - alone
	mai-run -n 8 --via "mai-run parts/0.gguf | mai-run parts/1.gguf | mai-run parts/2.gguf" <in.mai | mai-cat --ids | cmp - alone
	mai-run -n 8 --temp 1 --mirostat 2 -b 1 "$M" <in.mai | mai-cat --ids >alone
	mai-run -n 8 --temp 1 --mirostat 2 "$M" <in.mai | mai-cat --ids | cmp - alone
	mai-run -n 8 -b 1 --via "tee apart.mai | mai-run $M" <in.mai >none.mai
	[ "$(sent seen.mai | cut -f 2)" = 11 ]
	[ $(($(sent seen.mai | cut -f 1) * 2)) -lt "$(sent apart.mai | cut -f 1)" ]
}
