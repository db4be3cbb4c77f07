# scripts/eval: its figures beside those that numpy computes from logits.

load setup
load stream
no_leak_check

setup() {
	need_numpy
	need_shared models/stories260K.gguf
	cd "$BATS_TEST_TMPDIR" || return
	export MAI_BUILD=${MAI_BUILD:-$top/build}
}

evaluate() {
	"$top/scripts/eval" -m "$M" "$@"
}

# logits FILE: of all that the questions of FILE are asked with
logits() {
	"$peers/eval.py" sequences "$M" 512 "$1" | stream tokens | mai-run "$M" | stream rows -p
}

# agrees FILE LOGITS TABLE
agrees() {
	"$peers/eval.py" figures "$M" 512 "$@"
}

# A query with a newline at its end, one with a space; characters of several bytes; a context that is too long.
make_choices() {
	local long
	long=$(yes 'She saw a big, red ball.' | head -n 60 | paste -sd ' ')
	cat >"$1" <<-END
		{"query": "Question: What did Lily see?\n", "choices": ["a big, red ball", "one", "sun in the sky, and it was warm"], "gold": 1}
		{"query": "Once upon a time, there was a little ", "choices": ["girl named Lily", "dog"], "gold": 0}
		{"query": "Tom said: \"Ça va?\"\n\nHis mom said:", "choices": ["ééé ééé ééé", "no, no, x, y, z", "“”"], "gold": 2}
		{"gold": 1, "choices": ["he was not a dog.", "he was happy."], "query": "The dog ran to the park, therefore"}
		{"query": "$long She wanted to", "choices": ["play with it", "eleven"], "gold": 1}
	END
}

make_clozes() {
	local long
	long=$(yes 'She saw a big, red ball.' | head -n 60 | paste -sd ' ')
	cat >"$1" <<-END
		{"context": "Once upon a time, there was a little girl named", "continuation": "Lily"}
		{"context": "Once upon a time, there was a little girl named ", "continuation": "Tom"}
		{"context": "Once upon a time, there was a little girl named Lily. She loved to", "continuation": "play outside in the park."}
		{"context": "\"Hi,\" said the dog.\n\n\"Hi,\" said the", "continuation": "cat"}
		{"context": "$long She wanted to", "continuation": "play"}
	END
}

@test "questions with choices: what numpy computes" {
	make_choices some.jsonl
	evaluate some.jsonl >table
	logits some.jsonl >rows
	agrees some.jsonl rows table
	# the three ways to compare choices differ here
	[ "$(tail -n 3 table | cut -f 4 | sort -u | wc -l)" = 3 ]
	for i in 2 3 4; do
		sed "${i}s/0\.[0-9]*/0.1000/" table >forged
		run -1 agrees some.jsonl rows forged
	done
}

@test "continuations: what numpy computes" {
	make_clozes some.jsonl
	evaluate some.jsonl >table
	logits some.jsonl >rows
	agrees some.jsonl rows table
	# some are what the model says, and some are not
	awk '$3 == "acc" && $4 > 0.3 && $4 < 0.9' table | grep -q .
	sed 's/acc	0/acc	1/' table >forged
	run -1 agrees some.jsonl rows forged
}

@test "another score, or another token, is noticed" {
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	make_choices choices.jsonl
	make_clozes clozes.jsonl
	logits choices.jsonl >choices.rows
	logits clozes.jsonl >clozes.rows
	mkdir forged
	ln -s "$MAI_BUILD"/mai-* forged
	rm forged/mai-run
	# $BY is added to the last score, $OPTIONS go to who generates
	cat >forged/mai-run <<-'END'
		#!/bin/bash
		[[ " $* " == *" --score "* ]] || exec "$TRUE_BUILD/mai-run" "$@" $OPTIONS
		"$TRUE_BUILD/mai-run" "$@" >scores.mai && mai-cat --npy scores.mai >scores.npy || exit
		/usr/bin/python3 -c 'import numpy as n, sys; a = n.load("scores.npy"); a[-1] += float(sys.argv[1]); n.save("scores", a)' $BY
		mai-cat --from-npy scores.npy --like scores.mai
	END
	chmod +x forged/mai-run
	export TRUE_BUILD=$MAI_BUILD MAI_BUILD=$PWD/forged
	forge() {
		BY=$1 OPTIONS=$2 evaluate choices.jsonl clozes.jsonl >table
	}
	forge 0
	agrees choices.jsonl choices.rows table
	agrees clozes.jsonl clozes.rows table
	forge 100
	run -1 agrees choices.jsonl choices.rows table
	forge -0.01
	run -1 agrees clozes.jsonl clozes.rows table
	[[ $output == *"perplexity is wrong"* ]]
	forge 0 '--temp 100 --top-k 0 --top-p 1 --min-p 0'
	run -1 agrees clozes.jsonl clozes.rows table
	[[ $output == *"acc is wrong"* ]]
}

@test "a question that does not fit in the context: a line on stderr, status 1, the figures of the others" {
	make_choices some.jsonl
	make_clozes more.jsonl
	long=$(yes 'and so on' | head -n 300 | paste -sd ' ')
	printf '%s\n' "{\"query\": \"She said\", \"choices\": [\"$long\", \"no\"], \"gold\": 1}" | sed -i '2r /dev/stdin' some.jsonl
	printf '%s\n' "{\"context\": \"She said\", \"continuation\": \"$long\"}" | sed -i '2r /dev/stdin' more.jsonl
	run -1 --separate-stderr evaluate some.jsonl more.jsonl
	printf '%s\n' "${lines[@]}" >table
	[ "${#stderr_lines[@]}" = 2 ]
	[[ ${stderr_lines[0]} == "eval: some.jsonl: 1 question"*512* ]] && [[ ${stderr_lines[1]} == "eval: more.jsonl: 1 question"*512* ]]
	for f in some more; do
		logits $f.jsonl >rows
		agrees $f.jsonl rows table
	done
	sed -n 3p some.jsonl >none.jsonl
	run -1 --separate-stderr evaluate none.jsonl
	[ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == *none.jsonl* ]]
}

@test "a text: the figures of mai-run --perplexity" {
	need_shared corpora/tinystories.txt
	head -n 40 "$SHARED/corpora/tinystories.txt" >story.txt
	evaluate story.txt >table
	mai-tokenize -m "$M" <story.txt | mai-run --perplexity --json "$M" >said
	read -r n value error bits <<<"$(jq -r '[.tokens, .perplexity, .error, .bits_per_byte] | @tsv' said)"
	LC_ALL=C printf 'story\t%d\tperplexity\t%.4f\t%.4f\n' "$n" "$value" "$error" | cmp - <(sed -n 2p table)
	LC_ALL=C printf 'story\t%d\tbits_per_byte\t%.4f\n' "$n" "$bits" | cmp - <(sed -n 3p table | cut -f -4)
	# an error of the perplexity is one of its logarithm, as bits per byte are
	awk 'NR == 2 { relative = $5 / $4 / log($4) } NR == 3 { d = $5 / $4 / relative; exit !(d > 0.98 && d < 1.02) }' table
	[ "$(wc -l <table)" = 3 ]
	evaluate --limit 20 story.txt | cmp - <(head -n 20 story.txt >part.txt && evaluate part.txt | sed 's/^part/story/')
}

@test "the shared questions: what numpy computes of the first 20 of each file" {
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	need_shared corpora/eval
	evaluate --limit 20 "$SHARED"/corpora/eval/*.jsonl >table
	for f in "$SHARED"/corpora/eval/*.jsonl; do
		head -n 20 "$f" >"${f##*/}"
		logits "${f##*/}" >rows
		agrees "${f##*/}" rows table
	done
	[ "$(cut -f 1 table | sort -u | wc -l)" = 7 ]
}

@test "one question alone: no standard error" {
	make_choices all.jsonl
	evaluate --limit=1 all.jsonl >table
	tail -n +2 table | awk -F '\t' '$2 != 1 || $5 != "-" { exit 1 }'
	head -n 1 all.jsonl >one.jsonl
	evaluate one.jsonl | sed s/^one/all/ | cmp - table
}

@test "what is no question: status 1, one line, and nothing is left behind" {
	export TMPDIR=$PWD/tmp
	mkdir tmp
	good='{"query": "a", "choices": ["b", "c"], "gold": 0}'
	refuse() {
		printf '%s\n' "$@" >bad.jsonl
		run --separate-stderr evaluate bad.jsonl
		[ "$status" = 1 ] && [ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == "eval: bad.jsonl: "* ]] || fail "$*: $status" "$stderr"
		[ "${#lines[@]}" = 1 ] || fail "$*: figures"
	}
	refuse "$good" '{"query": "a", "choices": ["b", "c"], "gold": 2}'
	[[ $stderr == *"question 2"* ]]
	refuse '{"query": "a", "choices": ["b", "c"], "gold": -1}'
	refuse '{"query": "a", "choices": ["b", "c"], "gold": "0"}'
	refuse '{"query": "a", "choices": ["b", ""], "gold": 0}'
	refuse '{"query": "a", "choices": [], "gold": 0}'
	refuse '{"query": "a\u0000b", "choices": ["b", "c"], "gold": 0}'
	refuse '{"query": 1, "choices": ["b", "c"], "gold": 0}'
	refuse '["a"]'
	refuse "$good" '{"context": "a", "continuation": "b"}'
	refuse '{"context": "a", "continuation": "b"}' "$good"
	refuse '{"context": "a"}'
	refuse "$good" '{"query": '
	refuse ''
	[ -z "$(ls tmp)" ]
}

@test "wrong usage: status 2; a file or a model that is missing or none: 3 or 1" {
	make_choices some.jsonl
	says() {
		local want=$1
		shift
		run --separate-stderr "$top/scripts/eval" "$@"
		[ "$status" = "$want" ] && [ "${#stderr_lines[@]}" = 1 ] && [ -z "$output" ] || fail "$*: $status" "$stderr"
	}
	says 2
	says 2 -x some.jsonl
	says 2 some.jsonl --limit
	says 2 some.jsonl --limit 0
	says 2 --limit=x some.jsonl
	says 2 -m
	says 3 -m "$M" some.jsonl missing.jsonl
	says 3 -m missing.gguf some.jsonl
	echo none >none.gguf
	says 1 -m none.gguf some.jsonl
	run -0 --separate-stderr "$top/scripts/eval" --help
	[[ $output == *"scripts/eval [-m MODEL] [--limit N] FILE..."* ]]
	run bash -c "'$top/scripts/eval' -m '$M' some.jsonl >/dev/full"
	[ "$status" = 3 ] && [ "${#lines[@]}" = 1 ] || fail "/dev/full: $status" "$output"
}

@test "a tool that fails on the way: its status" {
	make_choices some.jsonl
	mkdir bad
	ln -s "$MAI_BUILD"/mai-* bad
	for t in mai-tokenize mai-cat mai-run; do
		ln -sf "$MAI_BUILD"/mai-* bad
		rm bad/$t
		# mai-tokenize encodes the letter that BOS is looked for with, and fails later
		cat >bad/$t <<-END
			#!/bin/sh
			[ "$t \$5" != "mai-tokenize a" ] && [ "$t \$4" != "mai-tokenize a" ] || exec "$MAI_BUILD/$t" "\$@"
			echo "$t: fails" >&2
			exit 3
		END
		chmod +x bad/$t
		run --separate-stderr env MAI_BUILD="$PWD/bad" "$top/scripts/eval" -m "$M" some.jsonl
		[ "$status" != 0 ] && [[ $stderr == *"$t: fails"* ]] && [ "${#lines[@]}" = 1 ] || fail "$t: $status" "$stderr" "$output"
	done
	[ "$status" = 3 ]
}
