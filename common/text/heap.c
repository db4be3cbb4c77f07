#include "text/heap.h"

#include <stdlib.h>

#include "base/mem.h"

static bool
before(const struct heap_item *x, const struct heap_item *y)
{
	if (x->key != y->key)
		return x->key < y->key;
	return x->a != y->a ? x->a < y->a : x->b < y->b;
}

int
heap_push(struct heap *h, struct heap_item x)
{
	if (mem_grow(&h->item, &h->cap, h->n + 1, sizeof *h->item) < 0)
		return -1;
	size_t i = h->n++;
	while (i > 0) {
		size_t up = (i - 1) / 2;
		if (!before(&x, &h->item[up]))
			break;
		h->item[i] = h->item[up];
		i = up;
	}
	h->item[i] = x;
	return 0;
}

bool
heap_pop(struct heap *h, struct heap_item *x)
{
	if (h->n == 0)
		return false;
	*x = h->item[0];
	struct heap_item last = h->item[--h->n];
	size_t i = 0;
	for (;;) {
		size_t down = 2 * i + 1;
		if (down >= h->n)
			break;
		if (down + 1 < h->n && before(&h->item[down + 1], &h->item[down]))
			down++;
		if (!before(&h->item[down], &last))
			break;
		h->item[i] = h->item[down];
		i = down;
	}
	h->item[i] = last;
	return true;
}

void
heap_free(struct heap *h)
{
	free(h->item);
	*h = (struct heap){ 0 };
}
