# Grammars and JSON schemas: what a model writes under them is looked at by programs that know nothing of grammars.

load setup
load stream
no_leak_check

setup() {
	need_shared models/stories260K.gguf
	cd "$BATS_TEST_TMPDIR" || return
}

# prompts N: so many, a line each
prompts() {
	yes "Once upon a time" | head -n "$1"
}

# lines N OPTION...: what the model writes after N prompts, a line each. With the same prompt each draws differently.
lines() {
	local n=$1
	shift
	prompts "$n" | mai-tokenize -m "$M" -l | mai-run "$@" >made.mai
	mai-tokenize -d -l -m "$M" <made.mai
}

# conforms SCHEMA: what is written under it is JSON that complies with it, likely or not
conforms() {
	local schema=$1 temp
	for temp in 0.8 5; do
		lines 24 -n 480 --temp "$temp" --top-k 0 --top-p 1 --min-p 0 -b 24 --json-schema "$schema" "$M" >written
		[ "$(wc -l <written)" = 24 ]
		"$peers/schema_check.py" "$schema" <written || fail "does not comply with $schema"
	done
}

@test "--json-schema: objects" {
	conforms '{"type": "object", "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 8}, "age": {"type": "integer", "minimum": 7, "maximum": 123},
		"tags": {"type": "array", "items": {"enum": ["a", "b c", null, 1.5]}, "minItems": 1, "maxItems": 3}}, "required": ["name", "tags"], "additionalProperties": false}'
	conforms '{"properties": {"a": {"type": "boolean"}, "b": {"type": "null"}, "c": {"const": {"x": "\"\\"}}, "d": {"type": "integer", "maximum": -5}}}'
}

@test "--json-schema: numbers, strings and arrays" {
	conforms '{"type": "array", "items": {"type": "integer", "minimum": -38, "exclusiveMaximum": 4321}, "minItems": 2, "maxItems": 5}'
	conforms '{"type": "array", "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 20}, "minItems": 2, "maxItems": 4}'
	conforms '{"prefixItems": [{"format": "date"}, {"format": "time"}, {"format": "date-time"}, {"format": "uuid"}], "items": {"type": "null"}, "maxItems": 6}'
	conforms '{"type": "array", "items": {"pattern": "^[A-C]\\d{1,3}(-[\"\\\\x]+y|z?)$"}, "minItems": 3, "maxItems": 3}'
	conforms '{"type": ["boolean", "string", "null"], "minLength": 3, "maxLength": 5}'
}

@test "--json-schema: what leads to other schemas" {
	conforms '{"$defs": {"tree": {"properties": {"v": {"type": "integer", "minimum": 0, "maximum": 9}, "kids": {"type": "array", "items": {"$ref": "#/$defs/leaf"}, "maxItems": 2}}, "required": ["v", "kids"]},
		"leaf": {"anyOf": [{"type": "null"}, {"properties": {"l": {"enum": [1, 2]}}, "required": ["l"], "additionalProperties": false}]}}, "$ref": "#/$defs/tree"}'
	conforms '{"oneOf": [{"type": "integer", "minimum": 100, "maximum": 199}, {"enum": ["x", "y"]}, {"type": "array", "items": {"type": "null"}, "maxItems": 2}]}'
	conforms '{"allOf": [{"properties": {"a": {"type": "integer", "minimum": 3}}, "required": ["a"]}, {"properties": {"a": {"maximum": 5}, "b": {"type": "null"}}, "required": ["b"]}]}'
}

@test "--json-schema FILE, --grammar FILE: what jq and grep say of it" {
	command -v jq >/dev/null || skip "needs jq"
	echo '{"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 40}}, "required": ["n"]}' >schema.json
	lines 8 -n -1 --json-schema schema.json "$M" | sed 's/\\n/ /g' | jq -e -s 'length == 8 and all(.[]; keys == ["n"] and .n >= 1 and .n <= 40)'
	cat >words.gbnf <<-'END'
		# a sentence
		root ::= subject " " ("runs" | "sleeps") ("," [ a-z]{3,9}){0,2} "."
		subject ::= ("the" | "a") " " [a-z]{2,6}
	END
	lines 16 -n -1 --temp 3 --grammar words.gbnf "$M" >written
	[ "$(grep -cxE '(the|a) [a-z]{2,6} (runs|sleeps)(,[ a-z]{3,9}){0,2}\.' written)" = 16 ]
	[ "$(sort -u written | wc -l)" -gt 8 ]
}

@test "a grammar gives the same tokens whole and in a pipeline, however many at once, and twice" {
	echo 'root ::= ([A-Z] [a-z]{1,12} " "?){1,20} "."' >g.gbnf
	mai-shard split -n 2 -o parts "$M"
	lines 12 -n 60 --grammar g.gbnf -b 1 "$M" >one
	lines 12 -n 60 --grammar g.gbnf -b 12 "$M" >many
	lines 12 -n 60 --grammar g.gbnf --via 'mai-run parts/0.gguf | mai-run parts/1.gguf' >parted
	# so little memory that sequences are sent again, in the middle
	lines 12 -n 60 --grammar g.gbnf --via "mai-run --kv-mem 200K $M" >again
	cmp one many
	cmp one parted
	cmp one again
	grep -qE '^[A-Z][a-z]{1,12}' one
}

@test "a grammar under which each beginning is a state of many ways ends its sequence alone" {
	local c
	need_shared tokenizers/gguf/ggml-vocab-llama-spm.gguf
	mai-train init -q -V "$SHARED/tokenizers/gguf/ggml-vocab-llama-spm.gguf" --dim 32 --layers 1 --heads 2 -c 64 -o m.gguf
	{
		echo -n 'root ::= (.?){1000}'
		for c in {a..z} {A..Z}; do echo -n " | .* [$c] .{9}"; done
	} >g.gbnf
	echo Once | mai-tokenize -m m.gguf >prompt.mai
	run -1 --separate-stderr timeout 60 mai-run -n 5 --grammar g.gbnf m.gguf <prompt.mai
	[[ $stderr == *"sequence 0: grammar: more than 33554432 steps to see which tokens may come next"* ]] || fail "$stderr"
	# it does not depend on what is remembered
	cat prompt.mai prompt.mai >twice.mai
	run -1 --separate-stderr timeout 120 mai-run -n 5 --grammar g.gbnf m.gguf <twice.mai
	[ "$(grep -c "more than 33554432 steps" <<<"$stderr")" = 2 ] || fail "$stderr"
	mai-run -n 5 --json-schema '{"type": "string"}' m.gguf <prompt.mai >out
}

@test "a grammar that ends ends the text; one that can't goes on" {
	echo 'root ::= "yes" | "no"' >g.gbnf
	[ "$(lines 1 -n 50 --grammar g.gbnf "$M")" = no ] || [ "$(lines 1 -n 50 --grammar g.gbnf "$M")" = yes ]
	mai-cat --json made.mai | grep -q '"reason":"stop"'
	[ "$(lines 1 -n 50 --ignore-eos --grammar g.gbnf "$M" | wc -c)" -le 4 ]
	mai-cat --json made.mai | grep -q '"reason":"stop"'
	echo 'root ::= [a-z ]+ "\n"{2}' >g.gbnf
	lines 1 -n 5 --grammar g.gbnf "$M" >/dev/null
	mai-cat --json made.mai | grep -q '"reason":"length"'
}

# refuses STATUS TEXT OPTION...: mai-run does not begin, and says why in one line
refuses() {
	local status=$1 text=$2
	shift 2
	run -"$status" --separate-stderr mai-run -n 5 "$@" "$M" </dev/null
	[ "${#stderr_lines[@]}" = 1 ] && [ -z "$output" ]
	[[ $stderr == *"$text"* ]] || fail "says: $stderr"
}

@test "what is no grammar and no schema is refused by file, line and place" {
	printf 'root ::= "a"\nb ::= x "c"\n' >bad.gbnf
	refuses 1 "bad.gbnf: line 2, column 7: rule 'x' is not defined" --grammar bad.gbnf
	: >empty
	refuses 1 "empty: no rule is called 'root'" --grammar empty
	refuses 1 "empty: line 1, column 0: no JSON" --json-schema empty
	refuses 1 "/dev/urandom: more than 65536 bytes" --grammar /dev/urandom
	refuses 1 "/dev/urandom: more than 1048576 bytes" --json-schema /dev/urandom
	refuses 3 "nowhere" --grammar nowhere
	refuses 3 "nowhere" --json-schema nowhere
	refuses 1 "--json-schema: #/properties/a/not: this keyword is not supported" --json-schema '{"properties": {"a": {"not": {}}}}'
	refuses 1 "--json-schema: line 1, column 1: no JSON" --json-schema '{'
	refuses 2 "exclude each other" --grammar empty --json-schema empty
	refuses 2 "stdin has the tokens" --grammar -
	run -2 mai-run --grammar empty "$M" </dev/null
	echo 'root ::= <nothing>' >token.gbnf
	prompts 2 | mai-tokenize -m "$M" -l >prompts.mai
	run -1 --separate-stderr eval 'mai-run -n 5 --grammar token.gbnf "$M" <prompts.mai >made.mai'
	[[ $stderr == *"line 1, column 10: '<nothing>' is not one token of the model"* ]]
	mai-cat --json made.mai | grep -q '"reason":"error"'
}
