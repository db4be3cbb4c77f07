# The scripts a new user meets first.

load setup

# The tools lie in the build under test: the demo is to build nothing here.
demo() {
	MAI_BUILD=${MAI_BUILD:-$top/build} "$top/scripts/demo" "$@"
}

@test "the demo tells the story that llama.cpp tells" {
	need_shared models/stories260K.gguf
	run --separate-stderr demo "$M"
	[ "$status" = 0 ]
	expected=$(sed -n '/^text:$/{n;p;q}' "$SHARED/models/stories260K.expected.txt")
	[ -n "$expected" ]
	[ "${lines[0]}" = "$expected" ]
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
