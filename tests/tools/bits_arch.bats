# The same bits for every architecture and type: each fixture of two layers and more as bits.bats has the models of llama, on fewer prompts; and each
# of f32 with its weights made q8_0 and bf16, so that these products have met every architecture.

load setup
load stream
load arch
no_leak_check

setup_file() {
	load setup
	load stream
	load arch
	export HERE=$BATS_FILE_TMPDIR
	cd "$HERE" || return
	[ -e "$SHARED/models/arch/qwen2.gguf" ] && python_has numpy xxhash || return 0
	local prompts=3 name type
	[ -z "${MAI_SAN:-}" ] || prompts=2
	"$peers/random_ids.py" 256 $prompts >ids
	stream tokens <ids >in
	for name in $computed; do
		case $name in
		types-f32 | types-f16 | types-bf16 | types-q8_0) continue ;; # in bits.bats
		esac
		ln -s "$(realpath "$SHARED/models/arch/$name.gguf")" $name.gguf
		echo $name >>models
		echo $name >>fixtures
		for type in q8_0 bf16; do
			[[ -z ${MAI_SAN:-} && $name != types-* ]] || continue
			mai-shard quantize -q $type -o $name-$type.gguf $name.gguf
			echo $name-$type >>models
		done
	done
	while read -r name; do
		mai-run -t 1 "$name.gguf" <in >"$name.out"
	done <models
}

setup() {
	need_numpy
	need_shared models/arch/qwen2.gguf
	cd "$HERE" || return
}

# each LIST FUNCTION ...: calls it with each name of the list behind its arguments. Without "|| fail", in which a command that fails would not end it.
each() {
	local name list=$1
	shift
	for name in $(cat "$list"); do
		echo "$name"
		"$@" "$name"
	done
}

@test "2 threads" {
	threads() {
		mai-run -t 2 "$1.gguf" <in | cmp - "$1.out"
	}
	each models threads
}

@test "2 shards, interleaved and plain, in two processes and in one" {
	shards() {
		mai-shard split -q -n 2 -o "$1-2" "$1.gguf"
		mai-run "$1-2/0.gguf" <in | mai-run "$1-2/1.gguf" | cmp - "$1.out"
		mai-run "$1-2/manifest.json" <in | cmp - "$1.out"
		mai-shard split -q --stock -n 2 -o "$1-stock" "$1.gguf"
		mai-run "$1-stock/0.gguf" <in | mai-run "$1-stock/1.gguf" | cmp - "$1.out"
	}
	each models shards
}

@test "frames of one row, and of many rows of many sequences" {
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	frames() {
		stream rows -p <"$1.out" >rows
		for how in '-r 1' '-m -r 50'; do
			# shellcheck disable=SC2086
			stream tokens $how <ids | mai-run "$1.gguf" | stream rows -p | cmp - rows
		done
	}
	each fixtures frames
}

@test "every kernel set" {
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	local n=0
	for set in scalar sse4 avx2 avxvnni avx512 avx512bf16 amx neon; do
		MAI_CPU=$set mai-run gpt2.gguf <in >/dev/null 2>&1 || continue
		n=$((n + 1))
		forced() {
			MAI_CPU=$set mai-run "$1.gguf" <in | cmp - "$1.out"
		}
		each models forced
	done
	[ $n -ge 2 ]
}

@test "aarch64, emulated" {
	need_aarch64
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	emulated() {
		"$AARCH64/mai-run" "$1.gguf" <in | cmp - "$1.out"
	}
	each models emulated
}

@test "a sequence that has passed its window goes on as one computed at once" {
	printf '%s\n' gemma2 gemma3 phi3-longrope-long qwen3moe >some
	# 40 tokens generated one by one behind each prompt, and the same tokens as a prompt
	generated() {
		mai-run -n 40 --temp 0 --ignore-eos "$1.gguf" <in >out
		stream ids <out >ids.generated
		paste -d ' ' ids ids.generated >ids.all
		stream tokens <ids.all | mai-run --score "$1.gguf" >scores.1
		stream tokens -r 1 <ids.all | mai-run --score -b 1 "$1.gguf" | cmp - scores.1
	}
	each some generated
}

@test "keys and values in f16 and q8_0: the same bits for threads, shards, frames and kernel sets, and others than in f32" {
	rounded() {
		local set type=$1 model=$2
		mai-run -t 1 --kv-type "$type" "$model.gguf" <in >out
		run ! cmp -s out "$model.out"
		mai-run -t 2 --kv-type "$type" "$model.gguf" <in | cmp - out
		for set in scalar sse4 avx2 avx512 neon; do
			MAI_CPU=$set mai-run "$model.gguf" <in >/dev/null 2>&1 || continue # not of this processor
			MAI_CPU=$set mai-run --kv-type "$type" "$model.gguf" <in | cmp - out
		done
		mai-shard split -q -n 2 -o "$model-halves" "$model.gguf"
		mai-run --kv-type "$type" "$model-halves/0.gguf" <in | mai-run --kv-type "$type" "$model-halves/1.gguf" | cmp - out
		stream rows -p <out >rows
		stream tokens -r 1 <ids | mai-run --kv-type "$type" "$model.gguf" | stream rows -p | cmp - rows
		# stages that keep them in different ways refuse each other
		mai-run --kv-type "$type" "$model-halves/0.gguf" <in >hidden
		run -1 --separate-stderr mai-run "$model-halves/1.gguf" <hidden
		[[ $stderr == *"kv=$type"*'kv=f32'* ]]
	}
	printf '%s\n' llama-gqa gemma2 gpt-oss-mxfp4 deepseek2-mla >some
	each some rounded f16
	printf '%s\n' gemma2 gpt-oss-mxfp4 qwen3 >some
	each some rounded q8_0
	# heads that are no whole blocks
	run -1 --separate-stderr mai-run --kv-type q8_0 llama-gqa.gguf <in
	[[ $stderr == *"can't be kept as Q8_0, in blocks of 32" ]]
}
