# The architectures that mai-run computes, beside llama.cpp's logits; others are refused.

load setup
load stream
load arch
no_leak_check

# logits MODEL EXPECTED OUT
logits() {
	"$peers/arch.py" tokens "$2" | stream tokens | mai-run "$1" | stream rows >"$3"
}

setup() {
	need_numpy
	need_shared models/arch
	cd "$BATS_TEST_TMPDIR" || return
	arch=$SHARED/models/arch
}

@test "logits are llama.cpp's, as close as two of its own builds are" {
	for name in $computed; do
		logits "$arch/$name.gguf" "$arch/$name.expected.json" rows
		"$peers/arch.py" compare "$arch/$name.expected.json" rows
	done
}

@test "embeddings are llama.cpp's; with any set of kernels, threads, shards and batch their bits are the same" {
	for name in $encoders; do
		"$peers/arch.py" tokens "$arch/$name.expected.json" | stream tokens -w last >in
		mai-run --embed "$arch/$name.gguf" <in >out
		stream rows <out >rows
		"$peers/arch.py" embeddings "$arch/$name.expected.json" rows
		for set in scalar sse4 avx2 avx512 neon; do
			MAI_CPU=$set mai-run --embed "$arch/$name.gguf" <in >/dev/null 2>&1 || continue # not of this processor
			MAI_CPU=$set mai-run -t 1 --embed "$arch/$name.gguf" <in | cmp - out
		done
		mai-shard split -q -n 2 -o "$name" "$arch/$name.gguf"
		mai-run -t 2 --embed "$name/manifest.json" <in | cmp - out
		"$peers/arch.py" tokens "$arch/$name.expected.json" | tail -n 1 | stream tokens -w last | mai-run --embed "$arch/$name.gguf" | stream rows >alone
		tail -c "$(stat -c %s alone)" rows | cmp - alone
		run -1 --separate-stderr mai-run -n 1 "$arch/$name.gguf" <in
		[[ $stderr == *"an encoder, which gives embeddings: --embed" ]]
		run -1 --separate-stderr mai-run --embed "$name/0.gguf" <in
		[[ $stderr == *"a part of an encoder, which is computed as a whole" ]]
	done
}

@test "blocks of few bits made f32 give what they stand for" {
	for type in q4_0 q4_1 q5_0 q5_1 iq4_nl q2_k q3_k q4_k q4_k_m-mix q5_k q6_k iq4_xs mxfp4; do
		mai-shard quantize --quiet -q f32 -o wide.gguf "$arch/types-$type.gguf"
		logits wide.gguf "$arch/types-$type.expected.json" rows
		"$peers/arch.py" compare "$arch/types-$type.expected.json" rows dequantised
		mai-shard split -q --stock -n 2 -o "$type" "$arch/types-$type.gguf"
		mai-shard split -q -n 1 -o "$type-x16" "$type/manifest.json"
		mai-shard join -q -o again.gguf "$type-x16/0.gguf"
		cmp again.gguf "$arch/types-$type.gguf"
	done
}

@test "greedy tokens are llama.cpp's" {
	for name in $computed; do
		"$peers/arch.py" tokens "$arch/$name.expected.json" | stream tokens -w last |
			mai-run -n 24 --temp 0 --ignore-eos "$arch/$name.gguf" | stream ids >ids
		"$peers/arch.py" greedy "$arch/$name.expected.json" ids
	done
}

@test "a model that is a little another one is noticed" {
	# the same weights, but rounded to f16
	logits "$arch/types-f16.gguf" "$arch/types-f32.expected.json" rows
	run -1 "$peers/arch.py" compare "$arch/types-f32.expected.json" rows
	[[ $output == *largest* ]]
}

# Status 1, nothing on stdout but a stream that says it failed, one line on stderr that names the file.
refused() {
	local status=0
	echo 1 2 3 | stream tokens >in.mai
	mai-run "$1" <in.mai >out 2>err || status=$?
	[ "$status" = 1 ] || fail "$1: status $status" "$(cat err)"
	[ ! -s out ] || fail "$1: output"
	[ "$(wc -l <err)" = 1 ] || fail "$1: not one line" "$(cat err)"
	grep -q -F "$(basename "$1")" err || fail "$1: not named" "$(cat err)"
}

@test "other architectures are refused: status 1, one line" {
	for name in mamba rwkv7 qwen2; do
		LC_ALL=C sed "s/$name/other/g" "$arch/$name.gguf" >$name.gguf
		refused $name.gguf
		grep -q "can't be computed" err
	done
	# and there is no fixture that is not compared above
	[ "$(wc -w <<<"$computed $encoders")" = "$(find "$arch" -name '*.gguf' | wc -l)" ]
}
