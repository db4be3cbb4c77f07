#define XXH_INLINE_ALL
#include <xxhash.h>

#include "text/lookup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/err.h"
#include "base/mem.h"

int
texts_init(struct texts *p, uint32_t n)
{
	p->at = mem_alloc((size_t)n + 1, sizeof *p->at);
	return p->at ? 0 : -1;
}

int
texts_add(struct texts *p, const void *text, size_t n)
{
	if (n > UINT32_MAX - p->bytes.len)
		return err_set(ERR_DATA, "the vocabulary holds more than 4 GiB of text");
	if (buf_reserve(&p->bytes, n + 1) < 0) /* texts_at is a pointer even while all texts are empty */
		return -1;
	if (buf_add(&p->bytes, text, n) < 0)
		return -1;
	p->at[++p->n] = (uint32_t)p->bytes.len;
	return 0;
}

void
texts_free(struct texts *p)
{
	free(p->at);
	buf_free(&p->bytes);
	*p = (struct texts){ 0 };
}

uint64_t
lookup_seed(void)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
		seed = (uint64_t)(uintptr_t)&seed; /* early in a boot: where the stack lies is a guess as good as any */
	return seed;
}

int
lookup_init(struct lookup *l, const struct texts *p, uint32_t n)
{
	uint64_t size = 16;

	while (size < 2 * (uint64_t)n)
		size *= 2;
	l->slot = mem_alloc(size, sizeof *l->slot);
	if (!l->slot)
		return -1;
	memset(l->slot, 0xff, size * sizeof *l->slot);
	l->texts = p;
	l->mask = (uint32_t)(size - 1);
	l->seed = lookup_seed();
	return 0;
}

void
lookup_free(struct lookup *l)
{
	free(l->slot);
	*l = (struct lookup){ 0 };
}

/* The slot of the text, or the free one where it would be. */
static struct lookup_slot *
find(const struct lookup *l, const void *text, size_t n, uint32_t *tag)
{
	uint64_t h = XXH3_64bits_withSeed(text, n, l->seed);
	uint32_t i = (uint32_t)h & l->mask;

	*tag = (uint32_t)(h >> 32);
	for (;; i = (i + 1) & l->mask) {
		struct lookup_slot *s = &l->slot[i];
		if (s->id == LOOKUP_NONE)
			return s;
		if (s->tag == *tag && texts_length(l->texts, s->id) == n && memcmp(texts_at(l->texts, s->id), text, n) == 0)
			return s;
	}
}

bool
lookup_add(struct lookup *l, uint32_t i, uint32_t *other)
{
	uint32_t tag;
	struct lookup_slot *s = find(l, texts_at(l->texts, i), texts_length(l->texts, i), &tag);

	if (s->id != LOOKUP_NONE) {
		*other = s->id;
		return false;
	}
	*s = (struct lookup_slot){ tag, i };
	return true;
}

uint32_t
lookup_find(const struct lookup *l, const void *text, size_t n)
{
	uint32_t tag;

	return find(l, text, n, &tag)->id;
}
