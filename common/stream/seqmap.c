#include "stream/seqmap.h"

#include <stdlib.h>

#include "base/mem.h"

static size_t
place(const struct seqmap *m, uint32_t id)
{
	/* Fibonacci hashing spreads ids that count up. */
	return (size_t)(id * 0x9E3779B97F4A7C15u >> 32) & (m->cap - 1);
}

static struct seqmap_slot *
find(const struct seqmap *m, uint32_t id)
{
	size_t i = place(m, id);

	while (m->slot[i].value && m->slot[i].id != id)
		i = (i + 1) & (m->cap - 1);
	return &m->slot[i];
}

void *
seqmap_get(const struct seqmap *m, uint32_t id)
{
	return m->n ? find(m, id)->value : NULL;
}

static int
grow(struct seqmap *m)
{
	struct seqmap bigger = { .cap = m->cap ? 2 * m->cap : 32 };

	bigger.slot = mem_alloc(bigger.cap, sizeof *bigger.slot);
	if (!bigger.slot)
		return -1;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slot[i].value)
			*find(&bigger, m->slot[i].id) = m->slot[i];
	bigger.n = m->n;
	free(m->slot);
	*m = bigger;
	return 0;
}

int
seqmap_put(struct seqmap *m, uint32_t id, void *value)
{
	if (2 * (m->n + 1) > m->cap && grow(m) < 0)
		return -1;
	*find(m, id) = (struct seqmap_slot){ id, value };
	m->n++;
	return 0;
}

void
seqmap_remove(struct seqmap *m, uint32_t id)
{
	if (!seqmap_get(m, id))
		return;
	/* Those behind that were pushed past the freed place move up. */
	size_t hole = (size_t)(find(m, id) - m->slot), mask = m->cap - 1;
	m->slot[hole].value = NULL;
	m->n--;
	for (size_t i = (hole + 1) & mask; m->slot[i].value; i = (i + 1) & mask) {
		struct seqmap_slot s = m->slot[i];
		m->slot[i].value = NULL;
		*find(m, s.id) = s;
	}
}

void
seqmap_free(struct seqmap *m)
{
	free(m->slot);
	*m = (struct seqmap){ 0 };
}
