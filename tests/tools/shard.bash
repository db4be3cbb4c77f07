# What the tests of mai-shard have in common.

setup() {
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	mkdir "$XDG_CACHE_HOME"
	cd "$BATS_TEST_TMPDIR"
}

# says STATUS WORDS COMMAND...: the command ends with the status and one line that holds the words, and says nothing else
says() {
	local wanted=$1 words=$2
	shift 2
	run -"$wanted" --separate-stderr "$@"
	[ -z "$output" ] || fail "stdout: $output"
	[ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == "mai-shard: "*"$words"* ]] || fail "$stderr"
}

# unknown_type FILE: a model whose embedding is of a type that is not computed. IQ3_S, number 21, has blocks as large as Q3_K's.
unknown_type() {
	need_shared models/arch/types-q3_k.gguf
	python3 -c 'import sys; d = bytearray(open(sys.argv[1], "rb").read()); d[d.index(b"token_embd.weight") + 17 + 4 + 16] = 21; open(sys.argv[2], "wb").write(d)' \
		"$SHARED/models/arch/types-q3_k.gguf" "$1"
}

# spoil FILE AT: another byte there
spoil() {
	local was
	was=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf "\\x$(printf %x $((was ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
