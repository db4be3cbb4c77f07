#include "grammar/intern.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"
#include "text/lookup.h"

enum { SLOTS = 1 << 8 }; /* at first */

static size_t
place(const struct intern *t, const uint32_t *key, size_t words)
{
	return XXH3_64bits_withSeed(key, words * sizeof *key, t->seed) & t->mask;
}

/* The slot of a key, or the free one where it belongs. */
static uint32_t *
find(const struct intern *t, const uint32_t *key, size_t words)
{
	size_t i = place(t, key, words);

	for (; t->slot[i]; i = (i + 1) & t->mask) {
		uint32_t id = t->slot[i] - 1;
		if (intern_words(t, id) == words && memcmp(intern_key(t, id), key, words * sizeof *key) == 0)
			break;
	}
	return &t->slot[i];
}

static int
grow(struct intern *t)
{
	size_t slots = t->slot ? 2 * (t->mask + 1) : SLOTS;
	uint32_t *slot = mem_alloc(slots, sizeof *slot);

	if (!slot)
		return -1;
	if (!t->slot)
		t->seed = lookup_seed();
	free(t->slot);
	t->slot = slot;
	t->mask = slots - 1;
	for (uint32_t id = 0; id < t->n; id++)
		*find(t, intern_key(t, id), intern_words(t, id)) = id + 1;
	return 0;
}

int
intern(struct intern *t, const uint32_t *key, size_t words, uint32_t *id)
{
	uint32_t *slot;

	if ((!t->slot || 2 * (size_t)t->n > t->mask) && grow(t) < 0)
		return -1;
	slot = find(t, key, words);
	if (!*slot) {
		if (mem_grow(&t->words, &t->words_cap, t->n_words + words, sizeof *t->words) < 0 ||
		    mem_grow(&t->at, &t->at_cap, (size_t)t->n + 1, sizeof *t->at) < 0)
			return -1;
		memcpy(t->words + t->n_words, key, words * sizeof *key);
		t->at[t->n] = t->n_words;
		t->n_words += words;
		*slot = ++t->n;
	}
	*id = *slot - 1;
	return 0;
}

void
intern_clear(struct intern *t)
{
	t->n = 0;
	t->n_words = 0;
	if (t->slot)
		memset(t->slot, 0, (t->mask + 1) * sizeof *t->slot);
}

void
intern_free(struct intern *t)
{
	free(t->words);
	free(t->at);
	free(t->slot);
	*t = (struct intern){ 0 };
}
