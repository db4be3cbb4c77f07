# mai-tokenize: ids and texts that other programs gave, streams of every kind, and what must be refused.

load setup
load stream

V=$SHARED/tokenizers/gguf/ggml-vocab
CASES=$SHARED/tokenizers

setup() {
	cd "$BATS_TEST_TMPDIR"
}

need_vocab() {
	local n
	for n; do need_shared "tokenizers/gguf/ggml-vocab-$n.gguf"; done
}

# against TOOL ARGUMENTS: tests/peers/tokens.py
tokens() {
	/usr/bin/python3 "$peers/tokens.py" "$@"
}

# python: the script on stdin, which may import mai_stream
python() {
	PYTHONPATH=$peers /usr/bin/python3 -B - "$@"
}

# failed STATUS COMMAND ...: ends with the status and one line on stderr; stdout is in ./out
failed() {
	local want=$1 status=0
	shift
	"$@" >out 2>err || status=$?
	[ "$status" = "$want" ] || fail "$*: status $status" "$(cat err)"
	[ "$(wc -l <err)" = 1 ] || fail "$*: not one line on stderr" "$(cat err)"
	grep -q '^mai-tokenize: .' err || fail "$*: does not say who speaks" "$(cat err)"
}

# ---- ids ----

@test "ids of llama.cpp's test strings: SentencePiece-type, llama" {
	need_vocab llama-spm
	[ "$(tokens vocab "$V-llama-spm.gguf")" = 46 ]
}

@test "ids of llama.cpp's test strings: SentencePiece-type, Phi-3" {
	need_vocab phi-3
	[ "$(tokens vocab "$V-phi-3.gguf")" = 46 ]
}

@test "ids of llama.cpp's test strings: byte-level, GPT-2" {
	need_vocab gpt-2
	[ "$(tokens vocab "$V-gpt-2.gguf")" = 46 ]
}

@test "ids of llama.cpp's test strings: byte-level, DeepSeek Coder" {
	need_vocab deepseek-coder
	[ "$(tokens vocab "$V-deepseek-coder.gguf")" = 46 ]
}

@test "ids of llama.cpp's test strings: byte-level, Refact" {
	need_vocab refact
	[ "$(tokens vocab "$V-refact.gguf")" = 46 ]
}

@test "ids of llama.cpp's test strings: WordPiece, BGE" {
	need_vocab bert-bge
	[ "$(tokens ids "$V-bert-bge.gguf")" = 46 ]
}

@test "the comparison fails where one id differs, and where the vocabulary is another" {
	need_vocab gpt-2 refact
	awk 'NR == 20 { $1 = $1 + 1 } 1' "$V-gpt-2.gguf.out" >other.out
	run tokens vocab "$V-gpt-2.gguf" other.out
	[ "$status" = 1 ]
	[[ $output == *"ids of"* ]]
	[ "$(grep -c '^ids of' <<<"$output")" = 1 ]
	run tokens vocab "$V-gpt-2.gguf" "$V-refact.gguf.out"
	[ "$status" = 1 ]
	[[ $output == *"ids of"* ]]
}

@test "ids of the Hugging Face library, special tokens and ill-formed UTF-8 among them: Llama 2" {
	need_vocab llama-spm
	need_shared tokenizers/llama2.cases.jsonl
	[ "$(tokens cases "$V-llama-spm.gguf" "$CASES/llama2.cases.jsonl")" = 147 ]
}

@test "ids of the Hugging Face library, special tokens and ill-formed UTF-8 among them: GPT-2" {
	need_vocab gpt-2
	need_shared tokenizers/gpt2.cases.jsonl
	[ "$(tokens cases "$V-gpt-2.gguf" "$CASES/gpt2.cases.jsonl")" = 129 ]
}

@test "ids of the Hugging Face library, special tokens and ill-formed UTF-8 among them: BERT, without case" {
	need_vocab bert-bge
	need_shared tokenizers/bert_uncased.cases.jsonl
	[ "$(tokens cases "$V-bert-bge.gguf" "$CASES/bert_uncased.cases.jsonl")" = 146 ]
}

@test "ids of the Hugging Face library: BERT, with case" {
	need_shared tokenizers/bert_cased.cases.jsonl
	need_shared tokenizers/vocab/bert_cased.json
	/usr/bin/python3 "$peers/tokenizer_gguf.py" bert "$CASES/vocab/bert_cased.json" cased.gguf
	[ "$(tokens cases cased.gguf "$CASES/bert_cased.cases.jsonl")" = 147 ]
}

# real NAME PRE [CHOICE ...]: the cases of a tokenizer.json of $MAI_VOCABULARIES; prints how many there were
real() {
	local name=$1 pre=$2
	shift 2
	[ -e "$MAI_VOCABULARIES/$name.json" ] || skip "needs tokenizer.json files by name in \$MAI_VOCABULARIES (shared: tokenizers/fetch-vocabularies)"
	need_shared "tokenizers/$name.cases.jsonl"
	/usr/bin/python3 "$peers/tokenizer_gguf.py" "$pre" "$MAI_VOCABULARIES/$name.json" real.gguf
	tokens cases real.gguf "$CASES/$name.cases.jsonl" "$@" >n
}

@test "ids of the Hugging Face library: Llama 3" {
	real llama3 llama-bpe
	[ "$(cat n)" = 130 ]
}

@test "ids of the Hugging Face library: GPT-4's, GPT-4o's and gpt-oss's" {
	real cl100k dbrx
	[ "$(cat n)" = 129 ]
	real o200k gpt-4o
	[ "$(cat n)" = 129 ]
	real gptoss gpt-4o
	[ "$(cat n)" = 130 ]
}

@test "ids of the Hugging Face library: Qwen 3, of texts in NFC" {
	real qwen3 qwen2 nfc
	[ "$(cat n)" = 128 ]
}

@test "ids of the Hugging Face library: DeepSeek V3, but for a letter younger than its Unicode" {
	real deepseek_v3 deepseek-v3 unassigned
	[ "$(cat n)" = 132 ]
}

@test "the comparison of cases fails where one id differs" {
	need_vocab gpt-2
	printf '%s\n' '{"text":"Hello, world!","ids":[15496,11,995,1],"add_special":false}' >other.jsonl
	run tokens cases "$V-gpt-2.gguf" other.jsonl
	[ "$status" = 1 ]
	[[ $output == *"ids of"*"decoding of"* ]]
}

@test "texts come back from vocabularies whose ids nobody told: Baichuan, GPT-NeoX" {
	need_vocab baichuan gpt-neox llama-spm
	for n in baichuan gpt-neox; do
		[ "$(tokens back "$V-$n.gguf" "$V-llama-spm.gguf.inp")" = 46 ]
	done
}

@test "the prompts of stories260K have the ids that llama.cpp gives them" {
	need_shared models/stories260K.expected.txt
	n=0
	while IFS= read -r line; do
		case $line in
		"prompt: "*) prompt=${line#prompt: } ;;
		"prompt ids: "*)
			n=$((n + 1))
			[ "$(mai-tokenize -m "$M" -t "$prompt")" = "${line#prompt ids: }" ] ;;
		esac
	done <"$SHARED/models/stories260K.expected.txt"
	[ "$n" = 3 ]
}

@test "a tokenizer of another kind is refused by name" {
	need_vocab gpt-2
	LC_ALL=C sed 's/\(tokenizer\.ggml\.model............\)gpt2/\1rwkv/' "$V-gpt-2.gguf" >other.gguf
	failed 1 mai-tokenize -m other.gguf -t x
	grep -q "'rwkv'" err
	[ ! -s out ]
}

# ---- special tokens ----

@test "a text can't bring in special tokens unless it may; they are written only when asked for" {
	need_shared models/stories260K.gguf
	may=$(mai-tokenize -m "$M" -t -s 'a</s>')
	not=$(mai-tokenize -m "$M" -t 'a</s>')
	[[ $may == "1 "*" 2" ]]
	[[ " $not " != *" 2 "* ]]
	[ "$(wc -w <<<"$not")" -gt "$(wc -w <<<"$may")" ]
	[ "$(mai-tokenize -m "$M" -d -t <<<"$not")" = 'a</s>' ]
	[ "$(mai-tokenize -m "$M" -d -t <<<"$may")" = 'a' ]
	[[ $(mai-tokenize -m "$M" -d -t -s <<<"$may") == *'a</s>' ]]
}

@test "--add-special" {
	need_shared models/stories260K.gguf
	[ "1 $(mai-tokenize -m "$M" -t --add-special=no "Once upon")" = "$(mai-tokenize -m "$M" -t "Once upon")" ]
	[ "$(mai-tokenize -m "$M" -t --add-special auto "Once upon")" = "$(mai-tokenize -m "$M" -t "Once upon")" ]
	failed 2 mai-tokenize -m "$M" -t --add-special=yes "Once upon"
}

# ---- what goes in ----

@test "each text is a sequence; lines are; all of standard input is one, newlines and NULs too" {
	need_shared models/stories260K.gguf
	mai-tokenize -m "$M" -t "one" "two and" "" >args
	printf 'one\ntwo and\n\n' | mai-tokenize -m "$M" -t -l >lines
	printf 'one\ntwo and\n' | mai-tokenize -m "$M" -t -l >fewer
	printf 'one\ntwo and' | mai-tokenize -m "$M" -t -l >open
	cmp args lines
	cmp fewer open
	[ "$(wc -l <args)" = 3 ]
	[ "$(wc -l <fewer)" = 2 ]
	[ "$(tail -n 1 args)" = 1 ]
	printf 'one\ntwo\0and\n' >text
	mai-tokenize -m "$M" -t <text >all
	[ "$(wc -l <all)" = 1 ]
	mai-tokenize -m "$M" <text | mai-tokenize -m "$M" -d | cmp - text
}

@test "-c counts what -t lists" {
	need_shared models/stories260K.gguf
	printf 'one\ntwo and three\n\n' >text
	mai-tokenize -m "$M" -l -t <text | awk '{ print NF }' >want
	mai-tokenize -m "$M" -l -c <text | cmp - want
	[ "$(mai-tokenize -m "$M" -c "")" = 1 ]
	[ "$(mai-tokenize -m "$M" -c --add-special=no "")" = 0 ]
}

@test "an empty input is an empty sequence" {
	need_shared models/stories260K.gguf
	need_vocab gpt-2
	[ "$(mai-tokenize -m "$M" -t </dev/null)" = 1 ]
	[ "$(mai-tokenize -m "$M" -t --add-special=no </dev/null)" = "" ]
	[ "$(mai-tokenize -m "$M" -t --add-special=no </dev/null | wc -l)" = 1 ]
	[ "$(mai-tokenize -m "$M" -t -l </dev/null | wc -l)" = 0 ]
	mai-tokenize -m "$V-gpt-2.gguf" </dev/null >empty.mai
	[ -z "$(mai-tokenize -m "$V-gpt-2.gguf" -d <empty.mai)" ]
	[ "$(mai-tokenize -m "$V-gpt-2.gguf" -d -l <empty.mai | wc -l)" = 1 ]
	[ -z "$(mai-tokenize -m "$M" -d </dev/null)" ]
	[ -z "$(mai-tokenize -m "$M" -d -t </dev/null)" ]
}

@test "text that is not UTF-8 is replaced part by part, or refused by --strict" {
	need_shared models/stories260K.gguf
	printf 'a\360\237\230b\377c' >bad
	mai-tokenize -m "$M" -t <bad >ids
	mai-tokenize -m "$M" -t 'a�b�c' | cmp - ids
	failed 1 mai-tokenize -m "$M" -t --strict <bad
	grep -q 'offset 1:' err
	[ ! -s out ]
	[ "$(mai-tokenize -m "$M" -t --strict 'a�b�c')" = "$(cat ids)" ]
	# The lines before the one that is refused are there.
	printf 'one\nt\377o\nthree\n' >lines
	failed 1 mai-tokenize -m "$M" -t --strict -l <lines
	[ "$(cat out)" = "$(mai-tokenize -m "$M" -t one)" ]
}

@test "lines are tokenized as they come" {
	need_shared models/stories260K.gguf
	mkfifo in
	mai-tokenize -m "$M" -t -l <in >out &
	exec 7>in
	echo one >&7
	for _ in $(seq 200); do [ -s out ] && break; sleep 0.05; done
	[ "$(cat out)" = "$(mai-tokenize -m "$M" -t one)" ]
	exec 7>&-
	wait $!
}

@test "17 MB as one sequence" {
	need_shared corpora/gutenberg_children.txt
	need_vocab llama-spm gpt-2
	text=$SHARED/corpora/gutenberg_children.txt
	# a sanitizer has seen enough in a part
	[ -z "${MAI_SAN:-}" ] || { head -c 3M "$text" >part && text=part; }
	for n in llama-spm gpt-2; do
		mai-tokenize -m "$V-$n.gguf" <"$text" | mai-tokenize -m "$V-$n.gguf" -d | cmp - "$text"
	done
}

@test "long texts without a break: one letter, spaces, newlines, no spaces" {
	need_vocab llama-spm gpt-2 deepseek-coder
	local times=8192
	[ -z "${MAI_SAN:-}" ] || times=2048
	for unit in a ' ' $'\n' thequickbrownfox '中' $' \n' "'"; do
		awk -v unit="$unit" -v n=$times 'BEGIN { for (i = 0; i < n; i++) printf "%s", unit unit unit unit unit unit unit unit unit }' >text
		for n in llama-spm gpt-2 deepseek-coder; do
			mai-tokenize -m "$V-$n.gguf" <text | mai-tokenize -m "$V-$n.gguf" -d | cmp - text
		done
	done
}

# ---- streams ----

@test "the stream has the ids that -t lists, read without mai" {
	need_numpy
	need_shared models/stories260K.gguf
	printf 'Once upon a time\n\nTom and Jane\n' >text
	mai-tokenize -m "$M" -l <text | stream ids >ids
	mai-tokenize -m "$M" -l -t <text | cmp - ids
}

@test "a stream written without mai becomes text" {
	need_numpy
	need_shared models/stories260K.gguf
	printf 'Once upon a time\n\nTom and Jane went to the park.\n' >text
	mai-tokenize -m "$M" -l -t <text >ids
	for how in "-r 1" "-r 2 -m" "-m" "-r 5"; do
		stream tokens $how <ids | mai-tokenize -m "$M" -d -l | cmp - text
	done
}

@test "sequences are written in the order of the input, however their rows lie" {
	need_numpy
	need_shared models/stories260K.gguf
	mai-tokenize -m "$M" -l -t >ids <<-'E'
		The first one is the longest of all of them.
		The second
		The third is last in the stream
	E
	# Opened, and sent, from the last to the first, a row of each in turn; ids of sequences are taken again.
	python ids >mixed.mai <<-'E'
		import sys
		from mai_stream import *
		seqs = [list(map(int, x.split())) for x in open(sys.argv[1])]
		out = sys.stdout.buffer
		out.write(header())
		for s in (2, 1, 0):
		    out.write(open_frame(70 + s, s))
		for i in range(max(map(len, seqs))):
		    out.write(rows_frame([(70 + s, i, seqs[s][i], 1) for s in (2, 1, 0) if i < len(seqs[s])]))
		    for s in (2, 1, 0):
		        if i == len(seqs[s]) - 1:
		            out.write(end_of(70 + s, len(seqs[s]), 0))
		out.write(open_frame(71, 3) + rows_frame([(71, i, t, 1) for i, t in enumerate(seqs[1])]) + end_of(71, len(seqs[1]), 0))
		out.write(frame(END))
	E
	mai-tokenize -m "$M" -d -l <mixed.mai >out
	cmp - out <<-'E'
		The first one is the longest of all of them.
		The second
		The third is last in the stream
		The second
	E
	# Of two streams the second begins where the first ends.
	cat mixed.mai mixed.mai | mai-tokenize -m "$M" -d -l | cmp - <(cat out out)
	# Without -l they are written one after the other.
	[ "$(mai-tokenize -m "$M" -d <mixed.mai)" = "$(tr -d '\n' <out)" ]
}

@test "many sequences wait for the first, in any order; two may not have one place" {
	need_numpy
	need_shared models/stories260K.gguf
	# Ordinals are shuffled by a step that shares no factor with their number.
	waiting() {
		python "$1" $(mai-tokenize -m "$M" -t --add-special=no a b c) <<-'E'
			import sys
			from mai_stream import *
			n, double, tokens = 5000, sys.argv[1] == "double", list(map(int, sys.argv[2:]))
			out = [header(), open_frame(0, 0)]
			for i in [1 + i * 1777 % (n - 1) for i in range(n - 1)] + [n // 2] * double:
			    out += [open_frame(1, i), rows_frame([(1, 0, tokens[i % 3], 1)]), end_of(1, 1, 0)]
			out += [rows_frame([(0, 0, tokens[0], 1)]), end_of(0, 1, 0), frame(END)]
			sys.stdout.buffer.write(b"".join(out))
		E
	}
	waiting single | mai-tokenize -m "$M" -d -l | cmp - <(yes $'a\nb\nc' | head -n 5000)
	waiting double >double.mai
	failed 1 mai-tokenize -m "$M" -d -l <double.mai
	grep -q 'opened twice' err
	head -n 2501 out | cmp - <(yes $'a\nb\nc' | head -n 2501)
}

@test "with -l a newline within a text is written as \\n" {
	need_shared models/stories260K.gguf
	printf 'one\ntwo\n\n' >text
	mai-tokenize -m "$M" <text | mai-tokenize -m "$M" -d | cmp - text
	[ "$(mai-tokenize -m "$M" <text | mai-tokenize -m "$M" -d -l)" = 'one\ntwo\n\n' ]
	[ "$(mai-tokenize -m "$M" -t <text | mai-tokenize -m "$M" -d -l -t)" = 'one\ntwo\n\n' ]
	mai-tokenize -m "$M" -t <text | mai-tokenize -m "$M" -d -t | cmp - text
}

@test "a start drops the space that encoding put there, a continuation keeps its own" {
	need_numpy
	need_shared models/stories260K.gguf
	ids=$(mai-tokenize -m "$M" -t --add-special=no " a time")
	part() {
		python "$1" $ids <<-'E'
			import sys
			from mai_stream import *
			at, ids = int(sys.argv[1]), list(map(int, sys.argv[2:]))
			rows = rows_frame([(0, at + i, t, 1) for i, t in enumerate(ids)])
			sys.stdout.buffer.write(header() + open_frame(0, 0) + rows + end_of(0, at + len(ids), 0) + frame(END))
		E
	}
	[ "$(part 0 | mai-tokenize -m "$M" -d)" = " a time" ]
	[ "$(part 7 | mai-tokenize -m "$M" -d)" = "  a time" ]
	[ "$(mai-tokenize -m "$M" -d -t <<<"$ids")" = " a time" ]
	# BOS and other control tokens are no text: the space behind them goes too.
	[ "$(mai-tokenize -m "$M" -d -t <<<"1 $ids")" = " a time" ]
}

@test "text comes out while the stream goes on, and never a part of a character" {
	need_numpy
	need_shared models/stories260K.gguf
	printf 'é€😀x日本\360\237\230z' >text
	mai-tokenize -m "$M" -t --add-special=no <text >ids
	[ "$(wc -w <ids)" -gt 12 ]
	python ids "$M" <<-'E'
		import os, subprocess, sys, time
		from mai_stream import *
		ids = list(map(int, open(sys.argv[1]).read().split()))
		p = subprocess.Popen(["mai-tokenize", "-d", "-m", sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
		os.set_blocking(p.stdout.fileno(), False)
		got, reads = b"", 0

		def look():
		    global got, reads
		    data = p.stdout.read()
		    if data:
		        data.decode()  # an error if it splits a character
		        got, reads = got + data, reads + 1

		def send(data):
		    p.stdin.write(data)
		    p.stdin.flush()

		send(header() + open_frame(0, 0))
		for i, t in enumerate(ids):
		    send(rows_frame([(0, i, t, 1)]))
		    time.sleep(0.05)
		    look()
		    if i == len(ids) - 4:
		        for _ in range(200):
		            if "x日".encode() in got:
		                break
		            time.sleep(0.05)
		            look()
		        check("x日".encode() in got, "nothing came before the end")
		send(end_of(0, len(ids), 0) + frame(END))
		p.stdin.close()
		for _ in range(200):
		    look()
		    if p.poll() is not None:
		        break
		    time.sleep(0.05)
		look()
		check(p.returncode == 0, "status %r" % p.returncode)
		check(got.decode() == "é€😀x日本\ufffdz", repr(got))
		check(reads > 3, "all came at once")
	E
}

@test "bytes that end within a character are replaced at the end" {
	need_vocab gpt-2
	ids=$(mai-tokenize -m "$V-gpt-2.gguf" -t '😀')
	[ "$(wc -w <<<"$ids")" -gt 1 ]
	[ "$(mai-tokenize -m "$V-gpt-2.gguf" -d -t <<<"$ids")" = '😀' ]
	[ "$(mai-tokenize -m "$V-gpt-2.gguf" -d -t <<<"${ids% *}")" = '�' ]
	[ "$(mai-tokenize -m "$V-gpt-2.gguf" -d -t <<<"${ids% *} ${ids% *}")" = '��' ]
}

@test "held tokens wait for what comes behind them; those behind the end of a text are not shown" {
	need_numpy
	need_shared models/stories260K.gguf
	ids=$(mai-tokenize -m "$M" -t "Once upon a time")
	held() {
		python "$1" "$2" $ids <<-'E'
			import sys
			from mai_stream import *
			rest, end, ids = sys.argv[1], int(sys.argv[2]), list(map(int, sys.argv[3:]))
			rows = [(0, i, t, 1 if i < 3 or rest == "free" else 3) for i, t in enumerate(ids)]
			out = header() + open_frame(0, 0) + rows_frame(rows)
			out += frame(CUT, seq=0, pos=end) if rest == "cut" else b""
			sys.stdout.buffer.write(out + frame(CLOSE, seq=0, pos=end, value=STOP) + frame(END))
		E
	}
	[ "$(wc -w <<<"$ids")" = 5 ]
	[ "$(held held 5 | mai-tokenize -m "$M" -d)" = "Once upon a time" ]
	[ "$(held held 3 | mai-tokenize -m "$M" -d)" = "$(mai-tokenize -m "$M" -d -t <<<"$(cut -d ' ' -f 1-3 <<<"$ids")")" ]
	[ "$(held cut 3 | mai-tokenize -m "$M" -d)" = "$(held held 3 | mai-tokenize -m "$M" -d)" ]
	[ "$(held free 5 | mai-tokenize -m "$M" -d)" = "Once upon a time" ]
}

# ---- what is refused ----

@test "the stream of another vocabulary is refused" {
	need_shared models/stories260K.gguf
	need_vocab llama-spm
	mai-tokenize -m "$V-llama-spm.gguf" "Once upon a time" >other.mai
	[ "$(mai-tokenize -m "$V-llama-spm.gguf" -d <other.mai)" = "Once upon a time" ]
	failed 1 mai-tokenize -m "$M" -d <other.mai
	[ ! -s out ]
	grep -q vocabulary err
}

@test "of a stream that was cut, what could be read is written: status 1, one line" {
	need_shared models/stories260K.gguf
	mai-tokenize -m "$M" "Once upon a time" "Tom and Jane" >whole.mai
	size=$(stat -c %s whole.mai)
	head -c $((size - 64)) whole.mai >cut.mai
	failed 1 mai-tokenize -m "$M" -d -l <cut.mai
	[ "$(cat out)" = $'Once upon a time\nTom and Jane' ]
	for n in 1 63 255 256 300 $((size / 2)) $((size - 1)); do
		head -c "$n" whole.mai >cut.mai
		failed 1 mai-tokenize -m "$M" -d <cut.mai
		[[ "Once upon a timeTom and Jane" == "$(cat out)"* ]]
	done
	# Through a pipe as well.
	failed 1 bash -c "cat cut.mai | mai-tokenize -m '$M' -d"
}

@test "rows that can't be: status 1, one line, what was before them is written" {
	need_numpy
	need_shared models/stories260K.gguf
	ids=$(mai-tokenize -m "$M" -t "Once upon a time")
	bad() {
		python "$1" $ids >bad.mai <<-'E'
			import sys
			from mai_stream import *
			rows = [(0, i, int(t), 1) for i, t in enumerate(sys.argv[2:])]
			wrong = {"token": (0, 5, 512, 1), "none": (0, 5, 2**32 - 1, 1), "place": (0, 6, 5, 1), "again": (0, 4, 5, 1),
			         "sequence": (1, 0, 5, 1)}
			out = header() + open_frame(0, 0) + rows_frame(rows + [wrong[w] for w in wrong if w == sys.argv[1]])
			out += open_frame(0, 1) if sys.argv[1] == "twice" else b""
			out += open_frame(1, 0) if sys.argv[1] == "ordinal" else b""
			out += frame(CUT, seq=0, pos=2) if sys.argv[1] == "back" else b""
			sys.stdout.buffer.write(out + end_of(0, 5, 0) + frame(END))
		E
	}
	for what in token none place again sequence twice ordinal back; do
		bad $what
		failed 1 mai-tokenize -m "$M" -d <bad.mai
		[ "$(cat out)" = "Once upon a time" ] || fail "$what: $(cat out)"
		grep -q sequence err
	done
	bad nothing
	[ "$(mai-tokenize -m "$M" -d <bad.mai)" = "Once upon a time" ]
}

@test "a stream of something else than tokens is refused" {
	need_numpy
	need_shared models/stories260K.gguf
	python >hidden.mai <<-'E'
		import sys
		from mai_stream import *
		sys.stdout.buffer.write(header(HIDDEN, 64, 2) + frame(END))
	E
	failed 1 mai-tokenize -m "$M" -d <hidden.mai
	head -c 1000 /dev/urandom >random
	failed 1 mai-tokenize -m "$M" -d <random
	failed 1 mai-tokenize -m "$M" -d <<<"Once upon a time"
}

@test "ids that can't be: status 1, one line, the lines before are written" {
	need_shared models/stories260K.gguf
	ids=$(mai-tokenize -m "$M" -t "Once upon a time")
	for bad in 512 -1 +1 1x x 0x10 1,2 99999999999999999999999 4294967297 '1\0002'; do
		printf "%s\n1 $bad\n" "$ids" >in
		failed 1 mai-tokenize -m "$M" -d -l -t <in
		[ "$(head -n 1 out)" = "Once upon a time" ]
		grep -q 'line 2' err
	done
	[ "$(printf '\t%s \r\n' "$ids" | mai-tokenize -m "$M" -d -t)" = "Once upon a time" ]
}

@test "a model that is none: the documented status, one line that names it" {
	need_shared models/stories260K.gguf
	: >empty.gguf
	head -c 4096 /dev/urandom >random.gguf
	head -c 30000 "$M" >cut.gguf
	echo "Once upon a time" >text.gguf
	mkdir dir.gguf
	for f in empty random cut text; do
		for d in "" -d; do
			failed 1 mai-tokenize -m $f.gguf $d </dev/null
			grep -q "$f.gguf" err
			[ ! -s out ]
		done
	done
	failed 1 mai-tokenize -m dir.gguf -t x
	grep -q dir.gguf err
	failed 3 mai-tokenize -m none.gguf -t x
	grep -q none.gguf err
}

@test "wrong usage: status 2, one line" {
	need_shared models/stories260K.gguf
	failed 2 mai-tokenize x
	failed 2 mai-tokenize -m "$M" -d x
	failed 2 mai-tokenize -m "$M" -l x
	failed 2 mai-tokenize -m "$M" -d -c
	failed 2 mai-tokenize -m "$M" -d --strict
	failed 2 mai-tokenize -m
}

@test "a full disk, a closed stdout, a closed stdin, a directory as stdin: status 3, one line" {
	need_shared models/stories260K.gguf
	mai-tokenize -m "$M" "Once upon a time" >in.mai
	mai-tokenize -m "$M" -t "Once upon a time" >in.ids
	for c in "-t x" "-c x" "x" "-d <in.mai" "-d -t <in.ids" "-d -l <in.mai"; do
		failed 3 bash -c "exec mai-tokenize -m '$M' $c >/dev/full"
		failed 3 bash -c "exec mai-tokenize -m '$M' $c >&-"
	done
	for c in "-t" "-l" "-d" "-d -t"; do
		failed 3 bash -c "exec mai-tokenize -m '$M' $c <&-"
		failed 3 bash -c "exec mai-tokenize -m '$M' $c <."
	done
}
