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
	run -0 --separate-stderr mai-run -n 20 --kv-load 0.gguf --via "mai-run --kv-load 0.gguf parts/0.gguf | mai-run parts/1.gguf | mai-run --kv-load 2.gguf parts/2.gguf" <prompt.mai
	[[ $stderr = "mai-run: warning: a stage lacks the state that was loaded: its positions are computed again" ]]
	mai-run -q -n 20 --kv-load 0.gguf --via "mai-run -q --kv-load 0.gguf parts/0.gguf | mai-run -q parts/1.gguf | mai-run -q --kv-load 2.gguf parts/2.gguf" \
		<prompt.mai 2>/dev/null | cmp - whole.mai
}

@test "a state is the same file on other threads, kernels and processors, and is taken there" {
	mai-run -n 20 "$M" <other.mai >want.mai
	mai-run -n 10 -t 1 --kv-save state.gguf "$M" <prompt.mai >none.mai
	mai-run -n 10 -t 2 --kv-save again.gguf "$M" <prompt.mai >none.mai
	cmp state.gguf again.gguf
	MAI_CPU=scalar mai-run -n 10 --kv-save again.gguf "$M" <prompt.mai >none.mai
	cmp state.gguf again.gguf
	need_aarch64
	[ -z "${MAI_SAN:-}" ] || return 0
	"$AARCH64/mai-run" -n 10 --kv-save again.gguf "$M" <prompt.mai >none.mai
	cmp state.gguf again.gguf
	"$AARCH64/mai-run" -n 20 --kv-load state.gguf "$M" <other.mai | cmp - want.mai
}

@test "another program reads keys, values and tokens, which are those of what was shown" {
	need_numpy
	mai-run -n 0 --kv-save state.gguf "$M" <prompt.mai >none.mai
	"$peers/kv.py" check state.gguf
	[ "$("$peers/kv.py" tokens state.gguf)" = "$(mai-cat --ids prompt.mai)" ]
	mai-run -n 0 --kv-type f16 --kv-save half.gguf "$M" <prompt.mai >none.mai
	"$peers/kv.py" check half.gguf
	# keys and values of the first layer depend on no attention
	"$peers/kv.py" near state.gguf half.gguf k.0 v.0
	# neither a stop text nor guesses
	for how in "--stop  the" "--draft $M --draft-max 7"; do
		# shellcheck disable=SC2086 # options
		mai-run -n 30 --temp 0 $how --echo --kv-save state.gguf "$M" <prompt.mai | mai-cat --ids >shown
		# the last token need not have been computed
		[[ "$(cat shown) " == "$("$peers/kv.py" tokens state.gguf) "* ]]
	done
	[ "$(mai-run -n 0 --temp 1 --mirostat 2 "$M" <prompt.mai | mai-cat --ids)" = "" ]
}

@test "states of every type of keys and values go on as the whole prompt does" {
	need_numpy
	need_shared models/arch/gemma2.gguf
	ln -s "$(realpath "$SHARED/models/arch/gemma2.gguf")" g.gguf
	"$peers/random_ids.py" 256 1 >ids
	cut -d ' ' -f -20 ids | mai-cat --from-ids >begin.mai
	mai-cat --from-ids <ids >more.mai
	for type in f32 f16 q8_0; do
		mai-run -n 0 --kv-type $type --kv-save $type.kv g.gguf <begin.mai >none.mai
		"$peers/kv.py" check $type.kv
		mai-run -n 20 --ignore-eos --kv-type $type g.gguf <more.mai >want.mai
		mai-run -n 20 --ignore-eos --kv-type $type --kv-load $type.kv g.gguf <more.mai | cmp - want.mai
	done
	"$peers/kv.py" near f32.kv q8_0.kv k.0 v.0
	[ "$(stat -c %s q8_0.kv)" -lt "$(stat -c %s f16.kv)" ]
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

@test "prompts that begin alike and find no memory beside each other all come to their end" {
	for i in 1 2 3 4 5 6; do
		echo "Once upon a time there was a little dog named Max. He liked to run in the park. $i"
	done | mai-tokenize -m "$M" -l >in.mai
	mai-run -n 60 -b 1 "$M" <in.mai | mai-cat --ids >alone
	# a page of 64 positions of this model is 80 kB, of the second stage 32 kB: each sequence comes to two
	for mem in 170K 250K 420K; do
		mai-run -n 60 --kv-mem $mem "$M" <in.mai | mai-cat --ids | cmp - alone
		mai-run -n 60 --via "mai-run parts/0.gguf | mai-run --kv-mem 100K parts/1.gguf | mai-run parts/2.gguf" <in.mai | mai-cat --ids | cmp - alone
	done
}

@test "one that ends while others wait for what they share with it holds nobody up" {
	# the first has a token that is none behind what is common
	local ids
	ids="1 $(seq -s ' ' 300 345)"
	printf '%s\n' "$ids 999 4" "$ids 5 6" "$ids 7 8" "$ids 9" | mai-cat --from-ids >in.mai
	for n in 1 3; do
		mai-run -n $n -b 1 "$M" <in.mai 2>/dev/null | mai-cat --ids >alone || :
		run -1 --separate-stderr mai-run -n $n "$M" <in.mai
		[ "$stderr" = "mai-run: sequence 0: a token, a result or a grammar is not valid at position 47" ]
		for how in "$M" "--via 'mai-run parts/0.gguf | mai-run parts/1.gguf | mai-run parts/2.gguf'"; do
			eval "mai-run -n $n $how" <in.mai 2>/dev/null | mai-cat --ids | cmp - alone
		done
	done
}

# ---- longer than the context ----

# shifted PROMPT CONTEXT KEEP N: the same by hand, in windows of their own, each from position 0
shifted() {
	local -a all
	local n=$4 prompt dropped=0 left window
	read -ra all <<<"$1"
	prompt=${#all[@]}
	while [ "$n" -gt 0 ]; do
		window="${all[*]:0:$3} ${all[*]:$3+dropped}"
		left=$(($2 + 1 - ${#all[@]} + dropped))
		[ "$left" -le "$n" ] || left=$n
		read -ra window < <(mai-cat --from-ids <<<"$window" | mai-run -n "$left" --temp 0 --ignore-eos -c "$2" "$M" | mai-cat --ids)
		all+=("${window[@]}")
		n=$((n - left))
		dropped=$((dropped + ($2 - $3) / 2))
	done
	echo "${all[*]:prompt}"
}

@test "a text goes on beyond its context as one that is cut and sent again by hand" {
	ids=$(mai-tokenize -m "$M" -t "Once upon a time, there was a little girl named Lily.")
	mai-cat --from-ids <<<"$ids" >in
	for keep in 1 5 13; do
		shifted "$ids" 40 $keep 100 >want
		[ "$(wc -w <want)" = 100 ]
		mai-run -n 100 --temp 0 --ignore-eos -c 40 --context-shift --keep $keep "$M" <in | mai-cat --ids | diff want -
		mai-run -n 100 --temp 0 --ignore-eos --context-shift --keep $keep --via 'mai-run -c 40 parts/0.gguf | mai-run -c 60 parts/1.gguf | mai-run -c 50 parts/2.gguf' <in |
			mai-cat --ids | diff want -
	done
	# all of the prompt
	shifted "$ids" 40 "$(wc -w <<<"$ids")" 60 >want
	mai-run -n 60 --temp 0 --ignore-eos -c 40 --context-shift --keep -1 "$M" <in | mai-cat --ids | diff want -
}

@test "positions go on beyond the context, draws do not repeat, and a text is put together as without" {
	printf 'Once upon a time\nThe sun\nOne day, a small dog\n' | mai-tokenize -m "$M" -l >in
	mai-run -n 120 -c 48 --ignore-eos --context-shift "$M" <in >out
	mai-cat --json out | jq -r 'select(.type == "rows") | .rows[] | select(.seq == 1) | .pos' >positions
	cmp positions <(seq "$(head -1 positions)" "$(($(head -1 positions) + 119))")
	mai-tokenize -d -l -m "$M" <out >want
	for how in "-b 1" "-b 2 --kv-mem 100K" "-t 2"; do
		# shellcheck disable=SC2086
		mai-run -n 120 -c 48 --ignore-eos --context-shift $how "$M" <in | mai-tokenize -d -l -m "$M" | cmp - want
	done
	mai-run -n 120 --ignore-eos --context-shift --via 'mai-run -c 48 parts/0.gguf | mai-run parts/1.gguf | mai-run parts/2.gguf' <in |
		mai-tokenize -d -l -m "$M" | cmp - want
	# with the prompt, which is shown once
	mai-run -n 120 -c 48 --ignore-eos --context-shift --echo "$M" <in | mai-tokenize -d -l -m "$M" >echoed
	[ "$(cut -c -16 echoed | head -1)" = 'Once upon a time' ]
}

@test "a stop text is found across the place where the context was full" {
	mai-tokenize -m "$M" "Once upon a time" >in
	mai-run -n 150 --temp 0 -c 40 --ignore-eos --context-shift "$M" <in | mai-tokenize -d -m "$M" >all
	# every text of 8 bytes of it stops it at its first place, and not before
	for at in 60 70 80 90 100 110 120 130 140 150 160 170 180 190 200; do
		stop=$(tail -c +$at all | head -c 8)
		[[ $stop != *$'\n'* ]] || continue
		mai-run -n 150 --temp 0 -c 40 --ignore-eos --context-shift --stop "$stop" "$M" <in | mai-tokenize -d -m "$M" >stopped
		/usr/bin/python3 - "$stop" <<-'END'
			import sys
			whole, stopped, stop = open("all", "rb").read(), open("stopped", "rb").read(), sys.argv[1].encode()
			assert whole.startswith(stopped) and stop not in stopped, (stop, stopped)
			# the output ends before the first token that holds a byte of it
			assert len(stopped) <= whole.index(stop) < len(stopped) + 8, (stop, stopped)
		END
	done
}

@test "without --context-shift, or where there is nothing to drop, a full context ends a sequence" {
	mai-tokenize -m "$M" "Once upon a time" >in
	for how in "" "--context-shift --keep -1 -c 6"; do
		# shellcheck disable=SC2086
		run -1 --separate-stderr mai-run -n 100 --ignore-eos -c 30 $how "$M" <in
		[[ $stderr == *'the context is full at position'* ]]
	done
	run -1 --separate-stderr mai-run -n 100 --ignore-eos -c 3 --context-shift "$M" <in
	[ "$stderr" = 'mai-run: sequence 0: the context is full at position 3' ]
	run -2 mai-run --context-shift "$M"
	run -2 mai-run -n 3 --keep 4 "$M"
	run -2 mai-run -n 3 --context-shift --mirostat 2 "$M"
}
