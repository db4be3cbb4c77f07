# Architectures and shapes for which there are no fixtures: models with random weights, beside llama.cpp (by npm).

load setup
load stream
no_leak_check

@test "logits are llama.cpp's" {
	need_numpy
	need_shared models/arch/qwen2.gguf
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

@test "embeddings of texts longer than a batch are llama.cpp's, with the same bits on any kernels and threads" {
	need_numpy
	need_shared models/arch/nomic-bert-mean.gguf
	npm_fetch "$top/build/llama" "$peers/llama" llama.cpp
	cp "$peers/llama/embed.mjs" "$top/build/llama"
	cd "$BATS_TEST_TMPDIR" || return
	# its context of 256 made 2048
	/usr/bin/python3 - "$SHARED/models/arch/nomic-bert-mean.gguf" >long.gguf <<-'END'
		import sys
		key = b"nomic-bert.context_length\4\0\0\0"
		sys.stdout.buffer.write(open(sys.argv[1], "rb").read().replace(key + b"\0\1", key + b"\0\10"))
	END
	for n in 512 513 1500; do
		# the first id says that a text begins, the last one that it ends
		"$peers/random_ids.py" 250 50 | tr '\n' ' ' | cut -d ' ' -f "1-$((n - 2))" | sed 's/.*/2 & 3/'
	done >ids
	stream tokens -w last <ids >in
	(cd "$top/build/llama" && node embed.mjs "$BATS_TEST_TMPDIR/ids" "$BATS_TEST_TMPDIR/long.gguf") >peer.json
	mai-run --embed long.gguf <in >out
	stream rows <out >rows
	"$peers/arch.py" embeddings peer.json rows
	MAI_CPU=scalar mai-run -t 1 --embed long.gguf <in | cmp - out
}
