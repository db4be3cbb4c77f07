/* UTF-8: the examples of the Unicode standard (tables 3-7 to 3-11), every code point, and the decoder, byte by byte. */
#include "tap.h"

#include <string.h>

#include "text/utf8.h"
#include "text/vocab.h"

#define R UTF8_REPLACEMENT

static const struct {
	const char *what, *text;
	size_t n;
	const char *want;
} replaced[] = {
#define T(what, text, want) { what, text, sizeof text - 1, want }
	T("nothing", "", ""),
	T("well-formed", "a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80", "a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80"),
	/* The Unicode standard, 3.9, tables 3-8 to 3-11 */
	T("table 3-8: non-shortest forms", "\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", R R R R R R R R "A"),
	T("table 3-9: surrogates", "\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", R R R R R R R R "A"),
	T("table 3-10: others", "\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", R R R R R "A" R R "B"),
	T("table 3-11: truncated", "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", R R R R "A"),
	T("a beginning at the end", "a\xf0\x9f\x98", "a" R),
	T("two beginnings at the end", "\xe2\x82\xe2\x82", R R),
	T("only continuations", "\x80\x81\xbf", R R R),
	T("above U+10FFFF", "\xf4\x90\x80\x80", R R R R),
	T("five bytes", "\xf8\x88\x80\x80\x80", R R R R R),
#undef T
};

static size_t
encode(uint32_t c, uint8_t to[4])
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (uint8_t)(0xc0 | c >> 6);
		to[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (uint8_t)(0xe0 | c >> 12);
		to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | c >> 18);
	to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* Is each number up to U+1FFFFF a character exactly when it should be, and each beginning of it one that wants more? */
static bool
all_numbers(void)
{
	uint8_t s[4];

	for (uint32_t c = 0; c < 0x200000; c++) {
		size_t n = encode(c, s);
		bool good = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		if ((utf8_step(s, n) == (int)n) != good)
			return false;
		for (size_t k = 1; k < n && good; k++)
			if (utf8_step(s, k) != 0)
				return false;
	}
	return true;
}

/* Two and three bytes that are too long a form. */
static bool
no_overlong(void)
{
	for (uint32_t a = 0x80; a < 0xc0; a++) {
		const uint8_t two[] = { 0xc0, (uint8_t)a }, more[] = { 0xc1, (uint8_t)a }, three[] = { 0xe0, (uint8_t)(a & 0x9f), 0x80 };
		if (utf8_step(two, 2) != -1 || utf8_step(more, 2) != -1 || utf8_step(three, 3) != -1)
			return false;
	}
	return true;
}

/* A fault at each place of a text of 40 bytes, where eight bytes at a time are looked at. */
static bool
finds_each(void)
{
	char text[41];

	for (size_t i = 0; i < 40; i++) {
		memset(text, 'x', sizeof text);
		text[i] = '\xff';
		if (utf8_valid(text, 40) != i || utf8_valid(text, i) != i)
			return false;
	}
	return true;
}

int
main(void)
{
	for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++) {
		struct buf b = { 0 };
		size_t n = strlen(replaced[i].want);
		bool same = utf8_replace(&b, replaced[i].text, replaced[i].n) == 0 && b.len == n &&
		            (n == 0 || memcmp(b.data, replaced[i].want, n) == 0);
		tap_ok(same, "%s", replaced[i].what);
		bool well = strcmp(replaced[i].text, replaced[i].want) == 0;
		tap_ok((utf8_valid(replaced[i].text, replaced[i].n) == replaced[i].n) == well, "%s: is %svalid", replaced[i].what,
		    well ? "" : "not ");
		buf_free(&b);
	}
	tap_ok(all_numbers(), "every number is a character or not, and its beginnings are beginnings");
	tap_ok(no_overlong(), "no form is longer than it must be");
	tap_ok(finds_each(), "the first fault is found wherever it lies");
	return tap_done();
}
