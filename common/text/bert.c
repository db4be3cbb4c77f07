#include "text/bert.h"

#include <utf8proc.h>

#include "text/utf8.h"

enum {
	REPLACEMENT = 0xfffd,
	DOTTED_I = 0x130, /* the only one that becomes two characters: i and */
	DOT_ABOVE = 0x307,
	MOST_PARTS = 4, /* of a character decomposed */
};

struct cutter {
	struct bert_rules rules;
	bert_word *word;
	void *arg;
	int32_t character[BERT_CHARACTERS];
	size_t n; /* more than there is room for: only counted */
	bool marks; /* some that may have to change places */
};

/* ---- what a character is ---- */

static bool
is_space(int32_t c)
{
	utf8proc_category_t k;

	if (c < 0x80)
		return c == ' ' || c == '\t' || c == '\n' || c == '\r';
	k = utf8proc_category(c);
	return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP;
}

/* Of the planes for private use only the ends are listed where this rule is from. */
static bool
is_dropped(int32_t c)
{
	utf8proc_category_t k;

	if (c < 0x80)
		return (c < ' ' && !is_space(c)) || c == 0x7f;
	k = utf8proc_category(c);
	return c == REPLACEMENT || k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF || c == 0xe000 || c == 0xf8ff || c == 0xf0000 ||
	       c == 0xffffd || c == 0x100000 || c == 0x10fffd;
}

/* The blocks of CJK ideographs; the sixth begins at 2B920, not 2B820, where models were trained. */
static bool
is_chinese(int32_t c)
{
	static const int32_t block[][2] = { { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff }, { 0xf900, 0xfaff }, { 0x20000, 0x2a6df },
		{ 0x2a700, 0x2b73f }, { 0x2b740, 0x2b81f }, { 0x2b920, 0x2ceaf }, { 0x2f800, 0x2fa1f } };

	for (size_t i = 0; c >= 0x3400 && i < sizeof block / sizeof *block; i++)
		if (c >= block[i][0] && c <= block[i][1])
			return true;
	return false;
}

static bool
is_punctuation(int32_t c)
{
	if (c < 0x80)
		return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
	utf8proc_category_t k = utf8proc_category(c);
	return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}

/* ---- words ---- */

/* Marks behind one character are in the order of their classes, of equals as they came (Unicode, section 3.11). */
static void
order_marks(struct cutter *c)
{
	for (size_t i = 1; i < c->n; i++) {
		int32_t x = c->character[i];
		utf8proc_propval_t class = utf8proc_get_property(x)->combining_class;
		size_t to = i;
		for (; class != 0 && to > 0 && utf8proc_get_property(c->character[to - 1])->combining_class > class; to--)
			c->character[to] = c->character[to - 1];
		c->character[to] = x;
	}
}

static int
end_word(struct cutter *c)
{
	uint8_t bytes[BERT_WORD];
	size_t n = 0, characters = c->n;

	if (c->marks && characters <= BERT_CHARACTERS)
		order_marks(c);
	c->n = 0;
	c->marks = false;
	if (characters > BERT_CHARACTERS)
		return c->word(c->arg, NULL, 0);
	for (size_t i = 0; i < characters; i++)
		n += (size_t)utf8proc_encode_char(c->character[i], bytes + n); /* 1 to 4 */
	return n > 0 ? c->word(c->arg, bytes, n) : 0;
}

/* A character as it is in the word. */
static void
put(struct cutter *c, int32_t x)
{
	if (c->n < BERT_CHARACTERS)
		c->character[c->n] = x;
	c->n++;
}

static int
add(struct cutter *c, int32_t x)
{
	int rc;

	if (is_punctuation(x)) {
		if ((rc = end_word(c)) != 0)
			return rc;
		put(c, x);
		return end_word(c);
	}
	if (!c->rules.lowercase) {
		put(c, x);
	} else if (x < 0x80) {
		put(c, x >= 'A' && x <= 'Z' ? x + ('a' - 'A') : x);
	} else if (x == DOTTED_I) {
		put(c, 'i');
		put(c, DOT_ABOVE);
	} else {
		put(c, utf8proc_tolower(x));
	}
	return 0;
}

/* A character without its accents. */
static int
add_stripped(struct cutter *c, int32_t x)
{
	int32_t part[MOST_PARTS];
	int last = 0, rc = 0;
	utf8proc_ssize_t n = utf8proc_decompose_char(x, part, MOST_PARTS, UTF8PROC_DECOMPOSE, &last);

	for (utf8proc_ssize_t i = 0; i < n && i < MOST_PARTS && rc == 0; i++) {
		const utf8proc_property_t *p = utf8proc_get_property(part[i]);
		if (p->category == UTF8PROC_CATEGORY_MN)
			continue;
		c->marks |= p->combining_class != 0;
		rc = add(c, part[i]);
	}
	return rc;
}

static int
next(struct cutter *c, int32_t x)
{
	bool alone = is_chinese(x);
	int rc;

	if (is_dropped(x))
		return 0;
	if (is_space(x))
		return end_word(c);
	if (alone && (rc = end_word(c)) != 0)
		return rc;
	rc = c->rules.strip_accents && x >= 0x80 ? add_stripped(c, x) : add(c, x);
	return rc == 0 && alone ? end_word(c) : rc;
}

int
bert_words(struct bert_rules rules, const char *text, size_t n, bert_word *word, void *arg)
{
	struct cutter c = { .rules = rules, .word = word, .arg = arg };
	const uint8_t *s = (const uint8_t *)text;
	int rc = 0;

	for (size_t at = 0; at < n && rc == 0; at += utf8_length(s[at]))
		rc = next(&c, (int32_t)utf8_code(s + at, utf8_length(s[at]))); /* below 0x110000 */
	return rc == 0 ? end_word(&c) : rc;
}
