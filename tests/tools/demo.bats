# The scripts a new user meets first.

load setup

# The tools lie in the build under test: the demo is to build nothing here.
demo() {
	MAI_BUILD=${MAI_BUILD:-$top/build} "$top/scripts/demo" "$@"
}

# The story that one process tells.
told() {
	mai-tokenize -m "$1" "Once upon a time" | mai-run -n 200 --temp 0.7 --seed 6 "$1" | mai-tokenize -d -m "$1"
	echo
}

@test "the demo's three processes tell the story that one tells" {
	need_shared models/stories260K.gguf
	run -0 --separate-stderr demo "$M"
	[ "$output" = "$(told "$M")" ]
	[ "${#output}" -gt 200 ]
	[[ $stderr == *"mai-run 0.gguf | mai-run 1.gguf | mai-run 2.gguf"* ]]
}

@test "the demo leaves nothing behind" {
	need_shared models/stories260K.gguf
	export TMPDIR=$BATS_TEST_TMPDIR
	demo "$M" >"$TMPDIR/story"
	[ "$(ls "$TMPDIR")" = story ]
}

@test "the demo without its model, or with a wrong one: a message and a status" {
	run demo "$BATS_TEST_TMPDIR/none.gguf"
	[ "$status" = 3 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *none.gguf* ]]
	echo "no model" >"$BATS_TEST_TMPDIR/text.gguf"
	run demo "$BATS_TEST_TMPDIR/text.gguf"
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	run demo one two
	[ "$status" = 2 ]
}

@test "setup names what to install where there is no Debian" {
	PATH=$BATS_TEST_TMPDIR run /bin/sh "$top/scripts/setup" build
	[ "$status" = 3 ]
	[[ $output == *libzstd-dev* ]]
	run "$top/scripts/setup" nothing
	[ "$status" = 2 ]
}

@test "the model that ships tells a tale, needs nothing but the clone, and is as small as it is said to be" {
	ships=$top/scripts/data/tales.gguf
	MAI_SHARED=/nonexistent run -0 --separate-stderr demo
	[ "$output" = "$(told "$ships")" ]
	[ "${#output}" -gt 200 ]
	[ "$(wc -c <"$ships")" -le $((6 << 20)) ]
	weights=$(mai-shard info --json "$ships" | sed -n 's/^  "weights": \([0-9]*\).*/\1/p')
	[ "$weights" -ge 2000000 ] && [ "$weights" -le 5000000 ] || fail "$weights weights"
	grep -q "$(wc -c <"$ships") bytes" "$top/scripts/data/README.md"
}
