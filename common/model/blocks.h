/*
 * blocks.h: weights as blocks of 32 or 256 small whole numbers with scales, as GGML has them (ggml-common.h).
 *
 * A weight is kept as a code of few bits, whose value is the code less an offset, or what a table says. Each group of 32 or 16 weights
 * has a scale, and in some types a least value too: weight = scale * value + least. How a plain block holds this is data:
 *
 *	codes      in one or two planes, the low bits and the high ones. A plane cuts the block into spans: the first `span` codes are
 *	           the low bits of so many bytes, the next are the bits above them, until the bytes are full; then come others
 *	f16        one or two scales of the whole block
 *	bytes      of which, with these, the groups' scales and least values are made (blocks_scales)
 */
#ifndef MAI_MODEL_BLOCKS_H
#define MAI_MODEL_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/types.h"

enum {
	BLOCKS_PART = 32,     /* weights: what kernels take at once, and the scale of most types is for */
	BLOCKS_MOST = 256,    /* weights of a block */
	BLOCKS_PARTS = BLOCKS_MOST / BLOCKS_PART,
	BLOCKS_GROUPS = 16,   /* of a block, at most */
	BLOCKS_BYTES = 210,
};

struct blocks_plane {
	uint8_t bits, at, span; /* of a code; where it begins in the block; bytes */
};

struct blocks {
	uint16_t size;         /* weights of a block */
	uint8_t group;         /* weights that share a scale */
	struct blocks_plane low, high;
	uint8_t f16_at, n_f16; /* scales of the block */
	uint8_t bytes_at, n_bytes;
	uint8_t offset;        /* of codes */
	const int8_t *value;   /* of 16 codes, where there is a table */
	bool least;            /* groups have a least value */
};

/* What a plain type's blocks are like, or NULL: it has none that are known here. */
const struct blocks *blocks_of(uint32_t type);

static inline bool
blocks_has(uint32_t type)
{
	return blocks_of(type) != NULL;
}

static inline unsigned
blocks_bits(const struct blocks *b)
{
	return b->low.bits + b->high.bits;
}

/* The codes of a plain block, in order; of q8_0 with 128 added. And a block's codes put into it: other bytes stay as they are. */
void blocks_codes(uint8_t *code, const struct blocks *b, const uint8_t *block);
void blocks_put_codes(uint8_t *block, const struct blocks *b, const uint8_t *code);

static inline int
blocks_value(const struct blocks *b, uint8_t code)
{
	return b->value ? b->value[code & 15] : code - b->offset;
}

/* n weights, a multiple of the block's size, of a type that has blocks. */
void blocks_to_f32(float *to, uint32_t type, const void *from, size_t n);

#endif
