# What goes wrong ends with the documented status and one line, and takes nobody else with it.

bats_require_minimum_version 1.5.0

setup() {
	load setup
	need_shared models/stories260K.gguf
	cd "$BATS_TEST_TMPDIR"
	mai-shard split -n 3 -o parts "$M"
	mai-tokenize -m "$M" "Once upon a time" > prompt.mai
}

# The status, and that one line was said on stderr, which holds the words.
refuses() {
	local want=$1 words=$2
	shift 2
	run --separate-stderr bash -c "$*"
	[ "$status" -eq "$want" ] || fail "$*: status $status, $stderr"
	[ "${#stderr_lines[@]}" -eq 1 ] || fail "$*: said $stderr"
	[[ $stderr == *"$words"* ]] || fail "$*: said $stderr"
}

@test "no model, a wrong one, half a one" {
	: > empty.gguf
	head -c 5000 /dev/urandom > noise.gguf
	head -c 300000 "$M" > half.gguf
	refuses 3 "No such file" 'mai-run missing.gguf < prompt.mai'
	for f in empty.gguf noise.gguf half.gguf parts; do
		run --separate-stderr bash -c "mai-run $f < prompt.mai"
		[ "$status" -eq 1 ] || [ "$status" -eq 3 ] || fail "$f: status $status"
		[ -z "$output" ] && [ "${#stderr_lines[@]}" -eq 1 ] || fail "$f: said $stderr"
	done
}

@test "wrong usage: status 2" {
	refuses 2 "no model given" mai-run
	refuses 2 "exclude each other" 'mai-run -n 1 --score x.gguf'
	refuses 2 "--via" 'mai-run --via true'
	refuses 2 "no option" 'mai-run --no-such'
	refuses 2 "stages of the pipeline" 'mai-run -n 1 -c 20 --via true'
	refuses 2 "go with -n" 'mai-run --stop x x.gguf'
	refuses 2 "1 to 4096 bytes" "mai-run -n 1 --stop '' x.gguf"
	refuses 2 "3 positions" 'mai-run --perplexity -c 2 x.gguf'
	refuses 2 "no option '--echo=1'" 'mai-run --echo=1 x.gguf'
	refuses 2 "(0 to 9007199254740992)" 'mai-run --seed=-1 x.gguf'
}

@test "a full disk and a closed stdout: status 3" {
	for how in '' '-n 4' '--perplexity' '--score' '--embed'; do
		refuses 3 "stdout" "mai-run $how '$M' < prompt.mai > /dev/full"
		refuses 3 "stdout" "mai-run $how '$M' < prompt.mai >&-"
	done
	refuses 3 "stdout" "mai-run -n 4 --via 'mai-run parts/manifest.json' < prompt.mai > /dev/full"
}

@test "what is no stream, a stream that is cut, another vocabulary's tokens" {
	head -c 5000 /dev/urandom > noise
	refuses 1 "not a mai stream" "mai-run '$M' < noise > /dev/null"
	refuses 1 "not a mai stream" "mai-run -n 4 '$M' < noise > /dev/null"
	head -c -64 prompt.mai > cut.mai
	refuses 1 "the stream was cut" "mai-run '$M' < cut.mai > /dev/null"
	refuses 1 "the stream was cut" "mai-run -n 4 '$M' < cut.mai > /dev/null"
	need_shared tokenizers/gguf/ggml-vocab-gpt-2.gguf
	mai-tokenize -m "$SHARED/tokenizers/gguf/ggml-vocab-gpt-2.gguf" "Once" > other.mai
	refuses 1 "another vocabulary" "mai-run '$M' < other.mai > /dev/null"
	refuses 1 "another vocabulary" "mai-run -n 4 --via 'mai-run parts/manifest.json' < other.mai > /dev/null"
}

@test "parts that do not follow one another" {
	mai-run parts/0.gguf < prompt.mai > h0.mai
	refuses 1 "layer 2, but this shard begins at layer 4" "mai-run parts/2.gguf < h0.mai > /dev/null"
	refuses 1 "takes tokens" "mai-run parts/0.gguf < h0.mai > /dev/null"
	refuses 1 "takes hidden states" "mai-run parts/1.gguf < prompt.mai > /dev/null"
	mai-run "$M" < prompt.mai > logits.mai
	refuses 1 "logits" "mai-run '$M' < logits.mai > /dev/null"
	run -1 mai-run parts/0.gguf parts/2.gguf < prompt.mai
	refuses 1 "not a whole model" "mai-run -n 4 parts/0.gguf < prompt.mai"
}

@test "another model's hidden states" {
	"${MAI_BUILD:-$top/build}/tests/bench/make-model" --shape tiny --seed 1 a.gguf
	"${MAI_BUILD:-$top/build}/tests/bench/make-model" --shape tiny --seed 2 b.gguf
	mai-shard split -n 2 -o a a.gguf
	mai-shard split -n 2 -o b b.gguf
	mai-tokenize -m a.gguf "x" | mai-run a/0.gguf > h.mai
	run -0 bash -c 'mai-run a/1.gguf < h.mai | mai-cat --npy > a.npy'
	refuses 1 "another model" "mai-run b/1.gguf < h.mai > /dev/null"
}

@test "an empty input: an empty output, status 0" {
	run -0 bash -c "mai-run '$M' < /dev/null | mai-cat --ids"
	[ -z "$output" ]
	run -0 bash -c "mai-run -n 4 '$M' < /dev/null | mai-tokenize -d -m '$M'"
	[ -z "$output" ]
	run -0 bash -c "mai-tokenize -m '$M' --add-special=no '' | mai-run -n 4 '$M' | mai-tokenize -d -m '$M'"
	[ -z "$output" ]
	for how in --score --embed; do
		run -0 bash -c "set -o pipefail; mai-run $how '$M' < /dev/null | mai-cat --ids"
		[ -z "$output" ]
	done
	refuses 1 "the stream was cut" "mai-run parts/1.gguf < /dev/null > /dev/null" # a stage always writes a header
}

@test "a sequence that outgrows the context closes alone; the others finish" {
	printf '%s\n' "The dog" "Once upon a time there was a little girl who had a very big red ball and a small dog" "A cat" > lines
	mai-tokenize -m "$M" -l < lines > lines.mai
	mai-run -n 8 --temp 0 "$M" < lines.mai | mai-tokenize -d -l -m "$M" > all
	for model in "-c 20 '$M'" "--via 'mai-run -c 20 parts/manifest.json'"; do
		run --separate-stderr bash -c "mai-run -q -n 8 --temp 0 $model < lines.mai | mai-tokenize -d -l -m '$M' > out; exit \${PIPESTATUS[0]}"
		[ "$status" -eq 1 ]
		[[ $stderr == *"sequence 1: the context is full"* ]]
		[ "$(sed -n '1p;3p' out)" = "$(sed -n '1p;3p' all)" ]
		[ -z "$(sed -n 2p out)" ]
	done
}

@test "no KV memory: who finds none waits for the others, and gives what it would have given" {
	for i in $(seq 12); do echo "The dog number $i"; done > lines
	mai-tokenize -m "$M" -l < lines > lines.mai
	mai-run -n 100 --ignore-eos "$M" < lines.mai | mai-tokenize -d -l -m "$M" > all
	for model in "--kv-mem 500K '$M'" "--via 'mai-run --kv-mem 200K parts/0.gguf | mai-run parts/1.gguf | mai-run --kv-mem 100K parts/2.gguf'"; do
		run -0 --separate-stderr bash -c "mai-run -n 100 --ignore-eos $model < lines.mai | mai-tokenize -d -l -m '$M' > out; exit \${PIPESTATUS[0]}"
		cmp out all
	done
	# not even one finds any
	run --separate-stderr bash -c "mai-run -n 4 --kv-mem 10K '$M' < prompt.mai > /dev/null"
	[ "$status" -eq 3 ]
	[[ $stderr == *"no memory for its KV cache"* ]]
}

@test "a stage says what it closes; those behind it, and one that is driven, leave that to others" {
	refuses 1 "sequence 0: the context is full at position 3" "mai-run -q -c 3 '$M' < prompt.mai > out.mai"
	[ "$(mai-cat --npy out.mai | wc -c)" -eq $((128 + 3 * 512 * 4)) ] || fail "not 3 rows"
	refuses 3 "no memory for its KV cache at position 0" "mai-run --kv-mem 1 '$M' < prompt.mai > /dev/null"
	refuses 3 "no memory for its KV cache at position 0" "mai-run -n 5 --kv-mem 1 '$M' < prompt.mai > /dev/null"
	refuses 1 "the context is full at position 3" "mai-run -n 5 -c 3 '$M' < prompt.mai > /dev/null"
	refuses 1 "sequence 0: the context is full" \
		"mai-run -c 3 parts/0.gguf < prompt.mai | mai-run parts/1.gguf | mai-run parts/2.gguf > /dev/null; exit \${PIPESTATUS[0]}"
	refuses 1 "sequence 0: the context is full" \
		"mai-run -n 20 --via 'mai-run parts/0.gguf | mai-run -c 9 parts/1.gguf | mai-run parts/2.gguf' < prompt.mai > /dev/null"
}

@test "bad input behind good: what was whole is finished, and the fault goes on within a stream" {
	mai-run -n 30 --temp 0 "$M" < prompt.mai | mai-tokenize -d -m "$M" > want
	for how in "'$M'" "--via 'mai-run parts/0.gguf | mai-run parts/1.gguf parts/2.gguf'"; do
		run --separate-stderr bash -c "(cat prompt.mai; echo garbage) | mai-run -n 30 --temp 0 $how 2> said | mai-tokenize -d -m '$M' > out; exit \${PIPESTATUS[1]}"
		[ "$status" -eq 1 ] && [[ $(cat said) == *"not a mai stream"* ]] || fail "status $status: $(cat said)"
		cmp want out
	done
	for bad in "echo garbage" "head -c 100 prompt.mai"; do
		(cat prompt.mai; $bad) | mai-run parts/0.gguf > h.mai 2> said && fail "no fault"
		cause=$(cut -d: -f2- said)
		refuses 1 "$cause" "mai-run parts/1.gguf < h.mai > h1.mai"
		[ "$(LC_ALL=C grep -ao "not a mai stream\|the stream was cut" h1.mai | wc -l)" -eq 1 ] || fail "told more than once"
		refuses 1 "$cause" "mai-cat h.mai > /dev/null"
	done
}

@test "a pipeline that writes no header is told of, and Ctrl-C ends it" {
	mai-run -n 1 --via cat < prompt.mai 2> said &
	for ((i = 0; i < 200; i++)); do
		[ ! -s said ] || break
		sleep 0.1
	done
	kill -TERM $!
	wait $! || :
	grep -q "no header yet" said
}

@test "a token beyond the vocabulary closes its sequence alone" {
	printf '1 403 407\n1 9999 3\n1 410\n' | mai-cat --from-ids > ids.mai
	printf '1 403 407\n1 410\n' | mai-cat --from-ids > good.mai
	run --separate-stderr bash -c "mai-run -n 5 --temp 0 '$M' < ids.mai | mai-tokenize -d -l -m '$M' > out; exit \${PIPESTATUS[0]}"
	[ "$status" -eq 1 ]
	[[ $stderr == *"sequence 1: "* ]]
	mai-run -n 5 --temp 0 "$M" < good.mai | mai-tokenize -d -l -m "$M" > good
	[ "$(sed -n '1p;3p' out)" = "$(cat good)" ]
}
