# mai-cat as a user runs it.

load setup

setup() {
	cd "$BATS_TEST_TMPDIR"
	seeds=$top/tests/fuzz/corpus/frame
}

# sequences: two sequences of rows with data, interleaved; width 2
sequences() {
	mai-cat --from-json <<-'END'
		{"type":"header","kind":"hidden","width":2,"next_layer":1}
		{"type":"open","seq":4,"ordinal":1}
		{"type":"open","seq":9,"ordinal":0}
		{"type":"rows","rows":[{"seq":4,"pos":0,"token":40,"data":[0,0.5]},{"seq":9,"pos":0,"token":90,"data":[1,-1]}]}
		{"type":"rows","rows":[{"seq":4,"pos":1,"token":41,"data":[2,2.5]},{"seq":4,"pos":2,"token":42,"data":[3,3.5]}]}
		{"type":"close","seq":4,"pos":3,"reason":"stop"}
		{"type":"rows","rows":[{"seq":9,"pos":1,"token":91,"wanted":true,"data":[4,-4]}]}
		{"type":"end"}
	END
}

# numpy CODE: with the numpy that is there
numpy() {
	local python
	for python in /usr/bin/python3 python3; do
		if "$python" -c 'import importlib.util as u, sys; sys.exit(not u.find_spec("numpy"))' 2>/dev/null; then
			"$python" -c "import numpy as np, sys; $1" "${@:2}"
			return
		fi
	done
	skip "needs python3-numpy"
}

# rows_of: seq@pos of each row on stdin, one line
rows_of() {
	mai-cat --json | jq -r 'select(.type == "rows").rows[] | "\(.seq)@\(.pos)"' | paste -sd ' '
}

need_jq() {
	command -v jq >/dev/null || skip "needs jq"
}

# ---- lines ----

@test "one line a header and a frame" {
	run mai-cat "$seeds/all"
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 13 ]
	[ "${lines[0]}" = 'stream kind=hidden dtype=f32 width=24 next-layer=3 vocab=010203000000 model=040506000000 profile="mai-arithmetic 1 kv=f32"' ]
	[ "${lines[2]}" = 'open seq=7 ordinal=18446744073709551615 output=tokens temperature=0.8 top-k=40 top-p=0.95 min-p=0.05 repeat-penalty=1.1 repeat-last=64 presence-penalty=-0.25 frequency-penalty=0.125 dry-multiplier=0.75 dry-base=1.75 dry-allowed-length=2 dry-penalty-last-n=4294967295 top-n-sigma=1.5 typical-p=0.9 xtc-probability=0.5 xtc-threshold=0.1 dynatemp-range=0.3 dynatemp-exponent=2 mirostat=2 mirostat-tau=5 mirostat-eta=0.1 seed=18446744073709551614 ignore-eos bias=15043+1.5 bias=0-1e+06 bias=4294967295-inf stop="\n\n" stop="a\x00\xffb" breaker="\n" breaker="\":" grammar="root ::= \"yes\" | \"no\"\n" hops=2' ]
	[ "${lines[3]}" = 'rows n=5 wanted=2 row-bytes=96 0@0-1 7@0 4294967295@4294967295 0@2 hops=1' ]
	[ "${lines[8]}" = 'fork seq=8 pos=1 from=7' ]
	[ "${lines[10]}" = 'close seq=7 pos=1 reason=stop' ]
	[ "${lines[12]}" = 'end hops=1' ]
}

@test "many sequences in a frame: the line stays short" {
	yes 1 | head -n 20 | mai-cat --from-ids >t.mai
	mai-cat --json t.mai | sed -n '/"rows":\[/p' | sed 's/.*\[//; s/\].*//' | paste -sd , |
		sed 's/.*/{"type":"header","kind":"tokens"}\n{"type":"rows","rows":[&]}\n{"type":"end"}/' | mai-cat --from-json |
		mai-cat | grep -qx 'rows n=20 wanted=20 row-bytes=0 0@0 1@0 2@0 3@0 4@0 5@0 6@0 7@0 ...'
}

@test "several files and several streams, one after another; stdin by name" {
	cat "$seeds/all" "$seeds/zstd" >two
	mai-cat "$seeds/all" "$seeds/zstd" >lines
	mai-cat two | cmp - lines
	mai-cat <two | cmp - lines
	mai-cat "$seeds/all" - <"$seeds/zstd" | cmp - lines
	cat two | mai-cat | cmp - lines
}

@test "text from a stream does nothing to a terminal" {
	printf '%s\n' '{"type":"header","kind":"tokens"}' '{"type":"error","text":"\u001b]0;x\u0007\"\\é"}' |
		mai-cat --from-json >t.mai
	run mai-cat t.mai
	[ "$status" = 1 ]
	[ "${lines[1]}" = 'error text="\x1b]0;x\x07\"\\\xc3\xa9"' ]
	[[ $output != *$'\e'* ]]
	[[ $output != *$'\a'* ]]
}

# ---- JSON ----

@test "JSON and back: the same bytes, for every type of frame and element" {
	for s in all zstd logits scores hidden embeddings fork; do
		mai-cat --stream "$seeds/$s" >plain.mai
		mai-cat --json plain.mai >json
		mai-cat --from-json json | cmp - plain.mai
	done
}

@test "JSON is JSON, by another program" {
	need_jq
	[ "$(mai-cat --json "$seeds/all" | jq -r .type | uniq -c | awk '{ print $2 $1 }' | paste -sd ' ')" = \
		"header1 open2 rows4 prompt-end1 fork1 cut1 close2 end1" ]
	[ "$(mai-cat --json "$seeds/all" | jq -c 'select(.type == "rows").rows[2] | [.seq, .token, .held, .data[1]]' | head -n 1)" = \
		'[7,null,true,-3.25]' ]
}

@test "every float reads back to its bits" {
	cat >t.json <<-'END'
		{"type":"header","kind":"hidden","width":12,"next_layer":1}
		{"type":"rows","hops":0,"rows":[{"seq":0,"pos":0,"token":null,"wanted":false,"held":false,"data":[0,-0.0,1.40129846e-45,3.40282347e+38,-3.40282347e+38,0.100000001,16777216,"inf","-inf","nan","nan:ffc00001","nan:7f800001"]}]}
		{"type":"end","hops":0}
	END
	mai-cat --from-json t.json >t.mai
	mai-cat --json t.mai | sed 1d | cmp - <(sed 1d t.json)
	[ "$(mai-cat --npy t.mai | tail -c 48 | xxd -p | tr -d '\n')" = \
		000000000000008001000000ffff7f7fffff7fffcdcccc3d0000804b0000807f000080ff0000c07f0100c0ff0100807f ]
}

@test "JSON that is wrong: status 1, the line and the fault" {
	bad() {
		printf '%s\n' '{"type":"header","kind":"hidden","width":2,"next_layer":1}' "$2" >bad.json
		run mai-cat --from-json bad.json --json
		[ "$status" = 1 ]
		[[ ${lines[-1]} == "mai-cat: bad.json: line 2: "*"$1"* ]] || fail "$2: ${lines[-1]}"
	}
	bad 'no JSON' '{'
	bad 'no JSON' '{"type":"end"} {"type":"end"}'
	bad 'no JSON' '{"type":"end","type":"end"}'
	bad 'no JSON' "$(printf '[%.0s' {1..100000})"
	bad 'no JSON' '{"type":"cut","pos":1e400}'
	bad 'without a "type"' '[]'
	bad 'without a "type"' '{"hops":0}'
	bad 'unknown type "row"' '{"type":"row"}'
	bad 'unknown key "wnated"' '{"type":"rows","rows":[{"wnated":true}]}'
	bad 'unknown key' '{"type":"end","seq pos":1}'
	bad '"seq" is not a whole number' '{"type":"cut","seq":1.5}'
	bad '"seq" is not a whole number' '{"type":"cut","seq":-1}'
	bad '"pos" is not a number in its range' '{"type":"cut","pos":4294967296}'
	bad '"ordinal" is not a number in its range' '{"type":"open","ordinal":"18446744073709551616"}'
	bad '"data" is not an array of 2 numbers' '{"type":"rows","rows":[{"data":[1]}]}'
	bad 'element 1' '{"type":"rows","rows":[{"data":[1,"x"]}]}'
	bad 'element 0' '{"type":"rows","rows":[{"data":[1e39,0]}]}'
	bad 'element 0' '{"type":"rows","rows":[{"data":["nan:7f800000",0]}]}'
	bad 'some rows have' '{"type":"rows","rows":[{"data":[1,2]},{"pos":1}]}'
	bad '"reason"' '{"type":"close","reason":"why"}'
	bad 'before the end' '{"type":"header","kind":"tokens"}'
	printf '{"type":"end"}\n' >bad.json
	run mai-cat --from-json bad.json
	[ "$status" = 1 ]
	[ "$output" = "mai-cat: bad.json: line 1: a frame before the header of the stream" ]
	printf '{"type":"header","kind":"tokens"}\n' >bad.json
	run -1 --separate-stderr mai-cat --from-json bad.json
	[ "$stderr" = "mai-cat: bad.json: line 1: the stream was cut" ]
	for h in '"kind":"hidden"' '"kind":"x"' '"kind":"tokens","width":1' '"kind":"hidden","width":33,"dtype":"q8_0"' \
		'"kind":"tokens","vocab_id":"12"' '"kind":"tokens","version":2' '"kind":"tokens","profile":"x"' '"kind":1'; do
		echo "{\"type\":\"header\",$h}" >bad.json
		run mai-cat --from-json bad.json
		[ "$status" = 1 ] || fail "$h"
		[[ $output == "mai-cat: bad.json: line 1: "* ]]
	done
}

# ---- ids ----

@test "ids and back" {
	printf '%s\n' "1 403 407" "" "5" "4294967294 0" >ids
	mai-cat --from-ids ids | mai-cat --ids | cmp - ids
	[ "$(mai-cat --from-ids <<<$' 1\t2 \r' | mai-cat --ids)" = "1 2" ]
	seq 1 2000 | paste -sd ' ' >long
	mai-cat --from-ids long | mai-cat --ids | cmp - long
	[ "$(mai-cat --from-ids long | mai-cat | grep -c '^rows n=512 wanted=512 ')" = 3 ]
}

@test "ids: all rows are wanted, the header carries no identity, each sequence is opened, ended and closed" {
	run mai-cat --from-ids <(echo 7 8)
	run mai-cat <(mai-cat --from-ids <(echo 7 8))
	[ "$output" = $'stream kind=tokens\nopen seq=0 ordinal=0 output=rows\nrows n=2 wanted=2 row-bytes=0 0@0-1
prompt-end seq=0 text-bytes=0\nclose seq=0 pos=2 reason=stop\nend' ]
}

@test "interleaved sequences come out in order of ordinals" {
	sequences >t.mai
	run mai-cat --ids t.mai
	[ "$output" = $'90 91\n40 41 42' ]
}

@test "ids heed cut, fork and close" {
	run mai-cat --from-json --ids <<-'END'
		{"type":"header","kind":"tokens"}
		{"type":"open","seq":1,"ordinal":0}
		{"type":"rows","rows":[{"seq":1,"pos":0,"token":10},{"seq":1,"pos":1,"token":11},{"seq":1,"pos":2,"token":12}]}
		{"type":"fork","seq":2,"from":1,"pos":2}
		{"type":"cut","seq":1,"pos":1}
		{"type":"rows","rows":[{"seq":1,"pos":1,"token":21},{"seq":2,"pos":2,"token":99},{"seq":2,"pos":3,"token":98,"held":true}]}
		{"type":"close","seq":2,"pos":3,"reason":"stop"}
		{"type":"close","seq":2,"pos":4,"reason":"stop"}
		{"type":"end"}
	END
	[ "$status" = 0 ]
	[ "$output" = $'10 21\n10 11 99' ]
}

@test "a line of ids is printed as soon as its sequence closes" {
	mkfifo in
	mai-cat --ids in >out &
	pid=$!
	exec 8>in
	mai-cat --from-ids <<<"5 6" | head -c -64 >&8 # all but the end frame
	for i in $(seq 100); do
		[ ! -s out ] || break
		sleep 0.05
	done
	[ "$(cat out)" = "5 6" ]
	exec 8>&-
	! wait $pid # cut
}

@test "lines that are no ids: status 1" {
	for bad in "1 x" "-1" "4294967295" "99999999999999999999" "1.5" "1,2" "0x10"; do
		run --separate-stderr mai-cat --from-ids <(printf '1\n%s\n' "$bad")
		[ "$status" = 1 ] || fail "$bad"
		[[ $stderr == *"line 2: '"*"' is no token id" ]]
	done
	printf '1 \0 2\n' >zero
	run -1 --separate-stderr mai-cat --from-ids zero
	[ "$stderr" = "mai-cat: zero: line 1: a zero byte" ]
}

@test "ids that were stripped, and rows of no sequence: status 1" {
	run -1 mai-cat --from-json --ids <<<$'{"type":"header","kind":"tokens"}\n{"type":"open"}\n{"type":"rows","rows":[{}]}'
	[[ $output == *"the token of sequence 0 at position 0 is not in the stream" ]]
	run -1 mai-cat --from-json --ids <<<$'{"type":"header","kind":"tokens"}\n{"type":"rows","rows":[{"token":1}]}'
	[[ $output == *"a row of sequence 0, which is not open" ]]
}

@test "ids of sequences: 0, the largest, used again after their close; opened twice: status 1" {
	lines() {
		printf '%s\n' '{"type":"header","kind":"tokens"}' "$@" '{"type":"end"}' | mai-cat --from-json | mai-cat --ids
	}
	row() {
		echo "{\"type\":\"rows\",\"rows\":[{\"seq\":$1,\"token\":$2}]}"
	}
	close='{"type":"close","seq":0,"pos":1,"reason":"stop"}'
	[ "$(lines '{"type":"open"}' '{"type":"open","seq":4294967295}' "$(row 4294967295 5)" "$(row 0 6)")" = $'6\n5' ]
	[ "$(lines '{"type":"open"}' "$(row 0 5)" "$close" '{"type":"open","ordinal":1}' "$(row 0 6)")" = $'5\n6' ]
	run -1 lines '{"type":"open"}' '{"type":"open"}'
	[[ $output == *"sequence 0 is opened twice" ]]
	run -1 lines '{"type":"open"}' '{"type":"open","seq":1}' '{"type":"fork","seq":1,"from":0}'
	[[ $output == *"sequence 1 is opened twice" ]]
	run -1 lines '{"type":"fork","seq":1,"from":0}'
	[[ $output == *"sequence 1 is forked from 0, which is not open" ]]
	run -1 lines '{"type":"open"}' "$close" "$(row 0 6)"
	[[ $output == *"a row of sequence 0, which is not open" ]]
}

# ---- NumPy ----

@test "rows as an array, read by numpy: from a file, a pipe, appended" {
	sequences >t.mai
	mai-cat --npy t.mai >file.npy
	mai-cat --npy t.mai | cat >pipe.npy
	cmp file.npy pipe.npy
	: >app.npy
	mai-cat --npy t.mai >>app.npy
	cmp file.npy app.npy
	{ printf head && mai-cat --npy t.mai; } >offset.npy
	tail -c +5 offset.npy | cmp - file.npy
	numpy 'a = np.load(sys.argv[1]); assert a.dtype == np.float32 and a.tolist() == [[0,.5],[1,-1],[2,2.5],[3,3.5],[4,-4]], a' file.npy
	mai-cat --npy --seq 9 t.mai >one.npy
	numpy 'a = np.load(sys.argv[1]); assert a.tolist() == [[1,-1],[4,-4]], a' one.npy
}

@test "tokens are an array of one dimension; no rows are an array without rows" {
	mai-cat --from-ids --npy <<<"1 403 7" >t.npy
	numpy 'a = np.load(sys.argv[1]); assert a.dtype == np.uint32 and a.tolist() == [1, 403, 7], a' t.npy
	sequences | mai-cat --npy --seq 5 >none.npy
	numpy 'a = np.load(sys.argv[1]); assert a.dtype == np.float32 and a.shape == (0, 2), a.shape' none.npy
}

@test "element types as numpy reads them" {
	row='[0, 1, -2.5, 0.0999755859375, 65504, 6.103515625e-05, -0.0, 3.140625]'
	for t in f32 f16 bf16; do
		printf '%s\n' "{\"type\":\"header\",\"kind\":\"hidden\",\"width\":8,\"dtype\":\"$t\"}" \
			"{\"type\":\"rows\",\"rows\":[{\"data\":$row}]}" '{"type":"end"}' | mai-cat --from-json >$t.mai
		mai-cat --npy $t.mai >$t.npy
	done
	numpy 'x = np.array([eval(sys.argv[1])], dtype=np.float32)
assert np.array_equal(np.load("f32.npy"), x)
assert np.array_equal(np.load("f16.npy"), x.astype(np.float16).astype(np.float32))
u = x.view(np.uint32); r = ((u + 0x7fff + (u >> 16 & 1)) & 0xffff0000).astype(np.uint32).view(np.float32)
assert np.array_equal(np.load("bf16.npy"), r), (np.load("bf16.npy"), r)' "$row"
}

@test "unlike rows don't go into one array" {
	cat "$seeds/logits" "$seeds/scores" >t.mai
	run -1 --separate-stderr mai-cat --npy t.mai
	[ "$stderr" = "mai-cat: rows of 3 elements and of 1 don't go into one array" ]
	run -1 --separate-stderr mai-cat --npy "$seeds/all"
	[[ $stderr == *"rows of 24 elements and of 0 don't go into one array" ]]
}

@test "a cut stream leaves no array behind" {
	sequences | head -c 1000 >cut.mai
	run -1 bash -c 'mai-cat --npy cut.mai >t.npy'
	[[ $output == *"the stream was cut" ]]
	[ ! -s t.npy ]
	[ "$(mai-cat --npy cut.mai 2>/dev/null | wc -c)" = 0 ]
	{ printf before; ! mai-cat --npy cut.mai; printf after; } >out 2>/dev/null
	[ "$(cat out)" = beforeafter ]
}

@test "changed rows are put back" {
	sequences >t.mai
	mai-cat --npy t.mai >t.npy
	mai-cat --from-npy t.npy --like t.mai | cmp - t.mai
	mai-cat --from-npy - --like t.mai <t.npy | cmp - t.mai
	mai-cat --from-npy t.npy --like - <t.mai | cmp - t.mai
	numpy 'np.save("twice.npy", np.load("t.npy") * 2); np.save("double.npy", np.load("t.npy").astype(np.float64) * 2)'
	mai-cat --from-npy twice.npy --like t.mai >twice.mai
	mai-cat --from-npy double.npy --like t.mai | cmp - twice.mai
	mai-cat --npy twice.mai | cmp - twice.npy
	diff <(mai-cat t.mai) <(mai-cat twice.mai)
	[ "$(mai-cat --from-npy twice.npy --like t.mai --json | grep -o '"data":[^}]*' | head -n 1)" = '"data":[0,1]' ]
}

@test "with a selection only those rows are put back" {
	sequences >t.mai
	mai-cat --npy --seq 4 --rows 1- t.mai >part.npy
	mai-cat --from-npy part.npy --like t.mai --seq 4 --rows 1- | cmp - t.mai
	numpy 'a = np.load("part.npy"); assert a.tolist() == [[2,2.5],[3,3.5]]; a[:] = 7; np.save("sevens.npy", a)'
	mai-cat --from-npy sevens.npy --like t.mai --seq 4 --rows 1- --npy >all.npy
	numpy 'a = np.load("all.npy"); assert a.tolist() == [[0,.5],[1,-1],[7,7],[7,7],[4,-4]], a'
}

@test "unchanged rows keep their bits in every element type; tokens are replaced too" {
	for s in logits hidden embeddings scores; do
		mai-cat --stream "$seeds/$s" >t.mai
		mai-cat --npy t.mai >t.npy
		mai-cat --from-npy t.npy --like t.mai | cmp - t.mai
	done
	mai-cat --from-ids <<<"1 2 3" >t.mai
	numpy 'np.save("i8.npy", np.array([7, 8, 9])); np.save("neg.npy", np.array([7, -8, 9]));
np.save("f.npy", np.array([1., 2., 3.]))'
	[ "$(mai-cat --from-npy i8.npy --like t.mai --ids)" = "7 8 9" ]
	run -1 --separate-stderr mai-cat --from-npy neg.npy --like t.mai
	[ "$stderr" = "mai-cat: neg.npy: row 1 is no token id" ]
	run -1 --separate-stderr mai-cat --from-npy f.npy --like t.mai
	[ "$stderr" = "mai-cat: f.npy: tokens that are no whole numbers" ]
}

@test "arrays that don't fit or are none: status 1" {
	sequences >t.mai
	mai-cat --npy t.mai >t.npy
	fits_not() {
		run --separate-stderr mai-cat --from-npy "$1" --like t.mai
		[ "$status" = 1 ]
		[ "$stderr" = "mai-cat: $1: $2" ] || fail "$stderr"
	}
	# array DICT: its header, then the rows of t.npy
	array() {
		printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$1" >a.npy
		tail -c +129 t.npy >>a.npy
	}
	array "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 2), }"
	mai-cat --from-npy a.npy --like t.mai | cmp - t.mai
	array '{"shape":(5,2,) ,"descr":"<f4", "fortran_order" : False}'
	mai-cat --from-npy a.npy --like t.mai | cmp - t.mai
	array "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }"
	fits_not a.npy "the stream has more than the array's 4 rows"
	array "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 2), }"
	fits_not a.npy "the stream has only 5 of the array's 6 rows"
	run -1 bash -c 'mai-cat --from-npy a.npy --like t.mai 2>/dev/null | mai-cat'
	[[ $output == *"the stream was cut" ]]
	array "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 2), }"
	fits_not a.npy "the stream has only 5 of the array's 18446744073709551615 rows"
	array "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 3), }"
	fits_not a.npy "rows of 3 elements, and the stream has 2"
	array "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 18446744073709551615), }"
	fits_not a.npy "rows of 18446744073709551615 elements"
	array "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 0), }"
	fits_not a.npy "rows of 0 elements"
	array "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 18446744073709551617), }"
	fits_not a.npy "the array has not one or two dimensions"
	array "{'descr': '<f4', 'fortran_order': False, 'shape': (5, -2), }"
	fits_not a.npy "the array has not one or two dimensions"
	array "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 1, 2), }"
	fits_not a.npy "the array has not one or two dimensions"
	array "{'descr': '<f4', 'fortran_order': True, 'shape': (5, 2), }"
	fits_not a.npy "the elements lie in columns (save numpy.ascontiguousarray of it)"
	for t in '>f4' '|O' '<c8' '|u1' '<f16' "'"; do
		array "{'descr': '$t', 'fortran_order': False, 'shape': (5, 2), }"
		fits_not a.npy "the elements are no little-endian numbers of 2, 4 or 8 bytes" || fits_not a.npy "the header is no dictionary"
	done
	array "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (5, 2), }"
	fits_not a.npy "the header has an unknown key, or one twice"
	array "{'descr': '<f4', 'shape': (5, 2), }"
	fits_not a.npy "the header is not complete"
	array "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 2), } x"
	fits_not a.npy "the header is not complete"
	array "__import__('os').system('touch pwned')"
	fits_not a.npy "the header is no dictionary"
	head -c 150 t.npy >a.npy
	fits_not a.npy "the array is cut short"
	head -c 100 t.npy >a.npy
	fits_not a.npy "the array is cut short"
	fits_not t.mai "not a NumPy array"
	printf '\x93NUMPY\x01\x00\xff\xff' >a.npy
	fits_not a.npy "the array is cut short"
	printf '\x93NUMPY\x02\x00\xff\xff\xff\xff' >a.npy
	fits_not a.npy "a header of 4294967295 bytes is too long"
	printf '\x93NUMPY\x09\x00\x00\x00' >a.npy
	fits_not a.npy "version 9.0 of the array format"
	run -3 mai-cat --from-npy missing --like t.mai
}

# ---- selection ----

@test "rows of each sequence, from the front and from the end" {
	need_jq
	sequences >t.mai
	while IFS='|' read -r options want; do
		got=$(mai-cat --stream $options t.mai | rows_of)
		[ "$got" = "$want" ] || fail "$options: $got, not $want"
		[ "$(mai-cat --json $options t.mai | jq -r 'select(.type == "rows").rows[] | "\(.seq)@\(.pos)"' | paste -sd ' ')" = "$want" ]
	done <<-'END'
		--rows 0|4@0 9@0
		--rows 1|4@1 9@1
		--rows 0-1|4@0 9@0 4@1 9@1
		--rows 1-|4@1 4@2 9@1
		--rows 2-7|4@2
		--rows -1|4@2 9@1
		--rows -2--1|4@1 4@2 9@0 9@1
		--rows -3--2|4@0 4@1 9@0
		--rows 0--2|4@0 4@1 9@0
		--rows 1--2|4@1
		--rows 0--3|4@0
		--rows 0--9|
		--rows -9-0|4@0 9@0
		--rows 5|
		--head 2|4@0 9@0 4@1 9@1
		--head 0|
		--tail 1|4@2 9@1
		--tail 0|
		--tail 100|4@0 4@1 4@2 9@0 9@1
		--seq 9|9@0 9@1
		--seq 0-5|4@0 4@1 4@2
		--seq 9,4 --tail 1|4@2 9@1
		--seq 3,5|
	END
}

@test "a selection keeps control frames of its sequences alone, and the data with the rows" {
	sequences >t.mai
	run mai-cat --seq 4 --head 1 t.mai
	[ "$output" = $'stream kind=hidden dtype=f32 width=2 next-layer=1\nopen seq=4 ordinal=1 output=rows
rows n=1 wanted=0 row-bytes=8 4@0\nclose seq=4 pos=3 reason=stop\nend' ]
	[ "$(mai-cat --tail 1 --json t.mai | grep -o '"data":[^}]*' | paste -sd ' ')" = '"data":[3,3.5] "data":[4,-4]' ]
	[ "$(mai-cat --tail 1 --ids t.mai)" = $'91\n42' ]
}

@test "a selection heeds cut" {
	for range in -2- -1 0--2 2; do
		mai-cat --from-json --rows $range --ids <<-'END' >>got
			{"type":"header","kind":"tokens"}
			{"type":"open"}
			{"type":"rows","rows":[{"pos":0,"token":10},{"pos":1,"token":11},{"pos":2,"token":12}]}
			{"type":"cut","pos":1}
			{"type":"rows","rows":[{"pos":1,"token":21}]}
			{"type":"rows","rows":[{"pos":2,"token":22}]}
			{"type":"end"}
		END
	done
	[ "$(cat got)" = $'21 22\n22\n10 21\n22' ] || fail "$(cat got)"
}

@test "rows from the end of long sequences" {
	seq 1 3000 | paste -sd ' ' >ids
	mai-cat --from-ids ids >t.mai
	[ "$(mai-cat --ids --tail 1000 t.mai)" = "$(seq 2001 3000 | paste -sd ' ')" ]
	[ "$(mai-cat --ids --rows 500--700 t.mai)" = "$(seq 501 2301 | paste -sd ' ')" ]
}

# ---- streams ----

@test "a stream again: the same bytes; compressed: the same rows in fewer" {
	for s in all scores hidden; do
		mai-cat --stream "$seeds/$s" >a.mai
		mai-cat --stream a.mai | cmp - a.mai
	done
	cmp "$seeds/all" <(mai-cat --stream "$seeds/all")
	seq 1 20000 | paste -sd ' ' | mai-cat --from-ids >t.mai
	mai-cat --stream --zstd t.mai >z.mai
	[ "$(stat -c %s z.mai)" -lt "$(stat -c %s t.mai)" ]
	mai-cat --stream z.mai | cmp - t.mai
}

@test "receipts and vouchers: as JSON and back, and to the eye" {
	printf '%s\n' '{"type":"header","kind":"tokens"}' '{"type":"receipt","text":"{\"rows\":1}"}' '{"type":"voucher","text":""}' '{"type":"end"}' >j
	mai-cat --from-json <j >t.mai
	mai-cat --json t.mai | tail -n 3 | jq -c 'del(.hops)' | cmp - <(tail -n 3 j)
	mai-cat --json t.mai | mai-cat --from-json | cmp - t.mai
	mai-cat t.mai | grep -q '^receipt .*rows'
	run -1 mai-cat --from-json <<<'{"type":"receipt","text":1}'
}

@test "a fault of a stage before is passed on, and is a fault" {
	printf '%s\n' '{"type":"header","kind":"tokens"}' '{"type":"error","text":"stage 1: no memory"}' | mai-cat --from-json >t.mai
	run -1 --separate-stderr bash -c 'mai-cat --stream t.mai >out.mai'
	[ "$stderr" = "mai-cat: t.mai: stage 1: no memory" ]
	cmp t.mai out.mai
}

# ---- ends, faults, usage ----

@test "empty input: empty output, status 0, in every form" {
	for form in '' --json --ids --npy --stream; do
		run mai-cat $form /dev/null
		[ "$status" = 0 ]
		[ -z "$output" ]
		run mai-cat $form </dev/null
		[ "$status" = 0 ]
		[ -z "$output" ]
		[ "$(printf '' | mai-cat $form | wc -c)" = 0 ]
	done
	mai-cat --from-json </dev/null | cmp - /dev/null
	[ "$(mai-cat --from-ids </dev/null | mai-cat)" = $'stream kind=tokens\nend' ]
	: >empty
	mai-cat --from-npy empty --like /dev/null | cmp - /dev/null
}

@test "a stream that was cut: status 1 and one line with the place" {
	sequences >t.mai
	for n in 100 320 400 1000 1151 1215; do
		head -c $n t.mai >cut.mai
		for form in '' --json --ids --npy --stream; do
			run -1 --separate-stderr bash -c "mai-cat $form cut.mai >/dev/null"
			[[ $stderr =~ ^"mai-cat: cut.mai: offset "[0-9]+": the stream was cut"$ ]] || fail "$n $form: $stderr"
			run -1 --separate-stderr bash -c "cat cut.mai | mai-cat $form >/dev/null"
			[[ $stderr =~ ^"mai-cat: stdin: offset "[0-9]+": the stream was cut"$ ]] || fail "$n $form: $stderr"
		done
	done
}

@test "what is no stream: status 1" {
	for f in "$top/Makefile" "$BATS_TEST_FILENAME" "$(command -v mai-cat)"; do
		run -1 --separate-stderr mai-cat "$f"
		[ "$stderr" = "mai-cat: $f: offset 0: not a mai stream" ]
	done
	run -1 mai-cat <<<x
	[ "$output" = "mai-cat: stdin: offset 0: not a mai stream" ]
}

@test "a full disk and a closed stdout: status 3" {
	sequences >t.mai
	for form in '' --json --ids --npy --stream; do
		run -3 --separate-stderr bash -c "mai-cat $form t.mai >/dev/full"
		[[ $stderr == "mai-cat: stdout: write: No space left on device" ]] || fail "$form: $stderr"
		run -3 --separate-stderr bash -c "mai-cat $form t.mai >&-"
		[[ $stderr == "mai-cat: stdout"* ]] || fail "$form: $stderr"
		[ "$(wc -l <<<"$stderr")" = 1 ]
	done
}

@test "a reader that has gone: death by SIGPIPE, silently" {
	sequences >t.mai
	for form in '' --json --ids --stream; do
		run -141 bash -c "set -o pipefail; trap '' USR1; { sleep 0.1; mai-cat $form t.mai t.mai; } | true"
		[ -z "$output" ]
	done
}

@test "missing files: status 3; a folder: status 3" {
	run -3 mai-cat missing.mai
	[ "$output" = "mai-cat: missing.mai: No such file or directory" ]
	run -3 mai-cat .
	[[ $output == "mai-cat: .: read: Is a directory" ]]
}

@test "wrong usage: status 2" {
	for args in --no-such "--json --ids" "--from-ids --from-json" "--from-npy x" "--like x" "--from-npy x --like y z" \
		"--from-npy - --like -" "--rows x" "--rows 1-x" "--rows" "--rows 1,2" "--rows 5-4" "--rows -1--2" "--rows 99999999999999999999" "--seq x" \
		"--seq 5-4" "--seq 1," "--seq 4294967296" "--head -1" "--tail x" "--head 1 --tail 1" "--rows 1 --tail 1" --zstd \
		"--from-npy x --like y --tail 1" "--from-npy x --like y --rows 0--2"; do
		run -2 mai-cat $args </dev/null
		[[ $output == "mai-cat: "*"(see 'mai-cat --help')" ]] || fail "$args: $output"
	done
}

@test "--help and --version" {
	run -0 mai-cat --help
	[[ ${lines[0]} == "usage: mai-cat "* ]]
	run -0 mai-cat -h
	run -0 mai-cat --version
	[[ $output == "mai-cat "* ]]
}

@test "a frame passes at once" {
	mkfifo in
	mai-cat --stream in >out &
	pid=$!
	exec 8>in
	sequences | head -c 1128 >&8 # a frame is not complete
	for i in $(seq 100); do
		[ "$(stat -c %s out)" -lt 1088 ] || break
		sleep 0.05
	done
	cmp -n 1088 out <(sequences)
	[ "$(stat -c %s out)" = 1088 ]
	sequences | tail -c +1129 >&8
	exec 8>&-
	wait $pid
	cmp out <(sequences)
}
