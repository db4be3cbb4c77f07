#include "text/special.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

struct special {
	uint32_t *id; /* n of them, in the order of their texts */
	uint32_t n;
	uint32_t first[257];       /* where in `id` those begin whose first byte is this one */
	uint64_t pair[65536 / 64]; /* which two bytes begin one; one of a single byte sets a bit for each second byte */
};

/* ---- loading ---- */

static int
by_text(const void *a, const void *b, void *arg)
{
	const struct texts *p = arg;
	uint32_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	uint32_t n = texts_length(p, x), m = texts_length(p, y);
	int order = memcmp(texts_at(p, x), texts_at(p, y), n < m ? n : m);
	return order ? order : (n > m) - (n < m);
}

static void
set_pair(struct special *s, uint8_t first, uint8_t second)
{
	uint32_t bit = (uint32_t)first << 8 | second;

	s->pair[bit / 64] |= (uint64_t)1 << bit % 64;
}

static void
index_first(struct special *s, const struct texts *p)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const uint8_t *t = texts_at(p, s->id[i]);
		s->first[t[0] + 1] = i + 1;
		if (texts_length(p, s->id[i]) > 1)
			set_pair(s, t[0], t[1]);
		else
			for (uint32_t c = 0; c < 256; c++)
				set_pair(s, t[0], (uint8_t)c);
	}
	for (uint32_t c = 1; c < 257; c++)
		if (s->first[c] < s->first[c - 1])
			s->first[c] = s->first[c - 1];
}

/*
 * One that is not UTF-8 is left out: it would cut a text within a character, and what is left of it would not be UTF-8 any
 * more, on which all that follows relies.
 */
static bool
is_special(const struct vocab *v, uint32_t id)
{
	uint32_t n = texts_length(&v->text, id);

	return (token_is_control(v, id) || v->kind[id] == TOKEN_USER) && n > 0 &&
	       utf8_valid((const char *)texts_at(&v->text, id), n) == n;
}

int
special_load(struct vocab *v, const struct gguf *g)
{
	struct special *s = v->special = mem_alloc(1, sizeof *s);

	if (!s)
		return -1;
	for (uint32_t id = 0; id < v->n; id++) {
		if (!is_special(v, id))
			continue;
		if (texts_length(&v->text, id) > VOCAB_MAX_SPECIAL)
			return err_set(ERR_DATA, "%s: tokenizer.ggml.tokens: special token %u has %u bytes, at most %d are allowed", g->path, id,
			    texts_length(&v->text, id), VOCAB_MAX_SPECIAL);
		s->n++;
	}
	s->id = mem_alloc(s->n, sizeof *s->id);
	if (!s->id)
		return -1;
	for (uint32_t id = 0, i = 0; id < v->n; id++)
		if (is_special(v, id))
			s->id[i++] = id;
	qsort_r(s->id, s->n, sizeof *s->id, by_text, &v->text);
	index_first(s, &v->text);
	return 0;
}

void
special_free(struct vocab *v)
{
	if (!v->special)
		return;
	free(v->special->id);
	free(v->special);
	v->special = NULL;
}

/* ---- looking for one ---- */

/* In id[lo, hi), all of one beginning of `depth` bytes and longer than that: the first whose next byte is not below c. */
static uint32_t
lower(const struct vocab *v, uint32_t lo, uint32_t hi, uint32_t depth, uint32_t c)
{
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (texts_at(&v->text, v->special->id[mid])[depth] < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The longest token that begins at s and has at most n bytes, or VOCAB_NONE. */
static uint32_t
longest(const struct vocab *v, const uint8_t *s, size_t n, bool control)
{
	const struct special *sp = v->special;
	uint32_t lo = sp->first[s[0]], hi = sp->first[s[0] + 1], best = VOCAB_NONE;

	for (uint32_t depth = 1; lo < hi; depth++) {
		if (texts_length(&v->text, sp->id[lo]) == depth) {
			if (control || !token_is_control(v, sp->id[lo]))
				best = sp->id[lo];
			lo++;
		}
		if (depth == n)
			break;
		lo = lower(v, lo, hi, depth, s[depth]);
		hi = lower(v, lo, hi, depth, s[depth] + 1u);
	}
	return best;
}

static int
note(struct special_scan *s, size_t at, uint32_t id)
{
	if (mem_grow(&s->found, &s->cap, s->n_found + 1, sizeof *s->found) < 0)
		return -1;
	s->found[s->n_found++] = (struct special_found){ at, texts_length(&s->v->text, id), id };
	return 0;
}

/* Finds the next token and all that begin inside one that was found: of each place the longest. */
static int
find(struct special_scan *s)
{
	const struct special *sp = s->v->special;
	const uint8_t *t = (const uint8_t *)s->text;
	size_t reach = s->n; /* of those found so far; before any was found all is open */

	s->n_found = s->next = 0;
	for (size_t at = s->at; at < reach; at++) {
		uint32_t bit = at + 1 < s->n ? (uint32_t)t[at] << 8 | t[at + 1] : 0;
		if (at + 1 < s->n && !(sp->pair[bit / 64] >> bit % 64 & 1))
			continue;
		uint32_t id = longest(s->v, t + at, s->n - at, s->control);
		if (id == VOCAB_NONE)
			continue;
		if (s->n_found == 0 || at + texts_length(&s->v->text, id) > reach)
			reach = at + texts_length(&s->v->text, id);
		if (note(s, at, id) < 0)
			return -1;
	}
	return 0;
}

/*
 * Of the tokens found keeps the longest that don't overlap. One that ends inside one that was kept may still leave room for a
 * shorter one in its place. As none kept is shorter than the one looked at, looking at its two ends is enough.
 */
static int
settle(struct special_scan *s)
{
	size_t base = s->found[0].at, span = 0, kept = 0;
	struct heap_item x;

	for (size_t i = 0; i < s->n_found; i++) {
		struct special_found *f = &s->found[i];
		if (heap_push(&s->heap, (struct heap_item){ (uint64_t)(UINT32_MAX - f->len) << 32 | i, f->len, f->id }) < 0)
			return -1;
		if (f->at + f->len - base > span)
			span = f->at + f->len - base;
		f->len = 0;
	}
	if (mem_grow(&s->taken, &s->taken_cap, span, 1) < 0)
		return -1;
	memset(s->taken, 0, span);
	while (heap_pop(&s->heap, &x)) {
		struct special_found *f = &s->found[(uint32_t)x.key];
		uint8_t *taken = s->taken + (f->at - base);
		if (taken[0])
			continue;
		if (!taken[x.a - 1]) {
			memset(taken, 1, x.a);
			f->len = x.a;
			f->id = x.b;
			continue;
		}
		uint32_t id = x.a > 1 ? longest(s->v, (const uint8_t *)s->text + f->at, x.a - 1, s->control) : VOCAB_NONE;
		if (id == VOCAB_NONE)
			continue;
		uint32_t len = texts_length(&s->v->text, id);
		if (heap_push(&s->heap, (struct heap_item){ (uint64_t)(UINT32_MAX - len) << 32 | (uint32_t)x.key, len, id }) < 0)
			return -1;
	}
	for (size_t i = 0; i < s->n_found; i++)
		if (s->found[i].len > 0)
			s->found[kept++] = s->found[i];
	s->n_found = kept;
	return 0;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

int
special_next(struct special_scan *s, size_t *begin, size_t *end, uint32_t *id)
{
	if (s->at < s->n && s->next == s->n_found) {
		if (find(s) < 0 || (s->n_found > 1 && settle(s) < 0))
			return -1;
	}
	*id = VOCAB_NONE;
	*begin = s->at;
	if (s->next == s->n_found) {
		*end = s->at = s->n;
		return *begin < *end;
	}
	const struct special_found *f = &s->found[s->next];
	if (s->at < f->at) {
		*end = s->at = f->at;
		return 1;
	}
	*id = f->id;
	*end = s->at = f->at + f->len;
	s->next++;
	size_t limit = s->next < s->n_found ? f[1].at : s->n;
	if (s->v->flags[*id] & TOKEN_EATS_SPACE)
		while (s->at < limit && is_space(s->text[s->at]))
			s->at++;
	return 1;
}

void
special_scan_free(struct special_scan *s)
{
	free(s->found);
	free(s->taken);
	heap_free(&s->heap);
}
