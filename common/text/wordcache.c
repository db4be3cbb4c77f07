#define XXH_INLINE_ALL
#include <xxhash.h>

#include "text/wordcache.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/tokens.h"

enum {
	SLOT_BITS = 15, /* 2 MiB: what is used again and again of it stays in the processor's second cache */
	MOST_BYTES = 30,
	MOST_IDS = 8,
};

/* 64 bytes. */
struct word_slot {
	uint8_t n, n_ids; /* n 0: free */
	char text[MOST_BYTES];
	uint32_t id[MOST_IDS];
};

static struct word_slot *
slot_of(const struct word_cache *c, const void *word, size_t n)
{
	return &c->slot[XXH3_64bits(word, n) >> (64 - SLOT_BITS)];
}

int
word_cache_run(struct word_cache *c, const void *word, size_t n, struct ids *out, word_tokens *tokens, void *arg)
{
	size_t before = out->n;

	if (n > MOST_BYTES)
		return tokens(arg, word, n, out);
	if (!c->slot && !(c->slot = mem_alloc((size_t)1 << SLOT_BITS, sizeof *c->slot)))
		return -1;
	struct word_slot *s = slot_of(c, word, n);
	if (s->n == n && memcmp(s->text, word, n) == 0)
		return ids_add_all(out, s->id, s->n_ids);
	if (tokens(arg, word, n, out) < 0)
		return -1;
	if (out->n - before <= MOST_IDS) {
		s->n = (uint8_t)n; /* at most MOST_BYTES */
		s->n_ids = (uint8_t)(out->n - before);
		memcpy(s->text, word, n);
		memcpy(s->id, out->id + before, s->n_ids * sizeof *s->id);
	}
	return 0;
}

void
word_cache_free(struct word_cache *c)
{
	free(c->slot);
	*c = (struct word_cache){ 0 };
}
