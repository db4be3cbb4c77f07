/*
 * merge.h: the loop that both kinds of BPE share: the best pair of neighbours becomes one symbol, until no pair is a token.
 *
 * The best pair is the one of the least order, and of equals the leftmost. Short runs of symbols are searched, long ones go
 * through a heap, so that n symbols take n log n steps.
 */
#ifndef MAI_TEXT_MERGE_H
#define MAI_TEXT_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/heap.h"

#define MERGE_NONE UINT32_MAX

struct merge_symbol {
	uint32_t start, len; /* its bytes; len 0: it was merged into one on its left */
	uint32_t id;         /* its token; MERGE_NONE where it is none */
	uint32_t prev, next; /* neighbours; MERGE_NONE at an end */
};

/* The token that two neighbours make, and its order; false when they make none. */
typedef bool merge_pair(const void *arg, const struct merge_symbol *left, const struct merge_symbol *right, uint32_t *id,
    uint32_t *order);

struct merger {
	struct merge_symbol *symbol; /* symbol 0 is never merged away */
	size_t n, cap;
	struct heap heap;
};

/* Empties it for a new run. */
static inline void
merge_begin(struct merger *m)
{
	m->n = 0;
}

int merge_add(struct merger *m, uint32_t start, uint32_t len, uint32_t id); /* the next symbol; 0 or -1 */
int merge_run(struct merger *m, merge_pair *pair, const void *arg);         /* 0 or -1; then walk from symbol 0 by next */
void merge_free(struct merger *m);

#endif
