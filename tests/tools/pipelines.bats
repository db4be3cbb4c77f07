# The pipelines that users type, word for word, beside what llama.cpp writes; and the same bytes whatever carries them.

load setup
load stream

setup_file() {
	load setup
	cd "$BATS_FILE_TMPDIR" || return
	[ -e "$M" ] || return 0
	ln -s "$(realpath "$M")" M
	mai-shard split -n 3 -o parts M
	"$top/tests/peers/stories.py" texts "$SHARED/models/stories260K.expected.txt" >prompts.txt
	printf '%s\n' "Once upon a time, there was a little girl named Lily." "She loved to play outside in the park." >story.txt
}

setup() {
	need_numpy
	need_shared models/stories260K.gguf
	cd "$BATS_FILE_TMPDIR" || return
	expected=$SHARED/models/stories260K.expected.txt
	"$peers/stories.py" story "$expected" 0 >"$BATS_TEST_TMPDIR/story"
}

# typed COMMAND: as a user's shell runs it; every process of it must end well
typed() {
	bash --norc -o pipefail -c "$1"
}

# tells_story: stdin is llama.cpp's first story, which has no newline behind it
tells_story() {
	cmp - <(head -c -1 "$BATS_TEST_TMPDIR/story")
}

need_program() {
	command -v "$1" >/dev/null || skip "needs $1"
}

# ---- word for word ----

@test "a story" {
	typed 'mai-tokenize -m M "Once upon a time" | mai-run -n 200 --temp 0 M | mai-tokenize -d -m M' | tells_story
	! sed 's/Lily/Lila/' "$BATS_TEST_TMPDIR/story" | tells_story
}

@test "the same by three processes" {
	typed 'mai-shard split -n 3 -o parts M'
	typed "mai-tokenize -m M \"Once upon a time\" | mai-run -n 200 --temp 0 --via 'mai-run parts/0.gguf | mai-run parts/1.gguf | mai-run parts/2.gguf' | mai-tokenize -d -m M" | tells_story
}

@test "llama.cpp's other stories, after the first space" {
	for i in 0 1 2; do
		prompt=$(sed -n $((i + 1))p prompts.txt)
		mai-tokenize -m M "$prompt" | mai-run -n 200 --temp 0 --ignore-eos M | mai-tokenize -d -m M |
			sed '1s/^ //' >"$BATS_TEST_TMPDIR/told"
		cmp "$BATS_TEST_TMPDIR/told" <("$peers/stories.py" story "$expected" $i | head -c -1)
	done
}

@test "many prompts, a line each" {
	typed 'mai-tokenize -m M -l < prompts.txt | mai-run -n 64 -b 16 M | mai-tokenize -d -l -m M > out.txt'
	[ "$(wc -l <out.txt)" = 3 ]
	# each line is what its prompt alone gives: draws depend on the place in the input, so the greedy ones
	typed 'mai-tokenize -m M -l < prompts.txt | mai-run -n 64 -b 16 --temp 0 M | mai-tokenize -d -l -m M > out.txt'
	while read -r prompt; do
		mai-tokenize -m M "$prompt" | mai-run -n 64 --temp 0 M | mai-tokenize -d -l -m M
	done <prompts.txt | cmp - out.txt
	for i in 1 2 3 4 5 6 7 8 9; do
		cat prompts.txt
	done >many.txt
	typed 'mai-tokenize -m M -l < many.txt | mai-run -n 64 -b 16 --temp 0 M | mai-tokenize -d -l -m M' |
		cmp - <(for i in 1 2 3 4 5 6 7 8 9; do cat out.txt; done)
}

@test "hidden states on the way, logits at the end" {
	typed 'mai-tokenize -m M "Once upon a time" | mai-run parts/0.gguf | tee h0.mai | mai-run parts/1.gguf parts/2.gguf | mai-cat --npy > logits.npy'
	# llama.cpp's logits behind the last of five tokens
	/usr/bin/python3 -c '
import numpy as np
x = np.load("logits.npy")
assert x.shape == (5, 512) and x.dtype == np.float32, (x.shape, x.dtype)
best = {432: 17.79940, 383: 14.28126, 322: 9.70965, 353: 9.58729, 323: 9.13424}
assert all(abs(x[4, i] - v) < 1e-3 for i, v in best.items()), x[4]
assert list(np.argsort(-x[4])[:5]) == list(best)'
	# what tee recorded goes on by itself
	mai-run parts/1.gguf parts/2.gguf <h0.mai | mai-cat --npy | cmp - logits.npy
	mai-tokenize -m M "Once upon a time" | mai-run M | mai-cat --npy | cmp - logits.npy
}

@test "how well the model knows a text" {
	typed 'mai-tokenize -m M < story.txt | mai-run --perplexity M' >said
	grep -qE '^perplexity [0-9.]+ \+/- [0-9.]+	tokens [0-9]+	bits per byte [0-9.]+$' said
	mai-tokenize -m M -t <story.txt >ids
	"$peers/likelihood.py" windows ids 512 1 | stream tokens | mai-run M | stream rows -p >rows
	mai-tokenize -m M <story.txt | mai-run --perplexity --json M >said
	"$peers/likelihood.py" perplexity rows 512 said "$(wc -c <story.txt)" ids
}

# ---- whatever carries bytes ----

# What the three stages give each other, through pipes.
recorded() {
	mai-tokenize -m M -l <prompts.txt >t.mai
	mai-run parts/0.gguf <t.mai >h0.mai
	mai-run parts/1.gguf <h0.mai >h1.mai
	mai-run parts/2.gguf <h1.mai >l.mai
	mai-run M <t.mai | cmp - l.mai
}

@test "pipes, files and cat give the same bytes" {
	recorded
	mai-run parts/0.gguf <t.mai | mai-run parts/1.gguf | mai-run parts/2.gguf | cmp - l.mai
	cat t.mai | mai-run parts/0.gguf | cat | tee copy.mai | dd bs=7 status=none | mai-run parts/1.gguf | dd bs=100000 status=none |
		mai-run parts/2.gguf | cmp - l.mai
	cmp copy.mai h0.mai
	cat copy.mai | mai-run parts/1.gguf | cmp - h1.mai
	# streams that follow one another
	cat h0.mai copy.mai | mai-run parts/1.gguf parts/2.gguf | cmp - <(cat l.mai l.mai)
}

@test "FIFOs between the stages give the same bytes" {
	recorded
	rm -f f0 f1
	mkfifo f0 f1
	mai-run parts/0.gguf <t.mai >f0 3>&- &
	mai-run parts/1.gguf <f0 >f1 3>&- &
	mai-run parts/2.gguf <f1 | cmp - l.mai
	wait
}

@test "socat between the stages gives the same bytes" {
	need_program socat
	recorded
	rm -f s0
	socat -u UNIX-LISTEN:s0 STDOUT 3>&- | mai-run parts/1.gguf | mai-run parts/2.gguf >got 3>&- &
	until [ -S s0 ]; do
		sleep 0.01
	done
	mai-run parts/0.gguf <t.mai | socat -u STDIN UNIX-CONNECT:s0
	wait
	cmp got l.mai
}

@test "socat and FIFOs under --via tell the same story" {
	need_program socat
	# a stage at the other end of a socket, both ways, as through ssh
	typed "mai-tokenize -m M 'Once upon a time' | mai-run -n 200 --temp 0 --via 'mai-run parts/0.gguf | socat - EXEC:\"mai-run parts/1.gguf\" | mai-run parts/2.gguf' | mai-tokenize -d -m M" | tells_story
	rm -f f2
	mkfifo f2
	typed "mai-tokenize -m M 'Once upon a time' | mai-run -n 200 --temp 0 --via 'exec 4<&0; mai-run parts/0.gguf <&4 >f2 & exec 4<&-; mai-run parts/1.gguf < f2 | cat | mai-run parts/2.gguf' | mai-tokenize -d -m M" | tells_story
}

@test "a program between two stages that changes what it carries is noticed" {
	recorded
	mai-cat --npy h0.mai >h0.npy
	/usr/bin/python3 -c 'import numpy as np; np.save("h0x.npy", np.load("h0.npy") * np.float32(1.0001))'
	mai-cat --from-npy h0x.npy --like h0.mai | mai-run parts/1.gguf | mai-run parts/2.gguf >changed
	run -1 cmp -s changed l.mai
	mai-cat --from-npy h0.npy --like h0.mai | mai-run parts/1.gguf | mai-run parts/2.gguf | cmp - l.mai
}
