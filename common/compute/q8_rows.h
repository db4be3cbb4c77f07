/*
 * q8_rows.h: how int8 activations lie in memory (inside compute only).
 *
 * Tokens are cut into groups of Q8_GROUP, the last one smaller. A group holds, block after block, of its w tokens: the quants (w times
 * 32 int8), the scales (f32), the biases (int32: -128 times the sum of the quants, which takes back the 128 that were added
 * to each weight), those of the first 16 quants alone, and the sums of the quants times the scale (f32, for weights with a least value). So a
 * step over the tokens of a group reads one ascending stretch of memory.
 */
#ifndef MAI_COMPUTE_Q8_ROWS_H
#define MAI_COMPUTE_Q8_ROWS_H

#include "compute/kernel.h"

/* amax below this gives a block of zeros: 127/amax must be finite. */
#define Q8_LEAST 0x1p-120f

enum { Q8_TOKEN_BYTES = Q8_BLOCK + 4 * sizeof(float) }; /* of a block */

/* Where a block of a token lies; `step` bytes further the next block. */
struct q8_rows {
	int8_t *q;
	float *scale;
	int32_t *bias, *low;
	float *sum;
	size_t step;
};

/* Of a row of `blocks` blocks, token t of `tokens`, from block b on. */
static inline struct q8_rows
q8_rows_at(void *q8, size_t blocks, size_t tokens, size_t t, size_t b)
{
	size_t group = t / Q8_GROUP * Q8_GROUP, w = tokens - group < Q8_GROUP ? tokens - group : Q8_GROUP, i = t - group;
	char *at = (char *)q8 + (group * blocks + w * b) * Q8_TOKEN_BYTES;

	return (struct q8_rows){
		.q = (int8_t *)at + i * Q8_BLOCK,
		.scale = (float *)(void *)(at + w * Q8_BLOCK) + i,
		.bias = (int32_t *)(void *)(at + w * (Q8_BLOCK + 4)) + i,
		.low = (int32_t *)(void *)(at + w * (Q8_BLOCK + 8)) + i,
		.sum = (float *)(void *)(at + w * (Q8_BLOCK + 12)) + i,
		.step = w * Q8_TOKEN_BYTES,
	};
}

static inline void
q8_rows_next(struct q8_rows *r)
{
	size_t four = r->step / 4;

	r->q += r->step, r->scale += four, r->bias += four, r->low += four, r->sum += four;
}

/* The sum of the quants whose bias this is: exact. */
static inline float
q8_sum(int32_t bias)
{
	return (float)bias * -0x1p-7f;
}

#endif
