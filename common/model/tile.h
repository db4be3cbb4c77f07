/*
 * tile.h: weight matrices as the kernels want them: 16 rows interleaved.
 *
 * A matrix of `rows` (outputs) by `cols` (inputs) is cut into tiles of 16 rows; a missing row in the last tile is zeros
 * (of blocks: codes of zero, or 128 of q8_0, and scales of zero).
 * Within a tile, in ascending order of k (the column):
 *   f32, f16   for each k: the 16 rows' elements
 *   bf16       for each pair of k: for each of the 16 rows its two elements (an odd last k is paired with zero)
 *   blocks     (model/blocks.h) first of all the codes of all tiles: of each 32 k, for each group of 4 k, for each of the 16 rows its
 *              4 codes, 512 in all; in a plane of b bits, the low plane first, code i is in byte i % 64b, from bit i / 64b * b on. Of
 *              q8_0 these are bytes with 128 added. Behind the codes of the whole matrix, for each tile and block: for each f16 of a
 *              block, the 16 rows' (32 bytes); then for each of its bytes of scales, the 16 rows'
 * So a vector of 16 lanes is 16 output rows, and each output is a chain over ascending k (mai-arithmetic(7)).
 * The codes of 32 k and every f32 and bf16 step start at a multiple of 64 bytes when the matrix does. A tensor of several matrices has
 * them one behind the other, each at a multiple of 64 bytes, and zeros in between and behind the last.
 */
#ifndef MAI_MODEL_TILE_H
#define MAI_MODEL_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/blocks.h"
#include "model/types.h"

enum {
	TILE_ROWS = 16,
	TILE_ALIGNMENT = 64, /* where a matrix begins */
};

/* Rows with those that fill up the last tile. */
static inline size_t
tile_whole(size_t rows)
{
	return (rows + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
}

/* True for a plain type that has an interleaved form: f32, f16, bf16, and all that have blocks. */
bool tile_supports(uint32_t plain_type);

enum { TILE_CODES = TILE_ROWS * BLOCKS_PART };

/* Bytes of 512 codes, and of the scales of a block. */
static inline size_t
tile_codes(const struct blocks *b)
{
	return TILE_CODES / 8 * blocks_bits(b);
}

static inline size_t
tile_scales(const struct blocks *b)
{
	return TILE_ROWS * (2u * b->n_f16 + b->n_bytes);
}

/* Bytes of a tile in the first section of the matrix, where its codes are; the others have one section. */
uint64_t tile_first_section(uint32_t plain_type, uint64_t cols);

/* Bytes of the interleaved matrix; false when it overflows or cols is no multiple of the type's block. */
bool tile_size(uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t *bytes);

/* The same of each of several in one tensor, behind which the next one begins at a multiple of 64. */
bool tile_step(uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t *bytes);

/* Where tile t of a matrix is: its elements or codes, and of blocks its scales. In both the next tile is behind it. */
struct tile_place {
	const void *data, *scales;
};
struct tile_place tile_find(const void *matrix, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t t);

/* Interleaves the tiles [first, last) of a plain matrix; `to` and `from` are the whole matrices. Threads may share one. */
void tile_pack(void *to, const void *from, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t first, uint64_t last);

/* The other way: rows of the tiles [first, last). What tile_pack gave comes back byte for byte. */
void tile_unpack(void *to, const void *from, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t first, uint64_t last);

/* The same to a buffer that begins with the first row of tile `first`: for a matrix that is not held whole. (tile_pack needs
 * no such form: 16 n rows are a matrix of their own.) */
void tile_unpack_part(void *to, const void *from, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t first,
    uint64_t last);

/* One row as f32 (`cols` elements), from a tiled or a plain matrix of these types. */
void tile_row(float *to, const void *from, uint32_t type, uint64_t rows, uint64_t cols, uint64_t row);

#endif
