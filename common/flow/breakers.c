#include "flow/breakers.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { MAX_TAIL = 20 }; /* tokens of a tail: those behind are not looked at */

struct breaker_set {
	unsigned holders;
	struct breakers tokens;
	size_t cap, n_tail, tail_cap;
	struct open *of; /* whose breakers these are */
};

const struct breakers *
breakers_tokens(const struct breaker_set *b)
{
	return b ? &b->tokens : NULL;
}

void
breakers_release(struct breaker_set *b)
{
	if (!b || --b->holders > 0)
		return;
	free(b->tokens.list);
	free(b->tokens.tail);
	free(b->of);
	free(b);
}

/* Whether the one that was added as number i is this one. */
static bool
same_tail(const struct breaker_set *b, size_t i, uint32_t head, const uint32_t *tail, size_t n)
{
	const struct breaker *k = &b->tokens.list[i];

	return k->head == head && k->n == n && (n == 0 || memcmp(b->tokens.tail + k->at, tail, n * sizeof *tail) == 0);
}

/* Once, though several of the texts may have it. */
static int
add(struct breaker_set *b, uint32_t head, const uint32_t *tail, size_t n)
{
	struct breakers *t = &b->tokens;

	/* heads come in ascending order */
	for (size_t i = t->n; i-- > 0 && t->list[i].head == head;)
		if (same_tail(b, i, head, tail, n))
			return 0;
	if (mem_grow(&t->list, &b->cap, t->n + 1, sizeof *t->list) < 0 || mem_grow(&t->tail, &b->tail_cap, b->n_tail + n, sizeof *t->tail) < 0)
		return -1;
	t->list[t->n++] = (struct breaker){ head, (uint32_t)b->n_tail, (uint32_t)n };
	if (n > 0)
		memcpy(t->tail + b->n_tail, tail, n * sizeof *tail);
	b->n_tail += n;
	return 0;
}

/* The token ends with the beginning of the text: its tail are the tokens of the rest. */
static int
add_split(struct breaker_set *b, const struct vocab *v, uint32_t head, const uint8_t *rest, size_t n)
{
	struct ids tail = { 0 };
	int rc = vocab_encode(v, (const char *)rest, n, (struct encode_options){ 0 }, &tail);

	if (rc == 0)
		rc = add(b, head, tail.id, tail.n < MAX_TAIL ? tail.n : MAX_TAIL);
	free(tail.id);
	return rc;
}

static bool
contains(const struct buf *word, const struct open_text *text)
{
	for (size_t at = 0; at + text->len <= word->len; at++)
		if (memcmp(word->data + at, text->data, text->len) == 0)
			return true;
	return false;
}

/* A token whose text has the breaker in it is one; in one that ends with a part of it one begins. */
static int
match(struct breaker_set *b, const struct vocab *v, uint32_t token, const struct buf *word, const struct open_text *text)
{
	if (contains(word, text))
		return add(b, token, NULL, 0);
	for (size_t n = word->len < text->len ? word->len : text->len - 1; n > 0; n--)
		if (memcmp(word->data + word->len - n, text->data, n) == 0 && add_split(b, v, token, text->data + n, text->len - n) < 0)
			return -1;
	return 0;
}

static int
match_all(struct breaker_set *b, const struct vocab *v)
{
	struct buf word = { 0 };
	int rc = 0;

	for (uint32_t t = 0; rc == 0 && t < vocab_size(v); t++) {
		struct decoder d = { .special = true };
		word.len = 0;
		if ((rc = decoder_token(&d, v, t, &word)) == 0)
			rc = decoder_end(&d, &word);
		for (uint32_t i = 0; rc == 0 && i < b->of->n_breakers; i++)
			rc = match(b, v, t, &word, &b->of->breaker[i]);
	}
	buf_free(&word);
	return rc;
}

static bool
same_texts(const struct open *a, const struct open *b)
{
	bool same = a->n_breakers == b->n_breakers;

	for (uint32_t i = 0; same && i < a->n_breakers; i++)
		same = a->breaker[i].len == b->breaker[i].len && memcmp(a->breaker[i].data, b->breaker[i].data, a->breaker[i].len) == 0;
	return same;
}

static struct breaker_set *
make(const struct vocab *v, const struct open *o)
{
	struct breaker_set *b = mem_alloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->holders = 1;
	if (!(b->of = open_clone(o)) || match_all(b, v) < 0) {
		breakers_release(b);
		return NULL;
	}
	return b;
}

struct breaker_set *
breakers_get(struct breaker_set **last, const struct vocab *v, const struct open *o)
{
	if (!*last || !same_texts((*last)->of, o)) {
		struct breaker_set *b = make(v, o);
		if (!b)
			return NULL;
		breakers_release(*last);
		*last = b;
	}
	(*last)->holders++;
	return *last;
}
