# Recurrent models: what is kept of a sequence is one state, which goes on, into files and into forks, and never back.

load setup
load stream
load arch

setup() {
	need_numpy
	need_shared models/arch/rwkv7.gguf
	cd "$BATS_TEST_TMPDIR" || return
	for name in $recurrent; do
		ln -s "$(realpath "$SHARED/models/arch/$name.gguf")" $name.gguf
		mai-shard split -q -n 2 -o $name $name.gguf
	done
	begin=$(seq -s ' ' 3 2 83)
}

# ids STREAM-OF-IDS...: a prompt of each
prompts() {
	printf '%s\n' "$@" | mai-cat --from-ids
}

# sent FILE: how many rows a stream has, and how many forks
sent() {
	mai-cat --json "$1" | jq -s -r '[([.[] | select(.type == "rows") | .rows | length] | add), ([.[] | select(.type == "fork")] | length)] | @tsv'
}

generate() {
	mai-run -n 12 --temp 0 --ignore-eos "$@"
}

@test "prompts that begin alike: the answers are those of each alone" {
	for i in 1 2 3 4 5; do
		echo "$begin $i 9"
	done | mai-cat --from-ids >in
	for name in $recurrent; do
		generate -b 1 $name.gguf <in | mai-cat --ids >alone
		generate $name.gguf <in | mai-cat --ids | cmp - alone
		generate --via "mai-run $name/0.gguf | mai-run $name/1.gguf" <in | mai-cat --ids | cmp - alone
		# room for two states
		generate --kv-mem 150K $name.gguf <in | mai-cat --ids | cmp - alone
	done
}

@test "a state in a file goes on where a prompt begins with all of it" {
	prompts "$begin" >begin.mai
	prompts "$begin 7 8 9" >more.mai
	prompts "${begin% *} 7 8 9" >other.mai
	for name in $recurrent; do
		generate $name.gguf <more.mai >want.mai
		generate $name.gguf <other.mai >want.other.mai
		mai-run -n 0 --kv-save state.gguf $name.gguf <begin.mai >none.mai
		generate -t 1 --kv-load state.gguf $name.gguf <more.mai | cmp - want.mai
		generate --kv-load state.gguf --via "tee seen.mai | mai-run --kv-load state.gguf $name.gguf" <more.mai | cmp - want.mai
		# three of the prompt, and the 11 tokens before the last
		[ "$(sent seen.mai)" = $'14\t1' ] || fail "$(sent seen.mai)"
		generate --kv-load state.gguf $name.gguf <other.mai | cmp - want.other.mai
		mai-run -n 0 --via "mai-run --kv-save 0.kv $name/0.gguf | mai-run --kv-save 1.kv $name/1.gguf" <begin.mai >none.mai
		generate --kv-load 0.kv --via "mai-run --kv-load 0.kv $name/0.gguf | mai-run --kv-load 1.kv $name/1.gguf" <more.mai | cmp - want.mai
	done
	run -1 --separate-stderr mai-run -n 1 --kv-load state.gguf mamba.gguf <more.mai
	[ "$stderr" = "mai-run: state.gguf: the state of another model" ]
}

@test "a stage refuses a fork, and ends a sequence that is cut, where no state is kept" {
	prompts "3 5 7 9" | mai-cat --json | head -n 3 >frames
	# of sequence 0, of four positions: a fork at its end, one before it, and one at its beginning; then cuts of it
	for pos in 4 3 0; do
		echo '{"type":"fork","seq":'$((10 + pos))',"from":0,"pos":'$pos'}'
	done >>frames
	for pos in 4 3; do
		echo '{"type":"cut","seq":0,"pos":'$pos'}'
	done >>frames
	echo '{"type":"end"}' >>frames
	mai-cat --from-json <frames >in
	for name in $recurrent; do
		mai-run $name.gguf <in 2>err | mai-cat --json | jq -c 'select(.type == "close") | [.seq, .pos, .reason]' >closes || :
		printf '[13,0,"refused"]\n[0,3,"refused"]\n' | diff closes - || fail "$name" "$(cat err)"
	done
}

@test "drafts: refused for a model of this process, left out by a stage" {
	"$peers/arch_random.py" write granite mamba.gguf draft.gguf
	prompts "$begin" "5 $begin" >in
	run -1 --separate-stderr mai-run -n 3 --draft draft.gguf mamba.gguf <in
	[ "$stderr" = "mai-run: mamba.gguf: a recurrent model, which can't take back what a draft guessed" ]
	run -1 --separate-stderr mai-run -n 3 --draft mamba.gguf --via "mai-run draft.gguf" <in
	[ "$stderr" = "mai-run: mamba.gguf: a recurrent model, which can't take back what it guessed: no draft" ]
	generate mamba.gguf <in | mai-cat --ids >want
	generate --draft draft.gguf --draft-p-min 0 --via "mai-run mamba/0.gguf | mai-run mamba/1.gguf" <in | mai-cat --ids | cmp - want
}

@test "a text goes on beyond its context as one that is cut and sent again by hand" {
	prompts "$begin" >in
	for name in $recurrent; do
		# 9 tokens come within 50 positions; then the first, and what stands behind the half of the others that is dropped
		generate -c 50 --context-shift $name.gguf <in | mai-cat --ids >all
		read -ra ids < <(generate $name.gguf <in | mai-cat --ids)
		[ "$(cut -d ' ' -f -9 all)" = "${ids[*]:0:9}" ]
		read -ra text <<<"$begin ${ids[*]:0:10}"
		prompts "${text[0]} ${text[*]:25}" >again
		[ "$(cut -d ' ' -f 11- all)" = "$(mai-run -n 2 --temp 0 --ignore-eos $name.gguf <again | mai-cat --ids)" ] || fail "$(cat all)"
	done
}

@test "adapters are applied to matrices, and refused for what only looks like one" {
	mai-cat --from-ids <<<"$begin" >in
	while read -r name part; do
		"$peers/lora.py" make $name.gguf a.gguf --only $part
		mai-shard merge -q -o merged.gguf --lora a.gguf $name.gguf
		mai-run --lora a.gguf $name.gguf <in | stream rows >applied
		mai-run merged.gguf <in | stream rows >merged
		mai-run $name.gguf <in | stream rows >none
		/usr/bin/python3 - <<-'END'
			import numpy as np
			a, m, n = (np.fromfile(f, "<f4") for f in ("applied", "merged", "none"))
			assert abs(a - m).max() < 1e-4 < abs(a - n).max()
		END
	done <<-END
		mamba ssm_x
		mamba ssm_dt
		rwkv7 time_mix_v2
		rwkv7 channel_mix
	END
	"$peers/lora.py" make mamba.gguf a.gguf --only conv1d
	run -1 --separate-stderr mai-run --lora a.gguf mamba.gguf <in
	[[ $stderr == "mai-run: a.gguf: tensor blk."*"ssm_conv1d.weight"*"is for none of the model's matrices" ]]
}

@test "what can't be is refused in one line" {
	prompts "$begin" >in
	refused() {
		run -1 --separate-stderr "${@:2}" <in
		[[ $stderr == *"$1"* && ${#stderr_lines[@]} = 1 ]] || fail "$stderr"
	}
	refused "mamba.gguf: keeps states, which are of F32" mai-run --kv-type f16 mamba.gguf
	refused "the architecture rwkv7 can be computed, but not trained" mai-train run -m rwkv7.gguf -d in --steps 1 -o out.gguf
	# names of the same length, so that the file stays as it is otherwise
	while read -r name from to words; do
		LC_ALL=C sed "s/$from/$to/g" $name.gguf >bad.gguf
		refused "$words" mai-run bad.gguf
	done <<-'END'
		mamba blk.1.ssm_a blk.1.ssm_b no tensor blk.1.ssm_a
		mamba ssm.inner_size ssm.inner_sise mamba.ssm.inner_size is 0, which can't be computed
		mamba ssm.state_size ssm.state_sise mamba.ssm.state_size is 0, which can't be computed
		rwkv7 token_embd_norm.bias token_embd_norm.bios no tensor token_embd_norm.bias
		rwkv7 time_mix_lerp_fused time_mix_lerp_fusel no tensor blk.0.time_mix_lerp_fused.weight
		rwkv7 wkv.head_size wkv.head_sise rwkv7.wkv.head_size is 0, which can't be computed
	END
	# the tensors of one beside the numbers of another
	LC_ALL=C sed "s/mamba/rwkv7/g" mamba.gguf >bad.gguf
	refused "rwkv7.wkv.head_size" mai-run bad.gguf
}
