#include "ledger/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static uint64_t
begin_of(const struct hash *h)
{
	uint64_t v;

	memcpy(&v, h->bytes, sizeof v);
	return v;
}

static void
put(struct seen_leaf *leaf, size_t cap, const struct seen_leaf *l)
{
	size_t i = l->begin & (cap - 1);

	while (leaf[i].place)
		i = (i + 1) & (cap - 1);
	leaf[i] = *l;
}

/* At least half of it is free. */
static int
grow(struct seen *s)
{
	size_t cap = s->cap ? 2 * s->cap : 1024;
	struct seen_leaf *leaf = mem_alloc(cap, sizeof *leaf);

	if (!leaf)
		return -1;
	for (size_t i = 0; i < s->cap; i++)
		if (s->leaf[i].place)
			put(leaf, cap, &s->leaf[i]);
	free(s->leaf);
	s->leaf = leaf;
	s->cap = cap;
	return 0;
}

int
seen_add(struct seen *s, const struct hash *leaf, uint64_t index)
{
	if (2 * (s->n + 1) > s->cap && grow(s) < 0)
		return -1;
	put(s->leaf, s->cap, &(struct seen_leaf){ begin_of(leaf), index + 1 });
	s->n++;
	return 0;
}

bool
seen_next(const struct seen *s, const struct hash *leaf, size_t *at, uint64_t *index)
{
	uint64_t begin = begin_of(leaf);

	while (s->cap > 0 && *at < s->cap) {
		const struct seen_leaf *l = &s->leaf[(begin + (*at)++) & (s->cap - 1)];
		if (!l->place)
			return false;
		if (l->begin == begin) {
			*index = l->place - 1;
			return true;
		}
	}
	return false;
}

void
seen_free(struct seen *s)
{
	free(s->leaf);
	*s = (struct seen){ 0 };
}
