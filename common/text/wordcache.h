/*
 * wordcache.h: the tokens of words that were met before.
 *
 * A text of any length has few words that are new. What a word becomes depends on nothing but the word, so it is worked out once, as long
 * as no other word takes its place: memory stays the same for any text.
 */
#ifndef MAI_TEXT_WORDCACHE_H
#define MAI_TEXT_WORDCACHE_H

#include <stddef.h>

#include "text/vocab.h"

struct word_slot;

struct word_cache {
	struct word_slot *slot; /* NULL until the first word */
}; /* zeroed: empty */

/* Appends the tokens of a word of n bytes (at least 1): those it had before, or those that `tokens` appends. 0, or -1. */
typedef int word_tokens(void *arg, const void *word, size_t n, struct ids *out);
int word_cache_run(struct word_cache *c, const void *word, size_t n, struct ids *out, word_tokens *tokens, void *arg);
void word_cache_free(struct word_cache *c);

#endif
