/* Canonical JSON where it stands: what is canonical for sure is what is made of it; members and values are found as jansson finds them. */
#include <stdio.h>

#include "base/err.h"
#include "base/io.h"
#include "trust/jcs.h"
#include "trust/jcs_text.h"
#include "vectors.h"

/* What jcs_parse and jcs_add make of a text; no data where it can't be had. */
static struct buf
made_of(const char *text, size_t n)
{
	struct buf b = { 0 };
	json_t *j = jcs_parse(text, n);

	if (j && jcs_add(&b, j) < 0)
		buf_free(&b);
	json_decref(j);
	return b;
}

static bool
is_made_of_itself(const char *text, size_t n)
{
	struct buf b = made_of(text, n);
	bool same = b.data && b.len == n && memcmp(b.data, text, n) == 0;

	buf_free(&b);
	return same;
}

/* ---- is it canonical? ---- */

static const struct {
	const char *text;
	bool yes;
} texts[] = {
	{ "{}", true }, { "[]", true }, { "null", true }, { "true", true }, { "false", true }, { "\"\"", true }, { "0", true }, { "[[],{},[{}]]", true },
	{ "{\"\":0,\"A\":1,\"AA\":2,\"a\":[1,2,{\"b\":null}]}", true },
	/* white space, and what is behind */
	{ "", false }, { " ", false }, { " {}", false }, { "{} ", false }, { "{ }", false }, { "[ ]", false }, { "[1, 2]", false }, { "[1 ,2]", false }, { "{\"a\" :1}", false },
	{ "{\"a\": 1}", false }, { "{}\n", false }, { "{}{}", false }, { "1 2", false }, { "nullx", false }, { "\xef\xbb\xbf{}", false },
	/* numbers */
	{ "1", true }, { "-1", true }, { "999999999999999", true }, { "-999999999999999", true }, { "9007199254740992", false }, { "1000000000000000", false }, { "-0", false },
	{ "01", false }, { "-01", false }, { "00", false }, { "-", false }, { "--1", false }, { "+1", false }, { "1.0", false }, { "1.", false }, { ".5", false }, { "0.5", false },
	{ "1e5", false }, { "1E5", false }, { "1e+21", false }, { "0e0", false }, { "0x1", false }, { "NaN", false }, { "Infinity", false }, { "1a", false }, { "[1.5]", false },
	{ "[-0]", false }, { "[0,0]", true },
	/* words */
	{ "nul", false }, { "True", false }, { "t", false }, { "falsey", false },
	/* escapes: each character has one form */
	{ "\"\\b\\t\\n\\f\\r\\\"\\\\\"", true }, { "\"/\"", true }, { "\"\\/\"", false }, { "\"\\u0000\"", true }, { "\"\\u0007\\u000b\\u000e\\u000f\\u0010\\u001f\"", true },
	{ "\"\\u0008\"", false }, { "\"\\u0009\"", false }, { "\"\\u000a\"", false }, { "\"\\u000c\"", false }, { "\"\\u000d\"", false }, { "\"\\u0022\"", false }, { "\"\\u005c\"", false },
	{ "\"\\u000B\"", false }, { "\"\\u001F\"", false }, { "\"\\u0018\\u0019\\u001a\\u001c\\u001d\"", true }, { "\"\\u0020\"", false }, { "\"\\u0041\"", false }, { "\"\\u007f\"", false },
	{ "\"\x7f\"", true }, { "\"\\u00e9\"", false }, { "\"\\ud83d\\ude00\"", false }, { "\"\\ud800\"", false }, { "\"\\x\"", false }, { "\"\\\"", false }, { "\"\\u\"", false },
	{ "\"\\u00\"", false }, { "\"\\u001\"", false }, { "\"\\U0001\"", false }, { "\"a\nb\"", false }, { "\"\t\"", false }, { "\"\x1f\"", false }, { "'a'", false },
	/* UTF-8 */
	{ "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"", true }, { "\"\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf\"", true }, { "\"\xc3\"", false }, { "\"\xa9\"", false },
	{ "\"\xc0\x80\"", false }, { "\"\xe0\x80\x80\"", false }, { "\"\xed\xa0\x80\"", false }, { "\"\xf4\x90\x80\x80\"", false }, { "\"\xf8\x88\x80\x80\x80\"", false }, { "\"\xff\"", false },
	{ "\"\xe2\x82\"", false }, { "\"\xe2\x82\\n\"", false }, { "\xc3\xa9", false },
	/* keys: in order, each once; those that would need another order or another form are left to jcs_add */
	{ "{\"a\":1,\"b\":2}", true }, { "{\"b\":1,\"a\":2}", false }, { "{\"a\":1,\"a\":2}", false }, { "{\"a\":1,\"ab\":2}", true }, { "{\"ab\":1,\"a\":2}", false },
	{ "{\"\":1,\"\":2}", false }, { "{\"A\":1,\"a\":2}", true }, { "{\"a\":1,\"A\":2}", false }, { "{\"a b\":1,\"a!b\":2}", true }, { "{\"a\\n\":1}", false }, { "{\"\\u0061\":1}", false },
	{ "{\"\xc3\xa9\":1}", false }, { "{\"\x7f\":1}", true }, { "[{\"b\":1,\"a\":2}]", false }, { "{\"a\":{\"c\":1,\"b\":2}}", false }, { "{\"a\":{\"b\":1},\"b\":{\"a\":1}}", true },
	/* cut short, or too much */
	{ "{", false }, { "[", false }, { "\"", false }, { "\"a", false }, { "{\"a\"", false }, { "{\"a\":", false }, { "{\"a\":1", false }, { "{\"a\":1,", false }, { "{\"a\":1,}", false },
	{ "[1", false }, { "[1,", false }, { "[1,]", false }, { "[,1]", false }, { "{,}", false }, { "{a:1}", false }, { "{1:1}", false }, { "{\"a\"}", false }, { "{\"a\",1}", false },
	{ "[1}", false }, { "{]", false }, { "]", false }, { "[[]", false }, { "[]]", false }, { ",", false }, { ":", false }, { "[\"a\":1]", false }, { "// x\n1", false },
};

static void
check_table(void)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t n = strlen(texts[i].text);
		bool yes = jcs_is_canonical(texts[i].text, n);
		tap_ok(yes == texts[i].yes && (!yes || is_made_of_itself(texts[i].text, n)), "%zu is %scanonical for sure", i, texts[i].yes ? "" : "not ");
	}
	tap_ok(!jcs_is_canonical("\"a\0\"", 4) && !jcs_is_canonical("1\0", 2) && !jcs_is_canonical("{}\0", 3) && !jcs_is_canonical("\"\\\0\"", 4), "nor what has a NUL");
	tap_ok(jcs_is_canonical("12345", 3) && jcs_is_canonical("[]]", 2) && !jcs_is_canonical("true", 3) && !jcs_is_canonical("\"abc\"", 4), "what is behind the text is no part of it");
}

static void
check_depth(void)
{
	char text[200];
	bool good = true;

	for (size_t depth = 1; depth <= 100; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		good = good && jcs_is_canonical(text, 2 * depth) == (depth <= 32) && is_made_of_itself(text, 2 * depth);
	}
	tap_ok(good, "32 arrays in each other; more are left to the parser");
	struct buf deep = { 0 };
	for (int i = 0; i < 1000000; i++)
		if (buf_add(&deep, "{\"\":", 4) < 0)
			abort();
	tap_ok(!jcs_is_canonical((char *)deep.data, deep.len), "a million do no harm");
	buf_free(&deep);
	if (buf_addc(&deep, '"') < 0 || buf_reserve(&deep, JCS_MAX) < 0)
		abort();
	memset(deep.data + 1, 'x', JCS_MAX);
	deep.data[JCS_MAX - 1] = '"';
	tap_ok(jcs_is_canonical((char *)deep.data, JCS_MAX), "a text of %d bytes", JCS_MAX);
	deep.data[JCS_MAX - 1] = 'x';
	deep.data[JCS_MAX] = '"';
	tap_ok(!jcs_is_canonical((char *)deep.data, JCS_MAX + 1), "and none of more");
	buf_free(&deep);
}

/* ---- values by chance ---- */

static json_t *
random_text(bool key)
{
	static const char *const part[] = { "a", "Z", "\"", "\\", "\n", "\x01", "\x7f", "/", "\xc3\xa9", "\xf0\x9f\x98\x80", "{", "[", ",", ":", "}", "]", "type", " " };
	char text[64] = "";

	for (uint32_t n = randombytes_uniform(6); n > 0; n--) {
		const char *p = part[randombytes_uniform(sizeof part / sizeof *part)];
		if (!key || ((uint8_t)*p >= ' ' && (uint8_t)*p < 0x80 && *p != '"' && *p != '\\'))
			strcat(text, p); /* at most 5 of 4 bytes */
	}
	return json_string(text);
}

/* Of what is canonical for sure: keys of ASCII, whole numbers. */
static json_t *
random_value(int depth)
{
	json_t *v, *key;

	switch (randombytes_uniform(depth > 0 ? 8 : 5)) {
	case 0:
		return json_real(randombytes_uniform(2) ? 999999999999999.0 - randombytes_uniform(1000) : randombytes_uniform(100));
	case 1:
		return json_real(-1.0 - randombytes_uniform(100000));
	case 2:
		return json_boolean(randombytes_uniform(2));
	case 3:
		return json_null();
	case 4:
		return random_text(false);
	case 5:
		v = json_array();
		for (uint32_t n = randombytes_uniform(4); n > 0; n--)
			json_array_append_new(v, random_value(depth - 1));
		return v;
	default:
		v = json_object();
		for (uint32_t n = randombytes_uniform(6); n > 0; n--) {
			key = random_text(true);
			json_object_set_new(v, json_string_value(key), random_value(depth - 1));
			json_decref(key);
		}
		return v;
	}
}

/* Does the walk give each member, in the order of the text, with the text of its value? */
static bool
walks(const char *text, size_t n, const json_t *object)
{
	size_t at = 0, count = 0;
	const char *expected = text + 1;
	struct jcs_member m;

	while (jcs_next(text, n, &at, &m)) {
		char key[600];
		if (m.n_key + 2 > sizeof key || m.from != expected)
			return false;
		memcpy(key, m.key - 1, m.n_key + 2); /* with its quotes, as JSON */
		json_t *name = json_loadb(key, m.n_key + 2, JSON_DECODE_ANY, NULL);
		const json_t *value = json_object_get(object, json_string_value(name));
		struct buf b = { 0 };
		bool same = value && jcs_add(&b, value) == 0 && b.len == m.value.n && memcmp(b.data, m.value.at, b.len) == 0;
		if (same && !memchr(m.key, '\\', m.n_key)) {
			struct jcs_value v = jcs_member(text, n, json_string_value(name));
			same = v.at == m.value.at && v.n == m.value.n;
		}
		if (same && json_is_object(value))
			same = walks(m.value.at, m.value.n, value);
		json_decref(name);
		buf_free(&b);
		if (!same)
			return false;
		expected = m.value.at + m.value.n;
		count++;
	}
	return count == json_object_size(object) && expected + 1 == text + n;
}

static void
check_random(void)
{
	size_t wrong = 0, yes = 0, lost = 0, other = 0;

	for (int i = 0; i < 20000; i++) {
		json_t *v = random_value(4);
		struct buf b = { 0 };
		if (jcs_add(&b, v) < 0)
			abort();
		wrong += !jcs_is_canonical((char *)b.data, b.len);
		if (json_is_object(v))
			lost += !walks((char *)b.data, b.len, v);
		for (int k = 0; k < 4 && b.len > 0; k++) {
			static const char some[] = "{}[]\",:\\u0019nt -.eE/\x01\x7f\xc3\xa9";
			uint8_t *at = &b.data[randombytes_uniform((uint32_t)b.len)], was = *at;
			*at = (uint8_t)some[randombytes_uniform(sizeof some)];
			if (jcs_is_canonical((char *)b.data, b.len)) {
				yes++;
				other += !is_made_of_itself((char *)b.data, b.len);
			}
			*at = was;
		}
		buf_free(&b);
		json_decref(v);
	}
	tap_ok(wrong == 0, "values by chance are canonical for sure (%zu are not)", wrong);
	tap_ok(lost == 0, "and their members are found (of %zu not)", lost);
	tap_ok(other == 0 && yes > 1000, "what is canonical for sure with a byte changed is what is made of it (%zu of %zu are not)", other, yes);
}

/* ---- texts, members, values ---- */

static void
check_text(void)
{
	struct buf made = { 0 };
	const char *text = "{\"a\":1}", *is;
	size_t n;

	tap_ok(jcs_text(text, 7, &made, &n) == text && n == 7 && made.len == 0, "what is canonical is itself");
	is = jcs_text(" {\"b\":1.0,\"a\":\"\\u00e9\"}", 23, &made, &n);
	tap_ok(is == (char *)made.data && n == 16 && memcmp(is, "{\"a\":\"\xc3\xa9\",\"b\":1}", n) == 0, "of something else, it is made");
	is = jcs_text("[1e0]", 5, &made, &n);
	tap_ok(is && n == 3 && memcmp(is, "[1]", 3) == 0, "anew each time");
	tap_ok(!jcs_text("{\"a\":1,\"a\":1}", 13, &made, &n) && !jcs_text("x", 1, &made, &n) && !jcs_text("", 0, &made, &n) && !jcs_text("1e999", 5, &made, &n), "of what is no JSON, nothing: %s",
	    err_reason());
	buf_free(&made);
}

static bool
member_is(const char *object, const char *key, const char *value)
{
	struct jcs_value v = jcs_member(object, strlen(object), key);

	return value ? v.at && v.n == strlen(value) && memcmp(v.at, value, v.n) == 0 : !v.at && v.n == 0;
}

static void
check_members(void)
{
	static const char nested[] = "{\"a\":{\"b\":[1,{\"c\":\"},]\\\"\"}],\"x\":1},\"b\":\"{\\\\\",\"c\":[[],[\"a\\\"]\"]],\"d\":\"\",\"x\":2}",
	    escaped[] = "{\"\\n\":1,\"\\\"\":2,\"a\\\\\":{\"\\\"\":[]},\"b\":3,\"\xc3\xa9\":4}";
	size_t at = 0;
	struct jcs_member m;

	tap_ok(member_is(nested, "a", "{\"b\":[1,{\"c\":\"},]\\\"\"}],\"x\":1}") && member_is(nested, "b", "\"{\\\\\"") && member_is(nested, "c", "[[],[\"a\\\"]\"]]") && member_is(nested, "d", "\"\"") &&
	    member_is(nested, "x", "2"), "members that hold others, and texts with brackets, commas and quotes");
	tap_ok(member_is(nested, "e", NULL) && member_is(nested, "", NULL) && member_is(nested, "aa", NULL) && member_is(nested, "b\":", NULL), "what is no member of it is none, though it is one inside");
	tap_ok(member_is(escaped, "b", "3") && member_is(escaped, "\\n", "1") && member_is(escaped, "\\\"", "2") && member_is(escaped, "a\\\\", "{\"\\\"\":[]}") && member_is(escaped, "\xc3\xa9", "4") &&
	    member_is(escaped, "\n", NULL) && member_is(escaped, "\"", NULL), "keys are found as they are escaped");
	json_t *j = jcs_parse(nested, sizeof nested - 1), *e = jcs_parse(escaped, sizeof escaped - 1);
	tap_ok(j && e && walks(nested, sizeof nested - 1, j) && walks(escaped, sizeof escaped - 1, e), "the walk gives all of them, each from its comma on");
	json_decref(j);
	json_decref(e);
	static const char *const none[] = { "{}", "[]", "[\"a\"]", "\"{\\\"a\\\":1}\"", "1", "null", "", "{" };
	bool any = false;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		at = 0;
		any |= jcs_next(none[i], strlen(none[i]), &at, &m) || jcs_member(none[i], strlen(none[i]), "a").at;
	}
	tap_ok(!any, "what is no object, or an empty one, has none");
}

static const struct {
	const char *text;
	bool whole;
	uint64_t number;
} wholes[] = {
	{ "0", true, 0 }, { "1", true, 1 }, { "999999999999999", true, 999999999999999 }, { "9007199254740992", true, UINT64_C(1) << 53 }, { "9007199254740991", true, 9007199254740991 },
	{ "9007199254740994", false, 0 }, { "9999999999999999", false, 0 }, { "12345678901234567", false, 0 }, { "123456789012345680000", false, 0 }, { "-1", false, 0 }, { "1.5", false, 0 },
	{ "1e+21", false, 0 }, { "\"1\"", false, 0 }, { "", false, 0 }, { "null", false, 0 }, { "[]", false, 0 }, { "-", false, 0 },
};

static const struct {
	const char *text, *plain;
} plains[] = {
	{ "\"\"", "" }, { "\"abc\"", "abc" }, { "\"a,{b}\"", "a,{b}" }, { "\"\xc3\xa9\"", "\xc3\xa9" }, { "\"\\n\"", NULL }, { "\"a\\\\\"", NULL }, { "\"\\\"\"", NULL }, { "1", NULL }, { "[\"a\"]", NULL },
	{ "{}", NULL }, { "null", NULL },
};

static void
check_values(void)
{
	const char *text;
	uint64_t number;
	size_t n;

	for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
		struct jcs_value v = { wholes[i].text, strlen(wholes[i].text) };
		bool whole = jcs_whole(&v, &number);
		tap_ok(whole == wholes[i].whole && (!whole || number == wholes[i].number), "'%s' is %s whole number", wholes[i].text, whole ? "a" : "no");
	}
	for (size_t i = 0; i < sizeof plains / sizeof *plains; i++) {
		struct jcs_value v = { plains[i].text, strlen(plains[i].text) };
		bool plain = jcs_plain(&v, &text, &n);
		tap_ok(plain == (plains[i].plain != NULL) && (!plain || (n == strlen(plains[i].plain) && memcmp(text, plains[i].plain, n) == 0)), "%s is %s plain text", v.at, plain ? "a" : "no");
	}
	tap_ok(!jcs_whole(&(struct jcs_value){ 0 }, &number) && !jcs_plain(&(struct jcs_value){ 0 }, &text, &n), "what is not there is neither");
}

/* ---- the vectors of RFC 8785's author ---- */

static void
check_vectors(void)
{
	static const char *const names[] = { "arrays", "french", "structures", "values" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char name[64];
		struct io_map in, out;
		struct buf made = { 0 };
		const char *path, *text;
		size_t n;
		snprintf(name, sizeof name, "jcs/input/%s.json", names[i]);
		if (!(path = vectors_path(name)))
			return;
		if (io_map(&in, path) < 0)
			abort();
		snprintf(name, sizeof name, "jcs/output/%s.json", names[i]);
		if (!(path = vectors_path(name)) || io_map(&out, path) < 0)
			abort();
		json_t *o = jcs_parse((const char *)in.data, in.size);
		text = jcs_text((const char *)in.data, in.size, &made, &n);
		tap_ok(text && n == out.size && memcmp(text, out.data, n) == 0, "%s is made canonical", names[i]);
		tap_ok(!jcs_is_canonical((const char *)in.data, in.size) && (!json_is_object(o) || walks((const char *)out.data, out.size, o)), "and its members are found");
		json_decref(o);
		buf_free(&made);
		io_unmap(&in);
		io_unmap(&out);
	}
}

int
main(void)
{
	if (sodium_init() < 0)
		abort();
	check_table();
	check_depth();
	check_random();
	check_text();
	check_members();
	check_values();
	check_vectors();
	return tap_done();
}
