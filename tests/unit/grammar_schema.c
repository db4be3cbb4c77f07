/* JSON schemas as grammars: which texts they take, and which schemas are refused. */
#include "grammar/schema.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/err.h"
#include "grammar/grammar.h"
#include "grammar_match.h"
#include "tap.h"

/* Texts are divided by newlines. What is taken is JSON. */
static void
each(const struct grammar *g, const char *what, const char *texts, bool want)
{
	char *copy = strdup(texts), *rest = copy, *text;

	while (*texts && (text = strsep(&rest, "\n"))) {
		json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		tap_ok(matches(g, text) == want && (value || !want), "%s: %s %s", what, want ? "takes" : "does not take", text);
		json_decref(value);
	}
	free(copy);
}

/* The schema is written with ' for ". */
static void
check(const char *what, const char *quoted, const char *good, const char *bad)
{
	char *schema = strdup(quoted);
	struct buf text = { 0 };
	struct grammar *g = NULL;

	for (char *c = schema; *c; c++)
		if (*c == '\'')
			*c = '"';
	if (schema_to_grammar(schema, strlen(schema), &text) == 0)
		g = grammar_parse((const char *)text.data, text.len, NULL);
	if (tap_ok(g != NULL, "%s: becomes a grammar%s%s", what, g ? "" : ": ", g ? "" : err_reason())) {
		each(g, what, good, true);
		each(g, what, bad, false);
	}
	grammar_free(g);
	buf_free(&text);
	free(schema);
}

static void
refused(const char *quoted, const char *why)
{
	char *schema = strdup(quoted);
	struct buf text = { 0 };

	for (char *c = schema; *c; c++)
		if (*c == '\'')
			*c = '"';
	int rc = schema_to_grammar(schema, strlen(schema), &text);
	tap_ok(rc < 0 && err_status() == ERR_DATA && strcmp(err_reason(), why) == 0, "refused: %s%s%s", why, rc < 0 ? " : " : "", rc < 0 ? err_reason() : "");
	buf_free(&text);
	free(schema);
}

static void
types(void)
{
	check("null", "{'type': 'null'}", "null", "nul\n0\n\"null\"");
	check("boolean", "{'type': 'boolean'}", "true\nfalse", "True\n1");
	check("number", "{'type': 'number'}", "0\n-1\n12.50\n1e5\n-0.1E-12\n0.0", "01\n.5\n1.\n+1\n1e\n1e999\n12345678901234567");
	check("integer", "{'type': 'integer'}", "0\n-7\n1234567890123456", "1.0\n-0\n007\n12345678901234567");
	check("string", "{'type': 'string'}", "\"\"\n\"a\u00e9\U0001f600\"\n\"\\\"\\\\\\/\\n\\u00e9\"\n\"\\ud83d\\ude00\"", "\"\na\n\"\\q\"\n\"\t\"\n\"\\ud83d\"\n\"\\ude00\"\n\"\\u12\"");
	check("object", "{'type': 'object'}", "{}\n{ \"a\" : [1, {\"b\": null}], \"c\":\"d\" }", "[]\n{\"a\"}\n{,}\n{1:2}");
	check("array", "{'type': 'array'}", "[]\n[1,\"a\", [ ]]", "{}\n[,]\n[1,]");
	check("several types", "{'type': ['string', 'null', 'integer'], 'minLength': 2}", "null\n\"ab\"\n5", "\"a\"\ntrue\n1.5");
	check("anything", "{'description': 'whatever'}", "1\n\"a\"\nnull\n[{}]", "x\n");
	check("anything at all", "true", "1\n\"a\"\nnull", "x");
	check("no more than {}: any object", "{}", "{}\n{\"a\":1}", "1\n[]");
	check("a type that is not named", "{'minLength': 2, 'maxLength': 3}", "\"ab\"\n\"abc\"\n\"\u00e9\u00e9\"\n\"\\n\\u00e9\\ud83d\\ude00\"", "\"a\"\n\"abcd\"\n1");
}

static void
objects(void)
{
	check("properties in their order", "{'properties': {'a': {'type': 'integer'}, 'b': {'type': 'null'}, 'c': {'type': 'boolean'}}}",
	    "{}\n{\"a\":1}\n{\"b\":null}\n{\"c\":true}\n{\"a\":1,\"b\":null}\n{\"a\": 1, \"c\": true}\n{\"a\":1,\"b\":null,\"c\":false}",
	    "{\"b\":null,\"a\":1}\n{\"a\":null}\n{\"d\":1}\n{\"a\":1,}\n{,\"a\":1}\n{\"a\":1,\"a\":1}");
	check("required ones among others", "{'properties': {'a': {}, 'b': {}, 'c': {}, 'd': {}}, 'required': ['b', 'd']}",
	    "{\"b\":1,\"d\":2}\n{\"a\":0,\"b\":1,\"c\":3,\"d\":2}\n{\"a\":0,\"b\":1,\"d\":2}", "{}\n{\"a\":0,\"b\":1}\n{\"d\":1,\"b\":2}\n{\"a\":0,\"d\":2}");
	check("one that is required and not described", "{'type': 'object', 'properties': {'a': {'type': 'null'}}, 'required': ['b', 'a', 'b']}",
	    "{\"a\":null,\"b\":[1]}", "{\"a\":null}\n{\"b\":1,\"a\":null}");
	check("others of a type", "{'properties': {'ab': {'type': 'integer'}, 'ac': {'type': 'null'}}, 'additionalProperties': {'type': 'string'}}",
	    "{}\n{\"ab\":1}\n{\"ab\":1,\"x\":\"y\"}\n{\"a\":\"\",\"abc\":\"\",\"ad\":\"\",\"\":\"\",\"\u00e9\":\"\"}\n{\"x\":\"\",\"y\":\"\"}",
	    "{\"ab\":\"x\"}\n{\"x\":1}\n{\"x\":\"\",\"ab\":1}\n{\"\\u0061b\":\"\"}\n{\"ac\":\"\"}");
	check("only others", "{'additionalProperties': {'type': 'integer'}}", "{}\n{\"a\":1,\"b\":2}", "{\"a\":\"b\"}");
	check("others beside a required one", "{'properties': {'a': {}}, 'required': ['a'], 'additionalProperties': true}",
	    "{\"a\":1}\n{\"a\":1,\"b\":[2]}", "{}\n{\"b\":1}\n{\"a\":1,\"a\":2}");
	check("no members", "{'type': 'object', 'additionalProperties': false}", "{}\n{ }", "{\"a\":1}");
	check("names that JSON escapes", "{'properties': {'a\\'b\\\\c\\n': {'type': 'null'}}}", "{\"a\\\"b\\\\c\\n\":null}", "{\"a\":null}");
	check("names that classes escape", "{'properties': {'^': {}, ']': {}, '-': {}, '[x': {}}, 'additionalProperties': {'type': 'null'}}",
	    "{\"^\":1,\"]\":2}\n{\"a\":null,\"]]\":null,\"[\":null}", "{\"a\":null,\"^\":null}\n{\"[x\":1,\"-\":null}");
	check("objects in objects", "{'properties': {'a': {'properties': {'b': {'properties': {'c': {'type': 'null'}}, 'required': ['c']}}}}}",
	    "{\"a\":{\"b\":{\"c\":null}}}\n{\"a\":{}}", "{\"a\":{\"b\":{}}}");
}

static void
arrays(void)
{
	check("items", "{'type': 'array', 'items': {'type': 'integer'}}", "[]\n[1]\n[1, 2,3]", "[\"a\"]\n[1,]");
	check("a number of items", "{'items': {'type': 'null'}, 'minItems': 2, 'maxItems': 3}", "[null,null]\n[null,null,null]", "[null]\n[null,null,null,null]");
	check("at least one", "{'items': {}, 'minItems': 1}", "[1]\n[1,2,3,4]", "[]");
	check("at most one", "{'items': {}, 'maxItems': 1}", "[]\n[1]", "[1,2]");
	check("none", "{'type': 'array', 'maxItems': 0}", "[]", "[1]");
	check("a tuple", "{'prefixItems': [{'type': 'integer'}, {'type': 'string'}]}", "[1,\"a\"]", "[1]\n[]\n[1,\"a\",2]\n[\"a\",1]");
	check("a tuple as it was written once", "{'type': 'array', 'items': [{'type': 'integer'}, {'type': 'string'}]}", "[1,\"a\"]", "[1]\n[1,\"a\",2]");
	check("a tuple and more", "{'prefixItems': [{'type': 'integer'}, {'type': 'null'}], 'items': {'type': 'string'}, 'minItems': 1, 'maxItems': 4}",
	    "[1]\n[1,null]\n[1,null,\"a\"]\n[1,null,\"a\",\"b\"]", "[]\n[1,\"a\"]\n[1,null,\"a\",\"b\",\"c\"]");
	check("a tuple cut short", "{'prefixItems': [{}, {}, {}], 'maxItems': 2}", "[1,2]", "[1]\n[1,2,3]");
	check("more than a tuple says", "{'prefixItems': [{'type': 'null'}], 'minItems': 2}", "[null,1]\n[null,1,\"a\"]", "[null]");
	check("exactly a tuple", "{'prefixItems': [{}, {}], 'items': false}", "[1,2]", "[1]\n[1,2,3]");
}

static void
numbers(void)
{
	check("0 and up", "{'type': 'integer', 'minimum': 0}", "0\n10\n1234567890123456", "-1\n01\n-0");
	check("between", "{'type': 'integer', 'minimum': 38, 'maximum': 4321}", "38\n39\n99\n100\n999\n1000\n4320\n4321", "37\n4322\n5000\n9\n10000");
	check("across 0", "{'type': 'integer', 'minimum': -12, 'exclusiveMaximum': 3}", "-12\n-9\n-1\n0\n2", "-13\n3\n-0\n-20");
	check("below 0", "{'type': 'integer', 'minimum': -456, 'maximum': -99}", "-99\n-100\n-456", "-98\n-457\n99\n0");
	check("one number", "{'type': 'integer', 'exclusiveMinimum': 6, 'exclusiveMaximum': 8}", "7", "6\n8\n-7");
	check("of two bounds the stricter", "{'type': 'integer', 'minimum': 5, 'exclusiveMinimum': 5, 'maximum': 7, 'exclusiveMaximum': 9}", "6\n7", "5\n8");
	check("up to a bound", "{'type': 'integer', 'maximum': 30}", "30\n-5\n0\n-1234567890123456", "31\n100");
	check("bounds with all digits", "{'type': 'integer', 'minimum': 99999999999999999, 'maximum': 100000000000000001}", "99999999999999999\n100000000000000000\n100000000000000001", "99999999999999998\n100000000000000002");
	check("numbers from 0", "{'type': 'number', 'minimum': 0}", "0\n0.5\n12.25", "-0.5\n-1\n1e5");
	check("numbers above 0", "{'type': 'number', 'exclusiveMinimum': 0}", "0.5\n1\n12.0\n0.001", "0\n0.0\n-1");
	check("numbers between", "{'type': 'number', 'minimum': -1, 'exclusiveMaximum': 2}", "-1\n-1.0\n-0.99\n0\n1\n1.999", "-1.01\n2\n2.0\n-2");
	check("numbers below 0", "{'maximum': -3, 'exclusiveMinimum': -5}", "-3\n-3.5\n-4.99", "-5\n-5.0\n-2.9\n3");
	check("numbers at one", "{'type': 'number', 'minimum': 3, 'maximum': 3}", "3\n3.0", "3.1\n2");
}

static void
strings(void)
{
	check("at least", "{'type': 'string', 'minLength': 1}", "\"a\"\n\"abc\"", "\"\"");
	check("date", "{'format': 'date'}", "\"2024-02-29\"\n\"2023-12-31\"\n\"2000-02-29\"", "\"2023-02-29\"\n\"1900-02-29\"\n\"2023-13-01\"\n\"2023-04-31\"\n\"23-1-1\"");
	check("time", "{'format': 'time'}", "\"23:59:59Z\"\n\"00:00:00.123+02:00\"", "\"24:00:00Z\"\n\"12:00\"\n\"12:00:00\"");
	check("date-time", "{'type': 'string', 'format': 'date-time'}", "\"2024-02-29T23:59:59Z\"", "\"2024-02-29 23:59:59Z\"\n\"2024-02-29\"");
	check("uuid", "{'format': 'uuid'}", "\"01234567-89ab-CDEF-0123-456789abcdef\"", "\"01234567-89ab-CDEF-0123-456789abcde\"\n\"x\"");
	check("a pattern", "{'pattern': '^[a-c]+x?(de|f){2,3}$'}", "\"adede\"\n\"abcxfdef\"", "\"xff\"\n\"af\"\n\"affff\"\n\"aff!\"");
	check("a pattern in the middle", "{'pattern': 'b+'}", "\"b\"\n\"abbc\"", "\"ac\"\n\"\"");
	check("a beginning or an end", "{'pattern': '^a|b$'}", "\"ax\"\n\"xb\"\n\"ab\"", "\"xa\"\n\"bx\"");
	check("classes by name", "{'pattern': '^\\\\d{2}\\\\w[\\\\s.]\\\\D$'}", "\"12_ a\"\n\"00z.\u00e9\"", "\"12! a\"\n\"1a a\"\n\"12_ 3\"");
	check("what JSON escapes", "{'pattern': '^.[\\\\\\\\/]\\'\\\\n$'}", "\"a/\\\"\\n\"\n\"\\\"\\\\\\\"\\n\"", "\"a/b\"\n\"\\n/\\\"\\n\"");
	check("escapes", "{'pattern': '^\\\\x41\\\\u00e9\\\\.\\\\-\\\\t$'}", "\"A\u00e9.-\\t\"", "\"A\u00e9x-\\t\"");
	check("lazy, and groups without a number", "{'pattern': '^(?:a|b)*?c$'}", "\"c\"\n\"abac\"", "\"ab\"");
	check("an empty pattern", "{'pattern': ''}", "\"\"\n\"abc\"", "1");
	check("nothing at all", "{'pattern': '^$'}", "\"\"", "\"a\"");
	check("an inverted class", "{'pattern': '^[^a-y]$'}", "\"z\"\n\"\\\"\"\n\"\u00e9\"", "\"a\"\n\"\"\n\"zz\"");
}

static void
values(void)
{
	check("enum", "{'enum': ['a', 1, null, {'b': [true, 0.1]}]}", "\"a\"\n1\nnull\n{\"b\":[true,0.1]}", "\"b\"\n2\na");
	check("enum and type", "{'type': 'string', 'enum': ['a', 1, 'b']}", "\"a\"\n\"b\"", "1");
	check("const", "{'const': 'it\\'s \\\\'}", "\"it\\\"s \\\\\"", "\"it's\"");
	check("an integer is a number", "{'type': 'number', 'enum': [1, 2.5, 'x']}", "1\n2.5", "\"x\"");
	check("what both lists have", "{'allOf': [{'enum': ['a', 'b', 'c']}, {'enum': ['d', 'c', 'b']}]}", "\"b\"\n\"c\"", "\"a\"\n\"d\"");
}

static void
leads(void)
{
	check("anyOf", "{'anyOf': [{'type': 'null'}, {'type': 'array', 'items': {'type': 'null'}}, {'const': 5}]}", "null\n[null]\n5", "6\n[5]");
	check("oneOf", "{'oneOf': [{'type': 'boolean'}, {'minLength': 1}]}", "true\n\"a\"", "\"\"\n1");
	check("anyOf with more beside it", "{'properties': {'a': {'type': 'null'}}, 'anyOf': [{'required': ['a']}, {'properties': {'b': {'type': 'integer'}}, 'required': ['b']}]}",
	    "{\"a\":null}\n{\"b\":1}\n{\"a\":null,\"b\":1}", "{}\n{\"b\":null}");
	check("$ref", "{'$defs': {'n': {'type': 'integer', 'minimum': 1}}, 'properties': {'a': {'$ref': '#/$defs/n'}, 'b': {'items': {'$ref': '#/$defs/n'}}}}",
	    "{\"a\":1,\"b\":[1,2]}", "{\"a\":0}\n{\"b\":[0]}");
	check("$ref with more beside it", "{'definitions': {'s': {'type': 'string'}}, '$ref': '#/definitions/s', 'maxLength': 1}", "\"\"\n\"a\"", "\"ab\"\n1");
	check("$ref into an array, and escaped", "{'$defs': {'a/b~c': {'prefixItems': [{'type': 'null'}, {'type': 'boolean'}]}}, 'items': {'$ref': '#/$defs/a~1b~0c/prefixItems/1'}}",
	    "[true]", "[null]");
	check("a tree", "{'$defs': {'node': {'properties': {'v': {'type': 'integer'}, 'next': {'anyOf': [{'type': 'null'}, {'$ref': '#/$defs/node'}]}}, 'required': ['v', 'next']}}, '$ref': '#/$defs/node'}",
	    "{\"v\":1,\"next\":null}\n{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":3,\"next\":null}}}", "{\"v\":1}\n{\"v\":1,\"next\":{}}");
	check("itself", "{'type': 'array', 'items': {'$ref': '#'}}", "[]\n[[],[[]]]", "[1]");
	check("allOf", "{'$defs': {'a': {'properties': {'x': {'type': 'integer', 'minimum': 2}}, 'required': ['x']}}, 'allOf': [{'$ref': '#/$defs/a'}, {'properties': {'y': {'type': 'null'}, 'x': {'maximum': 4}}, 'required': ['y']}]}",
	    "{\"x\":2,\"y\":null}\n{\"x\":4,\"y\":null}", "{\"x\":2}\n{\"x\":5,\"y\":null}\n{\"y\":null,\"x\":2}");
	check("allOf of the stricter", "{'type': 'string', 'allOf': [{'minLength': 1}, {'minLength': 2}, {'maxLength': 3}]}", "\"ab\"\n\"abc\"", "\"a\"\n\"abcd\"");
	check("allOf in a tree", "{'$defs': {'n': {'allOf': [{'properties': {'a': {'$ref': '#/$defs/n'}}}, {'properties': {'b': {'type': 'null'}}}]}}, '$ref': '#/$defs/n'}",
	    "{}\n{\"a\":{\"a\":{}},\"b\":null}", "{\"a\":1}");
}

static void
faults(void)
{
	refused("{'type'", "line 1, column 7: no JSON: ':' expected near end of file");
	refused("{'type': 'number', 'type': 'string'}", "line 1, column 25: no JSON: duplicate object key near '\"type\"'");
	refused("7", "#: a schema is wanted, an object");
	refused("false", "#: no value is allowed");
	refused("{'type': 'text'}", "#/type: no type that is known");
	refused("{'properties': {'a': {'type': 7}}}", "#/properties/a/type: no type that is known");
	refused("{'items': {'not': {}}}", "#/items/not: this keyword is not supported");
	refused("{'properties': {'a': {'uniqueItems': true}}}", "#/properties/a/uniqueItems: this keyword is not supported");
	refused("{'patternProperties': {}}", "#/patternProperties: this keyword is not supported");
	refused("{'if': {}, 'then': {}}", "#/if: this keyword is not supported");
	refused("{'type': 'integer', 'multipleOf': 2}", "#/multipleOf: this keyword is not supported");
	refused("{'propertys': {}}", "#/propertys: this keyword is not supported");
	refused("{'properties': [1]}", "#/properties: an object is wanted");
	refused("{'properties': {'a': 1}}", "#/properties/a: a schema is wanted, an object");
	refused("{'properties': {}, 'required': ['a'], 'additionalProperties': false}", "#/required: 'a' is none of the properties, and no others are allowed");
	refused("{'required': [1]}", "#/required: names are wanted");
	refused("{'format': 'email'}", "#/format: this format is not supported, as date, time, date-time and uuid are");
	refused("{'minLength': -1}", "#/minLength: a whole number from 0 to 1048576 is wanted");
	refused("{'minLength': 3, 'maxLength': 2}", "#: the least length is above the largest");
	refused("{'pattern': 'a', 'minLength': 2}", "#: only one of a pattern, a format and lengths is supported");
	refused("{'items': {}, 'minItems': 3, 'maxItems': 2}", "#: the least number of items is above the largest");
	refused("{'prefixItems': 1}", "#/prefixItems: an array of schemas is wanted");
	refused("{'type': 'integer', 'minimum': 3, 'maximum': 2}", "#: no number is within these bounds");
	refused("{'type': 'integer', 'minimum': 0.5}", "#/minimum: only whole numbers of at most 18 digits are supported here");
	refused("{'type': 'number', 'exclusiveMaximum': true}", "#/exclusiveMaximum: only whole numbers of at most 18 digits are supported here");
	refused("{'type': 'number', 'minimum': 2, 'exclusiveMaximum': 2}", "#: no number is within these bounds");
	refused("{'enum': []}", "#: none of the values is allowed");
	refused("{'type': 'null', 'enum': [1]}", "#: none of the values is allowed");
	refused("{'enum': ['a'], 'minLength': 2}", "#: what else enum and const are to comply with is not looked at: only type may stand beside them");
	refused("{'$ref': 'http://example.org/a'}", "#/$ref: 'http://example.org/a' is not within this schema, as '#/...' is");
	refused("{'$ref': '#/$defs/a'}", "#/$ref: '#/$defs/a' leads nowhere");
	refused("{'$ref': '#'}", "#: this leads to itself, or to more than 64 others in turn");
	refused("{'$defs': {'a': {'anyOf': [{'type': 'null'}, {'$ref': '#/$defs/a'}]}}, '$ref': '#/$defs/a'}", "#/$defs/a: this leads to itself, or to more than 64 others in turn");
	refused("{'anyOf': []}", "#/anyOf: an array of schemas is wanted");
	refused("{'allOf': [{'type': 'string'}, {'pattern': 'a'}, {'pattern': 'b'}]}", "#/allOf/2: 'pattern' is said twice, and not the same");
	refused("{'allOf': [{'properties': {'a': {}}, 'additionalProperties': false}, {'properties': {'b': {}}}]}",
	    "#/allOf/1: additionalProperties false shuts out properties that another part of the schema names");
	refused("{'pattern': 'a(?=b)'}", "#/pattern: at offset 2: only plain groups are supported");
	refused("{'pattern': 'a)'}", "#/pattern: at offset 1: ')' closes nothing");
	refused("{'pattern': '(a'}", "#/pattern: at offset 2: '(' is not closed");
	refused("{'pattern': '*a'}", "#/pattern: at offset 0: nothing to repeat");
	refused("{'pattern': 'a^b'}", "#/pattern: at offset 1: ^ and $ are supported at the ends alone");
	refused("{'pattern': '[b-a]'}", "#/pattern: at offset 4: a range that ends before it begins");
	refused("{'pattern': '[a'}", "#/pattern: at offset 2: '[' is not closed");
	refused("{'pattern': '\\\\b'}", "#/pattern: at offset 1: this escape is not supported");
	refused("{'pattern': '(a)\\\\1'}", "#/pattern: at offset 4: this escape is not supported");
	refused("{'pattern': 'a{2,1}'}", "#/pattern: at offset 6: the least number of repetitions is above the largest");
	refused("{'pattern': '\\\\u12g4'}", "#/pattern: at offset 2: hexadecimal digits are wanted");
	refused("{'pattern': 3}", "#/pattern: a string is wanted");
}

/* The grammar is too long, however small the schema is. */
static void
growing(void)
{
	struct buf schema = { 0 }, text = { 0 };

	buf_printf(&schema, "{\"$defs\":{\"d0\":{\"type\":\"null\"}");
	for (int i = 1; i <= 20; i++)
		buf_printf(&schema, ",\"d%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}", i, i - 1, i - 1);
	buf_printf(&schema, "},\"$ref\":\"#/$defs/d20\"}");
	tap_ok(schema_to_grammar((const char *)schema.data, schema.len, &text) < 0 &&
	    strcmp(err_reason(), "#: the grammar of this schema has more than 65536 bytes") == 0, "a grammar that doubles with each step is refused: %s", err_reason());
	buf_free(&schema);
	buf_free(&text);
}

int
main(void)
{
	types();
	objects();
	arrays();
	numbers();
	strings();
	values();
	leads();
	faults();
	growing();
	return tap_done();
}
