/*
 * lookup.h: numbered texts, and the way from a text to its number.
 *
 * Hashes are seeded anew in each process, so that no file can be made to fill one chain; nothing depends on their order.
 */
#ifndef MAI_TEXT_LOOKUP_H
#define MAI_TEXT_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define LOOKUP_NONE UINT32_MAX

/* Texts 0 to n-1, one after the other in one string of bytes. Zeroed: empty. */
struct texts {
	struct buf bytes;
	uint32_t *at; /* n + 1 offsets */
	uint32_t n;
};

/* Room for n texts, then each in turn; 0 or -1 (no memory, or 4 GiB of text). */
int texts_init(struct texts *p, uint32_t n);
int texts_add(struct texts *p, const void *text, size_t n);
void texts_free(struct texts *p);

static inline const uint8_t *
texts_at(const struct texts *p, uint32_t i)
{
	return p->bytes.data + p->at[i];
}

static inline uint32_t
texts_length(const struct texts *p, uint32_t i)
{
	return p->at[i + 1] - p->at[i];
}

/* From one of the texts to its number. */
struct lookup_slot {
	uint32_t tag, id; /* id LOOKUP_NONE: free */
};

struct lookup {
	const struct texts *texts;
	struct lookup_slot *slot; /* mask + 1 of them, at most half of them in use */
	uint64_t seed;
	uint32_t mask;
};

int lookup_init(struct lookup *l, const struct texts *p, uint32_t n); /* for n texts; 0 or -1 */
void lookup_free(struct lookup *l);

/* Adds text i; false when the same text is there already, whose number is then in *other. */
bool lookup_add(struct lookup *l, uint32_t i, uint32_t *other);

/* LOOKUP_NONE when it is not there. */
uint32_t lookup_find(const struct lookup *l, const void *text, size_t n);

uint64_t lookup_seed(void);

#endif
