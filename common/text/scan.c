#include "text/scan.h"

#include <stdbool.h>
#include <stdint.h>

#include <utf8proc.h>

#include "text/utf8.h"

enum class {
	OTHER, /* neither of the following */
	LETTER,
	NUMBER,
	SPACE, /* \s, but for: */
	LINE,  /* \r, \n */
	END,   /* of the text */
};

enum { NEXT_LINE = 0x85, LONG_S = 0x17f };

static const uint8_t ascii[128] = {
	['\t'] = SPACE, ['\n'] = LINE, ['\v'] = SPACE, ['\f'] = SPACE, ['\r'] = LINE, [' '] = SPACE,
	['0'] = NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER,
	['A'] = LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER,
	LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER,
	['a'] = LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER,
	LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER,
};

static enum class
unicode_class(uint32_t code)
{
	switch (utf8proc_category((int32_t)code)) { /* below 0x110000 */
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
		return LETTER;
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO:
		return NUMBER;
	case UTF8PROC_CATEGORY_ZS:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return SPACE;
	default:
		return code == NEXT_LINE ? SPACE : OTHER;
	}
}

struct text {
	const uint8_t *s;
	size_t n;
};

/* Of the character at `at`, whose length goes to *k. */
static inline enum class
class_at(struct text t, size_t at, size_t *k)
{
	*k = 1;
	if (at >= t.n)
		return END;
	if (t.s[at] < 0x80)
		return ascii[t.s[at]];
	*k = utf8_length(t.s[at]);
	return unicode_class(utf8_code(t.s + at, (uint32_t)*k));
}

/* The end of what is of one class from `at` on, `most` characters. */
static inline size_t
run(struct text t, size_t at, enum class class, size_t most)
{
	size_t k;

	for (; most > 0 && class_at(t, at, &k) == class; most--)
		at += k;
	return at;
}

static uint8_t
folded(struct text t, size_t at, bool fold)
{
	if (at >= t.n)
		return 0;
	return fold && t.s[at] >= 'A' && t.s[at] <= 'Z' ? t.s[at] | 0x20 : t.s[at];
}

/* The end of 's, 't, 're, 've, 'm, 'll or 'd; 0 when it is none. A long s is an s in another case. */
static size_t
suffix(struct text t, bool fold)
{
	uint8_t a, b;

	if (t.s[0] != '\'')
		return 0;
	a = folded(t, 1, fold);
	if (a == 's' || a == 't' || a == 'm' || a == 'd')
		return 2;
	if (fold && t.n >= 3 && t.s[1] >= 0xc2 && t.s[1] < 0xe0 && utf8_code(t.s + 1, 2) == LONG_S)
		return 3;
	b = folded(t, 2, fold);
	return (b == 'e' && (a == 'r' || a == 'v')) || (b == 'l' && a == 'l') ? 3 : 0;
}

/*
 * White space: with `lines`, all up to the last end of a line in it; else all but the last character, which belongs to what
 * follows, unless nothing does.
 */
static size_t
spaces(struct text t, bool lines)
{
	size_t at = 0, last = 0, line = 0, k;

	for (enum class c; (c = class_at(t, at, &k)) == SPACE || c == LINE;) {
		last = at;
		at += k;
		if (c == LINE)
			line = at;
	}
	if (lines && line > 0)
		return line;
	return at == t.n || last == 0 ? at : last;
}

static size_t
gpt2(struct text t)
{
	size_t k, begin = t.s[0] == ' ', end = suffix(t, false);

	if (end > 0)
		return end;
	enum class c = class_at(t, begin, &k);
	if (c == LETTER || c == NUMBER || c == OTHER)
		return run(t, begin + k, c, SIZE_MAX);
	return spaces(t, false);
}

static size_t
cl100k(struct text t, size_t digits)
{
	size_t k, after, end = suffix(t, true);

	if (end > 0)
		return end;
	enum class c = class_at(t, 0, &k);
	if (c == LETTER)
		return run(t, k, LETTER, SIZE_MAX);
	if (c == NUMBER)
		return run(t, k, NUMBER, digits - 1);
	enum class next = class_at(t, k, &after);
	if (c != LINE && next == LETTER)
		return run(t, k + after, LETTER, SIZE_MAX);
	if (c == OTHER)
		return run(t, run(t, k, OTHER, SIZE_MAX), LINE, SIZE_MAX);
	if (t.s[0] == ' ' && next == OTHER)
		return run(t, run(t, k + after, OTHER, SIZE_MAX), LINE, SIZE_MAX);
	return spaces(t, true);
}

size_t
scan_word(struct scan_rules rules, const char *text, size_t n)
{
	struct text t = { (const uint8_t *)text, n };

	return rules.digits > 0 ? cl100k(t, (size_t)rules.digits) : gpt2(t);
}
