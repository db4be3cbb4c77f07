# Importance matrices: what mai-run gathers, and what mai-shard quantize makes of it.

load setup
load shard
load stream
no_leak_check

im() {
	python3 "$BATS_TEST_DIRNAME/imatrix.py" "$@"
}

# id_of FILE: the model id
id_of() {
	mai-shard info --json --ids "$1" | jq -r .model_id
}

# gather ARGUMENTS: mai-run --imatrix says nothing
gather() {
	run -0 mai-run --imatrix "$@"
	[ -z "$output" ] || fail "$output"
}

@test "of the first layer it has the embeddings' squares, of the next those of the states before it" {
	need_shared models/stories260K.gguf
	local text
	text=$(printf 'Once upon a time there was a little girl. %.0s' {1..9})
	mai-tokenize -m "$M" "$text" >text.mai
	gather im.gguf -c 32 "$M" <text.mai
	mai-cat --ids <text.mai | im first "$M" im.gguf 32 1
	# a window's rows are those of a text of its length: then hidden states are what goes in
	mai-tokenize -m "$M" "Once upon a time there was a little girl." >short.mai
	gather short.gguf "$M" <short.mai
	mai-shard split -l 0-1,2-4 -o parts "$M"
	mai-run parts/0.gguf <short.mai | mai-cat --npy >hidden.npy
	im layer 2 "$M" short.gguf hidden.npy
	run ! im layer 1 "$M" short.gguf hidden.npy
}

@test "it is the same on any number of threads, sequences and shards, and any processor" {
	need_shared models/arch/qwen3moe.gguf
	local model=$SHARED/models/arch/qwen3moe.gguf
	head -c 3000 "$SHARED/models/arch/README.md" | mai-tokenize -l -m "$model" >text.mai
	gather want.gguf -c 16 -t 1 "$model" <text.mai
	im experts "$model" want.gguf
	gather got.gguf -c 16 -t 3 -b 1 "$model" <text.mai
	cmp got.gguf want.gguf
	MAI_CPU=scalar gather got.gguf -c 16 -t 2 "$model" <text.mai
	cmp got.gguf want.gguf
	mai-shard split -n 2 -o parts "$model"
	gather got.gguf -c 16 parts/manifest.json <text.mai
	cmp got.gguf want.gguf
	mai-run --imatrix - -c 16 "$model" <text.mai | cmp - want.gguf
}

@test "of latent attention in one matrix it has what that is multiplied with, though here its halves are" {
	need_numpy
	need_shared models/arch/qwen2.gguf
	"$peers/arch_random.py" write deepseek2-whole "$SHARED/models/arch/qwen2.gguf" model.gguf
	head -c 3000 "$SHARED/models/arch/README.md" | mai-tokenize -l -m model.gguf >text.mai
	gather im.gguf -c 16 -t 2 model.gguf <text.mai
	im latent model.gguf im.gguf
	gather got.gguf -c 16 -t 1 -b 1 model.gguf <text.mai
	cmp got.gguf im.gguf
	mai-shard quantize --quiet -q q4_0 -o plain.gguf model.gguf
	mai-shard quantize --quiet -q q4_0 --imatrix im.gguf -o out.gguf model.gguf
	run ! cmp -s plain.gguf out.gguf
}

@test "experts that no row went to are told of, and count alike" {
	need_shared models/arch/deepseek2-mla.gguf
	local model=$SHARED/models/arch/deepseek2-mla.gguf
	mai-tokenize -m "$model" "a dog" >text.mai
	run -0 --separate-stderr mai-run --imatrix im.gguf "$model" <text.mai
	[ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == *"warning: "*" matrices of experts had no input, those of blk.1.ffn_down_exps.weight the first"* ]] || fail "$stderr"
	mai-shard quantize --quiet -q q4_k_m --imatrix im.gguf -o out.gguf "$model"
}

@test "tensors weighed by it are those of llama-quantize" {
	need_shared models/arch
	local model
	im deep "$SHARED/models/arch/types-f32.gguf" deep.gguf
	# what llama-quantize --imatrix of llama.cpp 80fb11ac made of these models and files
	while read -r file type id; do
		model=$SHARED/models/$file
		[ "$file" != deep.gguf ] || model=deep.gguf
		im make "$model" im.gguf
		mai-shard quantize --quiet -q $type --imatrix im.gguf -o out.gguf "$model"
		[ "$(id_of out.gguf)" = "$id" ] || fail "$file, $type"
	done <<-END
		stories260K.gguf q4_0 89751643af333cb463252d60e44d153c8a5429d0e26a8f885c31796932fa4300
		arch/types-f32.gguf q4_k_m 3c1dd606d546d544a622b4f14777c57a5fc37b743195377fd525c9967157c91c
		arch/types-f32.gguf q5_k_m 231c3bfc995c003f08061785f9c8f4621eba4f0b7e6f0501dfdc4a66e4d63daf
		arch/types-f32.gguf q6_k 6c2f64a27e845c73b30427a3c2bb4071c667ed0626dade59e7c4f38efceac1a4
		deep.gguf q4_0 055bdfbe8fac05944ba83ad33ad67c5b360e43c1faea2b7db721fffd184729d7
		arch/qwen3moe.gguf q4_0 1075788ddb2e3fdf02b8438589b4faab1991a5d1a76b011ebb0a04a7664de494
		arch/qwen3moe.gguf q4_k_m ef12b782645b13e3d3417aaec5109815969b7aa747b4add035ab516bdeafb625
		arch/deepseek2-mla.gguf q4_0 a07ec34e71ec7ee25dc34ded8bab2c4df0011e58d86a49a090532b62347f45dc
		arch/deepseek2-mla.gguf q4_k_m 03e96cc7b0a6f6f56f9af30b3968c334246bd64bcbeefe8b69c031c67dc15ca2
	END
}

@test "the model tells by which it was made, and no other" {
	need_shared models/arch/types-f32.gguf
	local model=$SHARED/models/arch/types-f32.gguf
	im make "$model" im.gguf
	keys() {
		PYTHONPATH=$BATS_TEST_DIRNAME python3 -c 'import gguf, sys
for name, (_, v) in gguf.File(sys.argv[1]).keys.items():
    if name.startswith(b"quantize."): print(name.decode(), v.decode() if isinstance(v, bytes) else v)' "$1"
	}
	mai-shard quantize -q q4_0 --imatrix im.gguf -o out.gguf "$model"
	diff <(keys out.gguf) - <<-END
		quantize.imatrix.file im.gguf
		quantize.imatrix.dataset nowhere.txt
		quantize.imatrix.entries_count 7
		quantize.imatrix.chunks_count 5
	END
	mai-shard quantize -q q8_0 -o plain.gguf out.gguf
	[ -z "$(keys plain.gguf)" ]
	# q8_0 is not weighed
	mai-shard quantize -q q8_0 -o plain.gguf "$model"
	mai-shard quantize -q q8_0 --imatrix im.gguf -o out.gguf "$model"
	[ "$(id_of plain.gguf)" = "$(id_of out.gguf)" ]
}

@test "what is wrong with one is said in one line" {
	need_shared models/arch/types-f32.gguf
	local model=$SHARED/models/arch/types-f32.gguf name=blk.0.attn_k.weight
	im make "$model" im.gguf
	refused() {
		im spoil im.gguf bad.gguf "$1"
		says 1 "bad.gguf: $2" mai-shard quantize -q q4_0 --imatrix bad.gguf -o out.gguf "$model"
	}
	refused nan "tensor $name.in_sum2: value 3 is nan"
	refused inf "tensor $name.in_sum2: value 3 is inf"
	refused negative "tensor $name.in_sum2: value 3 is -1"
	refused count "tensor $name.counts: value 0 is nan"
	refused size "of $name there are 255 sums; the model has 256 columns"
	refused counts "of $name there are 3 counts for 1 matrices"
	refused f16 "what there is of $name is not F32"
	refused partner "of $name there is no .counts"
	refused type "not an importance matrix"
	says 1 "$model: not an importance matrix" mai-shard quantize -q q4_0 --imatrix "$model" -o out.gguf "$model"
	says 1 "im.gguf: has nothing of a tensor of $SHARED/models/arch/mamba.gguf" \
		mai-shard quantize -q q4_0 --imatrix im.gguf -o out.gguf "$SHARED/models/arch/mamba.gguf"
	says 3 "absent" mai-shard quantize -q q4_0 --imatrix absent -o out.gguf "$model"
	: >empty
	says 1 "empty" mai-shard quantize -q q4_0 --imatrix empty -o out.gguf "$model"
	[ ! -e out.gguf ]
	im spoil im.gguf other.gguf other
	says 0 "warning: other.gguf: 1 of 8 entries are of no tensor of the model, blk.9.attn_k.weight the first" \
		mai-shard quantize -q q4_0 --imatrix other.gguf -o out.gguf "$model"
}

@test "mai-run --imatrix: wrong usage, no text, a text that fails, and a full disk" {
	need_shared models/stories260K.gguf
	fails() {
		local wanted=$1 words=$2
		shift 2
		run -"$wanted" --separate-stderr "$@"
		[ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == "mai-run: "*"$words"* ]] || fail "$stderr"
		[ -z "$(ls -A | grep out)" ]
	}
	mai-tokenize -m "$M" "Once upon a time" >text.mai
	mai-tokenize -m "$M" "" >empty.mai
	fails 2 "exclude each other" mai-run --imatrix out.gguf --perplexity "$M"
	fails 2 "--via goes with" mai-run --imatrix out.gguf --via cat
	fails 2 "at least 3 positions" mai-run --imatrix out.gguf -c 2 "$M"
	fails 1 "no text of two tokens" mai-run --imatrix out.gguf "$M" <empty.mai
	fails 3 "absent/out.gguf" mai-run --imatrix absent/out.gguf "$M" <text.mai
	fails 3 "No space left" mai-run --imatrix /dev/full "$M" <text.mai
	head -c 100 text.mai >cut.mai
	fails 1 "stdin" mai-run --imatrix out.gguf "$M" <cut.mai
	echo "1 2 100000" | mai-cat --from-ids >bad.mai
	fails 1 "a token, a result or a grammar is not valid at position 2" mai-run --imatrix out.gguf "$M" <bad.mai
	mai-shard split -n 2 -o parts "$M"
	fails 1 "not a whole model" mai-run --imatrix out.gguf parts/0.gguf <text.mai
}
