/* heap.h: a heap of small items, the least key first, of equals the least a, then b. A zeroed struct is an empty one. */
#ifndef MAI_TEXT_HEAP_H
#define MAI_TEXT_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_item {
	uint64_t key;
	uint32_t a, b; /* the caller's */
};

struct heap {
	struct heap_item *item;
	size_t n, cap;
};

int heap_push(struct heap *h, struct heap_item x); /* 0 or -1 */
bool heap_pop(struct heap *h, struct heap_item *x); /* false when it is empty */
void heap_free(struct heap *h);

#endif
