# mai-shard as a user runs it, on models that other programs made.

load setup
load shard
no_leak_check

@test "all models survive, interleaved and stock, from every number of shards" {
	need_shared models/arch
	for f in "$SHARED"/models/arch/*.gguf "$M"; do
		mai-shard info --json --ids "$f" >info
		n=$(jq .layers info)
		: >infos
		for n in $(seq "$n"); do
			for stock in "" --stock; do
				mai-shard split -n "$n" $stock -o parts "$f"
				[ "$(ls parts)" = "$( (seq -f %.0f.gguf 0 $((n - 1)); echo manifest.json) | sort)" ]
				mai-shard join -o again.gguf parts/manifest.json
				cmp again.gguf "$f"
				for part in parts/*.gguf; do
					mai-shard info --json "$part" >>infos
				done
				rm -r parts again.gguf
			done
		done
		jq -es --slurpfile of info --argjson n "$n" 'length == $n * ($n + 1) and
			all(.model_id == $of[0].model_id and .vocab_id == $of[0].vocab_id)' infos || fail "parts of $f have another identity"
	done
}

@test "identities and stock shards are what an independent reader finds" {
	[ -z "${MAI_SAN:-}" ] || skip "compared by the build without sanitizers"
	need_shared models/arch
	local all=()
	for f in "$SHARED"/models/arch/*.gguf "$M"; do
		mai-shard info --json --ids "$f"
	done >infos
	jq -r '.model_id + " " + (.vocab_id // "None")' infos | diff - <(python3 "$BATS_TEST_DIRNAME/gguf.py" ids "$SHARED"/models/arch/*.gguf "$M")
	jq .layers infos >layers
	mkdir parts
	for f in "$SHARED"/models/arch/*.gguf "$M"; do
		read -r n
		parts=parts/$(basename "$f" .gguf)
		mai-shard split --stock -n "$n" -o "$parts" "$f"
		all+=(${all:+--} "$f" $(seq -f "$parts/%.0f.gguf" 0 $((n - 1))))
	done <layers
	python3 "$BATS_TEST_DIRNAME/gguf.py" parts "${all[@]}"
}

@test "the independent reader notices a shard that is spoilt" {
	need_shared models/stories260K.gguf
	mai-shard split --stock -n 2 -o parts "$M"
	printf '\377' | dd of=parts/1.gguf bs=1 seek=$(($(stat -c %s parts/1.gguf) - 100)) conv=notrunc status=none
	run ! python3 "$BATS_TEST_DIRNAME/gguf.py" parts "$M" parts/0.gguf parts/1.gguf
}

@test "info says what a model is" {
	need_shared models/stories260K.gguf
	run -0 mai-shard info "$M"
	[[ $output == *"architecture  llama"* && $output == *"layers        5"* && $output == *"F32         47 tensors"* ]]
	[[ $output == *"model id      -"* ]]
	[ "$(mai-shard info --json "$M" | jq -c '[.layers, .dim, .heads, .kv_heads, .head_dim, .ffn, .vocab_size, .context, .obstacle]')" = \
		"[5,64,8,4,8,172,512,512,null]" ]
	[ "$(mai-shard info --json "$M" | jq -c '[.tensors, .weights, .tokenizer.tokens, .embedding, .head]')" = \
		"[47,260032,512,true,true]" ]
}

@test "info says what a shard is, and names what can't be computed" {
	need_shared models/arch/mamba.gguf
	mai-shard split -n 3 -o parts "$M"
	run -0 mai-shard info parts/1.gguf
	[[ $output == *"layers        5, of which 2 to 3 are here"* && $output == *"F32_X16"* ]]
	run -0 mai-shard info parts/1.gguf parts/0.gguf
	[[ $output == *"of which 0 to 3 are here, and the embedding"* ]]
	LC_ALL=C sed s/mamba/mumba/g "$SHARED/models/arch/mamba.gguf" >other.gguf
	[[ $(mai-shard info --json other.gguf | jq -r .obstacle) == *"mumba can't be computed" ]]
}

# info_has FILE LINES JSON: the lines about layers, and .heads, .rope.dim, .ssm, .wkv and .ffn
info_has() {
	[ "$(mai-shard info "$1" | grep -E '^(heads|ssm|wkv|ffn|rope) ' | tr -s ' ')" = "$2" ]
	[ "$(mai-shard info --json "$1" | jq -c '[.heads, .kv_heads, .head_dim, .rope.dim, .ssm, .wkv, .ffn]')" = "$3" ]
}

@test "info leaves out what an architecture does not have" {
	need_shared models/arch
	arch=$SHARED/models/arch
	info_has "$arch/gpt2.gguf" $'heads 4, 4 for keys and values, of 16\nffn 96' '[4,4,16,null,null,null,96]'
	info_has "$arch/bert-cls.gguf" $'heads 4, 4 for keys and values, of 16\nffn 96' '[4,4,16,null,null,null,96]'
	info_has "$arch/rwkv7.gguf" $'wkv 2 heads of 64\nffn 64' '[null,null,null,null,null,{"heads":2,"head_size":64},64]'
	info_has "$arch/mamba.gguf" 'ssm inner size 128, state size 16, conv kernel 4, time step rank 4' \
		'[null,null,null,null,{"inner_size":128,"state_size":16,"conv_kernel":4,"time_step_rank":4},null,null]'
	LC_ALL=C sed s/mamba/mumba/g "$arch/mamba.gguf" >other.gguf
	info_has other.gguf $'heads -\nffn -' '[0,0,0,null,null,null,0]'
}

@test "a model id is cached only when it is asked for" {
	need_shared models/stories260K.gguf
	mai-shard info "$M" >/dev/null
	[ ! -e cache/mai ]
	mai-shard info --ids "$M" >with
	mai-shard info "$M" | cmp - with
	[ "$(ls cache/mai/ids | wc -l)" = 1 ]
}

@test "-b keeps every file below its size" {
	need_shared models/stories260K.gguf
	mai-shard split -b 420K -o parts "$M"
	[ "$(ls parts/*.gguf | wc -l)" -gt 2 ]
	[ -z "$(find parts -size +420k)" ]
	mai-shard join -o again.gguf parts/*.gguf
	cmp again.gguf "$M"
}

@test "two runs of split write the same bytes" {
	need_shared models/stories260K.gguf
	mai-shard split -n 2 -o a "$M"
	mai-shard split -l 0-2,3-4 -o b "$M"
	mai-shard split -n 2 -o a "$M"
	echo other >a/other.gguf
	mai-shard split -n 3 -o a "$M"
	mai-shard split -n 2 -o a "$M"
	[ "$(ls a | paste -sd ' ')" = "0.gguf 1.gguf manifest.json other.gguf" ]
	rm a/other.gguf
	[ "$(jq -c '[.shards[] | .layer_last]' a/manifest.json)" = "[3,5]" ] || skip "the even split is another"
	diff -r a b
}

@test "wrong usage is status 2 and one line" {
	says 2 "say what to do" mai-shard
	says 2 "none of info" mai-shard frobnicate
	says 2 "no model" mai-shard info
	says 2 "one of -n, -l and -b" mai-shard split -o d "$M"
	says 2 "one of -n, -l and -b" mai-shard split -n 2 -l 0-1 -o d "$M"
	says 2 "-o DIR" mai-shard split -n 2 "$M"
	says 2 "-o OUT" mai-shard join x
	says 2 "-o OUT" mai-shard join -o - x
	need_shared models/stories260K.gguf
	says 2 "6 shards" mai-shard split -n 6 -o d "$M"
	says 2 "left over" mai-shard split -l 0-3 -o d "$M"
	says 2 "a shard of layer" mai-shard split -b 1K -o d "$M"
	[ ! -e d ]
}

@test "wrong files are status 1, absent ones 3" {
	need_shared models/stories260K.gguf
	echo text >text
	says 1 "text" mai-shard info text
	says 3 "absent" mai-shard info absent
	says 1 "not a regular file" mai-shard info .
	mai-shard split -n 3 -o parts "$M"
	says 1 "begins with layer 4" mai-shard join -o out parts/0.gguf parts/2.gguf
	says 1 "only layers 0 to 1" mai-shard join -o out parts/0.gguf
	says 1 "only layers 2 to 3" mai-shard split -n 1 -o more parts/1.gguf
	head -c 100000 parts/1.gguf >cut
	says 1 "not whole" mai-shard info cut
	[ ! -e out ] && [ ! -e more ]
}

@test "a full disk is status 3, and nothing is left" {
	need_shared models/stories260K.gguf
	run -3 --separate-stderr bash -c 'mai-shard info "$1" >/dev/full' - "$M"
	[[ $stderr == *"No space left"* ]]
	mkdir parts
	run -3 --separate-stderr bash -c 'ulimit -f 300; trap "" XFSZ; exec mai-shard split -n 2 -o parts "$1"' - "$M"
	[[ $stderr == *"File too large"* ]]
	[ -z "$(ls -A parts)" ]
	run bash -c 'ulimit -f 300; exec mai-shard split -n 2 -o parts "$1"' - "$M"
	[ "$status" -eq $((128 + $(kill -l XFSZ))) ]
	[ -z "$(ls -A parts)" ]
}

@test "an interrupted split or join leaves nothing" {
	need_shared models/stories260K.gguf
	model=$M
	if [ -x "${MAI_BUILD:-$top/build}/tests/bench/make-model" ]; then
		"${MAI_BUILD:-$top/build}/tests/bench/make-model" --shape=110m model.gguf
		model=model.gguf
	fi
	mai-shard split -n 2 -o done "$model"
	ulimit -c 0
	for how in "INT 0.01" "QUIT 0.05" "INT 0.1" "QUIT 0.15" "HUP 0.2" "INT 0.3"; do
		read -r signal delay <<<"$how"
		timeout -s "$signal" "$delay" mai-shard split -n 4 -o parts "$model" || [ $? = 124 ]
		[ ! -e parts/manifest.json ] || [ "$(ls parts/*.gguf | wc -l)" = 4 ]
		[ -z "$(ls -A parts 2>/dev/null | grep -vxE '[0-3].gguf|manifest.json')" ] || fail "$(ls -A parts)"
		rm -rf parts
		timeout -s TERM "$delay" mai-shard join -o out.gguf done/manifest.json || [ $? = 124 ]
		[ -z "$(ls -A | grep 'out.gguf.')" ] || fail "$(ls -A)"
		rm -f out.gguf
	done
}

@test "what is written over is whole at any time" {
	need_shared models/stories260K.gguf
	echo old >out.gguf
	mai-shard split -n 2 -o parts "$M"
	printf x | dd of=parts/1.gguf bs=1 seek=300000 conv=notrunc status=none
	says 1 "not the model" mai-shard join -o out.gguf parts/manifest.json
	[ "$(cat out.gguf)" = old ]
	[ -z "$(ls -A | grep 'out.gguf.')" ]
}

@test "a chain from a model to shards of shards and back" {
	need_shared models/arch/llama-rope-freqs.gguf
	f=$SHARED/models/arch/llama-rope-freqs.gguf
	mai-shard split -n 2 -o a "$f"
	mai-shard split -n 1 --stock -o b a/manifest.json
	mai-shard split -n 2 -o c b/0.gguf
	diff -r a c
	mai-shard join -o again.gguf c/1.gguf c/0.gguf
	cmp again.gguf "$f"
}

@test "options before the verb" {
	need_shared models/stories260K.gguf
	mai-shard info --json "$M" >want
	for options in -v -q --json -vq; do
		mai-shard $options info --json "$M" | cmp - want
	done
	mai-shard -- info "$M" | grep -q '^architecture  llama'
	says 2 "none of info" mai-shard -v frobnicate
}

@test "join into a FIFO, and over a link" {
	need_shared models/stories260K.gguf
	mai-shard split -n 2 -o parts "$M"
	mai-shard join -o /dev/null parts/manifest.json
	mkfifo fifo
	cat fifo >got &
	mai-shard join -o fifo parts/manifest.json
	wait
	[ -p fifo ]
	cmp got "$M"
	touch file
	ln -s file link
	mai-shard join -o link parts/manifest.json
	[ -L link ]
	cmp file "$M"
}
