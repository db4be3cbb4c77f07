# Architectures and shapes for which there are no fixtures: models with random weights, beside llama.cpp (by npm).

load setup
load stream
no_leak_check

@test "logits are llama.cpp's" {
	need_numpy
	need_shared models/arch/qwen2.gguf
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	npm_fetch "$top/build/llama" "$peers/llama" llama.cpp
	cp "$peers/llama/logits.mjs" "$top/build/llama"
	cd "$BATS_TEST_TMPDIR" || return
	"$peers/random_ids.py" 256 3 | cut -d ' ' -f 1-60 >ids
	stream tokens <ids >in
	names=$("$peers/arch_random.py" names)
	for name in $names; do
		"$peers/arch_random.py" write "$name" "$SHARED/models/arch/qwen2.gguf" "$name.gguf"
	done
	# shellcheck disable=SC2086
	(cd "$top/build/llama" && node logits.mjs "$BATS_TEST_TMPDIR/ids" $(printf "$BATS_TEST_TMPDIR/%s.gguf " $names))
	for name in $names; do
		echo "$name"
		mai-run "$name.gguf" <in | stream rows >rows
		"$peers/arch_random.py" compare "$name" rows "$name.gguf.peer"
	done
}
