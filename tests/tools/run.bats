# mai-run as a user runs it: what it generates and measures, beside what other programs say of the same model; in one
# process and in a pipeline of three.

load setup
load stream
no_leak_check

via='mai-run parts/0.gguf | mai-run parts/1.gguf | mai-run parts/2.gguf'
embed_via='mai-run parts/0.gguf | mai-run parts/1.gguf | mai-run --embed parts/2.gguf'

setup_file() {
	load setup
	[ ! -e "$M" ] || (cd "$BATS_FILE_TMPDIR" && mai-shard split -n 3 -o parts "$M")
}

setup() {
	need_numpy
	need_shared models/stories260K.gguf
	cd "$BATS_TEST_TMPDIR" || return
	ln -s "$BATS_FILE_TMPDIR/parts" parts
	expected=$SHARED/models/stories260K.expected.txt
	vocabulary=$SHARED/models/tok512.bin
	stories prompts "$expected" >prompts
	stories ids "$expected" >ids
}

stories() {
	"$peers/stories.py" "$@"
}

likelihood() {
	"$peers/likelihood.py" "$@"
}

# The same, by each way to run the model. each_way FUNCTION: calls it with the operands of mai-run. Under sanitizers, where all
# is slow, by one process and by three.
each_way() {
	"$1" "$M"
	"$1" --via "$via"
	[ -z "${MAI_SAN:-}" ] || return 0
	"$1" parts/0.gguf parts/1.gguf parts/2.gguf
	"$1" parts/manifest.json
	"$1" --via "mai-run $M"
}

# random_ids SEQUENCES LONGEST: BOS and random tokens, a sequence a line
random_ids() {
	/usr/bin/python3 -c '
import random, sys
r = random.Random(7)
for i in range(int(sys.argv[1])):
	print(1, *[r.randrange(3, 512) for _ in range(r.randrange(int(sys.argv[2])))])' "$@"
}

# generate IDS OPTION...: the ids that follow
generate() {
	local from=$1
	shift
	stream tokens -w last <"$from" | mai-run "$@" | stream ids
}

# ---- the model ----

@test "greedy tokens are llama.cpp's, in one process and in three" {
	greedy() {
		generate prompts -n 200 --temp 0 --ignore-eos "$@" | diff ids -
	}
	each_way greedy
}

@test "other tokens are noticed" {
	sed 's/ 378$/ 379/' prompts >others
	generate others -n 200 --temp 0 --ignore-eos "$M" >got
	run ! cmp ids got
}

@test "first logits are llama.cpp's" {
	stream tokens -w last <prompts >in.mai
	mai-run "$M" <in.mai | stream rows >whole
	stories first "$expected" whole
	sh -c "$via" <in.mai | stream rows | cmp whole -
	head -c 2044 whole >forged
	tail -c +2045 whole | tr '\000-\377' '\001-\377\000' >>forged
	run -1 stories first "$expected" forged
}

# ---- generating ----

@test "-n is how many; -n 0 none; --echo gives the prompt first" {
	count() {
		generate prompts -n 7 --temp 0 "$@" | cmp - <(cut -d ' ' -f -7 ids)
		generate prompts -n 0 "$@" | cmp - <(printf '\n\n\n')
		generate prompts -n 3 --temp 0 --echo "$@" | cmp - <(paste -d ' ' prompts <(cut -d ' ' -f -3 ids))
		generate prompts -n 0 --echo "$@" | cmp - prompts
	}
	each_way count
}

@test "-n -1 goes on until the text ends, and --ignore-eos beyond" {
	# Some of these stories end within the context, some do not.
	ends() {
		generate prompts -n 400 --seed 3 "$@" >ended
		generate prompts -n 400 --seed 3 --ignore-eos "$@" >all
		generate prompts -n -1 --seed 3 "$@" >until || :
		paste -d : ended all until | while IFS=: read -r e a u; do
			[[ "$a " == "$e "* ]]
			if [ "$e" != "$a" ]; then
				[[ "${a#"$e "} " == [12]\ * ]]
				[ "$u" = "$e" ]
				echo "${#e}" >>short
			fi
			[[ ! " $e " =~ \ [12]\  ]]
		done
		[ -s short ]
	}
	each_way ends
}

@test "a full context ends a sequence alone: status 1, one line, the others finish" {
	full() {
		local status=0
		stream tokens <prompts | mai-run -n 25 --temp 0 --ignore-eos "$@" >out.mai 2>err || status=$?
		[ "$status" = 1 ]
		[ "$(wc -l <err)" = 1 ]
		grep -q 'sequence 1: the context is full' err
		stream ids <out.mai >got
		for i in 1 3; do
			cmp <(sed -n "${i}p" got) <(sed -n "${i}p" ids | cut -d ' ' -f -25)
		done
		grep -q "^$(sed -n 2p got)" <(sed -n 2p ids)
		[ "$(sed -n 2p got | wc -w)" -ge 16 ]
		[ "$(sed -n 2p got | wc -w)" -le 18 ]
	}
	full -c 32 "$M"
	full --via "mai-run -c 32 parts/0.gguf | mai-run -c 32 parts/1.gguf | mai-run -c 32 parts/2.gguf"
}

@test "--stop ends before a text, also across tokens" {
	# stops TEXT...: on the first story
	stops() {
		local options=() t
		for t; do
			options+=(--stop "$t")
		done
		stories stop "$vocabulary" "$(head -n 1 ids)" "$@" >want
		generate one -n 200 --temp 0 --ignore-eos "${options[@]}" "$M" | cmp - <(head -n 1 want)
		generate one -n 200 --temp 0 --ignore-eos "${options[@]}" --via "$via" | cmp - <(head -n 1 want)
	}
	head -n 1 prompts >one
	stops 'little girl'
	stops 'l named L'
	stops ','
	stops 'day' 'named' 'One'
	stops 'girl named Bob' 'the park.'
	stops $'high.\nLily\'s mom'
	stops 'never there' 'nor that'
	[ "$(head -n 1 want)" = "$(head -n 1 ids)" ]
	stops 'e' 'there was a'
	stops 'there was a' 'was a little girl named Li'
}

@test "what may become a stop text is held back until it has, or cannot any more" {
	head -n 1 prompts >one
	texts=('girl named Bob' 'outside of' ', "Lily!' 'too high')
	options=()
	for t in "${texts[@]}"; do
		options+=(--stop "$t")
	done
	stories stop "$vocabulary" "$(head -n 1 ids)" "${texts[@]}" >want
	grep -q h want
	stream tokens -w last <one | mai-run -n 200 --temp 0 --ignore-eos "${options[@]}" --via "mai-run $M | tee stage.mai" |
		stream ids | cmp - <(head -n 1 want)
	# held: the flag of each token that the stage samples; the last may be of the text itself
	stream frames <stage.mai | sed -n 's/^rows .*:[0-9]*\(~*\)!*$/\1/p' | sed 's/^$/-/; s/^~$/h/' | tr -d '\n' >flags
	grep -q "^$(sed -n 2p want)" flags
	# generation that ends within a beginning gives it all
	stories stop "$vocabulary" "$(head -n 1 ids | cut -d ' ' -f -9)" 'girl named Bob' | tail -n 1 | grep -q 'h$'
	generate one -n 9 --temp 0 --stop 'girl named Bob' "$M" | cmp - <(head -n 1 ids | cut -d ' ' -f -9)
}

@test "--seed repeats, another seed differs, and so do sequences" {
	for _ in 1 2 3; do
		head -n 1 prompts
	done >same
	seeds() {
		generate same -n 50 --temp 1 --seed 5 "$@" | cmp - seed5
		generate same -n 50 --temp 1 --seed 6 "$@" | cmp - seed6
	}
	generate same -n 50 --temp 1 --seed 5 "$M" >seed5
	generate same -n 50 --temp 1 --seed 6 "$M" >seed6
	[ "$(sort -u seed5 seed6 | wc -l)" = 6 ]
	each_way seeds
	seeds -b 1 "$M"
	seeds -b 2 -t 2 "$M"
}

@test "settings that leave one token give the likeliest" {
	for setting in '--temp 0' '--top-k 1' '--top-p 0' '--min-p 1' '--temp 0.0001'; do
		# shellcheck disable=SC2086
		generate prompts -n 100 $setting --ignore-eos "$M" | cmp - <(cut -d ' ' -f -100 ids)
	done
}

@test "tokens are drawn as often as their probability says" {
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	# drawn IDS TEMP TOP_K TOP_P MIN_P PENALTY RECENT REPEAT_LAST: the token behind one prompt, 500 times
	drawn() {
		stream tokens -w last <<<"$1" | mai-run "$M" | stream rows >logits
		yes "$1" | head -n 500 >many
		generate many -n 1 -b 64 --ignore-eos --temp "$2" --top-k "$3" --top-p "$4" --min-p "$5" \
			--repeat-penalty "$6" --repeat-last-n "$8" "$M" >got
		likelihood sampled logits got "$2" "$3" "$4" "$5" "$6" "$7"
	}
	once='1 403 407 261 378'
	said="$once 432 383 286 261 376 298 315 421 395 317 426 338 401 396"
	drawn "$once" 1 0 1 0 1 '' 64
	drawn "$said" 1 0 1 0 1 '' 64
	drawn "$said" 2.5 0 1 0 1 '' 64
	drawn "$said" 2.5 7 1 0 1 '' 64
	drawn "$said" 3 0 0.9 0 1 '' 64
	drawn "$said" 3 0 1 0.02 1 '' 64
	drawn "$said" 1.5 40 0.95 0.005 1 '' 64
	drawn "$said" 2 0 1 0 2 "$said" 64
	drawn "$said" 2 0 1 0 2 '338 401 396' 3
	drawn "$said" 2 0 1 0 2 '' 0
	# the other way round: draws of another temperature are no draws of this one
	run -1 likelihood sampled logits got 1.2 0 1 0 1 ''
}

# ---- many sequences ----

@test "many sequences give what each gives alone, in the input's order" {
	random_ids 24 40 >many
	while read -r line; do
		echo "$line" >one
		generate one -n 24 --temp 0 "$M"
	done <many >alone
	for b in 1 2 16 64; do
		generate many -n 24 --temp 0 -b $b "$M" | cmp - alone
		generate many -n 24 --temp 0 -b $b --via "$via" | cmp - alone
	done
	generate many -n 24 --seed 1 -b 1 "$M" >alone
	for b in 2 64; do
		generate many -n 24 --seed 1 -b $b "$M" | cmp - alone
		generate many -n 24 --seed 1 -b $b --via "$via" | cmp - alone
	done
}

@test "streams that follow one another are one input" {
	head -n 2 prompts | stream tokens >a
	tail -n 1 prompts | stream tokens >b
	cat a b | mai-run -n 30 --temp 0 "$M" | stream ids | cmp - <(cut -d ' ' -f -30 ids)
	cat a b | mai-run "$M" | stream rows >both
	stream tokens <prompts | mai-run "$M" | stream rows | cmp - both
}

@test "a slot that becomes free is taken at once, and frames carry all that generate" {
	# texts that end at other times; six at once
	random_ids 30 12 | stream tokens -w last >many.mai
	mai-run -n 60 --seed 2 --stop . -b 6 --via "tee in.mai | mai-run $M" <many.mai >/dev/null
	stream frames <in.mai | awk '
		$1 == "open" { opened++; if (++open > most) most = open; if (free > 0) { free--; taken++ } }
		$1 == "close" { open--; free++ }
		$1 == "rows" && free > 0 && opened < 30 { late++ }
		$1 == "rows" {
			delete seen
			sequences = 0
			for (i = 2; i <= NF; i++)
				if (!seen[$i + 0]++)
					sequences++
			if (sequences > 1)
				mixed++
			frames++
		}
		END {
			print opened " opened, " most " at once, " taken " took a free place, " late " frames while one was free, " mixed " of " frames " mixed"
			exit !(opened == 30 && most == 6 && taken >= 20 && late == 0 && mixed > frames / 2)
		}'
}

# ---- empty input ----

@test "empty input: an empty output, status 0" {
	empty() {
		stream frames <"$1" | cmp - <(printf '%s\n' "$2" 'end 0 0 0')
	}
	stream tokens </dev/null >none.mai
	for in in /dev/null none.mai; do
		mai-run -n 5 "$M" <$in >out && empty out 'header 1 0 0'
		mai-run -n 5 --via "$via" <$in >out && empty out 'header 1 0 0'
		mai-run "$M" <$in >out && empty out 'header 3 512 5'
		mai-run parts/0.gguf <$in >out && stream frames <out | grep -q '^header 2 64'
		sh -c "$via" <$in >out && empty out 'header 3 512 5'
		mai-run --score "$M" <$in >out && empty out 'header 4 1 5'
		mai-run --embed "$M" <$in >out && empty out 'header 5 64 5'
		mai-run --embed --via "$embed_via" <$in >out && empty out 'header 5 64 5'
		mai-run --perplexity "$M" <$in
	done
}

# drafts OPTION...: what is generated with it is the same under drafts: by the model itself, one that is often wrong, and one that
# is asked for guesses it is not sure of.
drafts() {
	mai-run -n 100 --seed 4 "$@" <in.mai | mai-tokenize -d -l -m "$M" >alone
	for draft in "$M" "worse.gguf" "worse.gguf --draft-p-min 0 --draft-max 5"; do
		# shellcheck disable=SC2086 # options
		mai-run -v -n 100 --seed 4 --draft $draft "$@" <in.mai 2>said | mai-tokenize -d -l -m "$M" | cmp - alone
		grep -q '^mai-run: draft: [1-9][0-9]* of [1-9][0-9]* tokens were right$' said || fail "$(cat said)"
	done
}

@test "a draft changes no token: drawn or likeliest, one sequence or many, a stop text, one process or three" {
	mai-shard quantize --quiet -q q4_0 -o worse.gguf "$M"
	mai-tokenize -m "$M" -l <prompts >in.mai
	drafts --temp 0 "$M"
	drafts -b 1 --stop ' the' "$M"
	drafts --mirostat 2 "$M"
	drafts --repeat-penalty 1.3 --via "$via"
}

@test "a draft beyond the context closes nothing before its time" {
	mai-shard quantize --quiet -q q4_0 -o worse.gguf "$M"
	head -n 1 prompts | mai-tokenize -m "$M" >in.mai
	for n in 40 41; do
		run -1 --separate-stderr mai-run -n -1 --ignore-eos -c $n "$M" <in.mai
		alone=$stderr
		run -1 --separate-stderr mai-run -n -1 --ignore-eos -c $n --draft worse.gguf --draft-p-min 0 "$M" <in.mai
		[ "$stderr" = "$alone" ] && [[ $stderr = *"the context is full at position $n" ]] || fail "$stderr"
	done
}

@test "a draft of another vocabulary, or that is no whole model, is refused" {
	need_shared models/arch/gpt2.gguf
	mai-tokenize -m "$M" <prompts >in.mai
	run -1 --separate-stderr mai-run -n 5 --draft "$SHARED/models/arch/gpt2.gguf" "$M" <in.mai
	[ "$stderr" = "mai-run: $SHARED/models/arch/gpt2.gguf: a draft needs the vocabulary of the model it guesses for" ]
	run -1 --separate-stderr mai-run -n 5 --draft parts/0.gguf "$M" <in.mai
	[ "$stderr" = "mai-run: parts/0.gguf: a draft is a whole model that generates" ]
}

@test "an empty sequence gives an empty one, the others their own" {
	printf '\n%s\n\n' "$(head -n 1 prompts)" >some
	generate some -n 20 --temp 0 "$M" | cmp - <(printf '\n%s\n\n' "$(head -n 1 ids | cut -d ' ' -f -20)")
	generate some -n 20 --temp 0 --via "$via" | cmp - <(printf '\n%s\n\n' "$(head -n 1 ids | cut -d ' ' -f -20)")
	stream tokens <some | mai-run --score "$M" | stream rows | wc -c | grep -qx 16
	stream tokens <some | mai-run "$M" | stream ids | cmp - some
}

# ---- measuring ----

@test "--score: the log-probabilities that numpy computes from the logits, the same in one process and three" {
	random_ids 12 100 >many
	stream tokens <many >in.mai
	mai-run "$M" <in.mai | stream rows -p >logits
	mai-run --score "$M" <in.mai >scores.mai
	stream rows -p <scores.mai >scores
	likelihood scores logits scores
	score() {
		mai-run --score "$@" <in.mai | cmp - scores.mai
	}
	each_way score
	score -b 1 "$M"
	score -b 3 --via "$via"
	head -c -4 scores >forged
	printf '\0\0\200\277' >>forged
	run -1 likelihood scores logits forged
}

@test "--score: what the scores come to, on stderr, the same in one process and three" {
	random_ids 12 100 >many
	stream tokens -b 77 <many >in.mai
	mai-run "$M" <in.mai | stream rows -p >logits
	mai-run --score --json "$M" <in.mai 2>said >scores.mai
	bytes=$(sed 's/.*/77/' many | paste -sd ' ')
	likelihood figures logits said "$bytes"
	run -1 likelihood figures logits said "${bytes/77/78}"
	come_to() {
		mai-run --score --json "$@" <in.mai 2>&1 >/dev/null | cmp - said
	}
	each_way come_to
	come_to -q "$M"
	come_to -b 1 -t 1 "$M"
	come_to -b 3 --via "$via"
	# a length that is not known: nothing is said of bytes
	{
		stream tokens -b 77 <prompts
		stream tokens <many
	} >some.mai
	mai-run "$M" <some.mai | stream rows -p >logits
	mai-run --score --json "$M" <some.mai 2>said >/dev/null
	likelihood figures logits said '77 77 77 0 0 0 0 0 0 0 0 0 0 0 0'
	run -0 --separate-stderr bash -c "mai-run --score '$M' <some.mai >/dev/null"
	[[ $stderr =~ ^mai-run:\ [0-9]+\ tokens\ scored,\ perplexity\ [0-9.]+$ ]] || fail "$stderr"
	run -0 --separate-stderr bash -c "mai-run --score '$M' <in.mai >/dev/null"
	[[ $stderr =~ ,\ [0-9]+\ bytes,\ [0-9.]+\ bits\ per\ byte$ ]] && [ "${#stderr_lines[@]}" = 1 ] || fail "$stderr"
	# stdout is the stream of scores, and with -q no line tells of them
	mai-run --score -q "$M" <in.mai 2>err | cmp - scores.mai
	[ ! -s err ]
	echo 1 | mai-cat --from-ids | mai-run --score "$M" 2>err >/dev/null
	[ ! -s err ]
}

@test "--score: a sequence that was not scored to its end does not count" {
	stream tokens -b 9 <prompts >in.mai
	longest=$(awk '{ print NF }' prompts | sort -n | tail -n 1)
	# the line of the longest: its last tokens find no room
	awk -v n="$longest" 'NF < n' prompts >others
	[ "$(wc -l <others)" = 2 ]
	run -1 --separate-stderr bash -c "mai-run --score -c $((longest - 2)) '$M' <in.mai >/dev/null"
	[ "${#stderr_lines[@]}" = 2 ]
	[[ ${stderr_lines[0]} == *"the context is full"* ]]
	tell=$(stream tokens -b 9 <others | mai-run --score "$M" 2>&1 >/dev/null)
	[ "${stderr_lines[1]}" = "$tell" ]
}

@test "--perplexity: what numpy computes from the logits of llama.cpp's windows, the same in one process and three" {
	/usr/bin/python3 -c 'import random; r = random.Random(1); print(1, *[r.randrange(3, 512) for _ in range(699)])' >long
	# measured IDS WINDOW BYTES
	measured() {
		stream tokens -b "$3" <"$1" >in.mai
		likelihood windows "$1" "$2" 1 | stream tokens | mai-run "$M" | stream rows -p >logits
		mai-run --perplexity -c "$2" --json "$M" <in.mai >said
		likelihood perplexity logits "$2" said "$3" "$1"
		mai-run --perplexity -c "$2" --json -b 1 -t 1 "$M" <in.mai | cmp - said
		mai-run --perplexity -c "$2" --json parts/manifest.json <in.mai | cmp - said
		cp in.mai "$2.mai"
	}
	measured long 512 0
	measured long 128 0
	measured long 100 1234
	echo 1 403 407 261 378 432 383 286 261 376 298 >one
	measured one 512 40
	# several texts: each counts as far as it reaches; one of which nothing is scored does not
	sed 's/ .*/ 403/' long >short
	cut -d ' ' -f -190 long >middle
	cat one short middle long >several
	several() {
		for text in one short middle long; do
			stream tokens -b "$1" <$text
			shift
		done | mai-run --perplexity -c 100 --json "$M" >said
	}
	likelihood windows several 100 1 | stream tokens | mai-run "$M" | stream rows -p >logits
	for bytes in '40 3 700 1234' '40 0 700 1234' '40 3 0 1234'; do
		# shellcheck disable=SC2086
		several $bytes
		likelihood perplexity logits 100 said "$bytes" several
	done
	run -1 likelihood perplexity logits 100 said '40 3 700 1234' several
	stream tokens -b 40 <one >in.mai
	mai-run --perplexity -c 512 "$M" <in.mai | grep -qE '^perplexity [0-9.]+ \+/- [0-9.]+	tokens 5	bits per byte [0-9.]+$'
	for window in 512 128; do
		mai-run --perplexity -c $window --json "$M" <$window.mai >said
		mai-run --perplexity -c $window --json --bos 1 --via "$via" <$window.mai 2>warned | cmp - said
		[ ! -s warned ]
		mai-run --perplexity -c $window --json -b 2 --bos 1 --via "mai-run $M" <$window.mai | cmp - said
	done
	# without it, a pipeline's windows begin otherwise, and the driver says so
	mai-run --perplexity -c 128 --json --via "$via" <128.mai 2>warned >other
	[ "$(wc -l <warned)" = 1 ]
	run -1 cmp -s other said
}

@test "--perplexity: figures that there are none of" {
	run -0 bash -c "echo '1 403 407 261 378' | mai-cat --from-ids | mai-run --perplexity '$M'"
	[[ $output == perplexity*tokens\ * ]] && [[ $output != *byte* ]] || fail "$output"
	echo '1 403 407 261 378' | mai-cat --from-ids | mai-run --perplexity --json "$M" | jq -e '.perplexity > 1 and .bits_per_byte == null'
	echo '1 403' | mai-cat --from-ids | mai-run --perplexity --json "$M" | jq -e '.perplexity == null and .tokens == 0'
	# the length of a text counts, not how many BOS stand before its parts
	text="Once upon a time there was a little girl."
	echo "$text" | mai-tokenize -m "$M" | mai-run --perplexity --json "$M" >said
	n=$(echo "$text" | mai-tokenize -m "$M" -t | wc -w) bytes=$(echo "$text" | wc -c)
	jq -e "(.bits_per_byte - .nll / 0.6931471805599453 * ($n - 1) / $bytes) | fabs < 1e-5" said
}

@test "--embed: mean, first and last of the states that the output weights make logits" {
	need_shared models/stories260K.bin
	# pooled POOL FIRST LAST: rows of the logits whose mean is that of the embedding's logits
	pooled() {
		mai-run --embed="$1" "$M" <in.mai >embed.mai
		stream rows <embed.mai >row
		dd if=logits of=some bs=2048 skip=$(($2 - 1)) count=$(($3 - $2 + 1)) status=none
		stories embed "$SHARED/models/stories260K.bin" row some
		mai-run --embed="$1" -t 1 -b 1 parts/manifest.json <in.mai | cmp - embed.mai
		mai-run --embed="$1" --via "${embed_via/--embed/--embed=$1}" <in.mai | cmp - embed.mai
	}
	sed -n 2p prompts | stream tokens >in.mai
	mai-run "$M" <in.mai | stream rows >logits
	pooled mean 1 16
	pooled cls 1 1
	pooled last 16 16
	run -1 stories embed "$SHARED/models/stories260K.bin" row logits
	# mean is the default; a row for each of many sequences
	random_ids 9 30 >many
	stream tokens <many >in.mai
	mai-run --embed "$M" <in.mai >embed.mai
	mai-run --embed=mean -b 1 "$M" <in.mai | cmp - embed.mai
	mai-run --embed --via "$embed_via" <in.mai | cmp - embed.mai
	while read -r line; do
		stream tokens <<<"$line" | mai-run --embed "$M" | stream rows
	done <many | cmp - <(stream rows <embed.mai)
}

@test "--check names the weight that is no number, of every kind of type, plain and interleaved" {
	need_shared models/arch
	arch=$SHARED/models/arch
	for type in f32 f16 bf16 q8_0 q4_k q6_k; do
		mai-run --check "$arch/types-$type.gguf" </dev/null >out
		# the first bytes of a norm or a scale become a NaN
		python3 - "$arch/types-$type.gguf" bad.gguf "$top/tests/tools" <<-'END'
			import sys
			sys.path.insert(0, sys.argv[3])
			import gguf
			f = gguf.File(sys.argv[1])
			data, name = bytearray(f.data), b"blk.0.ffn_up.weight"
			at, place = f.offsets[name], {0: 0, 1: 0, 30: 0, 8: 0, 12: 0, 14: 208}[f.tensors[name][0]]
			data[at + place:at + place + 4] = b"\xff\xff\xff\x7f" if f.tensors[name][0] == 0 else b"\xff\x7f" + bytes(data[at + place + 2:at + place + 4])
			open(sys.argv[2], "wb").write(data)
		END
		run -1 --separate-stderr mai-run --check bad.gguf </dev/null
		[ "$stderr" = "mai-run: bad.gguf: tensor blk.0.ffn_up.weight, row 0, column 0: a weight is no finite number" ] || fail "$type: $stderr"
		mai-shard split -q -n 1 -o "$type" bad.gguf
		run -1 --separate-stderr mai-run --check "$type/0.gguf" </dev/null
		[[ $stderr == *"blk.0.ffn_up.weight, row 0, column 0"* ]] || fail "$type: $stderr"
	done
}

@test "--bench: so many sequences, behind so many positions" {
	run -0 mai-run --bench=3,20 --json "$M"
	jq -e '.sequences == 3 and .positions == 20 and .prefill_tokens_per_second > 0 and .decode_tokens_per_second > 0' <<<"$output"
	for wrong in 0 3, x,1 3,-1 600; do
		run -2 --separate-stderr mai-run "--bench=$wrong" "$M"
		[[ $stderr == "mai-run: '$wrong' is no number of sequences, and of positions"* ]]
	done
	run -3 --separate-stderr mai-run --bench=2,512 "$M"
	[ "$stderr" = "mai-run: the benchmark needs a context of 513 and memory for it" ]
}
