/*
 * q8_rows.h: how int8 activations lie in memory (inside compute only).
 *
 * Tokens are cut into groups of Q8_GROUP, the last one smaller. A group holds, block after block, the quants of its w tokens
 * (w times 32 int8), their w scales (f32) and their w biases (int32: -128 times the sum of the quants, which takes back
 * the 128 that were added to each weight). So a step over the tokens of a group reads one ascending stretch of memory.
 */
#ifndef MAI_COMPUTE_Q8_ROWS_H
#define MAI_COMPUTE_Q8_ROWS_H

#include "compute/kernel.h"

/* amax below this gives a block of zeros: 127/amax must be finite. */
#define Q8_LEAST 0x1p-120f

enum { Q8_TOKEN_BYTES = Q8_BLOCK + sizeof(float) + sizeof(int32_t) }; /* of a block */

/* Where a block of a token lies; `step` bytes further the next block. */
struct q8_rows {
	int8_t *q;
	float *scale;
	int32_t *bias;
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
		.bias = (int32_t *)(void *)(at + w * (Q8_BLOCK + sizeof(float))) + i,
		.step = w * Q8_TOKEN_BYTES,
	};
}

#endif
