#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static void *
no_memory(size_t n, size_t size)
{
	err_set(ERR_SYSTEM, "out of memory (%zu x %zu bytes)", n, size);
	return NULL;
}

void *
mem_alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	return p ? p : no_memory(n, size);
}

void *
mem_alloc64(size_t n, size_t size)
{
	uint64_t bytes;

	if (!mem_mul(n, size, &bytes) || !mem_round_up(bytes ? bytes : 1, 64, &bytes))
		return no_memory(n, size);
	void *p = aligned_alloc(64, bytes);
	return p ? p : no_memory(n, size);
}

int
mem_grow(void *array, size_t *cap, size_t need, size_t size)
{
	uint64_t more, bytes;

	if (need <= *cap)
		return 0;
	more = need;
	if (*cap > need / 2 && !mem_mul(*cap, 2, &more))
		more = need;
	if (more < 16)
		more = 16;
	if (!mem_mul(more, size, &bytes)) {
		no_memory(more, size);
		return -1;
	}

	/* The caller's pointer may be of any object type: its bytes are copied, not reinterpreted. */
	void *old, *p;
	memcpy(&old, array, sizeof old);
	p = realloc(old, bytes);
	if (!p) {
		no_memory(more, size);
		return -1;
	}
	memcpy(array, &p, sizeof p);
	*cap = more;
	return 0;
}

char *
mem_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = mem_alloc(n, 1);

	if (p)
		memcpy(p, s, n);
	return p;
}

char *
mem_join(const char *a, const char *b)
{
	char *both = mem_alloc(strlen(a) + strlen(b) + 1, 1);

	return both ? strcat(strcpy(both, a), b) : NULL;
}
