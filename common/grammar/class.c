#include <stdlib.h>

#include "base/mem.h"
#include "grammar/grammar_impl.h"

enum { SURROGATES = 0xd800, SURROGATES_END = 0xdfff };

int
class_add(struct class *c, uint32_t first, uint32_t last)
{
	if (mem_grow(&c->range, &c->cap, c->n + 1, sizeof *c->range) < 0)
		return -1;
	c->range[c->n++] = (struct range){ first, last };
	return 0;
}

static int
compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorted, and none that touches the next. */
static void
merge(struct class *c)
{
	size_t n = 0;

	if (c->n == 0)
		return;
	qsort(c->range, c->n, sizeof *c->range, compare);
	for (size_t i = 1; i < c->n; i++) {
		if (c->range[i].first > c->range[n].last + 1)
			c->range[++n] = c->range[i];
		else if (c->range[i].last > c->range[n].last)
			c->range[n].last = c->range[i].last;
	}
	c->n = n + 1;
}

static int
put(struct grammar *g, uint32_t first, uint32_t last)
{
	if (first > last)
		return 0;
	if (mem_grow(&g->range, &g->range_cap, g->n_ranges + 1, sizeof *g->range) < 0)
		return -1;
	g->range[g->n_ranges++] = (struct range){ first, last };
	return 0;
}

/* The surrogates are no characters. */
static int
put_characters(struct grammar *g, uint32_t first, uint32_t last)
{
	if (last < SURROGATES || first > SURROGATES_END)
		return put(g, first, last);
	if (first < SURROGATES && put(g, first, SURROGATES - 1) < 0)
		return -1;
	return put(g, SURROGATES_END + 1, last);
}

int
class_store(struct class *c, bool inverted, struct grammar *g, uint32_t *first, uint32_t *n)
{
	size_t before = g->n_ranges;
	uint32_t from = 0;

	merge(c);
	for (size_t i = 0; i < c->n; i++) {
		const struct range *r = &c->range[i];
		if (!inverted && put_characters(g, r->first, r->last) < 0)
			return -1;
		if (inverted && r->first > from && put_characters(g, from, r->first - 1) < 0)
			return -1;
		from = r->last + 1;
	}
	if (inverted && from <= GRAMMAR_MAX_CODE && put_characters(g, from, GRAMMAR_MAX_CODE) < 0)
		return -1;
	c->n = 0;
	/* Every byte of a text makes at most two ranges, so that their number fits. */
	*first = (uint32_t)before;
	*n = (uint32_t)(g->n_ranges - before);
	return 0;
}
