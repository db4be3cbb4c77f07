# The same bits: logits do not depend on threads, shards, processes, batches or kernel sets (mai-arithmetic(7)).
#
# Each test compares with what one process with one thread gives for PROMPTS (20) random prompts, in frames as long as may be.
# Where a processor is emulated, or its slowest kernels are, for the first 8 of them: other lengths are other loops, more of them not.
# Models: stories260K (f32), and of each other type one of llama.cpp's fixtures and one made here, as deep as there are shards.

load setup
load stream
no_leak_check

setup_file() {
	load setup
	load stream
	export HERE=$BATS_FILE_TMPDIR
	cd "$HERE" || return
	can_run || return 0
	local prompts=${PROMPTS:-20} few=8
	# A sanitizer makes all this slow, and finds what it finds in a few prompts.
	[ -z "${MAI_SAN:-}" ] || prompts=4 few=2
	make_models
	for vocabulary in 256 512; do
		"$peers/random_ids.py" $vocabulary "$prompts" >ids.$vocabulary
	done
	for name in $(cat models); do
		ids=ids.256
		[ "$name" != stories ] || ids=ids.512
		ln -s $ids "$name.ids"
		stream tokens <$ids >"$name.in"
		mai-run -t 1 "$name.gguf" <"$name.in" >"$name.out"
		head -n $few "$name.ids" | stream tokens >"$name.few"
		mai-run -t 1 "$name.gguf" <"$name.few" >"$name.few.out"
	done
}

can_run() {
	[ -e "$M" ] && [ -e "$SHARED/models/arch/types-f16.gguf" ] && python_has numpy xxhash
}

# Lists the models' names in `models`, and in `deep` those of five layers.
make_models() {
	local make=${MAI_BUILD:-$top/build}/tests/bench/make-model type
	ln -s "$(realpath "$M")" stories.gguf
	echo stories >models
	echo stories >deep
	for type in f16 bf16 q8_0; do
		ln -s "$(realpath "$SHARED/models/arch/types-$type.gguf")" $type.gguf
		echo $type >>models
		[ -x "$make" ] || continue
		"$make" --type=$type --shape=deep deep-$type.gguf
		echo deep-$type >>models
		echo deep-$type >>deep
	done
	for name in $(cat deep); do
		mai-shard split -q -n 2 -o "$name-2" "$name.gguf"
		mai-shard split -q -n 5 -o "$name-5" "$name.gguf"
	done
}

setup() {
	need_numpy
	need_shared models/stories260K.gguf
	need_shared models/arch/types-f16.gguf
	cd "$HERE" || return
}

# each LIST FUNCTION ...: calls it with each name of the list behind its arguments, two at a time
each() {
	local list=$1 name failed= pids=()
	shift
	for name in $(cat "$list"); do
		("$@" "$name") &
		pids+=($!)
		[ ${#pids[@]} -lt 2 ] || {
			wait "${pids[0]}" || failed=yes
			pids=("${pids[@]:1}")
		}
	done
	for name in "${pids[@]}"; do
		wait "$name" || failed=yes
	done
	[ -z "$failed" ]
}

# differs NAME ...: fails, with a line that says what is not the same
differs() {
	fail "$*: other bits"
}

# ---- threads ----

threads() {
	mai-run -t "$1" "$2.gguf" <"$2.in" | cmp - "$2.out" || differs "$2, $1 threads"
}

@test "2 and 5 threads" {
	each models threads 2
	each models threads 5
}

# ---- shards ----

# The command of a pipeline of N processes: pipeline N NAME
pipeline() {
	local command="mai-run $2-$1/0.gguf" i
	for ((i = 1; i < $1; i++)); do
		command+=" | mai-run $2-$1/$i.gguf"
	done
	echo "$command"
}

shards() {
	bash -o pipefail -c "$(pipeline "$1" "$2")" <"$2.in" | cmp - "$2.out" || differs "$2, $1 processes"
	mai-run "$2-$1/manifest.json" <"$2.in" | cmp - "$2.out" || differs "$2, $1 shards in one process"
}

@test "2 and 5 shards, in one process and in as many" {
	each deep shards 2
	each deep shards 5
}

@test "2 shards of plain tensors" {
	stock() {
		mai-shard split -q --stock -n 2 -o "stock-$1" "$1.gguf"
		mai-run "stock-$1/0.gguf" <"$1.in" | mai-run "stock-$1/1.gguf" | cmp - "$1.out" || differs "$1"
	}
	each deep stock
}

# ---- batches ----

# Frames of the prompts that lie otherwise give other frames, so rows are compared.
frames() {
	stream rows -p <"$1.out" >"$1.rows"
	for how in '-r 1' '-r 13' '-m -r 32' '-m -r 50' '-m -r 512'; do
		# shellcheck disable=SC2086
		stream tokens $how <"$1.ids" | mai-run "$1.gguf" | stream rows -p | cmp - "$1.rows" || { differs "$1, frames $how"; return 1; }
	done
}

@test "frames of one row of one sequence, and of many rows of many" {
	each models frames
}

@test "frames of many sequences through five processes" {
	mixed() {
		stream rows -p <"$1.out" >"$1.mixed"
		stream tokens -m -r 50 <"$1.ids" | bash -o pipefail -c "$(pipeline 5 "$1")" | stream rows -p | cmp - "$1.mixed" || differs "$1"
	}
	each deep mixed
}

@test "batches of 1 and 32: scores" {
	scores() {
		mai-run --score -t 1 -b 1 "$1.gguf" <"$1.in" >"$1.scores"
		mai-run --score -t 2 -b 32 "$1.gguf" <"$1.in" | cmp - "$1.scores" || differs "$1"
	}
	via() {
		mai-run --score -b 32 --via "$(pipeline 5 "$1")" <"$1.in" | cmp - "$1.scores" || differs "$1, five processes"
	}
	each models scores
	each deep via
}

@test "batches of 1 and 32: what is generated" {
	# Prompts short enough for the context, which is 256 at least.
	generated() {
		local options='-n 40 --temp 1 --seed 9 --ignore-eos'
		mai-run $options -t 1 -b 1 "$1.gguf" <"$1.in" | stream ids >"$1.generated"
		mai-run $options -t 2 -b 32 "$1.gguf" <"$1.in" | stream ids | cmp - "$1.generated" || differs "$1"
	}
	via() {
		mai-run -n 40 --temp 1 --seed 9 --ignore-eos -b 32 --via "$(pipeline 5 "$1")" <"$1.in" | stream ids |
			cmp - "$1.generated" || differs "$1, five processes"
	}
	each models generated
	each deep via
}

# ---- kernel sets ----

# need_set NAME: skips where this processor lacks it
need_set() {
	local said
	said=$(echo 1 | stream tokens | MAI_CPU=$1 mai-run stories.gguf 2>&1 >/dev/null) && return
	[[ $said =~ "this processor or system lacks it"|"is unknown here" ]] || fail "$said"
	skip "$said"
}

forced() {
	MAI_CPU=$1 mai-run -t 1 "$2.gguf" <"$2.in" | cmp - "$2.out" || differs "$2, $1"
}

forced_few() {
	MAI_CPU=$1 mai-run -t 1 "$2.gguf" <"$2.few" | cmp - "$2.few.out" || differs "$2, $1"
}

# kernel_set SET [FUNCTION]: on the models that others made; on all of them a few sets suffice.
kernel_set() {
	need_set "$1"
	printf '%s\n' stories f16 bf16 q8_0 >fixtures
	each fixtures "${2:-forced}" "$1"
}

@test "kernels in scalar C" {
	kernel_set scalar forced_few
}

@test "kernels for SSE4" {
	kernel_set sse4 forced_few
}

@test "kernels for AVX2" {
	kernel_set avx2
	each models forced avx2
}

@test "kernels for AVX2 with VNNI" {
	kernel_set avxvnni
	each models forced avxvnni
}

@test "kernels for AVX-512" {
	kernel_set avx512
	each models forced avx512
}

@test "kernels for AVX-512 with bf16" {
	kernel_set avx512bf16
	each models forced avx512bf16
}

@test "kernels for AMX" {
	kernel_set amx
	each models forced amx
}

@test "kernels for NEON" {
	kernel_set neon
}

emulated() {
	MAI_CPU=$1 "$AARCH64/mai-run" -t 1 "$2.gguf" <"$2.few" | cmp - "$2.few.out" || differs "$2, $1 of aarch64"
}

@test "aarch64, emulated" {
	need_aarch64
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	printf '%s\n' stories f16 bf16 q8_0 >fixtures
	each fixtures emulated neon
}

@test "stages of different processors in one pipeline" {
	need_set avx2
	local last='mai-run -t 2'
	[ ! -x "$top/build/aarch64/emulated/mai-run" ] || [ -n "${MAI_SAN:-}" ] || last=$top/build/aarch64/emulated/mai-run
	for name in $(cat deep); do
		MAI_CPU=avx2 mai-run "$name-5/0.gguf" <"$name.few" | MAI_CPU=scalar mai-run "$name-5/1.gguf" |
			mai-run "$name-5/2.gguf" "$name-5/3.gguf" | $last "$name-5/4.gguf" | cmp - "$name.few.out" || differs "$name"
	done
}

# ---- what would be noticed ----

@test "a few low bits of the weights are noticed" {
	for name in $(cat models); do
		# of the file's last bytes, which are weights: the lowest bit of a byte here and there
		/usr/bin/python3 -c '
import sys
data = bytearray(open(sys.argv[1], "rb").read())
for at in range(len(data) - 4096, len(data), 64):
	data[at] ^= 1
open(sys.argv[2], "wb").write(data)' "$name.gguf" other.gguf
		mai-run other.gguf <"$name.in" >other.out
		run -1 cmp -s other.out "$name.out"
	done
}

# A build in which sums are taken in another order: the second half first, where there are many rows, in all sets but that
# in scalar C; of floats, not of q8_0. Sets are not tested at start there, or none would be taken.
@test "a sum in another order is noticed, by each comparison that would meet it" {
	[ -z "${MAI_SAN:-}" ] || skip "done by the build without sanitizers"
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$top" -j2 O="build/reorder" DEBUG=1 CFLAGS=-DMAI_TEST_REORDER build/reorder/mai-run
	PATH=$top/build/reorder:$PATH
	need_set avx2
	for name in stories f16 bf16; do
		MAI_CPU=avx2 mai-run "$name.gguf" <"$name.in" >other.out
		# what is wrong is the order alone: the numbers are almost the same
		/usr/bin/python3 -c '
import sys, numpy as np
a, b = (np.frombuffer(open(f, "rb").read(), "<f4") for f in sys.argv[1:])
assert a.shape == b.shape and (a != b).any() and abs(a - b).max() < 0.1, "sums are not just reordered"' \
			<(stream rows <other.out) <(stream rows <"$name.out")
		run -1 forced avx2 "$name"
		run -1 frames "$name"
		# nothing that meets only the one order, or only the other, can differ
		forced_few scalar "$name"
		stream tokens -r 1 <"$name.ids" | MAI_CPU=avx2 mai-run "$name.gguf" | stream rows -p | cmp - <(stream rows -p <"$name.out")
	done
	run -1 each models forced avx2
	[[ $output == *"stories, avx2: other bits"*"f16, avx2: other bits"* ]]
	# a build that does test its sets is another one
	PATH=${PATH#*:}
	forced avx2 stories
}
