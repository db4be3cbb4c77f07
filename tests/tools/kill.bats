# Stages that die in mid-stream: nobody hangs, nobody takes the end for the end of the answer.

setup() {
	load setup
	need_shared models/stories260K.gguf
	cd "$BATS_TEST_TMPDIR"
	mai-shard split -n 3 -o parts "$M"
}

@test "stages killed at random moments (MAI_KILLS of them) end their pipelines as they must" {
	run /usr/bin/python3 "$top/tests/peers/kills.py" parts "${MAI_KILLS:-40}" "${MAI_SEED:-1}"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "a reader that leaves ends a driven pipeline without a word" {
	mai-tokenize -m "$M" "Once upon a time" > prompt.mai
	run --separate-stderr bash -c "mai-run -n 400 --ignore-eos --via 'mai-run parts/0.gguf | mai-run parts/1.gguf | mai-run parts/2.gguf' < prompt.mai | head -c 300 | wc -c"
	[ "$status" -eq 0 ]
	[ "$output" -eq 300 ]
	[ -z "$stderr" ]
}
