/* seqmap.h: a map from sequence ids to whatever a user keeps for a sequence. */
#ifndef MAI_STREAM_SEQMAP_H
#define MAI_STREAM_SEQMAP_H

#include <stddef.h>
#include <stdint.h>

struct seqmap_slot {
	uint32_t id;
	void *value; /* NULL: free */
};

/* A zeroed struct is an empty map. Slots are a power of two, at most half of them used; walk them to visit all. */
struct seqmap {
	struct seqmap_slot *slot;
	size_t n, cap;
};

void *seqmap_get(const struct seqmap *m, uint32_t id); /* NULL: none */
int seqmap_put(struct seqmap *m, uint32_t id, void *value); /* id must be new; 0 or -1 */
void seqmap_remove(struct seqmap *m, uint32_t id);
void seqmap_free(struct seqmap *m); /* the values are the user's */

#endif
