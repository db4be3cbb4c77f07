# mai-shard import: folders as Hugging Face's library has them, made of llama.cpp's fixtures, come back as these fixtures.

load setup
load shard
load stream
load arch
no_leak_check

# hub PARTS NAME...: of each fixture the folder hub/NAME; $models are the fixtures
hub() {
	local parts=$1 name
	shift
	need_numpy
	need_shared models/arch
	models=()
	for name; do
		models+=("$SHARED/models/arch/$name.gguf")
	done
	"$peers/hub.py" write "$parts" hub "${models[@]}"
}

# random NAME...: of each model of arch_random.py models/NAME.gguf, and the folder hub/NAME; $models are these files
random() {
	local name
	need_numpy
	need_shared models/arch/qwen2.gguf
	mkdir models
	models=()
	for name; do
		"$peers/arch_random.py" write "$name" "$SHARED/models/arch/qwen2.gguf" "models/$name.gguf"
		models+=("models/$name.gguf")
	done
	"$peers/hub.py" write 1 hub "${models[@]}"
}

# import NAME...: of each folder hub/NAME.gguf
import() {
	local name
	for name; do
		mai-shard import -o "hub/$name.gguf" "hub/$name" || fail "$name"
	done
}

# comes_back NAME...: what is made of each folder hub/NAME is the model of $models that it was made of
comes_back() {
	local name model embed
	import "$@"
	"$peers/hub.py" compare hub "${models[@]}"
	mai-cat --from-ids <<<'7 100 3 200 41' >in
	for model in "${models[@]}"; do
		name=$(basename "$model" .gguf)
		embed=
		[[ " $encoders " != *" $name "* ]] || embed=--embed
		mai-run $embed "$model" <in | stream rows >wanted
		mai-run $embed "hub/$name.gguf" <in | stream rows >got
		case $name in
		mamba*) "$peers/weights.py" near 1e-5 1e-5 got wanted || fail "$name" ;; # weights went through a logarithm and back
		*) cmp got wanted || fail "$name" ;;
		esac
	done
}

@test "of each architecture tensors and keys come back, byte for byte, and compute the same" {
	names=
	for name in $computed $encoders; do
		case $name in
		types-f32 | types-f16 | types-bf16) names+=" $name" ;;
		types-* | llama-rope-freqs) ;; # blocks that weights don't come in; factors that no formula gives
		*) names+=" $name" ;;
		esac
	done
	hub 1 $names
	comes_back $names
}

@test "so do architectures and shapes without fixtures" {
	names="granite starcoder2 starcoder2-untied qwen2moe qwen3moe-many mixtral-wide falcon-two-norms gptneox-sequential stablelm-plain stablelm-parallel
		phi3-window qwen2-odd qwen3-wide olmo2-gqa gemma-gqa gemma2-narrow gemma3-deep deepseek2-lite deepseek2-groups mamba-odd mamba-falcon rwkv7"
	random $names
	comes_back $names
}

@test "weights in several files, by an index, are the same" {
	hub 3 llama-moe
	import llama-moe
	[ "$(find hub -name '*.safetensors' | wc -l)" = 3 ]
	"$peers/hub.py" compare hub "${models[@]}"
}

@test "vectors become f32, matrices stay what they are" {
	need_numpy
	need_shared models/arch
	mkdir models
	for type in f16 bf16; do
		"$peers/hub.py" round $type "$SHARED/models/arch/llama-gqa.gguf" models/$type.gguf
		"$peers/hub.py" write 1 hub models/$type.gguf
		"$peers/hub.py" narrow $type hub/$type
		import $type
		"$peers/hub.py" compare hub models/$type.gguf
	done
}

@test "Llama 3's factors of frequencies" {
	hub 1 llama-rope-freqs
	jq '.rope_scaling = {rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64}' \
		hub/llama-rope-freqs/config.json >config.json
	cp config.json hub/llama-rope-freqs
	import llama-rope-freqs
	"$peers/hub.py" factors hub/llama-rope-freqs.gguf config.json
}

# around TOKENIZER: out.gguf, of the smallest model with this tokenizer
around() {
	rm -rf hub/around
	"$peers/hub.py" tokenizer "$1" hub/around
	import around
}

# ids NAME [CHOICE ...]: how many cases have the ids that the Hugging Face library gives them
ids() {
	local name=$1
	shift
	/usr/bin/python3 "$peers/tokens.py" cases hub/around.gguf "$SHARED/tokenizers/$name.cases.jsonl" "$@"
}

@test "ids of the Hugging Face library: a tokenizer.json that was SentencePiece's, with scores that are ranks of merges" {
	need_numpy
	need_shared tokenizers/vocab/llama2.json
	around "$SHARED/tokenizers/vocab/llama2.json"
	[ "$(ids llama2)" = 147 ]
}

@test "ids of the Hugging Face library: byte-level BPE, whose way to cut words is found by its description" {
	need_numpy
	while read -r name n choice; do
		[ -e "$MAI_VOCABULARIES/$name.json" ] || skip "needs tokenizer.json files by name in \$MAI_VOCABULARIES (shared: tokenizers/fetch-vocabularies)"
		need_shared "tokenizers/$name.cases.jsonl"
		around "$MAI_VOCABULARIES/$name.json"
		[ "$(ids "$name" $choice)" = "$n" ] || fail "$name"
	done <<-END
		gpt2 129
		llama3 130
		qwen3 128 nfc
		deepseek_v3 132 unassigned
		gptoss 130
		gemma3 154 ▁
	END
}

@test "word pieces are written as llama.cpp has them" {
	hub 1 bert-cls
	jq '.model.vocab = {"[PAD]": 0, "[CLS]": 1, "a": 2, "##a": 3, "##": 4} | .added_tokens |= map(select(.id < 2) | .content = if .id == 0 then "[PAD]" else "[CLS]" end)' \
		hub/bert-cls/tokenizer.json >tokenizer.json
	cp tokenizer.json hub/bert-cls
	import bert-cls
	python3 - hub/bert-cls.gguf "$BATS_TEST_DIRNAME" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[2])
		import gguf
		tokens = gguf.File(sys.argv[1]).get(b"tokenizer.ggml.tokens")
		wanted = [b"[PAD]", b"[CLS]", b"\xe2\x96\x81a", b"a", b"\xe2\x96\x81##", b"[PAD5]"]
		assert tokens[:6] == wanted and len(tokens) == 272, tokens[:6]
	END
}

# ---- what is refused ----

@test "a folder that is none, or lacks something, is refused in one line" {
	mkdir empty
	says 3 "empty: no config.json there" mai-shard import -o x.gguf empty
	says 3 "nothing: no config.json there" mai-shard import -o x.gguf nothing
	says 2 "one folder is to be named" mai-shard import -o x.gguf
	says 2 "-o OUT is missing, or no file" mai-shard import empty
	echo '[]' >empty/config.json
	says 1 "empty/config.json: not an object" mai-shard import -o x.gguf empty
	head -c 1000 /dev/urandom >empty/config.json
	says 1 "empty/config.json: line" mai-shard import -o x.gguf empty
	echo '{"architectures": ["LlamaForCausalLM"]}' >empty/config.json
	says 3 "empty/model.safetensors: No such file" mai-shard import -o x.gguf empty
	: >empty/model.safetensors
	says 1 "empty/model.safetensors: 0 bytes" mai-shard import -o x.gguf empty
	head -c 1000 /dev/urandom >empty/model.safetensors
	says 1 "empty/model.safetensors: not safetensors" mai-shard import -o x.gguf empty
	[ ! -e x.gguf ]
	[ -z "$(find . -name 'x.gguf*')" ]
}

# spoilt FILE FILTER: a copy of hub/llama-gqa in bad, in which jq changes a file
spoilt() {
	rm -rf bad
	cp -r hub/llama-moe bad
	jq "$2" "hub/llama-moe/$1" >"bad/$1"
}

@test "settings, names and shapes that make no model are refused, by name" {
	hub 2 llama-moe
	spoilt config.json '.architectures = ["OtherForCausalLM"]'
	says 1 "bad/config.json: OtherForCausalLM is no architecture that is known" mai-shard import -o x.gguf bad
	spoilt config.json 'del(.architectures)'
	says 1 'bad/config.json: no "architectures"' mai-shard import -o x.gguf bad
	spoilt config.json '.num_attention_heads = 7'
	says 1 "q_proj.weight: its shape does not fit the model's sizes" mai-shard import -o x.gguf bad
	spoilt config.json '.num_attention_heads = 1e9'
	says 1 "the number of heads is 1e+09" mai-shard import -o x.gguf bad
	spoilt config.json '.hidden_size = -1'
	says 1 "embedding_length would be -1" mai-shard import -o x.gguf bad
	spoilt config.json '.num_hidden_layers = 3'
	says 1 "bad: what it makes is no model that is computed" mai-shard import -o x.gguf bad
	spoilt config.json '.rope_scaling = {rope_type: "other"}'
	says 1 "rope scaling of type other is not known" mai-shard import -o x.gguf bad
	spoilt model.safetensors.index.json '.weight_map["model.norm.weight"] = "../hub/llama-moe/model-00001-of-00002.safetensors"'
	says 1 "is in no file of the folder" mai-shard import -o x.gguf bad
	spoilt model.safetensors.index.json '.weight_map["model.norm.weight"] = "model-00001-of-00002.safetensors"'
	says 1 "tensor model.norm.weight is not there, which the index says" mai-shard import -o x.gguf bad
	rm bad/model-00002-of-00002.safetensors
	says 3 "model-00002-of-00002.safetensors: No such file" mai-shard import -o x.gguf bad
	[ -z "$(find . -name 'x.gguf*')" ]
}

@test "settings that ask for what is not computed are refused, by name" {
	random qwen2moe qwen3moe-many
	mv hub/qwen2moe hub/llama-moe
	spoilt config.json '.norm_topk_prob = true'
	says 1 "bad/config.json: norm_topk_prob of architecture qwen2moe is not computed" mai-shard import -o x.gguf bad
	rm -r hub/llama-moe
	mv hub/qwen3moe-many hub/llama-moe
	spoilt config.json 'del(.norm_topk_prob)'
	says 1 "bad/config.json: !norm_topk_prob of architecture qwen3moe is not computed" mai-shard import -o x.gguf bad
}

# renamed FROM TO: hub/llama-moe in bad, with another name in its weights, which is as long
renamed() {
	rm -rf bad
	cp -r hub/llama-moe bad
	sed -i "s/$1/$2/" bad/model.safetensors
}

@test "tensors that have no place, and experts that are missing, are refused, by name" {
	hub 1 llama-moe
	renamed 'layers.1.self_attn.q_proj' 'layers.1.self_attn.x_proj'
	says 1 "tensor model.layers.1.self_attn.x_proj.weight is none that is known of architecture llama" mai-shard import -o x.gguf bad
	renamed 'layers.1.block_sparse_moe.experts.2.w1' 'layers.1.block_sparse_moe.experts.9.w1'
	says 1 "experts.3.w1.weight: the one before it is missing" mai-shard import -o x.gguf bad
	renamed '"F32", "shape": \[64, 64\]' '"I32", "shape": [64, 64]'
	says 1 "is of type I32, which can't be converted" mai-shard import -o x.gguf bad
	hub 1 rwkv7
	rm -r hub/llama-moe
	mv hub/rwkv7 hub/llama-moe
	renamed 'layers.0.attn.x_k' 'layers.1.attn.x_k'
	says 1 "layers.0.attn.x_v: the one before it is missing" mai-shard import -o x.gguf bad
	renamed 'layers.0.attn.x_r' 'layers.1.attn.x_r'
	says 1 "layers.0.attn.x_w: those before it are missing" mai-shard import -o x.gguf bad
	renamed 'layers.0.attn.x_g' 'layers.0.attn.x_x'
	says 1 "bad: what it makes is no model that is computed" mai-shard import -o x.gguf bad
	"$peers/weights.py" set "$SHARED/models/arch/mamba.gguf" blk.1.ssm_a 5 0.5 bad.gguf # whose logarithm of its negative is none
	"$peers/hub.py" write 1 hub bad.gguf
	says 1 "layers.1.mixer.A_log has an element that is the logarithm of no f32" mai-shard import -o x.gguf hub/bad
	[ -z "$(find . -name 'x.gguf*')" ]
}

@test "tokenizers that can't be expressed are refused, by what they are" {
	hub 1 qwen2
	mv hub/qwen2 hub/llama-moe
	spoilt tokenizer.json '.pre_tokenizer = {type: "Whitespace"}'
	says 1 "bad/tokenizer.json: its pre_tokenizer is none that is known: <Whitespace>" mai-shard import -o x.gguf bad
	spoilt tokenizer.json '.model.type = "Unigram"'
	says 1 "bad/tokenizer.json: its model, of type Unigram, is none that is known" mai-shard import -o x.gguf bad
	spoilt tokenizer.json '.model.merges = ["ab"]'
	says 1 "bad/tokenizer.json: merge 0 is no pair" mai-shard import -o x.gguf bad
	rm bad/tokenizer.json
	says 3 "neither tokenizer.json nor tokenizer.model there" mai-shard import -o x.gguf bad
	echo "1 '\\x00' 1" >bad/rwkv_vocab_v20230424.txt
	says 1 "bad/rwkv_vocab_v20230424.txt: the tokenizer of RWKV World, which can't be expressed" mai-shard import -o x.gguf bad
}

@test "with --trust each file is to be signed" {
	hub 1 llama-gqa
	mai-sign keygen -W -o friend >/dev/null
	mai-sign id --json friend.pub | jq -r .peer >friends
	says 1 "config.json" mai-shard import --trust friends -o x.gguf hub/llama-gqa
	for f in config.json model.safetensors tokenizer.model; do
		mai-sign sign -k friend.key "hub/llama-gqa/$f" >/dev/null
	done
	says 1 "tokenizer_config.json" mai-shard import --trust friends -o x.gguf hub/llama-gqa
	mai-sign sign -k friend.key hub/llama-gqa/tokenizer_config.json >/dev/null
	mai-shard import --trust friends -o x.gguf hub/llama-gqa
	printf x >>hub/llama-gqa/model.safetensors
	says 1 "model.safetensors" mai-shard import --trust friends -o x.gguf hub/llama-gqa
}
