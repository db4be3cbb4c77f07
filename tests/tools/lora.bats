# mai-run --lora: what numpy computes with merged weights, in the same bits everywhere; and adapters that do not fit.

load setup
load stream
no_leak_check

setup_file() {
	load setup
	load stream
	cd "$BATS_FILE_TMPDIR" || return
	can_run || return 0
	local arch=$SHARED/models/arch
	ln -s "$(realpath "$M")" stories.gguf
	for name in types-f16 types-bf16 types-q8_0 llama-gqa; do
		ln -s "$(realpath "$arch/$name.gguf")" $name.gguf
	done
	# few prompts; one is longer than what is computed of A at once, and one a single token: those are enough under sanitizers
	local prompts=3
	[ -z "${MAI_SAN:-}" ] || prompts=1
	"$peers/random_ids.py" 256 $prompts >ids
	/usr/bin/python3 -c 'print(*range(1, 80)); print(7)' >>ids
	stream tokens <ids >in.mai
	lora make stories.gguf a.gguf
	lora make stories.gguf b.gguf --rank 37 --alpha 5 --type f16 --seed 1 --only ffn
	lora make stories.gguf c.gguf --rank 32 --alpha 0 --type q8_0 --seed 2 --only attn
	lora make types-q8_0.gguf q.gguf --rank 40 --seed 3
	mai-shard split -q -n 3 -o parts stories.gguf
	# the order of adapters is one of what decides about bits
	mai-run -t 1 $some stories.gguf <in.mai >stories.out
	mai-run -t 1 --lora q.gguf types-q8_0.gguf <in.mai >types-q8_0.out
}

can_run() {
	[ -e "$M" ] && [ -e "$SHARED/models/arch/types-f16.gguf" ] && python_has numpy xxhash
}

setup() {
	need_numpy
	need_shared models/stories260K.gguf
	need_shared models/arch/types-f16.gguf
	cd "$BATS_FILE_TMPDIR" || return
}

lora() {
	"$peers/lora.py" "$@"
}

# Three adapters, of which each of the three parts has some.
some='--lora a.gguf:0.75 --lora b.gguf:-0.5 --lora c.gguf'
via="mai-run $some parts/0.gguf | mai-run $some parts/1.gguf | mai-run $some parts/2.gguf"

# right MODEL LIMIT ADAPTER[:SCALE]...: the logits are numpy's, and not those without adapters (compared by the build without
# sanitizers)
right() {
	local model=$1 limit=$2 options=() a
	shift 2
	for a; do
		options+=(--lora "$a")
	done
	mai-run "${options[@]}" "$model" <in.mai | stream rows >rows
	[ -n "${MAI_SAN:-}" ] || lora compare "$model" ids rows "$limit" "$@" || fail "$model, $*"
}

# ---- numbers ----

@test "logits are numpy's of the merged weights" {
	right stories.gguf 1e-4 a.gguf
	right stories.gguf 1e-4 a.gguf:0.5
	right stories.gguf 1e-4 a.gguf:-1.25
	right stories.gguf 1e-4 b.gguf
	right stories.gguf 1e-4 c.gguf:0.1
}

@test "several adapters, and one twice" {
	right stories.gguf 1e-4 a.gguf:0.75 b.gguf:-0.5 c.gguf
	right stories.gguf 1e-4 c.gguf c.gguf:0.5
	mai-run --lora a.gguf stories.gguf <in.mai | stream rows >rows
	[ -z "${MAI_SAN:-}" ] || return 0
	run -1 lora compare stories.gguf ids rows 1e-4
	run -1 lora compare stories.gguf ids rows 1e-4 a.gguf:0.999
	run -1 lora compare stories.gguf ids rows 1e-4 a.gguf c.gguf:0.001
}

@test "types of adapters and of models; the output matrix" {
	for type in f32 f16 bf16 q8_0; do
		lora make types-f16.gguf type.gguf --type $type --rank 32 --seed 4
		right types-f16.gguf 1e-4 type.gguf
	done
	lora make llama-gqa.gguf head.gguf --only output.weight --rank 1
	right llama-gqa.gguf 1e-4 head.gguf
	lora make llama-gqa.gguf all.gguf --rank 70
	right llama-gqa.gguf 1e-4 all.gguf
	# activations are rounded for W, but not for A and B (tests/peers/arch.py); so is the error without an adapter
	lora make types-bf16.gguf type.gguf
	right types-bf16.gguf 0.15 type.gguf
	right types-q8_0.gguf 0.75 q.gguf
}

# ---- scales and names ----

@test "a scale of 0 is no adapter, to the bit and in the profile" {
	mai-run stories.gguf <in.mai >none
	mai-run --lora a.gguf:0 --lora b.gguf:-0.0 stories.gguf <in.mai | cmp - none
	mai-run parts/0.gguf <in.mai | cmp - <(mai-run --lora a.gguf:0 parts/0.gguf <in.mai)
	mai-run --lora a.gguf:0 --lora b.gguf stories.gguf <in.mai | cmp - <(mai-run --lora b.gguf stories.gguf <in.mai)
	mai-run --lora b.gguf stories.gguf <in.mai >other
	run -1 cmp -s none other
}

@test "what follows the last colon is a scale if it is a number" {
	mai-run --lora a.gguf:0.5 stories.gguf <in.mai >half
	mai-run --lora a.gguf stories.gguf <in.mai >one
	for name in x:y 1: 0.5x; do
		cp a.gguf "$name"
		mai-run --lora "$name" stories.gguf <in.mai | cmp - one
		mai-run --lora "$name:5e-1" stories.gguf <in.mai | cmp - half
	done
	cp a.gguf x:2
	mai-run --lora x:2:1 stories.gguf <in.mai | cmp - one
	run -1 cmp -s half one
}

# ---- the same bits ----

@test "any number of threads" {
	for t in 2 3 8; do
		mai-run -t $t $some stories.gguf <in.mai | cmp - stories.out
		mai-run -t $t --lora q.gguf types-q8_0.gguf <in.mai | cmp - types-q8_0.out
	done
}

@test "3 shards, in one process and in three" {
	bash -o pipefail -c "$via" <in.mai | cmp - stories.out
	mai-run $some parts/manifest.json <in.mai | cmp - stories.out
}

@test "frames of one row, and of many sequences" {
	stream rows -p <stories.out >stories.rows
	for how in '-r 1' '-r 13' '-m -r 3' '-m -r 512'; do
		# shellcheck disable=SC2086
		stream tokens $how <ids >how.mai
		mai-run $some stories.gguf <how.mai | stream rows -p | cmp - stories.rows
		bash -o pipefail -c "$via" <how.mai | stream rows -p | cmp - stories.rows
	done
}

@test "every set of kernels that runs here" {
	local n=0
	for set in scalar sse4 avx2 avxvnni avx512 avx512bf16 amx neon; do
		echo 1 | stream tokens | MAI_CPU=$set mai-run stories.gguf >/dev/null 2>&1 || continue
		MAI_CPU=$set mai-run $some stories.gguf <in.mai | cmp - stories.out
		MAI_CPU=$set mai-run --lora q.gguf types-q8_0.gguf <in.mai | cmp - types-q8_0.out
		n=$((n + 1))
	done
	[ $n -ge 2 ]
}

@test "aarch64, emulated" {
	need_aarch64
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	"$AARCH64/mai-run" $some stories.gguf <in.mai | cmp - stories.out
	"$AARCH64/mai-run" --lora q.gguf types-q8_0.gguf <in.mai | cmp - types-q8_0.out
}

@test "the order of adapters is noticed" {
	mai-run --lora b.gguf:-0.5 --lora a.gguf:0.75 --lora c.gguf stories.gguf <in.mai >other
	run -1 cmp -s other stories.out
}

# ---- what else mai-run does ----

@test "generating, scores, perplexity, embeddings: with adapters, whole and in three processes" {
	# both READER OPTION...: the same by one process and by three, as READER reads it, and not the same without adapters
	both() {
		local reader=$1 stages=$via
		shift
		[ "$1" != --embed ] || stages=${via%parts/2.gguf}"--embed parts/2.gguf"
		mai-run "$@" $some stories.gguf <last.mai | $reader >whole
		mai-run "$@" --via "$stages" <last.mai | $reader | cmp - whole || fail "$*"
		mai-run "$@" stories.gguf <last.mai | $reader >without
		run -1 cmp -s without whole
	}
	stream tokens -w last <ids >last.mai
	both 'stream ids' -n 20 --temp 0
	both 'stream ids' -n 20 --seed 3
	both cat --score
	both cat --perplexity --bos 1
	both cat --embed
}

@test "the likeliest tokens are those of numpy's logits" {
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	mai-run -n 8 --temp 0 --ignore-eos --lora a.gguf stories.gguf <in.mai | stream ids >new
	paste -d ' ' ids new >both
	stream tokens <both | mai-run --lora a.gguf stories.gguf | stream rows >rows
	lora compare stories.gguf both rows 1e-4 a.gguf
	/usr/bin/python3 -c '
import sys, numpy as np
rows, at = np.fromfile("rows", "<f4").reshape(-1, 512), 0
for a, b in zip(open("ids"), open("both")):
	n, ids = len(a.split()), list(map(int, b.split()))
	assert len(ids) == n + 8 and list(rows[at + n - 1:at + n + 7].argmax(axis=1)) == ids[n:]
	at += n + 8'
}

@test "--bench counts the bytes of adapters" {
	[ -z "${MAI_SAN:-}" ] || skip "counted by the build without sanitizers"
	# bytes OPTION...: of weights, for a token
	bytes() {
		mai-run --bench --json -t 1 "$@" stories.gguf | jq '.decode_bytes_per_second / .decode_tokens_per_second'
	}
	jq -n -e "$(bytes --lora a.gguf) / $(bytes) | . > 1.2 and . < 1.4"
}

# ---- stages ----

@test "stages with other adapters refuse each other: status 1, one line" {
	# refuses OPTIONS-OF-0 OPTIONS-OF-1
	refuses() {
		# shellcheck disable=SC2086
		mai-run $1 parts/0.gguf <in.mai >hidden
		# shellcheck disable=SC2086
		run --separate-stderr -1 mai-run $2 parts/1.gguf <hidden
		[ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == "mai-run: stdin was computed as \"mai-arithmetic-1 kv=f32"*"this stage computes \"mai-arithmetic-1 kv=f32"* ]] ||
			fail "$1 | $2" "$stderr"
		# shellcheck disable=SC2086
		mai-run $1 parts/1.gguf <hidden >/dev/null
	}
	lora make stories.gguf alpha.gguf --alpha 8
	lora make stories.gguf seed.gguf --seed 9
	refuses '--lora a.gguf' ''
	refuses '' '--lora a.gguf'
	refuses '--lora a.gguf' '--lora a.gguf:0.5'
	refuses '--lora a.gguf' '--lora alpha.gguf'
	refuses '--lora a.gguf' '--lora seed.gguf'
	refuses '--lora a.gguf' '--lora a.gguf --lora a.gguf'
	refuses '--lora a.gguf --lora b.gguf' '--lora b.gguf --lora a.gguf'
	cp a.gguf copy.gguf
	mai-run --lora a.gguf parts/0.gguf <in.mai | mai-run --lora copy.gguf:1.0 parts/1.gguf >/dev/null
}

@test "the profile names adapters as mai-stream(5) says" {
	/usr/bin/python3 -c '
import hashlib, struct, sys
sys.path.insert(0, sys.argv[1])
import gguf
h = b"mai adapters 1\n"
for path, alpha, scale in ("a.gguf", 16, 0.75), ("b.gguf", 5, -0.5), ("c.gguf", 0, 1):
	h += bytes.fromhex(gguf.model_id(gguf.File(path))) + struct.pack("<ff", alpha, scale)
print("mai-arithmetic-1 kv=f32 lora=" + hashlib.sha256(h).hexdigest())' "$BATS_TEST_DIRNAME" >want
	mai-run $some parts/0.gguf <in.mai | mai-cat --json | head -n 1 | jq -r .profile | cmp - want
}

# ---- what does not fit ----

# wrong REASON OPTION...: status 1, one line that says so, nothing on stdout
wrong() {
	local reason=$1
	shift
	run --separate-stderr -1 mai-run "$@" <in.mai
	[ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == "mai-run: "*"$reason"* ]] || fail "$*" "$stderr"
}

@test "files that are no adapter of this model" {
	: >empty
	head -c 1000 a.gguf >cut
	head -c 100000 /dev/urandom >random
	lora make llama-gqa.gguf shape.gguf --only attn_k
	lora make llama-gqa.gguf head.gguf --only output.weight
	lora make stories.gguf rank.gguf --rank-b 9
	lora make stories.gguf arch.gguf --arch qwen2
	lora make stories.gguf more.gguf --more blk.0.attn_q.bias
	wrong empty --lora empty stories.gguf
	wrong cut --lora cut stories.gguf
	wrong random --lora random stories.gguf
	wrong /dev/urandom --lora /dev/urandom stories.gguf
	wrong 'stories.gguf: no adapter' --lora stories.gguf stories.gguf
	wrong 'parts/1.gguf: a shard' --lora parts/1.gguf stories.gguf
	wrong 'shape.gguf: tensor blk.0.attn_k.weight.lora_b is 8 x 16, wanted is 8 x 32' --lora shape.gguf stories.gguf
	wrong 'shape.gguf: tensor blk.0.attn_k.weight.lora_b is 8 x 16, wanted is 8 x 32' --lora shape.gguf parts/1.gguf
	wrong "head.gguf: tensor output.weight.lora_a is for none of the model's" --lora head.gguf stories.gguf
	wrong 'rank.gguf: tensor blk.0.attn_q.weight.lora_b is 9 x 64, wanted is 8 x 64' --lora rank.gguf stories.gguf
	wrong 'arch.gguf: an adapter of the architecture qwen2' --lora arch.gguf stories.gguf
	wrong 'more.gguf: tensor blk.0.attn_q.bias' --lora a.gguf --lora more.gguf stories.gguf
	wrong 'more.gguf: tensor blk.0.attn_q.bias' --lora more.gguf:0 stories.gguf
}

@test "wrong usage: a scale that is no finite number, --via, no file" {
	usage() {
		local status=$1
		shift
		run --separate-stderr "-$status" mai-run "$@" <in.mai
		[ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ] || fail "$*" "$stderr"
	}
	usage 2 --lora a.gguf:nan stories.gguf
	usage 2 --lora a.gguf:inf stories.gguf
	usage 2 --lora a.gguf:1e40 stories.gguf
	usage 2 -n 1 --lora a.gguf --via 'mai-run stories.gguf'
	usage 3 --lora nowhere.gguf stories.gguf
	usage 3 --lora a.gguf:x stories.gguf
}
