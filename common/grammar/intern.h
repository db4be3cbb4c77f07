/*
 * intern.h: equal keys get equal numbers, from 0 on. A key is a number of uint32_t.
 *
 * Hashes are seeded anew in each process, so that no grammar can be made to fill one chain.
 */
#ifndef MAI_GRAMMAR_INTERN_H
#define MAI_GRAMMAR_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct intern {
	uint32_t *words; /* the keys, one behind the other */
	size_t n_words, words_cap;
	size_t *at;      /* where each begins */
	size_t at_cap;
	uint32_t n;      /* keys */
	uint32_t *slot;  /* mask + 1 of them, at most half in use: a key's number + 1, or 0 */
	size_t mask;
	uint64_t seed;
}; /* zeroed: empty */

/* The number of a key, which is new when it is n - 1 afterwards and was n before. 0 or -1. */
int intern(struct intern *t, const uint32_t *key, size_t words, uint32_t *id);

static inline const uint32_t *
intern_key(const struct intern *t, uint32_t id)
{
	return t->words + t->at[id];
}

static inline size_t
intern_words(const struct intern *t, uint32_t id)
{
	return (id + 1 < t->n ? t->at[id + 1] : t->n_words) - t->at[id];
}

void intern_clear(struct intern *t); /* keeps its memory */
void intern_free(struct intern *t);

#endif
