#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "grammar/grammar_impl.h"
#include "text/utf8.h"

char
gbnf_peek(const struct reader *r)
{
	return r->at < r->n ? r->text[r->at] : '\0';
}

bool
gbnf_takes(struct reader *r, const char *what)
{
	size_t n = strlen(what);

	if (r->n - r->at < n || memcmp(r->text + r->at, what, n) != 0)
		return false;
	r->at += n;
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int
gbnf_number(struct reader *r, uint32_t limit, uint32_t *out)
{
	size_t from = r->at;

	*out = 0;
	if (!is_digit(gbnf_peek(r)))
		return gbnf_wrong(r, from, "a number is wanted");
	for (; is_digit(gbnf_peek(r)); r->at++) {
		*out = *out * 10 + (uint32_t)(gbnf_peek(r) - '0');
		if (*out > limit)
			return gbnf_wrong(r, from, "a number beyond %u", limit);
	}
	return 0;
}

/* ---- characters ---- */

static int
read_hex(struct reader *r, unsigned digits, uint32_t *code)
{
	size_t from = r->at;

	*code = 0;
	for (unsigned i = 0; i < digits; i++) {
		char c = gbnf_peek(r), low = (char)(c | 0x20);
		if (!is_digit(c) && !(low >= 'a' && low <= 'f'))
			return gbnf_wrong(r, from, "%u hexadecimal digits are wanted", digits);
		*code = *code << 4 | (uint32_t)(is_digit(c) ? c - '0' : low - 'a' + 10);
		r->at++;
	}
	return *code <= GRAMMAR_MAX_CODE ? 0 : gbnf_wrong(r, from, "no code point is that high");
}

static int
read_escape(struct reader *r, uint32_t *code)
{
	static const char named[] = "trn\\\"[]-", meant[] = "\t\r\n\\\"[]-";
	size_t from = r->at++;
	char c = gbnf_peek(r);

	for (size_t i = 0; named[i]; i++)
		if (c == named[i]) {
			r->at++;
			*code = (uint32_t)meant[i];
			return 0;
		}
	if (c != 'x' && c != 'u' && c != 'U')
		return gbnf_wrong(r, from, "an unknown escape");
	r->at++;
	return read_hex(r, c == 'x' ? 2 : c == 'u' ? 4 : 8, code);
}

static int
read_char(struct reader *r, uint32_t *code)
{
	const uint8_t *s = (const uint8_t *)r->text + r->at;

	if (*s == '\\')
		return read_escape(r, code);
	*code = utf8_code(s, utf8_length(*s));
	r->at += utf8_length(*s);
	return 0;
}

static int
class_node(struct reader *r, bool inverted, size_t from, struct part *out)
{
	struct node node = { .type = NODE_CLASS };

	if (class_store(&r->class, inverted, r->g, &node.class.first, &node.class.n) < 0)
		return -1;
	return node.class.n ? gbnf_node(r, node, out) : gbnf_wrong(r, from, "this stands for no character");
}

static int
read_literal(struct reader *r, struct part *out)
{
	size_t from = r->at++;

	if (gbnf_node(r, (struct node){ .type = NODE_JOIN }, out) < 0)
		return -1;
	while (r->at < r->n && gbnf_peek(r) != '"') {
		size_t at = r->at;
		struct part one;
		uint32_t code;
		if (read_char(r, &code) < 0 || class_add(&r->class, code, code) < 0 || class_node(r, false, at, &one) < 0)
			return -1;
		gbnf_append(r, out, one);
	}
	return gbnf_takes(r, "\"") ? 0 : gbnf_wrong(r, from, "'\"' is not closed");
}

static int
read_class(struct reader *r, struct part *out)
{
	size_t from = r->at++;
	bool inverted = gbnf_takes(r, "^");

	while (r->at < r->n && gbnf_peek(r) != ']') {
		uint32_t first, last;
		size_t at = r->at;
		if (read_char(r, &first) < 0)
			return -1;
		last = first;
		if (gbnf_peek(r) == '-' && r->at + 1 < r->n && r->text[r->at + 1] != ']') {
			r->at++;
			if (read_char(r, &last) < 0)
				return -1;
		}
		if (first > last)
			return gbnf_wrong(r, at, "a range that ends before it begins");
		if (class_add(&r->class, first, last) < 0)
			return -1;
	}
	return gbnf_takes(r, "]") ? class_node(r, inverted, from, out) : gbnf_wrong(r, from, "'[' is not closed");
}

/* ---- tokens ---- */

/* <think>: the one token that this text, with < and >, is. */
static int
find_token(struct reader *r, size_t from, uint32_t *id)
{
	struct ids ids = { 0 };
	int rc = 0, length = r->at - from < 64 ? (int)(r->at - from) : 64;

	*id = VOCAB_NONE;
	if (!r->vocab)
		return 0;
	if (vocab_encode(r->vocab, r->text + from, r->at - from, (struct encode_options){ .special = true }, &ids) < 0 && err_status() != ERR_DATA)
		rc = -1;
	else if (ids.n != 1)
		rc = gbnf_wrong(r, from, "'%.*s' is not one token of the model", length, r->text + from);
	else
		*id = ids.id[0];
	free(ids.id);
	return rc;
}

static int
read_token(struct reader *r, struct part *out)
{
	struct node node = { .type = gbnf_takes(r, "!") ? NODE_NOT_TOKEN : NODE_TOKEN };
	size_t from = r->at;

	if (gbnf_takes(r, "<[")) {
		if (gbnf_number(r, VOCAB_MAX_TOKENS, &node.token) < 0)
			return -1;
		return gbnf_takes(r, "]>") ? gbnf_node(r, node, out) : gbnf_wrong(r, r->at, "']>' is wanted");
	}
	if (gbnf_peek(r) != '<')
		return gbnf_wrong(r, from, "'<' is wanted");
	while (r->at < r->n && gbnf_peek(r) != '>' && gbnf_peek(r) != '\n')
		r->at++;
	if (!gbnf_takes(r, ">"))
		return gbnf_wrong(r, from, "'<' is not closed");
	return find_token(r, from, &node.token) < 0 ? -1 : gbnf_node(r, node, out);
}

/* ---- names ---- */

static bool
in_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-';
}

int
gbnf_name(struct reader *r, uint32_t *rule)
{
	size_t from = r->at;
	uint32_t other;

	while (in_name(gbnf_peek(r)))
		r->at++;
	if (r->at == from)
		return gbnf_wrong(r, from, "the name of a rule is wanted");
	*rule = lookup_find(&r->lookup, r->text + from, r->at - from);
	if (*rule != LOOKUP_NONE)
		return 0;
	*rule = r->names.n;
	if (*rule == GRAMMAR_MAX_RULES)
		return gbnf_wrong(r, from, "more than %d rules", GRAMMAR_MAX_RULES);
	if (texts_add(&r->names, r->text + from, r->at - from) < 0)
		return -1;
	lookup_add(&r->lookup, *rule, &other); /* no other: it was not found */
	r->rule[*rule].used_at = from;
	return 0;
}

static int
read_call(struct reader *r, struct part *out)
{
	struct node node = { .type = NODE_RULE };

	return gbnf_name(r, &node.rule) < 0 ? -1 : gbnf_node(r, node, out);
}

int
gbnf_element(struct reader *r, struct part *out)
{
	char c = gbnf_peek(r);
	int rc;

	if (c == '"')
		rc = read_literal(r, out);
	else if (c == '[')
		rc = read_class(r, out);
	else if (c == '.')
		rc = class_node(r, true, r->at++, out);
	else if (c == '<' || c == '!')
		rc = read_token(r, out);
	else if (in_name(c))
		rc = read_call(r, out);
	else
		return 0;
	return rc < 0 ? -1 : 1;
}
