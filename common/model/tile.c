#include "model/tile.h"

#include <string.h>

#include "base/half.h"
#include "base/mem.h"
#include "model/blocks.h"

enum { GROUP = 4 }; /* codes of a row that lie together */

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
	const struct blocks *b = blocks_of(plain_type);
	return b && cols % b->size == 0 && mem_mul(cols / b->size, b->size / BLOCKS_PART * tile_codes(b) + tile_scales(b), bytes);
}

uint64_t
tile_first_section(uint32_t plain_type, uint64_t cols)
{
	const struct blocks *b = blocks_of(plain_type);
	uint64_t bytes = 0;

	tile_bytes(plain_type, cols, &bytes);
	return b ? cols / BLOCKS_PART * tile_codes(b) : bytes;
}

bool
tile_size(uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t *bytes)
{
	uint64_t one = 0;

	return tile_bytes(plain_type, cols, &one) && mem_mul(rows / TILE_ROWS + (rows % TILE_ROWS != 0), one, bytes);
}

bool
tile_step(uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t *bytes)
{
	if (!tile_size(plain_type, rows, cols, bytes) || !mem_add(*bytes, TILE_ALIGNMENT - 1, bytes))
		return false;
	*bytes -= *bytes % TILE_ALIGNMENT;
	return true;
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

/* ---- blocks ---- */

/* Where the codes of tile t begin, and its scales. */
static uint64_t
codes_at(const struct blocks *b, uint64_t cols, uint64_t t)
{
	return t * (cols / BLOCKS_PART) * tile_codes(b);
}

static uint64_t
scales_at(const struct blocks *b, uint64_t rows, uint64_t cols, uint64_t t)
{
	return codes_at(b, cols, tiles_of(rows)) + t * (cols / b->size) * tile_scales(b);
}

/* Where row r's codes from k on are, GROUP of them, among the 512 of each 32 k. */
static size_t
code_place(uint64_t r, size_t k)
{
	return k / BLOCKS_PART * TILE_CODES + (k % BLOCKS_PART / GROUP * TILE_ROWS + r) * GROUP;
}

/* 512 codes into their planes and out of them; `low` bits of a code lie in another plane. */
static void
pack_plane(uint8_t *to, const uint8_t *code, unsigned bits, unsigned low)
{
	const size_t n = TILE_CODES / 8 * bits;

	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(code[i] >> low & ((1u << bits) - 1));
	for (size_t part = 1; part < 8 / bits; part++)
		for (size_t i = 0; i < n; i++)
			to[i] = (uint8_t)(to[i] | (code[part * n + i] >> low & ((1u << bits) - 1)) << part * bits); /* 8 bits */
}

static void
unpack_plane(uint8_t *code, const uint8_t *from, unsigned bits, unsigned low)
{
	const size_t n = TILE_CODES / 8 * bits;

	for (size_t part = 0; part < 8 / bits; part++)
		for (size_t i = 0; i < n; i++)
			code[part * n + i] = (uint8_t)((low ? code[part * n + i] : 0) | (from[i] >> part * bits & ((1u << bits) - 1)) << low); /* 8 bits */
}

/* One block of each of the rows, `row_bytes` apart. */
static void
pack_block(uint8_t *codes, uint8_t *scales, const uint8_t *from, const struct blocks *b, uint64_t row_bytes, uint64_t rows)
{
	uint8_t all[BLOCKS_PARTS * TILE_CODES], code[BLOCKS_MOST];

	if (rows < TILE_ROWS) {
		memset(all, b->low.bits == 8 ? b->offset : 0, sizeof all);
		memset(scales, 0, tile_scales(b));
	}
	for (uint64_t r = 0; r < rows; r++, from += row_bytes) {
		blocks_codes(code, b, from);
		for (size_t k = 0; k < b->size; k += GROUP)
			memcpy(all + code_place(r, k), code + k, GROUP);
		for (size_t i = 0; i < b->n_f16; i++)
			memcpy(scales + (i * TILE_ROWS + r) * 2, from + b->f16_at + i * 2, 2);
		for (size_t i = 0; i < b->n_bytes; i++)
			scales[(2u * b->n_f16 + i) * TILE_ROWS + r] = from[b->bytes_at + i];
	}
	for (const uint8_t *part = all; part < all + b->size * TILE_ROWS; part += TILE_CODES, codes += tile_codes(b)) {
		pack_plane(codes, part, b->low.bits, 0);
		if (b->high.bits)
			pack_plane(codes + TILE_CODES / 8 * b->low.bits, part, b->high.bits, b->low.bits);
	}
}

static void
unpack_codes(uint8_t *code, const uint8_t *codes, const struct blocks *b)
{
	unpack_plane(code, codes, b->low.bits, 0);
	if (b->high.bits)
		unpack_plane(code, codes + TILE_CODES / 8 * b->low.bits, b->high.bits, b->low.bits);
}

/* The rows [first, end) of a block. */
static void
unpack_block(uint8_t *to, const uint8_t *codes, const uint8_t *scales, const struct blocks *b, uint64_t row_bytes, uint64_t first, uint64_t end)
{
	uint8_t all[BLOCKS_PARTS * TILE_CODES], code[BLOCKS_MOST];

	for (uint8_t *part = all; part < all + b->size * TILE_ROWS; part += TILE_CODES, codes += tile_codes(b))
		unpack_codes(part, codes, b);
	for (uint64_t r = first; r < end; r++, to += row_bytes) {
		for (size_t k = 0; k < b->size; k += GROUP)
			memcpy(code + k, all + code_place(r, k), GROUP);
		blocks_put_codes(to, b, code);
		for (size_t i = 0; i < b->n_f16; i++)
			memcpy(to + b->f16_at + i * 2, scales + (i * TILE_ROWS + r) * 2, 2);
		for (size_t i = 0; i < b->n_bytes; i++)
			to[b->bytes_at + i] = scales[(2u * b->n_f16 + i) * TILE_ROWS + r];
	}
}

/* Tile t between the matrix of tiles and plain rows, of which the first of the tile is `plain`. */
static void
pack_blocks(uint8_t *tiled, const uint8_t *plain, uint32_t type, uint64_t rows, uint64_t cols, uint64_t t)
{
	const struct blocks *b = blocks_of(type);
	const size_t size = type_info(type)->block_bytes;
	uint8_t *codes = tiled + codes_at(b, cols, t), *scales = tiled + scales_at(b, rows, cols, t);

	for (uint64_t i = 0; i < cols / b->size; i++, codes += b->size / BLOCKS_PART * tile_codes(b), scales += tile_scales(b))
		pack_block(codes, scales, plain + i * size, b, cols / b->size * size, rows_in(rows, t));
}

static void
unpack_blocks(uint8_t *plain, const uint8_t *tiled, uint32_t type, uint64_t rows, uint64_t cols, uint64_t t)
{
	const struct blocks *b = blocks_of(type);
	const size_t size = type_info(type)->block_bytes;
	const uint8_t *codes = tiled + codes_at(b, cols, t), *scales = tiled + scales_at(b, rows, cols, t);

	for (uint64_t i = 0; i < cols / b->size; i++, codes += b->size / BLOCKS_PART * tile_codes(b), scales += tile_scales(b))
		unpack_block(plain + i * size, codes, scales, b, cols / b->size * size, 0, rows_in(rows, t));
}

/* A row, block by block made plain. */
static void
blocks_row(float *to, const uint8_t *from, uint32_t type, uint64_t rows, uint64_t cols, uint64_t row)
{
	const struct blocks *b = blocks_of(type);
	const uint64_t t = row / TILE_ROWS, r = row % TILE_ROWS;
	const uint8_t *codes = from + codes_at(b, cols, t), *scales = from + scales_at(b, rows, cols, t);
	uint8_t block[BLOCKS_BYTES];

	for (uint64_t k = 0; k < cols; k += b->size, codes += b->size / BLOCKS_PART * tile_codes(b), scales += tile_scales(b)) {
		unpack_block(block, codes, scales, b, BLOCKS_BYTES, r, r + 1);
		blocks_to_f32(to + k, type, block, b->size);
	}
}

/* ---- tiles ---- */

struct tile_place
tile_find(const void *matrix, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t t)
{
	const struct blocks *b = blocks_of(plain_type);
	const uint8_t *from = matrix;

	return (struct tile_place){ from + t * tile_first_section(plain_type, cols), b ? from + scales_at(b, rows, cols, t) : NULL };
}

static uint64_t
plain_row_bytes(uint32_t plain_type, uint64_t cols)
{
	const struct type_info *t = type_info(plain_type);

	return cols / t->block * t->block_bytes;
}

/* Tile t of the matrix `to`, of rows that begin at `from`. */
static void
pack_tile(uint8_t *to, const uint8_t *from, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t t)
{
	uint64_t n = rows_in(rows, t), at = t * TILE_ROWS;

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
	default:
		pack_blocks(to, from, plain_type, rows, cols, t);
	}
}

/* The rows of tile t of the matrix `from`, to where `to` points. */
static void
unpack_tile(uint8_t *to, const uint8_t *from, uint32_t plain_type, uint64_t rows, uint64_t cols, uint64_t t)
{
	uint64_t n = rows_in(rows, t), at = t * TILE_ROWS;

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
	default:
		unpack_blocks(to, from, plain_type, rows, cols, t);
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
			blocks_row(to, tile, type - TYPE_X16, rows, cols, row);
		else
			plain_row(to, from, type, cols, row);
	}
}
