#include "trust/jcs_text.h"

#include <string.h>

#include "text/vocab.h"
#include "trust/jcs.h"

enum { DEPTH = 32, DIGITS = 15 }; /* all whole numbers of 15 digits are doubles */

/* ---- is it canonical? ---- */

struct scan {
	const char *at, *end;
	unsigned depth;
};

static bool scan_value(struct scan *s);

static bool
is_next(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* Behind the backslash: the one escape that a character has. */
static bool
scan_escape(struct scan *s)
{
	static const char hex[] = "0123456789abcdef";
	size_t left = (size_t)(s->end - s->at);
	const char *low;

	if (left == 0)
		return false;
	if (strchr("btnfr\"\\", *s->at) && *s->at) {
		s->at++;
		return true;
	}
	if (left < 5 || memcmp(s->at, "u00", 3) != 0 || (s->at[3] != '0' && s->at[3] != '1') || !(low = memchr(hex, s->at[4], 16)))
		return false;
	s->at += 5;
	return s->at[-2] == '1' || !strchr("89acd", *low); /* those have a short one */
}

static bool
scan_string(struct scan *s, bool ascii)
{
	const char *from = s->at + 1;
	bool other = false;

	if (!is_next(s, '"'))
		return false;
	while (s->at < s->end && *s->at != '"') {
		uint8_t c = (uint8_t)*s->at++;
		other |= c >= 0x80;
		if (c < 0x20 || (c == '\\' && !scan_escape(s)))
			return false;
	}
	if (other && (ascii || utf8_valid(from, (size_t)(s->at - from)) != (size_t)(s->at - from)))
		return false;
	return is_next(s, '"');
}

static bool
scan_number(struct scan *s)
{
	const char *from;

	if (is_next(s, '-') && s->at < s->end && *s->at == '0')
		return false;
	for (from = s->at; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
		;
	if (s->at == from || (*from == '0' && s->at - from > 1) || s->at - from > DIGITS)
		return false;
	return s->at == s->end || !strchr(".eE", *s->at) || !*s->at;
}

static bool
scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

static bool
scan_array(struct scan *s)
{
	if (is_next(s, ']'))
		return true;
	do {
		if (!scan_value(s))
			return false;
	} while (is_next(s, ','));
	return is_next(s, ']');
}

/* Is the key a before b? As they are written: without escapes, this is the order of UTF-16. */
static bool
is_before(const struct jcs_value *a, const struct jcs_value *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	int order = memcmp(a->at, b->at, n);

	return order < 0 || (order == 0 && a->n < b->n);
}

static bool
scan_object(struct scan *s)
{
	struct jcs_value before = { 0 }, key;

	if (is_next(s, '}'))
		return true;
	do {
		key.at = s->at + 1;
		if (!scan_string(s, true))
			return false;
		key.n = (size_t)(s->at - 1 - key.at);
		if (memchr(key.at, '\\', key.n) || (before.at && !is_before(&before, &key)) || !is_next(s, ':') || !scan_value(s))
			return false;
		before = key;
	} while (is_next(s, ','));
	return is_next(s, '}');
}

static bool
scan_value(struct scan *s)
{
	bool good;

	if (s->at == s->end || s->depth == DEPTH)
		return false;
	s->depth++;
	switch (*s->at) {
	case '{':
		s->at++;
		good = scan_object(s);
		break;
	case '[':
		s->at++;
		good = scan_array(s);
		break;
	case '"':
		good = scan_string(s, false);
		break;
	default:
		if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'))
			good = scan_number(s);
		else
			good = scan_word(s, "true") || scan_word(s, "false") || scan_word(s, "null");
	}
	s->depth--;
	return good;
}

bool
jcs_is_canonical(const char *text, size_t n)
{
	struct scan s = { text, text + n, 0 };

	return n <= JCS_MAX && scan_value(&s) && s.at == s.end;
}

const char *
jcs_text(const char *text, size_t n, struct buf *made, size_t *to)
{
	json_t *value;
	int rc;

	*to = n;
	if (jcs_is_canonical(text, n))
		return text;
	if (!(value = jcs_parse(text, n)))
		return NULL;
	made->len = 0;
	rc = jcs_add(made, value);
	json_decref(value);
	*to = made->len;
	return rc < 0 ? NULL : (const char *)made->data;
}

/* ---- walking through it ---- */

/* Behind the text whose quote is at `at`. */
static const char *
behind_text(const char *at, const char *end)
{
	const char *quote = memchr(at + 1, '"', (size_t)(end - at - 1));

	if (!quote)
		return end;
	if (!memchr(at + 1, '\\', (size_t)(quote - at - 1)))
		return quote + 1;
	for (at++; at < end && *at != '"'; at++)
		at += *at == '\\';
	return at < end ? at + 1 : end;
}

/* Behind the value at `at`, which ends before `end`. */
static const char *
behind(const char *at, const char *end)
{
	unsigned depth = 0;
	bool quoted = false;

	if (at < end && *at == '"')
		return behind_text(at, end);
	for (; at < end; at++) {
		if (quoted) {
			if (*at == '\\')
				at++;
			else if (*at == '"')
				quoted = false;
		} else if (*at == '"') {
			quoted = true;
		} else if (*at == '{' || *at == '[') {
			depth++;
		} else if (*at == '}' || *at == ']' || *at == ',') {
			if (depth == 0)
				return at;
			depth -= *at != ',';
		}
	}
	return end;
}

bool
jcs_next(const char *object, size_t n, size_t *at, struct jcs_member *m)
{
	const char *end = object + n, *key, *colon;

	if (n < 2 || *object != '{')
		return false;
	m->from = object + (*at ? *at : 1);
	key = m->from + (*m->from == ',');
	if (m->from >= end - 1 || *key != '"')
		return false;
	colon = behind_text(key, end);
	m->key = key + 1;
	m->n_key = (size_t)(colon - 1 - m->key);
	m->value.at = colon + 1;
	m->value.n = (size_t)(behind(m->value.at, end) - m->value.at);
	*at = (size_t)(m->value.at + m->value.n - object);
	return true;
}

struct jcs_value
jcs_member(const char *object, size_t n, const char *key)
{
	size_t at = 0, length = strlen(key);
	struct jcs_member m;

	while (jcs_next(object, n, &at, &m)) {
		int order = memcmp(m.key, key, m.n_key < length ? m.n_key : length);
		if (order == 0 && m.n_key == length)
			return m.value;
		if (order > 0 && !memchr(m.key, '\\', m.n_key)) /* keys are sorted, but not as they are escaped */
			break;
	}
	return (struct jcs_value){ 0 };
}

bool
jcs_plain(const struct jcs_value *v, const char **text, size_t *n)
{
	if (!v->at || *v->at != '"' || memchr(v->at, '\\', v->n))
		return false;
	*text = v->at + 1;
	*n = v->n - 2;
	return true;
}

bool
jcs_whole(const struct jcs_value *v, uint64_t *to)
{
	*to = 0;
	if (!v->at || v->n == 0 || v->n > DIGITS + 1)
		return false;
	for (size_t i = 0; i < v->n; i++) {
		if (v->at[i] < '0' || v->at[i] > '9')
			return false;
		*to = *to * 10 + (uint64_t)(v->at[i] - '0');
	}
	return *to <= UINT64_C(1) << 53;
}
