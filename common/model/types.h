/*
 * types.h: tensor element types, with GGML's numbers and names.
 *
 * Types above TYPE_X16 are mai's own: TYPE_X16 + t is type t with 16 rows interleaved (model/tile.h). Other programs
 * don't know these numbers and refuse them.
 */
#ifndef MAI_MODEL_TYPES_H
#define MAI_MODEL_TYPES_H

#include <stdbool.h>
#include <stdint.h>

enum tensor_type {
	TYPE_F32 = 0,
	TYPE_F16 = 1,
	TYPE_Q4_0 = 2,
	TYPE_Q4_1 = 3,
	TYPE_Q5_0 = 6,
	TYPE_Q5_1 = 7,
	TYPE_Q8_0 = 8,
	TYPE_Q2_K = 10,
	TYPE_Q3_K = 11,
	TYPE_Q4_K = 12,
	TYPE_Q5_K = 13,
	TYPE_Q6_K = 14,
	TYPE_IQ4_NL = 20,
	TYPE_IQ4_XS = 23,
	TYPE_BF16 = 30,
	TYPE_MXFP4 = 39,
	TYPE_COUNT = 64,  /* numbers of GGML's are below */
	TYPE_X16 = 1000,  /* + one of the above */
};

struct type_info {
	const char *name;      /* "Q8_0" */
	uint32_t block;        /* elements in a block */
	uint32_t block_bytes;
};

/* NULL for a number that is unknown, or whose type GGML has removed. Knows all of GGML's types and the x16 ones of
 * those that mai computes. For an x16 type block and block_bytes are those of the plain type. */
const struct type_info *type_info(uint32_t type);

static inline bool
type_is_tiled(uint32_t type)
{
	return type >= TYPE_X16;
}

/* False when ne[0] is no multiple of the block or the size does not fit in 63 bits. An x16 type pads rows to 16, and is of
 * matrices: of 2 dimensions, or of 3. */
bool type_size(uint32_t type, uint32_t n_dims, const uint64_t *ne, uint64_t *bytes);

#endif
