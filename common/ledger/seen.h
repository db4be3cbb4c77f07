/* seen.h: where in a log each leaf is, so that an entry is not appended twice. In memory: 16 to 32 bytes for each. */
#ifndef MAI_LEDGER_SEEN_H
#define MAI_LEDGER_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct seen {
	struct seen_leaf {
		uint64_t begin; /* of its hash */
		uint64_t place; /* its index and 1; 0: free */
	} *leaf;
	size_t n, cap; /* a power of two */
};

/* 0, or -1 with a reason: there is no memory. */
int seen_add(struct seen *s, const struct hash *leaf, uint64_t index);

/* The places where it may be, one after the other: false when there are no more. *at is 0 at first. */
bool seen_next(const struct seen *s, const struct hash *leaf, size_t *at, uint64_t *index);
void seen_free(struct seen *s);

#endif
