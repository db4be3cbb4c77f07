# The format as others implement it: the filters of mai-stream(5) between two programs, and its words.

load setup

setup() {
	cd "$BATS_TEST_TMPDIR"
	page=$top/man/man5/mai-stream.5
}

# Makes ./python, a Python with the modules that the filter needs.
need_python() {
	local p
	for p in /usr/bin/python3 python3; do
		if "$p" -c 'import numpy, xxhash' 2>/dev/null; then
			ln -s "$(command -v "$p")" python
			return
		fi
	done
	skip "needs python3-numpy and python3-xxhash"
}

compiled() {
	command -v "${CC:-cc}" >/dev/null || skip "needs a C compiler"
	"${CC:-cc}" -Wall -Wextra -Werror -O2 -o scale "$top/scripts/examples/scale.c" -lxxhash
}

# hidden: a stream of two sequences, with every frame that a filter must pass on
hidden() {
	mai-cat --from-json <<-'END'
		{"type":"header","kind":"hidden","width":3,"next_layer":2,"model_id":"00000000000000000000000000000000000000000000000000000000000000ff","profile":"p"}
		{"type":"open","seq":4,"ordinal":1,"output":"tokens","seed":7,"stop":["a stop text that makes a payload of more than 64 bytes"]}
		{"type":"rows","hops":2,"rows":[{"seq":4,"pos":0,"token":40,"data":[1,-2,0.5]},{"seq":4,"pos":1,"wanted":true,"token":null,"data":[3,0.1,1e30]}]}
		{"type":"rows","rows":[]}
		{"type":"rows","rows":[{"seq":4,"pos":2,"token":40}]}
		{"type":"fork","seq":5,"pos":1,"from":4}
		{"type":"rows","rows":[{"seq":5,"pos":1,"token":41,"data":[8,9,10]}]}
		{"type":"cut","seq":5,"pos":1}
		{"type":"close","seq":4,"pos":3,"reason":"length"}
		{"type":"end"}
	END
}

# What the filters should make of it: factor -2, one hop more where hops are counted.
scaled() {
	mai-cat --json | sed -E 's/"hops":2/"hops":3/
		s/\[1,-2,0.5\]/[-2,4,-1]/; s/\[3,0.100000001,1.00000002e\+30\]/[-6,-0.200000003,-2.00000003e+30]/; s/\[8,9,10\]/[-16,-18,-20]/' |
		mai-cat --from-json
}

# works FILTER...: on one stream, on several, on none, and refuses what it should
works() {
	hidden >in.mai
	scaled <in.mai >want.mai
	"$@" -2 <in.mai | cmp - want.mai
	cat in.mai in.mai | "$@" -2 | cmp - <(cat want.mai want.mai)
	"$@" -2 </dev/null | cmp - /dev/null
	for n in 10 300 700; do
		run -1 bash -c 'head -c $1 in.mai | "${@:2}" -2 >out' - $n "$@"
		[[ $output == *"the stream was cut" ]]
	done
	(head -c 584 in.mai; printf X; tail -c +586 in.mai) >damaged.mai
	run -1 bash -c '"$@" -2 <damaged.mai >out' - "$@"
	[[ $output == *"checksum is wrong" ]]
	run -1 bash -c 'mai-cat --from-ids <<<1 | "$@" -2' - "$@"
	[[ $output == *"not a stream of hidden states in f32" ]]
	# A frame goes through while the input is open.
	mkfifo fifo
	"$@" -2 <fifo >out &
	pid=$!
	exec 8>fifo
	head -c 564 in.mai >&8
	for i in $(seq 200); do
		[ "$(stat -c %s out)" -lt 512 ] || break
		sleep 0.05
	done
	cmp -n 512 out want.mai
	tail -c +565 in.mai >&8
	exec 8>&-
	wait $pid
	cmp out want.mai
}

@test "the filter in C scales hidden states" {
	compiled
	works ./scale
}

@test "the filter in Python scales hidden states" {
	need_python
	works ./python "$top/scripts/examples/scale.py"
}

@test "between two shards the filters and mai-cat with NumPy give the same logits, and a factor of 1 those of the model" {
	need_shared models/stories260K.gguf
	compiled
	need_python
	mai-shard split -n 2 -o parts "$M"
	mai-cat --from-ids <<<"1 403 407 261 378" >t.mai
	mai-run "$M" <t.mai | mai-cat --npy >plain.npy
	mai-run parts/0.gguf <t.mai | ./scale 1 | mai-run parts/1.gguf | mai-cat --npy | cmp - plain.npy
	mai-run parts/0.gguf <t.mai | ./scale 0.5 | mai-run parts/1.gguf | mai-cat --npy >c.npy
	mai-run parts/0.gguf <t.mai | ./python "$top/scripts/examples/scale.py" 0.5 | mai-run parts/1.gguf | mai-cat --npy | cmp - c.npy
	mai-run parts/0.gguf <t.mai >h.mai
	mai-cat --npy h.mai >h.npy
	./python -c 'import numpy as np; np.save("h.npy", np.load("h.npy") * np.float32(0.5))'
	mai-cat --from-npy h.npy --like h.mai | mai-run parts/1.gguf | mai-cat --npy | cmp - c.npy
	run ! cmp -s c.npy plain.npy
}

@test "the page shows the filters word for word" {
	for f in scale.c scale.py; do
		awk -v f="scripts/examples/$f," '$1 == ".\\\"" && $2 == f { on = 1 } on && /^\.Ed/ { exit }
			on == 2 { print } on && /^\.Bd/ { on = 2 }' "$page" | sed 's/\\e/\\/g' | cmp - "$top/scripts/examples/$f"
	done
}

@test "the page tells the limits that the program has" {
	limits=$(sed -n '/^\.Ss Limits/,/^\.Sh/p' "$page")
	for name in ROWS WIDTH SEQUENCES STOPS TEXT LAYER HOPS SAMPLING; do
		value=$(sed -nE "s/^\tSTREAM_MAX_$name = ([^,]*),.*/\1/p" "$top/common/stream/stream.h")
		[ -n "$value" ]
		grep -q "^\.It $((value)) Ta" <<<"$limits" || fail "$name is $((value))"
	done
	grep -q 'STREAM_MAX_PAYLOAD ((uint64_t)1 << 30)' "$top/common/stream/stream.h"
	grep -q '^\.It 1 GiB Ta' <<<"$limits"
}

@test "the numbers of kinds, types, frames and reasons are those of the page" {
	# numbers ENUM PREFIX: "number name" of each
	numbers() {
		sed -n "/^enum $1 {/,/^}/p" "$top/common/stream/stream.h" |
			sed -nE "s/^\t$2_([A-Z0-9_]+) = ([0-9]+),.*/\2 \L\1/p"
	}
	for e in "stream_kind STREAM" "stream_dtype STREAM" "frame_type FRAME" "close_reason CLOSE"; do
		[ "$(numbers $e | wc -l)" -ge 4 ]
		while read -r number name; do
			[ "$name" != prompt_end ] || name=prompt-end
			grep -q "^\.It $number Ta $name " "$page" || fail "$number $name"
		done < <(numbers $e)
	done
}
