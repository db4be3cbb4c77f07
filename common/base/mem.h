/*
 * mem.h: memory, with every size checked.
 *
 * Sizes that come from a file or a peer go through the checked sums and products before anything is
 * allocated. An allocation that fails is an error with a reason (base/err.h), never an exit.
 */
#ifndef MAI_BASE_MEM_H
#define MAI_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True and *out set when the result fits, else false. For size_t and uint64_t alike: both are 64 bits here. */
static inline bool
mem_add(uint64_t a, uint64_t b, uint64_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}

static inline bool
mem_mul(uint64_t a, uint64_t b, uint64_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

/* n rounded up to a multiple of `to`, a power of two; false when that overflows. */
static inline bool
mem_round_up(uint64_t n, uint64_t to, uint64_t *out)
{
	if (!mem_add(n, to - 1, out))
		return false;
	*out &= ~(to - 1);
	return true;
}

_Static_assert(sizeof(size_t) == 8, "mai needs a 64-bit address space");

/* n elements of `size` bytes, zeroed; NULL with a reason when it can't be had. Freed by free(). */
void *mem_alloc(size_t n, size_t size);

/* The same, not zeroed and aligned to 64 bytes, for rows of numbers. Freed by free(). */
void *mem_alloc64(size_t n, size_t size);

/*
 * Grows *array, which holds *cap elements of `size` bytes, to at least `need` elements (doubling).
 * Returns 0, or -1 with a reason and the array as it was.
 */
int mem_grow(void *array, size_t *cap, size_t need, size_t size);

char *mem_strdup(const char *s);
char *mem_join(const char *a, const char *b); /* a, and b behind it */

#endif
