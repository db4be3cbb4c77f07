#include "text/merge.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

enum { SHORT = 24 }; /* symbols up to which searching is faster than a heap */

int
merge_add(struct merger *m, uint32_t start, uint32_t len, uint32_t id)
{
	if (m->n >= MERGE_NONE)
		return err_set(ERR_DATA, "a text without a break is longer than %u symbols", MERGE_NONE - 1);
	if (m->n == m->cap && mem_grow(&m->symbol, &m->cap, m->n + 1, sizeof *m->symbol) < 0)
		return -1;
	m->symbol[m->n] = (struct merge_symbol){ start, len, id, (uint32_t)m->n - 1, (uint32_t)m->n + 1 };
	m->n++;
	return 0;
}

/* Symbol i takes in the one on its right. */
static void
join(struct merger *m, uint32_t i, uint32_t id)
{
	struct merge_symbol *left = &m->symbol[i], *right = &m->symbol[left->next];

	left->len += right->len;
	left->id = id;
	left->next = right->next;
	right->len = 0;
	if (left->next != MERGE_NONE)
		m->symbol[left->next].prev = i;
}

struct candidate {
	uint32_t id, order;
};

/* What symbol i makes with the one on its right; id MERGE_NONE when nothing. */
static struct candidate
try(const struct merger *m, uint32_t i, merge_pair *pair, const void *arg)
{
	struct candidate c = { MERGE_NONE, UINT32_MAX };
	const struct merge_symbol *s = &m->symbol[i];

	if (s->next == MERGE_NONE || !pair(arg, s, &m->symbol[s->next], &c.id, &c.order))
		c.id = MERGE_NONE;
	return c;
}

static void
run_short(struct merger *m, merge_pair *pair, const void *arg)
{
	struct candidate c[SHORT];

	for (uint32_t i = 0; i < m->n; i++)
		c[i] = try(m, i, pair, arg);
	for (;;) {
		uint32_t best = MERGE_NONE;
		for (uint32_t i = 0; i != MERGE_NONE; i = m->symbol[i].next)
			if (c[i].id != MERGE_NONE && (best == MERGE_NONE || c[i].order < c[best].order))
				best = i;
		if (best == MERGE_NONE)
			return;
		join(m, best, c[best].id);
		c[best] = try(m, best, pair, arg);
		uint32_t prev = m->symbol[best].prev;
		if (prev != MERGE_NONE)
			c[prev] = try(m, prev, pair, arg);
	}
}

/* In the heap: key order and symbol, a the bytes of the pair, b the token it makes. */
static int
push(struct merger *m, uint32_t i, merge_pair *pair, const void *arg)
{
	struct candidate c = try(m, i, pair, arg);

	if (c.id == MERGE_NONE)
		return 0;
	const struct merge_symbol *s = &m->symbol[i];
	return heap_push(&m->heap,
	    (struct heap_item){ (uint64_t)c.order << 32 | i, s->len + m->symbol[s->next].len, c.id });
}

static int
run_long(struct merger *m, merge_pair *pair, const void *arg)
{
	struct heap_item x;

	m->heap.n = 0;
	for (uint32_t i = 0; i < m->n; i++)
		if (push(m, i, pair, arg) < 0)
			return -1;
	while (heap_pop(&m->heap, &x)) {
		/* A symbol only grows or goes: the pair is still the one that was pushed when its length is. */
		uint32_t i = (uint32_t)x.key;
		const struct merge_symbol *s = &m->symbol[i];
		if (s->len == 0 || s->next == MERGE_NONE || s->len + m->symbol[s->next].len != x.a)
			continue;
		join(m, i, x.b);
		if (push(m, i, pair, arg) < 0 || (s->prev != MERGE_NONE && push(m, s->prev, pair, arg) < 0))
			return -1;
	}
	return 0;
}

int
merge_run(struct merger *m, merge_pair *pair, const void *arg)
{
	if (m->n == 0)
		return 0;
	m->symbol[m->n - 1].next = MERGE_NONE; /* the prev of symbol 0 wrapped to the same */
	if (m->n > SHORT)
		return run_long(m, pair, arg);
	run_short(m, pair, arg);
	return 0;
}

void
merge_free(struct merger *m)
{
	free(m->symbol);
	heap_free(&m->heap);
	*m = (struct merger){ 0 };
}
