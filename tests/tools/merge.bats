# mai-shard merge: adapters in the weights, and means of models.

load setup
load shard
load stream
no_leak_check

# adapter OUT RANK ALPHA TYPE SEED [WHAT]: a random one for stories260K
adapter() {
	"$peers/weights.py" adapter "$M" "$2" "$3" "$4" "$5" "$1" ${6-}
}

# replaced WAS IS OUT: the model with other bytes, as many, in one place
replaced() {
	[ "$(LC_ALL=C grep -c "$1" "$M")" = 1 ] && [ "${#1}" = "${#2}" ]
	LC_ALL=C sed "s/$1/$2/" "$M" >"$3"
	! cmp -s "$M" "$3"
}

@test "adapters are added to the bit, in any type of the model and of them" {
	need_shared models/stories260K.gguf
	need_numpy
	adapter a.gguf 4 8 f32 1
	adapter b.gguf 7 0 f16 2 ffn
	adapter c.gguf 32 16 q8_0 3 attn_q
	adapter d.gguf 1 -3 bf16 4 blk.2
	for type in f32 f16 bf16 q8_0; do
		mai-shard quantize --quiet -q $type -o model.gguf "$M"
		mai-shard merge --lora a.gguf -o out.gguf model.gguf
		"$peers/weights.py" merged model.gguf out.gguf a.gguf:1
		mai-shard merge --lora a.gguf:0.3 --lora=b.gguf:-0.5 --lora c.gguf:1e-2 --lora d.gguf --lora a.gguf -o out.gguf model.gguf
		"$peers/weights.py" merged model.gguf out.gguf a.gguf:0.3 b.gguf:-0.5 c.gguf:1e-2 d.gguf:1 a.gguf:1 || fail $type
		run -1 "$peers/weights.py" merged model.gguf out.gguf a.gguf:0.3 b.gguf:-0.5 c.gguf:1e-2 d.gguf:1
	done
	run -1 "$peers/weights.py" merged model.gguf model.gguf a.gguf:0.3
	mai-tokenize -m "$M" "Once upon a time" | mai-run -n 20 --temp 0 out.gguf >/dev/null
}

@test "a merged model computes what mai-run computes with the adapters" {
	need_shared models/stories260K.gguf
	need_numpy
	adapter a.gguf 4 8 f32 1
	adapter b.gguf 8 0 f16 2 ffn
	mai-tokenize -m "$M" "Once upon a time there was" >prompt.mai
	mai-run --lora a.gguf:0.5 --lora b.gguf:-0.2 "$M" <prompt.mai | stream rows >want
	mai-shard merge --lora a.gguf:0.5 --lora b.gguf:-0.2 -o out.gguf "$M"
	mai-run out.gguf <prompt.mai | stream rows >got
	"$peers/weights.py" near 1e-4 1e-4 want got
	mai-run "$M" <prompt.mai | stream rows >without
	run -1 "$peers/weights.py" near 0.1 0.1 want without
}

@test "a scale of 0 leaves every byte of the model" {
	need_shared models/stories260K.gguf
	need_numpy
	adapter a.gguf 4 8 f32 1
	for type in f32 q8_0; do
		mai-shard quantize --quiet -q $type -o model.gguf "$M"
		mai-shard merge --lora a.gguf:0 -o out.gguf model.gguf
		cmp out.gguf model.gguf
		mai-shard merge --lora a.gguf:0 --lora a.gguf:1 --lora a.gguf:-0 -o out.gguf model.gguf
		"$peers/weights.py" merged model.gguf out.gguf a.gguf:1
	done
}

@test "a layer without a pair keeps its bytes, of any type" {
	need_shared models/arch
	need_numpy
	f=$SHARED/models/arch/types-q4_0.gguf
	"$peers/weights.py" adapter "$f" 4 8 f32 1 a.gguf blk.1.attn_q
	says 1 "types-q4_0.gguf: tensor blk.1.attn_q.weight is of type Q4_0" mai-shard merge --lora a.gguf -o out.gguf "$f"
	# a matrix that is f32 in a model of many types
	f=$SHARED/models/arch/gpt-oss-mxfp4.gguf
	"$peers/weights.py" adapter "$f" 4 8 f32 1 a.gguf blk.1.attn_q
	mai-shard merge --lora a.gguf -o out.gguf "$f"
	"$peers/weights.py" merged "$f" out.gguf a.gguf:1
}

@test "the mean is that of every value, to the bit" {
	need_shared models/stories260K.gguf
	need_numpy
	adapter a.gguf 4 8 f32 1
	mai-shard merge --lora a.gguf -o other.gguf "$M"
	for type in f16 bf16 q8_0; do
		mai-shard quantize --quiet -q $type -o $type.gguf other.gguf
		mai-shard merge --mean -o out.gguf "$M" $type.gguf
		"$peers/weights.py" mean out.gguf "$M:1" $type.gguf:1
		mai-shard quantize --quiet -q $type -o model.gguf "$M"
		mai-shard merge --mean -o out.gguf model.gguf:3 other.gguf:0.7 $type.gguf:1e1
		"$peers/weights.py" mean out.gguf model.gguf:3 other.gguf:0.7 $type.gguf:1e1 || fail $type
		run -1 "$peers/weights.py" mean out.gguf model.gguf:2.9 other.gguf:0.7 $type.gguf:1e1
		# of a model and itself, however often
		mai-shard merge --mean -o out.gguf $type.gguf $type.gguf $type.gguf
		cmp out.gguf $type.gguf
	done
	mai-shard merge --mean -o out.gguf "$M"
	cmp out.gguf "$M"
}

@test "shards and manifests give what models give" {
	need_shared models/stories260K.gguf
	need_numpy
	adapter a.gguf 4 8 f32 1
	for type in f32 f16 bf16 q8_0; do
		mai-shard quantize --quiet -q $type -o model.gguf "$M"
		mai-shard merge --lora a.gguf -o added.gguf model.gguf
		mai-shard merge --mean -o mean.gguf model.gguf added.gguf "$M"
		for stock in "" --stock; do
			mai-shard split -n 3 $stock -o parts model.gguf
			mai-shard split -n 2 $stock -o more added.gguf
			mai-shard merge --lora a.gguf -o out.gguf parts/manifest.json
			cmp out.gguf added.gguf
			mai-shard merge --lora a.gguf -o out.gguf parts/2.gguf parts/0.gguf parts/1.gguf
			cmp out.gguf added.gguf
			mai-shard merge --mean -o out.gguf parts/manifest.json more/manifest.json "$M"
			cmp out.gguf mean.gguf
		done
	done
	# tensors of three dimensions
	need_shared models/arch
	"$peers/weights.py" adapter "$SHARED/models/arch/llama-moe.gguf" 4 8 f32 1 a.gguf attn_q
	mai-shard merge --lora a.gguf -o out.gguf "$SHARED/models/arch/llama-moe.gguf"
	mai-shard merge --mean -o mean.gguf "$SHARED/models/arch/llama-moe.gguf" out.gguf:2
	"$peers/weights.py" mean mean.gguf "$SHARED/models/arch/llama-moe.gguf:1" out.gguf:2
	mai-shard split -n 2 -o parts "$SHARED/models/arch/llama-moe.gguf"
	mai-shard split -n 1 -o more out.gguf
	mai-shard merge --mean -o again.gguf parts/manifest.json more/manifest.json:2
	cmp again.gguf mean.gguf
}

@test "shards that don't hold what they state are refused" {
	need_shared models/stories260K.gguf
	need_numpy
	adapter a.gguf 4 8 f32 1
	mai-shard split -n 2 -o parts "$M"
	mai-shard merge --mean -o mean.gguf "$M" parts/manifest.json
	spoil parts/1.gguf 300000
	says 1 "not the model that they state" mai-shard merge --lora a.gguf -o out.gguf parts/manifest.json
	says 1 "parts/0.gguf: what the shards hold" mai-shard merge --mean -o out.gguf parts/manifest.json "$M"
	says 1 "parts/0.gguf: what the shards hold" mai-shard merge --mean -o out.gguf "$M" parts/manifest.json
	[ ! -e out.gguf ]
}

@test "models that differ are refused by what differs" {
	need_shared models/arch
	differs() {
		says 1 "$1" mai-shard merge --mean -o out.gguf "$M" "$2"
		[[ $stderr == "mai-shard: $2: "*"$M" ]]
		says 1 "$1" mai-shard merge --mean -o out.gguf "$2" "$M"
		[ ! -e out.gguf ]
	}
	cp "$M" other.gguf
	at=$(LC_ALL=C grep -abo llama.context_length other.gguf | head -n 1 | cut -d : -f 1)
	spoil other.gguf $((at + 24))
	differs "the key llama.context_length" other.gguf
	replaced llama.context_length llama.context_lemgth other.gguf
	differs "the key llama.context_lemgth" other.gguf
	replaced there thyre other.gguf
	differs "the vocabulary" other.gguf
	replaced output_norm.weight output_nurm.weight other.gguf
	differs "tensor output_norm.weight" other.gguf
	says 1 "the architecture" mai-shard merge --mean -o out.gguf "$M" "$SHARED/models/arch/gpt2.gguf"
	says 1 "the key llama." mai-shard merge --mean -o out.gguf "$M" "$SHARED/models/arch/llama-gqa.gguf"
	says 1 "is of type Q4_0" mai-shard merge --mean -o out.gguf "$SHARED/models/arch/types-q4_0.gguf" "$SHARED/models/arch/types-q8_0.gguf"
	unknown_type iq3_s.gguf
	says 1 "iq3_s.gguf: tensor token_embd.weight is of type IQ3_S" mai-shard merge --mean -o out.gguf "$SHARED/models/arch/types-q8_0.gguf" iq3_s.gguf
	[ ! -e out.gguf ]
}

@test "adapters of another model are refused" {
	need_shared models/arch
	need_numpy
	f=$SHARED/models/arch/llama-gqa.gguf
	"$peers/weights.py" adapter "$f" 4 8 f32 1 a.gguf blk.0.ffn_up
	says 1 "a.gguf: tensor blk.0.ffn_up.weight.lora_b is 4 x 64, wanted is 4 x 172" mai-shard merge --lora a.gguf -o out.gguf "$M"
	"$peers/weights.py" adapter "$SHARED/models/arch/gpt2.gguf" 4 8 f32 1 a.gguf
	says 1 "an adapter of the architecture gpt2" mai-shard merge --lora a.gguf -o out.gguf "$M"
	says 1 "no adapter" mai-shard merge --lora "$M" -o out.gguf "$M"
	[ ! -e out.gguf ]
}

@test "values that are not finite, or too large, are named" {
	need_shared models/stories260K.gguf
	need_numpy
	adapter a.gguf 4 8 f32 1
	"$peers/weights.py" set a.gguf blk.3.attn_v.weight.lora_b 5 inf bad.gguf
	says 1 "bad.gguf: tensor blk.3.attn_v.weight.lora_b: value 5 is not finite" mai-shard merge --lora bad.gguf -o out.gguf "$M"
	"$peers/weights.py" set "$M" blk.4.attn_k.weight 2000 nan bad.gguf
	says 1 "bad.gguf: tensor blk.4.attn_k.weight: value 2000 is" mai-shard merge --lora a.gguf -o out.gguf bad.gguf
	says 1 "bad.gguf: tensor blk.4.attn_k.weight: value 2000 is" mai-shard merge --mean -o out.gguf bad.gguf "$M"
	says 1 "bad.gguf: tensor blk.4.attn_k.weight: value 2000 is" mai-shard merge --mean -o out.gguf "$M" bad.gguf
	"$peers/weights.py" set a.gguf blk.3.attn_v.weight.lora_b 5 1e30 bad.gguf
	says 1 "comes to a value that is too large for type F32" mai-shard merge --lora bad.gguf:1e10 -o out.gguf "$M"
	mai-shard quantize -q f16 -o f16.gguf "$M"
	says 1 "f16.gguf: tensor blk.3.attn_v.weight comes to a value that is too large for type F16" \
		mai-shard merge --lora bad.gguf -o out.gguf f16.gguf
	[ ! -e out.gguf ]
}

@test "wrong usage is status 2, wrong files 1, absent ones 3" {
	says 2 "one of --lora and --mean" mai-shard merge -o out.gguf x
	says 2 "one of --lora and --mean" mai-shard merge --mean --lora a -o out.gguf x
	says 2 "-o OUT" mai-shard merge --mean x y
	says 2 "-o OUT" mai-shard merge --lora x -o - y
	says 2 "no model" mai-shard merge --mean -o out.gguf
	need_shared models/stories260K.gguf
	for weight in 0 -1 inf nan; do
		says 2 ":$weight: the weight" mai-shard merge --mean -o out.gguf "$M" "$M:$weight"
	done
	says 3 "absent" mai-shard merge --mean -o out.gguf "$M" absent
	says 3 "absent" mai-shard merge --lora absent:0.5 -o out.gguf "$M"
	says 3 "absent" mai-shard merge --lora absent -o out.gguf absent
	mai-shard split -n 2 -o parts "$M"
	says 1 "only layers" mai-shard merge --mean -o out.gguf "$M" parts/1.gguf
	says 1 "only layers" mai-shard merge --mean -o out.gguf parts/1.gguf "$M"
	[ ! -e out.gguf ]
}

@test "a full disk is status 3, and nothing is left" {
	need_shared models/stories260K.gguf
	says 3 "No space left" mai-shard merge --mean -o /dev/full "$M" "$M"
	run -3 --separate-stderr bash -c 'ulimit -f 300; trap "" XFSZ; exec mai-shard merge --mean -o out.gguf "$1" "$1"' - "$M"
	[[ $stderr == *"File too large"* ]]
	[ -z "$(ls -A | grep out)" ]
}
