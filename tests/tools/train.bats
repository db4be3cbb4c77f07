# mai-train as a user runs it, on a text that is made here: vocabularies, models, runs that are interrupted, adapters, and
# workers that share what they have learnt.

load setup
load stream

training() {
	"$peers/training.py" "$@"
}

# A text with some order in it: sentences of a small grammar.
made_text() {
	/usr/bin/python3 -c '
import random, sys
r = random.Random(int(sys.argv[1]))
who = ["the dog", "a little bird", "Tom", "Lily", "the old man"]
does = ["saw", "liked", "looked for", "sang to"]
what = ["the red ball", "a big tree", "her mother", "the moon, the stars and 12 clouds"]
for _ in range(int(sys.argv[2])):
	print(f"One day {r.choice(who)} {r.choice(does)} {r.choice(what)}.", end=r.choice([" ", "\n", "\n\n"]))' "$@"
}

setup_file() {
	load setup
	cd "$BATS_FILE_TMPDIR"
	made_text 1 600 >text
	made_text 2 60 >held
	mai-train vocab --size 320 -o v.gguf text
	mai-train init -V v.gguf --dim 32 --layers 2 --heads 4 --kv-heads 2 --ffn 64 -c 32 -o m.gguf
	mai-tokenize -m v.gguf <text >text.mai
	mai-tokenize -m v.gguf <held >held.mai
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	ln -s "$BATS_FILE_TMPDIR"/* .
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
}

# train OPTION...: a run of 24 steps that takes a second
train() {
	mai-train run -m m.gguf -d text.mai --steps 24 -b 4 -t 2 --lr 0.01 "$@"
}

# says STATUS WORDS COMMAND...: the command ends with the status and one line that holds the words, and leaves no file `out`
says() {
	local wanted=$1 words=$2
	shift 2
	run -"$wanted" --separate-stderr "$@"
	[ -z "$output" ] || fail "stdout: $output"
	[ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == "mai-train: "*"$words"* ]] || fail "$stderr"
	[ -z "$(find . -name 'out*' -print -quit)" ] || fail "left behind: $(find . -name 'out*')"
}

# ---- vocab ----

@test "vocab: the merges are those of a plain count of pairs" {
	need_numpy
	training merges 320 text v.gguf
	made_text 3 40 >short
	mai-train vocab --size 300 -o short.gguf short
	training merges 300 short short.gguf
	run -1 training merges 300 text short.gguf
	# long words, where what is merged has itself for a neighbour
	awk 'BEGIN { srand(7); for (i = 0; i < 3000; i++) printf "%s", i % 500 ? substr("aaab", 1 + int(4 * rand()), 1) : " " }' >runs
	mai-train vocab --size 340 -o runs.gguf runs
	training merges 340 runs runs.gguf
}

@test "vocab: texts come back, documents are parted, and tokens are what mai-shard says" {
	mai-tokenize -m v.gguf <text | mai-tokenize -d -m v.gguf | cmp - text
	head -c 20000 /dev/urandom | mai-tokenize -m v.gguf -t --add-special=no | tr ' ' '\n' | sort -n | tail -n 1 >most
	[ "$(cat most)" -lt 320 ]
	[ "$(mai-shard info --json v.gguf | jq .tokenizer.tokens)" = 320 ]
	[ "$(mai-tokenize -m v.gguf -t "")" = 0 ]
	[ "$(mai-tokenize -m v.gguf -s -t "the dog<|endoftext|>the dog" | tr ' ' '\n' | grep -c '^0$')" = 2 ]
	# no token reaches across the end of a document
	printf 'abc<|endoftext|>' | head -c 16 | awk '{ for (i = 0; i < 50; i++) printf "%s", $0 }' >marks
	mai-train vocab --size 259 -o marks.gguf marks
	[ "$(mai-tokenize -m marks.gguf -s --add-special=no -t "$(cat marks)" | tr ' ' '\n' | sort -u | tr '\n' ' ')" = "0 258 " ]
}

@test "vocab: special tokens, a pre-tokenizer by name, stdin" {
	mai-train vocab --size 320 --special '<|user|>' --pre llama-bpe -o s.gguf - <text
	[ "$(mai-tokenize -m s.gguf -s -t --add-special=no '<|user|>')" = 1 ]
	[ "$(mai-shard info --json s.gguf | jq -r .tokenizer.pre)" = llama-bpe ]
	mai-train vocab --size 320 -o stdin.gguf - <text
	cmp stdin.gguf v.gguf
}

@test "vocab: what is wrong is told" {
	printf 'abc\xff' >broken
	says 1 "broken: offset 3: not UTF-8" mai-train vocab --size 300 -o out broken
	: >empty
	says 1 "empty: no text" mai-train vocab --size 300 -o out empty
	says 3 "No such file" mai-train vocab --size 300 -o out missing
	says 1 "not known" mai-train vocab --size 300 --pre nobody -o out text
	says 2 "--size" mai-train vocab -o out text
	says 2 "no N for size" mai-train vocab --size 100 -o out text
	says 3 "full: No space" mai-train vocab --size 300 -o /dev/full text
	says 2 "twice" mai-train vocab --size 300 --special '<|endoftext|>' -o out text
	says 2 "2 to 1024" mai-train vocab --size 300 --special a -o out text
	run -0 --separate-stderr mai-train vocab --size 5000 -o few.gguf held
	[[ $stderr == *"tokens only" ]] && [ "${#stderr_lines[@]}" = 1 ]
}

# ---- init ----

@test "init: a model that runs, drawn from its seed" {
	[ "$(mai-tokenize -m m.gguf "One day" | mai-run -n 5 --ignore-eos m.gguf | mai-cat --ids | wc -w)" = 5 ]
	again() {
		mai-train init -V v.gguf --dim 32 --layers 2 --heads 4 --kv-heads 2 --ffn 64 -c 32 "$@" -o again.gguf
	}
	again && cmp again.gguf m.gguf
	again --seed 1 && run -1 cmp -s again.gguf m.gguf
	mai-shard info --json m.gguf | jq -e '.dim == 32 and .layers == 2 and .kv_heads == 2 and .ffn == 64 and .context == 32 and .obstacle == null'
	again --untied && [ "$(mai-shard info --json again.gguf | jq .tensors)" = $(($(mai-shard info --json m.gguf | jq .tensors) + 1)) ]
	# one that is untrained knows nothing: a loss about as large as that of chance, ln 320
	mai-tokenize -m m.gguf <held | mai-run --perplexity --json m.gguf | jq -e '.nll > 5.7 and .nll < 5.9'
}

@test "init: what is wrong is told" {
	says 2 "no 3 heads" mai-train init -V v.gguf --dim 32 --heads 3 -o out
	says 2 "KV heads" mai-train init -V v.gguf --heads 4 --kv-heads 3 -o out
	says 1 "GGUF" mai-train init -V text -o out
	says 2 "missing" mai-train init -o out
}

# ---- run ----

@test "run: learns, tells how it went, and the model is the better for it" {
	train --steps 150 --val held.mai --val-every 50 --val-tokens 0 --log log -o out.gguf
	[ "$(wc -l <log)" = 151 ]
	awk -F '\t' 'NR == 1 { exit !($1 == "step" && $3 == "loss" && $4 == "val_loss" && $5 == "lr") }' log
	awk -F '\t' 'NR > 1 && NF != 7 { bad = 1 } $4 != "" && NR > 1 { n++; val = $4 } NR > 1 { loss = $3 }
		END { exit !(!bad && n == 3 && loss < 2 && val < 2) }' log
	mai-run --perplexity --json -c 32 out.gguf <held.mai | jq -e '.nll < 2'
	mai-shard info --json out.gguf | jq -e '.obstacle == null'
	mai-tokenize -m out.gguf "One day" | mai-run -n 20 --temp 0 out.gguf | mai-tokenize -d -m out.gguf >said
	grep -qE '(dog|bird|Tom|Lily|man)' said
}

@test "run: the same command gives the same bits, another seed or fewer steps do not" {
	train -o a.gguf
	train -o b.gguf
	cmp a.gguf b.gguf
	train --seed 1 -o b.gguf && run -1 cmp -s a.gguf b.gguf
	train --steps 23 -o b.gguf && run -1 cmp -s a.gguf b.gguf
	# a batch of four is four batches of one
	train -b 1 --accumulate 4 -o b.gguf
	cmp a.gguf b.gguf
}

@test "run: killed at any moment and resumed, it comes to the same bits" {
	train -o whole.gguf
	/usr/bin/python3 "$peers/killed_runs.py" "${MAI_KILLS:-20}" "${MAI_SEED:-1}" whole.gguf \
		mai-train run -m m.gguf -d text.mai --steps 24 -b 4 -t 2 --lr 0.01
}

@test "run: ended by a signal it writes its checkpoint; the log goes on behind it" {
	train --log whole.tsv -o whole.gguf
	train --until 9 --checkpoint c --log log -o part.gguf
	run -1 cmp -s part.gguf whole.gguf
	train --checkpoint c --resume --log log -o out.gguf
	cmp out.gguf whole.gguf
	diff <(cut -f 1-6 log) <(cut -f 1-6 whole.tsv)
	# what is done is not done again
	rm out.gguf
	train --checkpoint c --resume --log log -o out.gguf
	cmp out.gguf whole.gguf
	[ "$(wc -l <log)" = 25 ]
	# a signal
	mai-train run -m m.gguf -d text.mai --steps 100000 -b 4 --checkpoint signal --log signal.tsv -o none.gguf &
	until [ -e signal.tsv ] && [ "$(wc -l <signal.tsv)" -ge 5 ]; do sleep 0.05; done
	kill "$!"
	status=0
	wait "$!" || status=$?
	[ "$status" = 143 ]
	[ -e signal ]
	[ ! -e none.gguf ]
	[ "$(gguf_key signal train.step)" -ge 4 ]
}

# gguf_key FILE KEY
gguf_key() {
	/usr/bin/python3 -c '
import sys
sys.path.insert(0, sys.argv[1])
import gguf
print(gguf.File(sys.argv[2]).keys[sys.argv[3].encode()][1])' "$BATS_TEST_DIRNAME" "$@"
}

@test "run: a checkpoint of another run is refused by what differs" {
	train --until 4 --checkpoint c -o x.gguf
	rm x.gguf
	says 1 "made with lr=0.01, not with lr=0.02" train --checkpoint c --resume --lr 0.02 -o out
	says 1 "made with batch=4, not with batch=8" train --checkpoint c --resume -b 8 -o out
	says 1 "made with data=" train --checkpoint c --resume -d held.mai -o out
	cp m.gguf model.gguf
	says 1 "not a checkpoint" train --checkpoint model.gguf --resume -o out
	says 1 "GGUF" train --checkpoint text --resume -o out
	training set c blk.0.ffn_up.weight 5 0.25 damaged
	says 1 "damaged" train --checkpoint damaged --resume -o out
	head -c 20000 c >cut
	says 1 "cut" train --checkpoint cut --resume -o out
	run -0 --separate-stderr train --checkpoint c --resume -t 1 -o threads.gguf
	[[ $stderr == *"2 threads"* ]]
}

@test "run: data in a file, compressed, from a pipe, and in interleaved sequences are the same data" {
	need_numpy
	train -o file.gguf
	mai-cat --stream -z text.mai >small.mai
	[ "$(wc -c <small.mai)" -lt "$(wc -c <text.mai)" ]
	train -d small.mai -o twice.gguf
	mai-train run -m m.gguf -d small.mai --steps 24 -b 4 -t 2 --lr 0.01 -o small.gguf
	cmp small.gguf file.gguf
	cat text.mai | mai-train run -m m.gguf -d - --steps 24 -b 4 -t 2 --lr 0.01 -o pipe.gguf
	cmp pipe.gguf file.gguf
	run -1 cmp -s twice.gguf file.gguf
	# lines as sequences, one after the other and mixed
	head -n 40 text | mai-tokenize -m v.gguf -l >lines.mai
	mai-cat --ids lines.mai >ids
	stream tokens -m <ids >mixed.mai
	mai-train run -m m.gguf -d lines.mai --steps 5 -b 2 -o lines.gguf
	mai-train run -m m.gguf -d mixed.mai --steps 5 -b 2 -o mixed.gguf
	cmp lines.gguf mixed.gguf
}

@test "run: what is wrong is told, and leaves no model" {
	mai-train vocab --size 300 -o other.gguf text
	mai-tokenize -m other.gguf <text >other.mai
	says 1 "other.mai: tokens of another vocabulary" train -d other.mai -o out
	echo 1 2 3 320 | mai-cat --from-ids >large.mai
	says 1 "token 320" train -d large.mai -o out
	mai-tokenize -m v.gguf "" >none.mai
	says 1 "0 tokens, a context of 32 takes 33" mai-train run -m m.gguf -d <(mai-cat --from-ids </dev/null) --steps 1 -o out
	says 1 "1 tokens" mai-train run -m m.gguf -d none.mai --steps 1 -o out
	says 1 "1 tokens" train --val none.mai -o out
	says 1 "cut" train -d <(head -c 5000 text.mai) -o out
	says 1 "not a mai stream" train -d text -o out
	says 1 "not a mai stream" train -d <(head -c 1000 /dev/urandom) -o out
	mai-tokenize -m m.gguf Tom | mai-run m.gguf >logits.mai
	says 1 "holds logits" train -d logits.mai -o out
	says 2 "a context of 64" train -c 64 -o out
	says 3 "No such file" train -d missing -o out
	says 3 "No space" train -o /dev/full
	says 3 "No space" train --log /dev/full -o out
	says 3 "No such file" train -o nowhere/out
	says 2 "named twice" train --log text.mai -o out
	says 2 "named twice" train --checkpoint m.gguf -o out
	says 2 "go with --val" train --val-every 3 -o out
	says 2 "goes with --checkpoint" train --checkpoint-every 3 -o out
	says 1 "not the log" train --begin 2 --log text -o out
	says 2 "--resume" train --resume -o out
	says 2 "no order" train --until 30 -o out
	says 2 "RANK" train --lora x -o out
}

@test "run: a loss that is not finite ends it, and the last good checkpoint stays" {
	# a decay that makes the weights ten thousand times larger in each step
	grow() {
		train --checkpoint c --checkpoint-every 0 --lr 100 --weight-decay 100 --warmup 0 "$@"
	}
	says 1 "the last good one: step" grow -o out
	[[ $stderr == *"c holds step $(gguf_key c train.step), "*"not finite"* ]] || fail "$stderr"
	cp c before
	says 1 "not finite" grow --resume -o out
	cmp c before
	# one that begins so leaves nothing
	training set m.gguf blk.0.ffn_up.weight 5 3e38 large.gguf
	says 1 "step 1: the loss is not finite" mai-train run -m large.gguf -d text.mai --steps 3 -b 2 --checkpoint none -o out
	[ ! -e none ]
}

@test "run: a checkpoint that can't be written is told, the one before stays, the run goes on" {
	train --until 4 --checkpoint c -o x.gguf
	cp c before
	# files of at most 64 KiB: the checkpoint is larger
	run -3 bash -c 'trap "" XFSZ; ulimit -f 64; exec "$@"' - mai-train run -m m.gguf -d text.mai --steps 24 -b 4 -t 2 --lr 0.01 \
		--checkpoint c --checkpoint-every 0 --resume -o none.gguf
	[[ $output == *"checkpoint was not written"* ]]
	cmp c before
	[ -z "$(find . -name 'c.*')" ]
	run -3 train --checkpoint /dev/full -o written.gguf
	[ "${#lines[@]}" = 2 ] && [[ ${lines[0]} == *"the checkpoint was not written: /dev/full"* ]]
	train -o whole.gguf
	cmp written.gguf whole.gguf
}

@test "run: gradients are PyTorch's within a thousandth, and so are the weights after steps of AdamW" {
	need_torch
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	some='--vocab 256 --context 40'
	# shellcheck disable=SC2086
	"$peers/train_torch.py" model 1.gguf --dim 32 --layers 2 --heads 4 --kv-heads 4 --ffn 48 $some -- \
		model 2.gguf --dim 48 --layers 2 --heads 6 --kv-heads 2 --ffn 64 $some --untied -- \
		model 3.gguf --dim 24 --layers 3 --heads 2 --kv-heads 1 --ffn 80 $some
	"$peers/random_ids.py" 256 3 | xargs -n 41 | awk 'NF == 41' >ids
	all=()
	for i in 1 2 3; do
		steps=${MAI_BUILD:-$top/build}/tests/bench/train-steps
		"$steps" $i.gguf ids gradients$i.gguf
		"$steps" $i.gguf ids after$i.gguf 5 0.01
		all+=(${all:+--} gradients $i.gguf ids gradients$i.gguf -- steps $i.gguf ids after$i.gguf --steps 5 --lr 0.01)
	done
	"$peers/train_torch.py" "${all[@]}"
	# a gradient that is a hundredth off
	scaled() {
		/usr/bin/python3 -c '
import sys
sys.path.insert(0, sys.argv[1])
import gguf, struct
f = gguf.File(sys.argv[2])
_, _, old = f.tensors[b"blk.1.attn_k.weight"]
n = len(old) // 4
new = struct.pack("<%df" % n, *(1.01 * v for v in struct.unpack("<%df" % n, old)))
open(sys.argv[3], "wb").write(f.data.replace(old, new))' "$BATS_TEST_DIRNAME" "$@"
	}
	scaled gradients3.gguf forged.gguf
	run -1 "$peers/train_torch.py" gradients 3.gguf ids forged.gguf
}

# ---- adapters ----

@test "run --lora: an adapter is learnt, and mai-run and mai-shard merge apply it; the model stays" {
	need_numpy
	train --steps 60 -o base.gguf
	sed 's/dog/cat/g; s/ball/fish/g' text >other
	sed 's/dog/cat/g; s/ball/fish/g' held >other.held
	mai-tokenize -m v.gguf <other >other.mai
	mai-tokenize -m v.gguf <other.held >other.held.mai
	mai-train run -m base.gguf -d other.mai --val other.held.mai --val-tokens 0 --steps 60 -b 4 --lr 0.01 --lora 4:8 --log log -o a.gguf
	nll() {
		mai-run --perplexity --json -c 32 "$@" <other.held.mai | jq .nll
	}
	mai-shard merge --lora a.gguf -o merged.gguf base.gguf
	echo "$(nll base.gguf) $(nll --lora a.gguf base.gguf) $(nll merged.gguf)" >nlls
	awk '{ exit !($2 < 0.9 * $1 && $3 - $2 < 1e-4 && $2 - $3 < 1e-4) }' nlls || fail "$(cat nlls)"
	# half of it is between the two
	echo "$(nll base.gguf) $(nll --lora a.gguf:0.5 base.gguf) $(nll --lora a.gguf base.gguf)" >nlls
	awk '{ exit !($3 < $2 && $2 < $1) }' nlls || fail "$(cat nlls)"
	# before the first step an adapter changes nothing
	mai-train run -m base.gguf -d other.mai --steps 1 --until 0 --lora 4:8 -o none.gguf
	mai-tokenize -m base.gguf "One day" | mai-run --lora none.gguf base.gguf | stream rows >rows
	mai-tokenize -m base.gguf "One day" | mai-run base.gguf | stream rows | cmp - rows
	# it resumes, and workers may share an adapter as they share a model
	mai-train run -m base.gguf -d other.mai --steps 60 --until 20 -b 4 --lr 0.01 --lora 4:8 --checkpoint c -o part.gguf
	mai-train run -m base.gguf -d other.mai --steps 60 -b 4 --lr 0.01 --lora 4:8 --checkpoint c --resume -o again.gguf
	cmp again.gguf a.gguf
	# what is no model
	says 1 'its general.type is "adapter"' mai-train run -m a.gguf -d other.mai --steps 1 -o out
	says 1 'its general.type is "checkpoint"' mai-train run -m c -d other.mai --steps 1 -o out
	mai-train delta -o a.delta none.gguf a.gguf
	mai-train outer -m none.gguf --lr 1 --momentum 0 -o shared.gguf a.delta
	echo "$(nll --lora shared.gguf base.gguf) $(nll --lora a.gguf base.gguf)" >nlls
	awk '{ exit !($1 < 1.02 * $2) }' nlls || fail "$(cat nlls)"
}

# ---- workers ----

# deltas: a.delta and two more, of one round, in f32
deltas() {
	for i in 1 2 3; do
		mai-train run -m m.gguf -d text.mai --steps 10 -b "$i" --seed "$i" --lr 0.01 -o $i.gguf
		mai-train delta -q f32 -o $i.delta m.gguf $i.gguf
		zstd -dqf $i.delta -o $i.delta.gguf
	done
}

@test "outer: mean and median, clipped, are what numpy makes of them; the order makes no difference" {
	need_numpy
	deltas
	outer() {
		mai-train outer -m m.gguf -o next.gguf "$@" 1.delta 2.delta 3.delta
	}
	outer --clip 0 && training outer next.gguf m.gguf 1,2,3 mean 0.7 0.9 0 [123].delta.gguf
	run -1 training outer next.gguf m.gguf 1,1,1 mean 0.7 0.9 0 1.delta.gguf 2.delta.gguf 3.delta.gguf
	outer --clip 0.5 --lr 1 --momentum 0 && training outer next.gguf m.gguf 1,2,3 mean 1 0 0.5 [123].delta.gguf
	outer --median && training outer next.gguf m.gguf 1,2,3 median 0.7 0.9 2 [123].delta.gguf
	outer --median --clip 0.5 && training outer next.gguf m.gguf 1,2,3 median 0.7 0.9 0.5 [123].delta.gguf
	outer
	mai-train outer -m m.gguf -o other.gguf 3.delta 1.delta 2.delta
	cmp next.gguf other.gguf
	mai-train outer -m m.gguf -o other.gguf 3.delta.gguf - 2.delta <1.delta
	cmp next.gguf other.gguf
	# with a weight of its own
	mai-train delta -q f32 --tokens 640 -o 1.delta m.gguf 1.gguf
	outer --clip 0 && training outer next.gguf m.gguf 2,2,3 mean 0.7 0.9 0 [123].delta.gguf
	mai-run --perplexity --json -c 32 next.gguf <held.mai | jq -e .nll
}

@test "outer: momentum goes from round to round" {
	need_numpy
	deltas
	mai-train outer -m m.gguf --lr 1 --momentum 0.5 --state-out momentum -o next.gguf 1.delta
	training near 1e-6 momentum 1.delta.gguf
	# the next round changes nothing by itself: momentum moves the model by 0.25 of what it was
	training noise 0 1 1.delta.gguf zero.gguf
	training set zero.gguf output_norm.weight 0 1e-30 zero.gguf
	mai-train delta -q f32 -o still.delta next.gguf next.gguf
	mai-train outer -m next.gguf --lr 1 --momentum 0.5 --clip 0 --state momentum --state-out momentum2 -o after.gguf still.delta
	mai-train delta -q f32 -o moved.delta next.gguf after.gguf
	zstd -dq moved.delta -o moved.gguf
	training outer after.gguf next.gguf 1 mean 0.25 0 0 1.delta.gguf
}

@test "delta: what rounding loses is kept and comes back" {
	need_numpy
	deltas
	for type in bf16 q8_0; do
		mai-train delta -q $type --feedback-out lost -o small.delta m.gguf 1.gguf
		[ "$(wc -c <small.delta)" -lt "$(($(wc -c <1.delta) * 6 / 10))" ]
		mai-train outer -m m.gguf --lr 1 --momentum 0 -o next.gguf small.delta
		run -1 training near 1e-7 1.gguf next.gguf
		training near 1e-2 1.gguf next.gguf
		# sent the next time, all is there
		mai-train delta -q f32 --feedback lost -o rest.delta next.gguf next.gguf
		mai-train outer -m next.gguf --lr 1 --momentum 0 -o whole.gguf rest.delta
		training near 1e-6 1.gguf whole.gguf
	done
}

@test "outer: noise is outvoted, and what can't be used is left out" {
	need_numpy
	deltas
	mai-train outer -m m.gguf -o good.gguf 1.delta 2.delta 3.delta
	training noise 5 1 m.gguf noisy.gguf
	mai-train delta --tokens 1000 -o noise.delta m.gguf noisy.gguf
	nll() {
		mai-run --perplexity --json -c 32 "$1" <held.mai | jq .nll
	}
	mai-train outer -m m.gguf --median -o three.gguf 1.delta 2.delta 3.delta
	run -0 --separate-stderr mai-train outer -m m.gguf --median -o voted.gguf 1.delta 2.delta noise.delta 3.delta
	[ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == *"left out: noise.delta: it is outvoted"* ]] || fail "$stderr"
	cmp three.gguf voted.gguf
	mai-train outer -m m.gguf --clip 0 -o poisoned.gguf 1.delta 2.delta 3.delta noise.delta
	echo "$(nll m.gguf) $(nll good.gguf) $(nll voted.gguf) $(nll poisoned.gguf)" >nlls
	awk '{ exit !($2 < $1 && $3 < ($1 + $2) / 2 && $4 > $1) }' nlls || fail "$(cat nlls)"
	# what can't be used
	training set 1.delta.gguf output_norm.weight 3 nan nan.gguf
	mai-train delta -o late.delta good.gguf 2.gguf
	head -c 3000 2.delta >cut.delta
	head -c 3000 /dev/urandom >random.delta
	: >empty.delta
	/usr/bin/python3 -c '
d = bytearray(open("2.delta", "rb").read())
d[len(d) // 2] ^= 1
open("flipped.delta", "wb").write(d)'
	for bad in nan.gguf flipped.delta late.delta cut.delta random.delta empty.delta m.gguf missing.delta 3.delta; do
		run -0 --separate-stderr mai-train outer -m m.gguf -o next.gguf 1.delta $bad 2.delta 3.delta
		[ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == *"left out: $bad"* ]] || fail "$bad: $stderr"
		cmp next.gguf good.gguf
	done
	says 1 "none of 2 deltas" mai-train outer -q -m m.gguf -o out late.delta cut.delta
	says 3 "No space" mai-train outer -m m.gguf -o /dev/full 1.delta
	says 1 "general.type is not momentum" mai-train outer -m m.gguf --state 1.gguf -o out 1.delta
	says 1 "general.type is not lost" mai-train delta --feedback 1.gguf -o out m.gguf 1.gguf
	training set 1.delta.gguf output_norm.weight 3 3e38 huge.gguf
	says 1 "not finite" mai-train outer -m m.gguf --lr 100 --clip 0 -o out huge.gguf
	says 2 "two models" mai-train delta -o out m.gguf
	mai-train init -V v.gguf --dim 16 --layers 2 --heads 4 -o small.gguf
	says 1 "wanted is" mai-train delta -o out m.gguf small.gguf
	says 3 "No space" mai-train delta -o /dev/full m.gguf 1.gguf
}

@test "workers under GNU parallel: rounds, one worker that is killed, and going on" {
	command -v parallel >/dev/null || skip "needs GNU parallel"
	for i in 1 2 3; do made_text 1$i 200 | mai-tokenize -m v.gguf >share$i.mai; done
	script=$top/scripts/examples/train-parallel.sh
	"$script" -r 3 -s 8 -j 2 -m m.gguf -o all.gguf dir share1.mai share2.mai share3.mai -- -b 2 -t 1 --lr 0.01
	cmp all.gguf dir/3/model.gguf
	[ "$(ls dir/2/*.delta | wc -l)" = 3 ]
	# the same again, with a round that is not finished
	rm -r dir/2/1.delta dir/3 all.gguf
	"$script" -r 3 -s 8 -j 2 -m m.gguf -o again.gguf dir share1.mai share2.mai share3.mai -- -b 2 -t 1 --lr 0.01
	[ -e again.gguf ]
	# a worker that fails all the time is missed
	: >broken.mai
	run -0 "$script" -r 3 -s 8 -j 2 -u '--median --momentum 0.6' -m m.gguf -o two.gguf dir2 share1.mai broken.mai share3.mai -- -b 2 -t 1 --lr 0.01
	[ "$(ls dir2/2/*.delta | wc -l)" = 2 ]
	mai-train outer -q -m dir2/0/model.gguf --median --momentum 0.6 -o next.gguf dir2/0/*.delta
	cmp next.gguf dir2/1/model.gguf
	mai-run --perplexity --json -c 32 two.gguf <held.mai | jq -e '.nll < 5.5'
}

@test "plot-loss draws the curve, in text and as PNG" {
	command -v gnuplot >/dev/null || skip "needs gnuplot"
	train --val held.mai --val-every 10 --log log -o x.gguf
	"$top/scripts/plot-loss" log >text.plot
	grep -q '\*' text.plot
	"$top/scripts/plot-loss" -o log.png log
	[ "$(head -c 4 log.png | tail -c 3)" = PNG ]
	run -1 "$top/scripts/plot-loss" -o none.png held
	[ ! -e none.png ]
	run -2 "$top/scripts/plot-loss"
}
