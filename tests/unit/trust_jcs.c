/* Canonical JSON: the vectors of RFC 8785, numbers as ECMAScript prints them, and what is no JSON that can be canonical. */
#include <math.h>
#include <stdio.h>

#include "base/err.h"
#include "base/io.h"
#include "trust/jcs.h"
#include "vectors.h"

/* The canonical text of a text, with a NUL; none where it can't be had. */
static struct buf
canonical(const char *text, size_t n)
{
	struct buf b = { 0 };
	json_t *j = jcs_parse(text, n);

	if (!j || jcs_add(&b, j) < 0 || buf_addc(&b, 0) < 0)
		buf_free(&b);
	json_decref(j);
	return b;
}

static const struct {
	const char *text, *wanted;
} good[] = {
	{ " { } ", "{}" }, { "[ ]", "[]" }, { "[1, true,false , null]", "[1,true,false,null]" }, { "\"\\u0041\\/\\n\\u000B\\u001f\\\"\\\\\"", "\"A/\\n\\u000b\\u001f\\\"\\\\\"" },
	{ "\"\\u0000\"", "\"\\u0000\"" }, { "{\"b\":1,\"a\":{\"d\":2,\"c\":[]}}", "{\"a\":{\"c\":[],\"d\":2},\"b\":1}" }, { "{\"\":0,\"A\":1,\"AA\":2}", "{\"\":0,\"A\":1,\"AA\":2}" },
	/* U+FB33 is behind U+1F600, whose first unit is D83D; U+D7FF is before both */
	{ "{\"\\ufb33\":3,\"\\ud83d\\ude00\":2,\"\\ud7ff\":1}", "{\"\xed\x9f\xbf\":1,\"\xf0\x9f\x98\x80\":2,\"\xef\xac\xb3\":3}" },
	{ "9007199254740993", "9007199254740992" }, { "-0", "0" }, { "-0.0", "0" }, { "1E+2", "100" }, { "1e21", "1e+21" }, { "123456789012345678901", "123456789012345680000" },
	{ "0.000001", "0.000001" }, { "1e-7", "1e-7" }, { "-1.5e-9", "-1.5e-9" }, { "1e400", NULL }, { "1e-400", "0" }, { "{\"a\":1,\"a\":1}", NULL },
	{ "{\"a\":1,\"\\u0061\":2}", NULL }, { "\"\\ud800\"", NULL }, { "\"\xff\"", NULL }, { "\"\xc0\x80\"", NULL }, { "[1,]", NULL }, { "01", NULL }, { "NaN", NULL },
	{ "[] x", NULL }, { "", NULL }, { "\xef\xbb\xbf[]", NULL }, { "'a'", NULL },
};

static void
check_texts(void)
{
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct buf b = canonical(good[i].text, strlen(good[i].text));
		tap_ok(good[i].wanted ? b.data && strcmp((char *)b.data, good[i].wanted) == 0 : !b.data, "%s: %s", good[i].text,
		    b.data ? (char *)b.data : err_reason());
		buf_free(&b);
	}
	struct buf deep = { 0 };
	for (int i = 0; i < 100000; i++)
		buf_addc(&deep, '[');
	struct buf b = canonical((char *)deep.data, deep.len);
	tap_ok(!b.data, "100,000 arrays in each other: %s", err_reason());
	buf_free(&deep);
	json_t *nan = json_object();
	tap_ok(json_object_set_new(nan, "x", json_real(1)) == 0 && jcs_add(&b, nan) == 0, "a value that was not read");
	buf_free(&b);
	json_decref(nan);
}

/* Files of input and output by the names in the vectors' folders. */
static void
check_files(void)
{
	static const char *const names[] = { "arrays", "french", "structures", "unicode", "values", "weird" };
	int n = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char name[64], in[600];
		struct io_map a, b;
		const char *path = vectors_path("jcs/input");
		if (!path)
			return;
		snprintf(in, sizeof in, "%s/%s.json", path, names[i]);
		if (access(in, R_OK) != 0)
			continue; /* kept elsewhere */
		if (io_map(&a, in) < 0)
			abort();
		snprintf(name, sizeof name, "jcs/output/%s.json", names[i]);
		if (!(path = vectors_path(name)) || io_map(&b, path) < 0)
			abort();
		struct buf c = canonical((const char *)a.data, a.size);
		tap_ok(c.data && c.len - 1 == b.size && memcmp(c.data, b.data, b.size) == 0, "%s of RFC 8785's author", names[i]);
		n++;
		buf_free(&c);
		io_unmap(&a);
		io_unmap(&b);
	}
	tap_ok(n >= 4, "%d files", n);
}

static void
check_numbers(void)
{
	const char *path = vectors_path("jcs/es6-numbers.txt");
	FILE *in = path ? fopen(path, "re") : NULL;
	char line[128];
	int n = 0, right = 0;

	if (!in)
		return;
	while (fgets(line, sizeof line, in)) {
		char *comma = strchr(line, ',');
		uint64_t bits = strtoull(line, NULL, 16);
		double x;
		memcpy(&x, &bits, sizeof x);
		json_t *j = comma && isfinite(x) ? json_real(x) : NULL;
		struct buf b = { 0 };
		comma[strcspn(comma, "\r\n")] = '\0';
		right += j && jcs_add(&b, j) == 0 && buf_addc(&b, 0) == 0 && strcmp((char *)b.data, comma + 1) == 0;
		n++;
		json_decref(j);
		buf_free(&b);
	}
	fclose(in);
	tap_ok(n > 6000 && right == n, "%d of %d numbers are as ECMAScript prints them", right, n);
}

int
main(void)
{
	check_texts();
	check_files();
	check_numbers();
	return tap_done();
}
