#include "model/tile.h"

#include <string.h>

#include "base/half.h"
#include "base/mem.h"
#include "model/blocks.h"

/* Q8_0: a block is an f16 scale and 32 signed quants. In a tile 16 of them are 512 bytes of quants, 32 of scales. */
enum {
	BLOCK = 32, PLAIN_BLOCK = 34, GROUP = 4,
	TILE_QUANTS = TILE_ROWS * BLOCK, TILE_SCALES = TILE_ROWS * 2,
	BIAS = 0x80, /* adding 128 to a signed byte flips its highest bit */
};

bool
tile_supports(uint32_t plain_type)
{
	return plain_type == TYPE_F32 || plain_type == TYPE_F16 || plain_type == TYPE_BF16 || blocks_has(plain_type);
}

/* Bytes of one tile, quants and scales together. */
static bool
tile_bytes(uint32_t plain_type, uint64_t cols, uint64_t *bytes)
{
	switch (plain_type) {
	case TYPE_F32:
		return mem_mul(cols, TILE_ROWS * 4, bytes);
	case TYPE_F16:
		return mem_mul(cols, TILE_ROWS * 2, bytes);
	case TYPE_BF16:
		return mem_mul(cols / 2 + cols % 2, TILE_ROWS * 4, bytes);
	}
	return blocks_has(plain_type) && cols % BLOCK == 0 && mem_mul(cols / BLOCK, tile_quants(plain_type) + TILE_SCALES, bytes);
}

uint64_t
tile_first_section(uint32_t plain_type, uint64_t cols)
{
	uint64_t bytes = 0;

	tile_bytes(plain_type, cols, &bytes);
	return blocks_has(plain_type) ? cols / BLOCK * tile_quants(plain_type) : bytes;
}

bool
tile_size(uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t *bytes)
{
	uint64_t one = 0;

	return tile_bytes(plain_type, cols, &one) && mem_mul(rows / TILE_ROWS + (rows % TILE_ROWS != 0), one, bytes);
}

static uint64_t
tiles_of(uint64_t rows)
{
	return (rows + TILE_ROWS - 1) / TILE_ROWS;
}

/* Rows of tile `t` that exist. */
static uint64_t
rows_in(uint64_t rows, uint64_t t)
{
	uint64_t left = rows - t * TILE_ROWS;

	return left < TILE_ROWS ? left : TILE_ROWS;
}

/*
 * Units of `size` bytes: unit u of row r moves between (r * n + u) and (u * 16 + r). An f32 or f16 element is a unit,
 * and so is a pair of bf16. The constant sizes of the callers let the compiler turn memcpy into a move.
 */
static inline void
pack_units(uint8_t *to, const uint8_t *from, size_t size, uint64_t row_bytes, uint64_t n, uint64_t rows)
{
	for (uint64_t u = 0; u < n; u++, to += TILE_ROWS * size) {
		for (uint64_t r = 0; r < rows; r++)
			memcpy(to + r * size, from + r * row_bytes + u * size, size);
		memset(to + rows * size, 0, (TILE_ROWS - rows) * size);
	}
}

static inline void
unpack_units(uint8_t *to, const uint8_t *from, size_t size, uint64_t row_bytes, uint64_t n, uint64_t rows)
{
	for (uint64_t u = 0; u < n; u++, from += TILE_ROWS * size)
		for (uint64_t r = 0; r < rows; r++)
			memcpy(to + r * row_bytes + u * size, from + r * size, size);
}

static void
pack_bf16(uint8_t *to, const uint8_t *from, uint64_t cols, uint64_t rows)
{
	pack_units(to, from, 4, cols * 2, cols / 2, rows);
	if (cols % 2 == 0)
		return;
	to += cols / 2 * TILE_ROWS * 4;
	memset(to, 0, TILE_ROWS * 4);
	for (uint64_t r = 0; r < rows; r++)
		memcpy(to + r * 4, from + r * cols * 2 + (cols - 1) * 2, 2);
}

static void
unpack_bf16(uint8_t *to, const uint8_t *from, uint64_t cols, uint64_t rows)
{
	unpack_units(to, from, 4, cols * 2, cols / 2, rows);
	if (cols % 2 == 0)
		return;
	from += cols / 2 * TILE_ROWS * 4;
	for (uint64_t r = 0; r < rows; r++)
		memcpy(to + r * cols * 2 + (cols - 1) * 2, from + r * 4, 2);
}

/* A block's quants, with the bias added or taken away: the same operation. */
static inline uint32_t
flip(uint32_t quants)
{
	return quants ^ 0x80808080u;
}

static void
pack_q8_0(uint8_t *quants, uint8_t *scales, const uint8_t *from, uint64_t blocks, uint64_t rows)
{
	memset(scales, 0, blocks * TILE_SCALES);
	for (uint64_t b = 0; b < blocks; b++) {
		uint8_t *q = quants + b * TILE_QUANTS;
		if (rows < TILE_ROWS)
			memset(q, BIAS, TILE_QUANTS);
		for (uint64_t r = 0; r < rows; r++) {
			const uint8_t *block = from + (r * blocks + b) * PLAIN_BLOCK;
			memcpy(scales + b * TILE_SCALES + r * 2, block, 2);
			for (size_t g = 0; g < BLOCK / GROUP; g++) {
				uint32_t v;
				memcpy(&v, block + 2 + g * GROUP, GROUP);
				v = flip(v);
				memcpy(q + (g * TILE_ROWS + r) * GROUP, &v, GROUP);
			}
		}
	}
}

static void
unpack_q8_0(uint8_t *to, const uint8_t *quants, const uint8_t *scales, uint64_t blocks, uint64_t rows)
{
	for (uint64_t b = 0; b < blocks; b++) {
		const uint8_t *q = quants + b * TILE_QUANTS;
		for (uint64_t r = 0; r < rows; r++) {
			uint8_t *block = to + (r * blocks + b) * PLAIN_BLOCK;
			memcpy(block, scales + b * TILE_SCALES + r * 2, 2);
			for (size_t g = 0; g < BLOCK / GROUP; g++) {
				uint32_t v;
				memcpy(&v, q + (g * TILE_ROWS + r) * GROUP, GROUP);
				v = flip(v);
				memcpy(block + 2 + g * GROUP, &v, GROUP);
			}
		}
	}
}

/* ---- blocks of fewer bits ---- */

/* The place of row r's code k among the 512 of a block. */
static size_t
code_place(uint64_t r, size_t k)
{
	return (k / GROUP * TILE_ROWS + r) * GROUP + k % GROUP;
}

static void
put_codes(uint8_t *to, uint32_t type, const uint8_t code[TILE_QUANTS])
{
	enum { HALF = TILE_QUANTS / 2, PLANE = TILE_QUANTS / 8 };

	for (size_t i = 0; i < HALF; i++)
		to[i] = (uint8_t)((code[i] & 15) | (code[HALF + i] & 15) << 4); /* 8 bits */
	if (type != TYPE_Q5_0)
		return;
	memset(to + HALF, 0, PLANE);
	for (size_t i = 0; i < TILE_QUANTS; i++)
		to[HALF + i % PLANE] = (uint8_t)(to[HALF + i % PLANE] | (code[i] >> 4 & 1) << i / PLANE); /* 8 bits */
}

static uint8_t
get_code(const uint8_t *from, uint32_t type, size_t i)
{
	enum { HALF = TILE_QUANTS / 2, PLANE = TILE_QUANTS / 8 };
	unsigned code = i < HALF ? from[i] & 15 : from[i - HALF] >> 4;

	if (type == TYPE_Q5_0)
		code |= (from[HALF + i % PLANE] >> i / PLANE & 1u) << 4;
	return (uint8_t)code; /* < 32 */
}

static void
pack_blocks(uint8_t *quants, uint8_t *scales, const uint8_t *from, uint32_t type, uint64_t blocks, uint64_t rows)
{
	const size_t size = type_info(type)->block_bytes;
	uint8_t all[TILE_QUANTS], code[BLOCK];

	memset(scales, 0, blocks * TILE_SCALES);
	memset(all, type == TYPE_Q5_0 ? 16 : 8, sizeof all);
	for (uint64_t b = 0; b < blocks; b++) {
		for (uint64_t r = 0; r < rows; r++) {
			const uint8_t *block = from + (r * blocks + b) * size;
			memcpy(scales + b * TILE_SCALES + r * 2, block, 2);
			blocks_codes(code, type, block);
			for (size_t k = 0; k < BLOCK; k++)
				all[code_place(r, k)] = code[k];
		}
		put_codes(quants + b * tile_quants(type), type, all);
	}
}

static void
unpack_blocks(uint8_t *to, const uint8_t *quants, const uint8_t *scales, uint32_t type, uint64_t blocks, uint64_t rows)
{
	const size_t size = type_info(type)->block_bytes;
	uint8_t code[BLOCK];

	for (uint64_t b = 0; b < blocks; b++)
		for (uint64_t r = 0; r < rows; r++) {
			for (size_t k = 0; k < BLOCK; k++)
				code[k] = get_code(quants + b * tile_quants(type), type, code_place(r, k));
			blocks_put(to + (r * blocks + b) * size, type, scales + b * TILE_SCALES + r * 2, code);
		}
}

static uint64_t
plain_row_bytes(uint32_t plain_type, uint64_t cols)
{
	const struct type_info *t = type_info(plain_type);

	return cols / t->block * t->block_bytes;
}

/* Where the quants of tile t begin, and its scales, in a matrix of blocks. */
static uint64_t
quants_at(uint32_t type, uint64_t blocks, uint64_t t)
{
	return t * blocks * tile_quants(type);
}

static uint64_t
scales_at(uint32_t type, uint64_t rows, uint64_t blocks, uint64_t t)
{
	return quants_at(type, blocks, tiles_of(rows)) + t * blocks * TILE_SCALES;
}

/* Tile t of the matrix `to`, of rows that begin at `from`. */
static void
pack_tile(uint8_t *to, const uint8_t *from, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t t)
{
	uint64_t n = rows_in(rows, t), at = t * TILE_ROWS, blocks = cols / BLOCK;
	uint64_t quants = quants_at(plain_type, blocks, t), scales = scales_at(plain_type, rows, blocks, t);

	switch (plain_type) {
	case TYPE_F32:
		pack_units(to + at * cols * 4, from, 4, cols * 4, cols, n);
		break;
	case TYPE_F16:
		pack_units(to + at * cols * 2, from, 2, cols * 2, cols, n);
		break;
	case TYPE_BF16:
		pack_bf16(to + at * (cols + cols % 2) * 2, from, cols, n);
		break;
	case TYPE_Q8_0:
		pack_q8_0(to + quants, to + scales, from, blocks, n);
		break;
	default:
		pack_blocks(to + quants, to + scales, from, plain_type, blocks, n);
	}
}

/* The rows of tile t of the matrix `from`, to where `to` points. */
static void
unpack_tile(uint8_t *to, const uint8_t *from, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t t)
{
	uint64_t n = rows_in(rows, t), at = t * TILE_ROWS, blocks = cols / BLOCK;
	uint64_t quants = quants_at(plain_type, blocks, t), scales = scales_at(plain_type, rows, blocks, t);

	switch (plain_type) {
	case TYPE_F32:
		unpack_units(to, from + at * cols * 4, 4, cols * 4, cols, n);
		break;
	case TYPE_F16:
		unpack_units(to, from + at * cols * 2, 2, cols * 2, cols, n);
		break;
	case TYPE_BF16:
		unpack_bf16(to, from + at * (cols + cols % 2) * 2, cols, n);
		break;
	case TYPE_Q8_0:
		unpack_q8_0(to, from + quants, from + scales, blocks, n);
		break;
	default:
		unpack_blocks(to, from + quants, from + scales, plain_type, blocks, n);
	}
}

void
tile_pack(void *to, const void *from, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t first, uint64_t last)
{
	uint64_t row = plain_row_bytes(plain_type, cols);

	for (uint64_t t = first; t < last; t++)
		pack_tile(to, (const uint8_t *)from + t * TILE_ROWS * row, plain_type, rows, cols, t);
}

void
tile_unpack_part(void *to, const void *from, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t first,
    uint64_t last)
{
	uint64_t row = plain_row_bytes(plain_type, cols);

	for (uint64_t t = first; t < last; t++)
		unpack_tile((uint8_t *)to + (t - first) * TILE_ROWS * row, from, plain_type, rows, cols, t);
}

void
tile_unpack(void *to, const void *from, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t first, uint64_t last)
{
	uint8_t *at = (uint8_t *)to + first * TILE_ROWS * plain_row_bytes(plain_type, cols);

	tile_unpack_part(at, from, plain_type, rows, cols, first, last);
}

static float
f16_at(const uint8_t *p)
{
	uint16_t h;

	memcpy(&h, p, 2);
	return f32_from_f16(h);
}

static float
bf16_at(const uint8_t *p)
{
	uint16_t h;

	memcpy(&h, p, 2);
	return f32_from_bf16(h);
}

static void
plain_row(float *to, const uint8_t *from, uint32_t type, uint64_t cols, uint64_t row)
{
	switch (type) {
	case TYPE_F32:
		memcpy(to, from + row * cols * 4, cols * 4);
		break;
	case TYPE_F16:
		for (uint64_t k = 0; k < cols; k++)
			to[k] = f16_at(from + (row * cols + k) * 2);
		break;
	case TYPE_BF16:
		for (uint64_t k = 0; k < cols; k++)
			to[k] = bf16_at(from + (row * cols + k) * 2);
		break;
	default:
		blocks_to_f32(to, type, from + row * plain_row_bytes(type, cols), cols);
	}
}

static void
block_row(float *to, const uint8_t *from, uint32_t type, uint64_t rows, uint64_t cols, uint64_t row)
{
	uint64_t blocks = cols / BLOCK, t = row / TILE_ROWS, r = row % TILE_ROWS;
	const uint8_t *quants = from + quants_at(type, blocks, t), *scales = from + scales_at(type, rows, blocks, t);

	for (uint64_t k = 0; k < cols; k++) {
		const uint8_t *block = quants + k / BLOCK * tile_quants(type);
		size_t i = code_place(r, k % BLOCK);
		uint8_t code = type == TYPE_Q8_0 ? block[i] : get_code(block, type, i);
		to[k] = f16_at(scales + k / BLOCK * TILE_SCALES + r * 2) * (float)blocks_value(type, code);
	}
}

void
tile_row(float *to, const void *from, uint32_t type, uint64_t rows, uint64_t cols, uint64_t row)
{
	const uint8_t *tile = from;
	uint64_t t = row / TILE_ROWS, r = row % TILE_ROWS;

	switch (type) {
	case TYPE_X16 + TYPE_F32:
		tile += t * TILE_ROWS * cols * 4;
		for (uint64_t k = 0; k < cols; k++)
			memcpy(&to[k], tile + (k * TILE_ROWS + r) * 4, 4);
		break;
	case TYPE_X16 + TYPE_F16:
		tile += t * TILE_ROWS * cols * 2;
		for (uint64_t k = 0; k < cols; k++)
			to[k] = f16_at(tile + (k * TILE_ROWS + r) * 2);
		break;
	case TYPE_X16 + TYPE_BF16:
		tile += t * TILE_ROWS * (cols + cols % 2) * 2;
		for (uint64_t k = 0; k < cols; k++)
			to[k] = bf16_at(tile + (k / 2 * TILE_ROWS + r) * 4 + k % 2 * 2);
		break;
	default:
		if (type_is_tiled(type))
			block_row(to, tile, type - TYPE_X16, rows, cols, row);
		else
			plain_row(to, from, type, cols, row);
	}
}
