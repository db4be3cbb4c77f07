/*
 * blocks_search.h: scales and codes for a few values, such that the squared errors, each times a weight, come to little. The searches are
 * llama.cpp's, to the bit.
 */
#ifndef MAI_MODEL_BLOCKS_SEARCH_H
#define MAI_MODEL_BLOCKS_SEARCH_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "base/half.h"

enum {
	SEARCH_LINE = 32,   /* values that a line goes through */
	SEARCH_LEVELS = 8,  /* values that become levels */
	SEARCH_TOP = 63,    /* the highest level: 6 bits */
};

/* value = scale * code - deficit, which is not negative. */
struct line {
	float scale, deficit;
};

/* Which scales are tried for codes up to `top`: those of top + from + i * step steps over the span. */
struct search {
	float from, step;
	int steps;
};

/* The line with the least error, and its codes. */
struct line search_line(uint8_t *code, const float *x, const float *weight, int top, struct search search);

/* The scale for codes -levels to levels - 1, to each of which `levels` is added, that takes the largest value near the lowest code. */
float search_scale(uint8_t *code, const float *x, const float *weight, size_t n, int levels);

/* The scale for levels of values that are not negative. */
float search_levels(uint8_t *level, const float *x, const float *weight);

/* To even; |v| is below 2^22. */
static inline int
search_nearest(float v)
{
	return (int)(f32_bits(v + 0x1.8p23f) & 0x7fffff) - 0x400000;
}

static inline int
search_within(int v, int least, int most)
{
	return v < least ? least : v > most ? most : v;
}

/* The value of the largest magnitude, of equals the first. */
static inline float
search_largest(const float *x, size_t n)
{
	float most = 0;

	for (size_t i = 0; i < n; i++)
		if (fabsf(x[i]) > fabsf(most))
			most = x[i];
	return most;
}

#define SEARCH_TINY 1e-15f /* values that are all below are zeros */

#endif
