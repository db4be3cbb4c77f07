/*
 * tile.h: weight matrices as the kernels want them: 16 rows interleaved.
 *
 * A matrix of `rows` (outputs) by `cols` (inputs) is cut into tiles of 16 rows; a missing row in the last tile is zeros
 * (of blocks: scales of zero, quants of zero, so codes of 128, 8 and 16).
 * Within a tile, in ascending order of k (the column):
 *   f32, f16   for each k: the 16 rows' elements
 *   bf16       for each pair of k: for each of the 16 rows its two elements (an odd last k is paired with zero)
 *   q8_0       first of all the quants of all tiles: for each block of 32 k, for each group of 4 k, for each of the 16 rows its
 *              4 quants, as unsigned bytes with 128 added (512 bytes a block); then, behind the quants of the whole matrix,
 *              for each tile and block the 16 rows' f16 scales (32 bytes)
 *   q4_0, iq4_nl  the same, but a block's 512 codes (model/blocks.h) lie in 256 bytes: the first half of them in their low
 *              halves, the second in their high ones
 *   q5_0       the same, and behind these 256 bytes 64, with the highest bits: of code i, bit i / 64 of byte i % 64
 * So a vector of 16 lanes is 16 output rows, and each output is a chain over ascending k (mai-arithmetic(7)).
 * The quants of a block and every f32 and bf16 step start at a multiple of 64 bytes when the matrix does.
 */
#ifndef MAI_MODEL_TILE_H
#define MAI_MODEL_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/types.h"

enum { TILE_ROWS = 16 };

/* Rows with those that fill up the last tile. */
static inline size_t
tile_whole(size_t rows)
{
	return (rows + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
}

/* True for a plain type that has an interleaved form: f32, f16, bf16, q8_0, q4_0, q5_0, iq4_nl. */
bool tile_supports(uint32_t plain_type);

/* Bytes of the quants of one block of a tile, of a type that has blocks. */
static inline size_t
tile_quants(uint32_t plain_type)
{
	return plain_type == TYPE_Q8_0 ? 512 : plain_type == TYPE_Q5_0 ? 320 : 256;
}

/* Bytes of a tile in the first section of the matrix, where its quants are; the others have one section. */
uint64_t tile_first_section(uint32_t plain_type, uint64_t cols);

/* Bytes of the interleaved matrix; false when it overflows or cols is no multiple of the type's block. */
bool tile_size(uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t *bytes);

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
