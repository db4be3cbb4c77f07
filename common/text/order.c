#include "text/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int
compare(const void *a, const void *b, void *vocab)
{
	const struct piece *x = a, *y = b;
	size_t n, m;
	const uint8_t *s = vocab_bytes(vocab, x->id, &n), *t = vocab_bytes(vocab, y->id, &m);
	int order = memcmp(s, t, n < m ? n : m);

	if (order != 0)
		return order;
	if (n != m)
		return n < m ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* What the i-th piece shares with the one before it, and the rest. */
static int
split(struct order *o, uint32_t i)
{
	size_t n = 0, m, k = 0;
	const uint8_t *s = i > 0 ? vocab_bytes(o->vocab, o->piece[i - 1].id, &n) : NULL, *t = vocab_bytes(o->vocab, o->piece[i].id, &m);

	while (k < n && k < m && s[k] == t[k])
		k++;
	/* a token has at most VOCAB_MAX_TEXT bytes */
	o->piece[i].shared = (uint16_t)k;
	o->piece[i].rest = (uint16_t)(m - k);
	return buf_add(&o->rests, t + k, m - k);
}

int
order_make(struct order *o, const struct vocab *v)
{
	*o = (struct order){ .vocab = v };
	if (!(o->piece = mem_alloc(vocab_size(v), sizeof *o->piece)))
		return -1;
	for (uint32_t id = 0; id < vocab_size(v); id++) {
		size_t n;
		vocab_bytes(v, id, &n);
		if (n > 0)
			o->piece[o->n++].id = id;
		if (n > o->longest)
			o->longest = n;
	}
	qsort_r(o->piece, o->n, sizeof *o->piece, compare, (void *)(uintptr_t)v);
	for (uint32_t i = 0; i < o->n; i++)
		if (split(o, i) < 0) {
			order_free(o);
			return -1;
		}
	return 0;
}

void
order_free(struct order *o)
{
	free(o->piece);
	buf_free(&o->rests);
	*o = (struct order){ 0 };
}
