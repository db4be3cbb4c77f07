/*
 * A regular expression of a schema (ECMA 262), as far as a grammar can say it: alternatives, groups, classes, repetitions, and ^ and $ at
 * the ends. What it matches is the text that a string stands for: a quote in it is written \", and so on.
 */
#include <stdlib.h>
#include <string.h>

#include "grammar/schema_impl.h"
#include "text/utf8.h"

enum { MAX_GROUPS = 64 }; /* one within the other */

struct pattern {
	struct schema *s;
	const char *path;
	const uint8_t *text; /* well-formed UTF-8 */
	size_t n, at;
	struct class set; /* the one that is being read */
	unsigned depth;
};

static void
wrong(struct pattern *p, const char *what)
{
	schema_wrong(p->s, p->path, "at offset %zu: %s", p->at, what);
}

static int
peek(const struct pattern *p)
{
	return p->at < p->n ? p->text[p->at] : -1;
}

static bool
takes(struct pattern *p, const char *what)
{
	size_t n = strlen(what);

	if (p->n - p->at < n || memcmp(p->text + p->at, what, n) != 0)
		return false;
	p->at += n;
	return true;
}

/* ---- sets of characters ---- */

static void
add(struct pattern *p, uint32_t first, uint32_t last)
{
	if (class_add(&p->set, first, last) < 0)
		p->s->failed = true;
}

static void
add_all(struct pattern *p, const struct range *r, size_t n, bool others)
{
	uint32_t from = 0;

	for (size_t i = 0; i < n; i++) {
		if (!others)
			add(p, r[i].first, r[i].last);
		else if (r[i].first > from)
			add(p, from, r[i].first - 1);
		from = r[i].last + 1;
	}
	if (others)
		add(p, from, GRAMMAR_MAX_CODE);
}

/* \d \w \s, and all others by the capital letter. Each list is sorted. */
static bool
add_named(struct pattern *p, int letter)
{
	static const struct range digit[] = { { '0', '9' } };
	static const struct range word[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
	static const struct range space[] = { { 9, 13 }, { 32, 32 }, { 0xa0, 0xa0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200a },
		{ 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 }, { 0xfeff, 0xfeff } };
	bool others = letter < 'a';

	switch (letter | 0x20) {
	case 'd': add_all(p, digit, 1, others); return true;
	case 'w': add_all(p, word, sizeof word / sizeof *word, others); return true;
	case 's': add_all(p, space, sizeof space / sizeof *space, others); return true;
	default: return false;
	}
}

static uint32_t
read_hex(struct pattern *p, unsigned digits)
{
	char text[5] = "", *end;
	unsigned long code;

	if (p->n - p->at >= digits)
		memcpy(text, p->text + p->at, digits);
	code = strtoul(text, &end, 16);
	if (end != text + digits || text[0] == '+' || text[0] == '-' || text[0] == ' ')
		wrong(p, "hexadecimal digits are wanted");
	p->at += digits;
	return (uint32_t)code;
}

/* Behind a backslash: one character. */
static uint32_t
read_escape(struct pattern *p)
{
	static const char named[] = "tnvfr0", meant[] = "\t\n\v\f\r";
	int c = peek(p);
	const char *at = c > 0 ? strchr(named, c) : NULL;

	p->at++;
	if (at)
		return (uint32_t)meant[at - named];
	if (c == 'x' || c == 'u')
		return read_hex(p, c == 'x' ? 2 : 4);
	if (c < 0x21 || c > 0x7e || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) {
		p->at--;
		wrong(p, "this escape is not supported");
	}
	return (uint32_t)c;
}

static uint32_t
read_character(struct pattern *p)
{
	const uint8_t *c = p->text + p->at;

	p->at += utf8_length(*c);
	return utf8_code(c, utf8_length(*c));
}

/* ---- writing ---- */

static void
put_code(struct schema *s, uint32_t code)
{
	bool plain = (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') || (code >= 'a' && code <= 'z');

	schema_put(s, plain ? "%c" : code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
}

static bool
holds(const struct range *r, size_t n, uint32_t code)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].first <= code && code <= r[i].last)
			return true;
	return false;
}

/* One character of the set that was read: as it is, or as a string writes it. */
static void
put_set(struct pattern *p, bool inverted)
{
	static const struct range escaped[] = { { 0, 0x1f }, { '"', '"' }, { '\\', '\\' }, { 0x7f, 0x7f } };
	static const char meant[] = "\"\\\b\f\n\r\t", named[] = "\"\\bfnrt";
	struct grammar g = { 0 }; /* for its ranges */
	uint32_t first, n, raw = 0, n_raw = 0;
	const char *or = "";

	if (class_store(&p->set, inverted, &g, &first, &n) < 0)
		p->s->failed = true;
	add_all(p, g.range, n, true);
	add_all(p, escaped, sizeof escaped / sizeof *escaped, false);
	if (!p->s->failed && class_store(&p->set, true, &g, &raw, &n_raw) < 0)
		p->s->failed = true;
	schema_put(p->s, n_raw ? "([" : "(");
	for (uint32_t i = raw; i < raw + n_raw && !p->s->failed; i++) {
		put_code(p->s, g.range[i].first);
		schema_put(p->s, "-");
		put_code(p->s, g.range[i].last);
	}
	if (n_raw) {
		schema_put(p->s, "]");
		or = " | ";
	}
	for (size_t i = 0; meant[i] && !p->s->failed; i++)
		if (holds(g.range, n, (uint32_t)meant[i])) {
			schema_put(p->s, "%s\"\\\\%s%c\"", or, named[i] == '"' || named[i] == '\\' ? "\\" : "", named[i]);
			or = " | ";
		}
	if (!*or)
		wrong(p, "this stands for no character that a string can have");
	schema_put(p->s, ")");
	free(g.range);
}

/* ---- the expression ---- */

static void
put_class(struct pattern *p)
{
	bool inverted = takes(p, "^");

	while (peek(p) >= 0 && peek(p) != ']' && !p->s->failed) {
		bool escape = takes(p, "\\");
		if (escape && add_named(p, peek(p))) {
			p->at++;
			continue;
		}
		uint32_t first = escape ? read_escape(p) : read_character(p), last = first;
		if (peek(p) == '-' && p->at + 1 < p->n && p->text[p->at + 1] != ']') {
			p->at++;
			last = takes(p, "\\") ? read_escape(p) : read_character(p);
		}
		if (first > last)
			wrong(p, "a range that ends before it begins");
		add(p, first, last);
	}
	if (!takes(p, "]"))
		wrong(p, "'[' is not closed");
	put_set(p, inverted);
}

static void put_alternatives(struct pattern *p);

static void
put_group(struct pattern *p)
{
	if (!takes(p, "?:") && peek(p) == '?')
		wrong(p, "only plain groups are supported");
	if (++p->depth > MAX_GROUPS)
		wrong(p, "groups are nested too deep");
	schema_put(p->s, "(");
	if (!p->s->failed)
		put_alternatives(p);
	schema_put(p->s, ")");
	p->depth--;
	if (!takes(p, ")"))
		wrong(p, "'(' is not closed");
}

/* One element. False where none is: at an end, or at what repeats nothing. */
static bool
put_element(struct pattern *p)
{
	static const struct range ends[] = { { '\n', '\n' }, { '\r', '\r' }, { 0x2028, 0x2029 } };

	if (peek(p) < 0 || strchr("|)*+?{^$", peek(p)))
		return false;
	if (takes(p, "(")) {
		put_group(p);
	} else if (takes(p, "[")) {
		put_class(p);
	} else if (takes(p, ".")) {
		add_all(p, ends, sizeof ends / sizeof *ends, true);
		put_set(p, false);
	} else {
		if (!takes(p, "\\")) {
			uint32_t code = read_character(p);
			add(p, code, code);
		} else if (add_named(p, peek(p))) {
			p->at++;
		} else {
			uint32_t code = read_escape(p);
			add(p, code, code);
		}
		put_set(p, false);
	}
	return !p->s->failed;
}

static uint32_t
read_count(struct pattern *p)
{
	uint32_t n = 0;

	if (peek(p) < '0' || peek(p) > '9')
		wrong(p, "a number is wanted");
	for (; peek(p) >= '0' && peek(p) <= '9' && n <= GRAMMAR_MAX_REPEAT; p->at++)
		n = n * 10 + (uint32_t)(peek(p) - '0');
	if (n > GRAMMAR_MAX_REPEAT)
		wrong(p, "too many repetitions");
	return n;
}

static void
put_repetition(struct pattern *p)
{
	uint32_t min, max;
	int c = peek(p);

	if (takes(p, "*") || takes(p, "+") || takes(p, "?")) {
		schema_put(p->s, "%c", c);
	} else if (takes(p, "{")) {
		min = max = read_count(p);
		if (takes(p, ","))
			max = peek(p) == '}' ? GRAMMAR_NO_MAX : read_count(p);
		if (!takes(p, "}"))
			wrong(p, "'}' is wanted");
		if (min > max)
			wrong(p, "the least number of repetitions is above the largest");
		schema_put_counts(p->s, min, max);
	} else {
		return;
	}
	takes(p, "?"); /* how much is tried first makes no difference to what matches */
}

static void
put_alternative(struct pattern *p)
{
	bool whole = p->depth == 0; /* else within a group */

	if (whole && !takes(p, "^"))
		schema_put(p->s, "char* ");
	while (put_element(p)) {
		put_repetition(p);
		schema_put(p->s, " ");
	}
	if (whole && !takes(p, "$"))
		schema_put(p->s, "char*");
}

static void
put_alternatives(struct pattern *p)
{
	put_alternative(p);
	while (takes(p, "|")) {
		schema_put(p->s, " | ");
		put_alternative(p);
	}
}

void
schema_put_pattern(struct schema *s, const char *pattern, size_t n, const char *path)
{
	struct pattern p = { .s = s, .path = path, .text = (const uint8_t *)pattern, .n = n };

	schema_put(s, "(");
	put_alternatives(&p);
	schema_put(s, ")");
	if (p.at < n)
		wrong(&p, peek(&p) == '^' || peek(&p) == '$' ? "^ and $ are supported at the ends alone" :
		    peek(&p) == ')' ? "')' closes nothing" : "nothing to repeat");
	free(p.set.range);
}
