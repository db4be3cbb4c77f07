# mai-shard quantize: the tensors that llama-quantize makes, and models that compute about the same.

load setup
load shard
load stream
no_leak_check

prompt='Once upon a time'

# id_of FILE: the model id
id_of() {
	mai-shard info --json --ids "$1" | jq -r .model_id
}

@test "the tensors are those of llama-quantize" {
	need_shared models/arch
	arch=$SHARED/models/arch
	# llama-quantize made the two of the first, which are in the shared data
	for type in f16 bf16; do
		mai-shard quantize -q $type -o out.gguf "$arch/types-f32.gguf"
		[ "$(id_of out.gguf)" = "$(id_of "$arch/types-$type.gguf")" ] || fail "$type"
		mai-shard quantize -q $type -o out.gguf "$arch/types-$type.gguf"
		[ "$(id_of out.gguf)" = "$(id_of "$arch/types-$type.gguf")" ] || fail "$type of itself"
		mai-shard quantize -q f32 -o out.gguf "$arch/types-$type.gguf"
		mai-shard quantize -q $type -o again.gguf out.gguf
		[ "$(id_of again.gguf)" = "$(id_of "$arch/types-$type.gguf")" ] || fail "$type of its f32"
	done
	mai-shard quantize -q f32 -o out.gguf "$arch/types-q8_0.gguf"
	mai-shard quantize -q q8_0 -o again.gguf out.gguf
	[ "$(id_of again.gguf)" = "$(id_of "$arch/types-q8_0.gguf")" ]
	# and llama.cpp's library, by node-llama-cpp 3.21.1, what these are of
	while read -r type id; do
		mai-shard --quiet quantize -q $type -o out.gguf "$M"
		[ "$(id_of out.gguf)" = "$id" ] || fail "$type"
	done <<-END
		f16 c7bf17fa13a0a5323bda1a3fe97c85936d0db8a90e1cc40d5f8f5f2c10e0b4ff
		bf16 90b7800b3173ab064f2fb37f7518500cec99cec2be07dff91bc62a907cc401df
		q8_0 83bc92d796917ea0cf3ea212c8b197e540985a37efc793dedff704f2d5d2c314
	END
}

@test "blocks of few bits, and mixtures of them, are those of llama-quantize" {
	need_shared models/arch
	# what llama-quantize of llama.cpp 80fb11ac made of them
	while read -r file type id; do
		mai-shard quantize --quiet -q $type -o out.gguf "$SHARED/models/$file"
		[ "$(id_of out.gguf)" = "$id" ] || fail "$file, $type"
	done <<-END
		stories260K.gguf q4_0 54e071f916679bf3b0aeee11ff864b1510c311b9ae2187687c110e68a440c64c
		stories260K.gguf q6_k 83bc92d796917ea0cf3ea212c8b197e540985a37efc793dedff704f2d5d2c314
		stories260K.gguf q5_k_m 14b0d9d067326cf85e8cf4c6b05bede30df2cca96fbdd104e34783c8c000300f
		stories260K.gguf q4_k_m d201f1e8325477e0b47edc6e17cfdd5f1f67641a0ebc1107b952e6b715ecfc9a
		arch/types-f32.gguf q4_0 4c7ceff177fc24aa875d6061a95cf6550ca702d65f19a572389d571c49c5a9f9
		arch/types-f32.gguf q6_k e5c9a13958afd8a5b9089a612422e7cf89efc313d2ffa9055e0a1954c1d5906d
		arch/types-f32.gguf q5_k_m 6968fc72f8d74511ebe26d939682bbc9c3daa1000b57456d39e6dc524896a28d
		arch/types-f32.gguf q4_k_m 0b85f765d09aa6f5caf1ef8120220e479b0c0070ecf8b15560ff25f8e3a1a3c8
		arch/falcon.gguf q4_0 c925ef5572ef127d6e1fc130a7f40fdc576708370c5dcc2a548b48838f1d148e
		arch/falcon.gguf q6_k 35c2f736ff8fe97ff64c0f6376c4f6cf3a798cd4d4dfa23136062a39317c9811
		arch/falcon.gguf q5_k_m 65a1c5bfb1d02ee396ddd34a839e0fc6e1612d3d3091643317efef89570205a2
		arch/falcon.gguf q4_k_m 4025050cf36824dbd5256f16297a8a5697c3121ae1de2bb33ceb2b8699985942
		arch/qwen3moe.gguf q4_0 b6c7c0776b96d3bfcd5071398484fe6641a48f643d4773ae5fb1953e113736ce
		arch/qwen3moe.gguf q6_k 0431bd0a61abb71b035cd6a9be73508f1f5df79e7b17dc1f8eb41efff1c69d9b
		arch/qwen3moe.gguf q5_k_m b0627332c4a1f282966e52feaf342695b341c4c6ca1082c1b2f7e448cfb4e7aa
		arch/qwen3moe.gguf q4_k_m db6517f9c359c37c0ba19dd8babeb1eacc486a48c384fd612ebd661403136852
		arch/gemma2.gguf q4_0 f1f6c1fd0e2a04dcf6656a32457c28df86c4174ff0fc5e50698f963e40ab12ec
		arch/gemma2.gguf q6_k ae926ec38180c1bd6f50e010ab436a7865cccdf70a7ab0f1963744f7dde34451
		arch/gemma2.gguf q5_k_m 9a3e6a5935a687019de14d3e61c2eeff2954c3c2b21e13fe2d9c75fc66b54dd3
		arch/gemma2.gguf q4_k_m 6a4b21c1f6252b2964c1a2b32a15ec7dd4338e7587d490a989181c1c3f3c48a7
	END
	# what was made is computed: perplexities are close
	need_shared corpora/eval/wikitext2_test.txt
	head -c 4000 "$SHARED/corpora/eval/wikitext2_test.txt" >text
	for type in f32 q6_k q4_k_m q4_0; do
		mai-shard quantize --quiet -q $type -o out.gguf "$M"
		mai-tokenize -m "$M" <text | mai-run --perplexity --json out.gguf | jq .perplexity >$type
	done
	jq -n -e --argjson f "$(cat f32)" --argjson a "$(cat q6_k)" --argjson b "$(cat q4_k_m)" --argjson c "$(cat q4_0)" \
		'($a / $f - 1 | fabs) < 0.02 and ($b / $f - 1 | fabs) < 0.1 and ($c / $f - 1 | fabs) < 0.3'
}

@test "every tensor and key is what the formats' definitions say" {
	need_shared models/arch
	need_numpy
	for type in f32 f16 bf16 q8_0; do
		for f in "$M" "$SHARED"/models/arch/{llama-rope-freqs,llama-mha-tied,types-f16,types-bf16,types-q8_0}.gguf; do
			mai-shard quantize --quiet --type=$type -o out.gguf "$f"
			"$peers/weights.py" quantized $type "$f" out.gguf || fail "$f to $type"
		done
	done
	# one bit of a weight, and the wrong type, are noticed
	"$peers/weights.py" quantized q8_0 "$f" out.gguf
	spoil out.gguf $(($(stat -c %s out.gguf) - 1000))
	run -1 "$peers/weights.py" quantized q8_0 "$f" out.gguf
	run -1 "$peers/weights.py" quantized f16 "$f" "$f"
}

@test "what llama-quantize leaves alone stays as it is, in models of other architectures" {
	need_shared models/arch
	# what llama.cpp's library makes of them, as above: gates of experts, convolutions, positions and types of tokens stay
	# (of rwkv7 its file has the same tensors, in shapes without ones at their ends)
	while read -r name id; do
		mai-shard quantize --quiet -q q8_0 -o out.gguf "$SHARED/models/arch/$name.gguf"
		[ "$(id_of out.gguf)" = "$id" ] || fail "$name"
	done <<-END
		bert-cls 94d56c81f80fa8a745dd0f8c4c752f74a983efecd24f5496bed36b2f39da373a
		deepseek2-mla 4416ae3d1c7393cfa9e280feec54b9957300477f1a4cc61d59b8de65f2b474b0
		gemma3 e03115ff10d5fc0568a3e8ca302fcb6959577ceafe1da4c4548c345760a474ad
		gpt2 1f3d6310a92f3317ea2f415982f1efb46e6c10a9ada49e2ea2e49c2616bf75fc
		mamba 46fce25e639a264e84eb06e4bd9bb724458154f81ee21de42d01ae8653d8290c
		qwen3moe 0431bd0a61abb71b035cd6a9be73508f1f5df79e7b17dc1f8eb41efff1c69d9b
		rwkv7 5758d6ba79b21b764c7fac3499a125689752ab88bbb52b9f85d606b6bede39e1
	END
}

@test "models computed with other weights come near" {
	need_shared models/stories260K.gguf
	need_numpy
	mai-tokenize -m "$M" "$prompt" >prompt.mai
	mai-run "$M" <prompt.mai | stream rows >want
	mai-run -n 60 --temp 0 "$M" <prompt.mai | stream ids >text
	while read -r type largest rms; do
		mai-shard quantize --quiet -q $type -o out.gguf "$M"
		mai-run out.gguf <prompt.mai | stream rows >got
		"$peers/weights.py" near $largest $rms want got || fail "$type"
		run -1 "$peers/weights.py" near 1e-6 1e-6 want got
		mai-run -n 60 --temp 0 out.gguf <prompt.mai | stream ids | cmp - text
	done <<-END
		f16 0.02 0.01
		bf16 0.2 0.1
		q8_0 0.5 0.15
	END
	# llama.cpp's logits of weights expanded to f32 (its README: 1e-4)
	need_shared models/arch
	mai-shard quantize -q f32 -o out.gguf "$SHARED/models/arch/types-q8_0.gguf"
	expected=$SHARED/models/arch/types-q8_0.expected.json
	"$peers/arch.py" tokens "$expected" | stream tokens | mai-run out.gguf | stream rows >got
	"$peers/arch.py" compare "$expected" got dequantised
}

@test "shards and a manifest give what the model gives" {
	need_shared models/stories260K.gguf
	mai-shard quantize --quiet -q q8_0 -o want.gguf "$M"
	for stock in "" --stock; do
		mai-shard split -n 3 $stock -o parts "$M"
		mai-shard quantize --quiet -q q8_0 -o out.gguf parts/manifest.json
		cmp out.gguf want.gguf
		mai-shard quantize --quiet -q q8_0 -o out.gguf parts/[021].gguf
		cmp out.gguf want.gguf
	done
	# of a type that is converted already
	mai-shard split -n 2 -o q8 want.gguf
	mai-shard quantize --quiet -q q8_0 -o out.gguf q8/manifest.json
	cmp out.gguf want.gguf
	mai-shard quantize -q f32 -o a.gguf q8/manifest.json
	mai-shard quantize -q f32 -o b.gguf want.gguf
	cmp a.gguf b.gguf
}

@test "shards that don't hold what they state are refused" {
	need_shared models/stories260K.gguf
	mai-shard split -n 2 -o parts "$M"
	mai-shard quantize -q f16 -o out.gguf parts/manifest.json
	spoil parts/1.gguf 300000
	says 1 "not the model that they state" mai-shard quantize -q f16 -o spoilt.gguf parts/manifest.json
	[ ! -e spoilt.gguf ]
}

@test "rows that q8_0 can't have are told of, and become f16" {
	need_shared models/stories260K.gguf
	run -0 --separate-stderr mai-shard quantize -q q8_0 -o out.gguf "$M"
	[ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"warning: out.gguf: "*"multiple of 32 became F16, in 5 tensors, blk.0.ffn_down.weight"* ]] || fail "$stderr"
	[ "$(mai-shard info --json out.gguf | jq -c '[.types[] | [.type, .tensors]]')" = '[["Q8_0",31],["F16",5],["F32",11]]' ]
	run -0 --separate-stderr mai-shard quantize --quiet -q q8_0 -o out.gguf "$M"
	[ -z "$stderr" ]
}

@test "values that are not finite, or too large, are named" {
	need_shared models/stories260K.gguf
	need_numpy
	set_value() {
		"$peers/weights.py" set "$M" "$1" "$2" "$3" bad.gguf
	}
	for value in nan inf -inf; do
		set_value blk.1.attn_q.weight 4095 $value
		for type in f32 f16 bf16 q8_0; do
			says 1 "bad.gguf: tensor blk.1.attn_q.weight: value 4095 is not finite" mai-shard quantize -q $type -o out.gguf bad.gguf
		done
	done
	set_value output_norm.weight 3 nan
	says 1 "tensor output_norm.weight: value 3 is" mai-shard quantize -q f16 -o out.gguf bad.gguf
	set_value blk.0.ffn_down.weight 100 65520
	says 1 "blk.0.ffn_down.weight comes to a value that is too large for type F16" mai-shard quantize -q f16 -o out.gguf bad.gguf
	says 1 "too large for type F16" mai-shard quantize --quiet -q q8_0 -o out.gguf bad.gguf
	set_value token_embd.weight 9000 1e7
	says 1 "token_embd.weight comes to a value that is too large for type Q8_0" mai-shard quantize -q q8_0 -o out.gguf bad.gguf
	[ ! -e out.gguf ]
	mai-shard quantize -q bf16 -o out.gguf bad.gguf
}

@test "wrong usage is status 2, wrong files 1, absent ones 3" {
	says 2 "-q TYPE is missing" mai-shard quantize -o out.gguf x
	says 2 "'q4_k' is none of" mai-shard quantize -q q4_k -o out.gguf x
	says 2 "-o OUT" mai-shard quantize -q f16 x
	says 2 "-o OUT" mai-shard quantize -q f16 -o - x
	says 2 "no model" mai-shard quantize -q f16 -o out.gguf
	says 2 "wants a value" mai-shard quantize -q
	says 3 "absent" mai-shard quantize -q f16 -o out.gguf absent
	echo text >text
	says 1 "text" mai-shard quantize -q f16 -o out.gguf text
	unknown_type iq3_s.gguf
	says 1 "token_embd.weight is of type IQ3_S" mai-shard quantize -q f16 -o out.gguf iq3_s.gguf
	mai-shard split -n 2 -o parts "$M"
	says 1 "only layers" mai-shard quantize -q f16 -o out.gguf parts/1.gguf
	[ ! -e out.gguf ]
}

@test "a full disk is status 3, and nothing is left" {
	need_shared models/stories260K.gguf
	says 3 "No space left" mai-shard quantize -q f16 -o /dev/full "$M"
	run -3 --separate-stderr bash -c 'ulimit -f 300; trap "" XFSZ; exec mai-shard quantize -q f16 -o out.gguf "$1"' - "$M"
	[[ $stderr == *"File too large"* ]]
	[ -z "$(ls -A | grep out)" ]
	echo old >out.gguf
	run -3 bash -c 'ulimit -f 300; trap "" XFSZ; exec mai-shard quantize -q f16 -o out.gguf "$1"' - "$M"
	[ "$(cat out.gguf)" = old ]
}
