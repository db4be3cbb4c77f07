/* Interleaved matrices: each byte at the place that model/tile.h gives it, and back. */
#include "model/tile.h"

#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "model/types.h"
#include "tap.h"

enum { MAX_ROWS = 49, MAX_COLS = 768, MAX_BYTES = 64 * MAX_COLS * 4 };

static const uint64_t some_rows[] = { 1, 2, 15, 16, 17, 31, 32, 33, 49 };
static const struct type {
	uint32_t type;
	const char *name;
	uint64_t size; /* of an element; 0: blocks */
	uint64_t cols[5];
} types[] = {
	{ TYPE_F32, "f32", 4, { 1, 2, 3, 64, 67 } },
	{ TYPE_F16, "f16", 2, { 1, 2, 3, 64, 67 } },
	{ TYPE_BF16, "bf16", 2, { 1, 2, 3, 64, 67 } },
	{ TYPE_Q8_0, "q8_0", 0, { 32, 64, 96, 128, 160 } },
	{ TYPE_Q4_0, "q4_0", 0, { 32, 64, 96, 128, 160 } },
	{ TYPE_Q4_1, "q4_1", 0, { 32, 64, 96, 128, 160 } },
	{ TYPE_Q5_0, "q5_0", 0, { 32, 64, 96, 128, 160 } },
	{ TYPE_Q5_1, "q5_1", 0, { 32, 64, 96, 128, 160 } },
	{ TYPE_IQ4_NL, "iq4_nl", 0, { 32, 64, 96, 128, 160 } },
	{ TYPE_MXFP4, "mxfp4", 0, { 32, 64, 96, 128, 160 } },
	{ TYPE_Q2_K, "q2_k", 0, { 256, 512, 768, 256, 512 } },
	{ TYPE_Q3_K, "q3_k", 0, { 256, 512, 768, 256, 512 } },
	{ TYPE_Q4_K, "q4_k", 0, { 256, 512, 768, 256, 512 } },
	{ TYPE_Q5_K, "q5_k", 0, { 256, 512, 768, 256, 512 } },
	{ TYPE_Q6_K, "q6_k", 0, { 256, 512, 768, 256, 512 } },
	{ TYPE_IQ4_XS, "iq4_xs", 0, { 256, 512, 768, 256, 512 } },
};

static uint8_t plain[MAX_BYTES], tiled[MAX_BYTES], again[MAX_BYTES];

static void
random_bytes(uint8_t *p, size_t n)
{
	static uint64_t state = 88172645463325252u;

	for (size_t i = 0; i < n; i++) {
		state ^= state << 13, state ^= state >> 7, state ^= state << 17;
		p[i] = (uint8_t)state;
	}
}

static uint64_t
plain_bytes(const struct type *t, uint64_t rows, uint64_t cols)
{
	return t->size ? rows * cols * t->size : rows * (cols / type_info(t->type)->block) * type_info(t->type)->block_bytes;
}

/* ---- places, worked out from the words of the header ---- */

/* Element (r, k) of f32, f16 and bf16 matrices. */
static uint64_t
place(const struct type *t, uint64_t cols, uint64_t r, uint64_t k)
{
	uint64_t tile = r / 16, lane = r % 16;

	if (t->type == TYPE_BF16)
		return ((tile * ((cols + 1) / 2) + k / 2) * 16 + lane) * 4 + k % 2 * 2;
	return ((tile * cols + k) * 16 + lane) * t->size;
}

static bool
elements_in_place(const struct type *t, uint64_t rows, uint64_t cols)
{
	for (uint64_t r = 0; r < rows; r++)
		for (uint64_t k = 0; k < cols; k++)
			if (memcmp(tiled + place(t, cols, r, k), plain + (r * cols + k) * t->size, t->size) != 0)
				return false;
	return true;
}

/* Row r's block that holds k. */
static const uint8_t *
plain_block(const struct type *t, uint64_t cols, uint64_t r, uint64_t k)
{
	const struct type_info *info = type_info(t->type);

	return plain + (r * (cols / info->block) + k / info->block) * info->block_bytes;
}

/* Code (r, k) of the interleaved matrix. */
static unsigned
tiled_code(const struct blocks *b, uint64_t cols, uint64_t r, uint64_t k)
{
	uint64_t i = k % 32 / 4 * 64 + r % 16 * 4 + k % 4, low = 64 * b->low.bits, high = 64 * b->high.bits;
	const uint8_t *q = tiled + (r / 16 * (cols / 32) + k / 32) * (low + high);
	unsigned code = q[i % low] >> i / low * b->low.bits & ((1u << b->low.bits) - 1);

	return high ? code | (q[low + i % high] >> i / high * b->high.bits & ((1u << b->high.bits) - 1)) << b->low.bits : code;
}

/* Byte i of the scales of row r's block that holds k: two for each f16, then the others. */
static uint8_t
tiled_scale(const struct blocks *b, uint64_t rows, uint64_t cols, uint64_t r, uint64_t k, uint64_t i)
{
	uint64_t codes = (rows + 15) / 16 * 16 * cols * (b->low.bits + b->high.bits) / 8, block = r / 16 * (cols / b->size) + k / b->size;
	const uint8_t *at = tiled + codes + block * 16 * (2u * b->n_f16 + b->n_bytes);

	return i < 2u * b->n_f16 ? at[i / 2 * 32 + r % 16 * 2 + i % 2] : at[16 * i + r % 16];
}

static bool
blocks_in_place(const struct type *t, uint64_t rows, uint64_t cols)
{
	const struct blocks *b = blocks_of(t->type);
	uint8_t code[BLOCKS_MOST];

	for (uint64_t r = 0; r < rows; r++)
		for (uint64_t k = 0; k < cols; k++) {
			const uint8_t *block = plain_block(t, cols, r, k);
			if (k % b->size == 0)
				blocks_codes(code, b, block);
			if (tiled_code(b, cols, r, k) != code[k % b->size])
				return false;
			for (uint64_t i = 0; k % b->size == 0 && i < 2u * b->n_f16 + b->n_bytes; i++)
				if (tiled_scale(b, rows, cols, r, k, i) != block[i < 2u * b->n_f16 ? b->f16_at + i : b->bytes_at + i - 2u * b->n_f16])
					return false;
		}
	return true;
}

/* Rows that are missing in the last tile: codes and scales of zero. */
static bool
no_rows_are_zero(const struct type *t, uint64_t rows, uint64_t cols)
{
	const struct blocks *b = blocks_of(t->type);

	for (uint64_t r = rows; r % 16 != 0; r++)
		for (uint64_t k = 0; k < cols; k++) {
			if (tiled_code(b, cols, r, k) != (t->type == TYPE_Q8_0 ? 128 : 0))
				return false;
			for (uint64_t i = 0; i < 2u * b->n_f16 + b->n_bytes; i++)
				if (tiled_scale(b, rows, cols, r, k, i) != 0)
					return false;
		}
	return true;
}

/* What no element fills: as many zeros as there are bytes over. */
static bool
rest_is_zero(const struct type *t, uint64_t rows, uint64_t cols, uint64_t size)
{
	uint64_t missing = (16 - rows % 16) % 16, zeros = 0, over;
	static uint8_t ones[MAX_BYTES];

	/* All bytes of the matrix set: what is still zero is padding. */
	memset(ones, 0xff, sizeof ones);
	tile_pack(again, ones, t->type, rows, cols, 0, (rows + 15) / 16);
	over = missing * cols * t->size;
	if (t->type == TYPE_BF16 && cols % 2)
		over += (rows + missing) * 2;
	for (uint64_t i = 0; i < size; i++)
		zeros += again[i] == 0;
	return zeros == over;
}

/* ---- there and back ---- */

static bool
comes_back(const struct type *t, uint64_t rows, uint64_t cols)
{
	uint64_t n = plain_bytes(t, rows, cols), tiles = (rows + 15) / 16;

	memset(again, 0xaa, sizeof again);
	for (uint64_t i = 0; i < tiles; i++)
		tile_unpack(again, tiled, t->type, rows, cols, i, i + 1);
	return memcmp(again, plain, n) == 0 && again[n] == 0xaa;
}

/* Each tile by itself, to the beginning of a buffer. */
static bool
comes_in_parts(const struct type *t, uint64_t rows, uint64_t cols)
{
	uint64_t row = plain_bytes(t, 1, cols);

	for (uint64_t i = 0; i < (rows + 15) / 16; i++) {
		uint64_t n = rows - i * 16 < 16 ? rows - i * 16 : 16;
		memset(again, 0xaa, sizeof again);
		tile_unpack_part(again, tiled, t->type, rows, cols, i, i + 1);
		if (memcmp(again, plain + i * 16 * row, n * row) != 0 || again[n * row] != 0xaa)
			return false;
	}
	return true;
}

static bool
rows_agree(const struct type *t, uint64_t rows, uint64_t cols)
{
	float a[MAX_COLS], b[MAX_COLS];

	for (uint64_t r = 0; r < rows; r++) {
		tile_row(a, plain, t->type, rows, cols, r);
		tile_row(b, tiled, TYPE_X16 + t->type, rows, cols, r);
		if (memcmp(a, b, cols * sizeof *a) != 0)
			return false;
	}
	return true;
}

static void
check_shapes(const struct type *t)
{
	int n = 0, in_place = 0, padded = 0, back = 0, parts = 0, rows_same = 0, sizes = 0;

	for (size_t i = 0; i < sizeof some_rows / sizeof *some_rows; i++)
		for (size_t j = 0; j < sizeof t->cols / sizeof *t->cols; j++) {
			uint64_t rows = some_rows[i], cols = t->cols[j], size, tiles = (rows + 15) / 16;
			uint64_t wanted = t->type == TYPE_BF16 ? (cols + 1) / 2 * 64 : plain_bytes(t, 16, cols);
			random_bytes(plain, plain_bytes(t, rows, cols));
			memset(tiled, 0xaa, sizeof tiled);
			sizes += tile_size(t->type, rows, cols, &size) && size == wanted * tiles;
			for (uint64_t k = tiles; k-- > 0;) /* in any order */
				tile_pack(tiled, plain, t->type, rows, cols, k, k + 1);
			n++;
			in_place += (t->size ? elements_in_place(t, rows, cols) : blocks_in_place(t, rows, cols)) && tiled[size] == 0xaa;
			back += comes_back(t, rows, cols);
			parts += comes_in_parts(t, rows, cols);
			rows_same += rows_agree(t, rows, cols);
			padded += t->size ? rest_is_zero(t, rows, cols, size) : no_rows_are_zero(t, rows, cols);
		}
	tap_ok(sizes == n, "%s: the size is that of its tiles, for %d shapes", t->name, n);
	tap_ok(in_place == n, "%s: each element is in its place", t->name);
	tap_ok(padded == n, "%s: the rest is zeros", t->name);
	tap_ok(back == n, "%s: unpacked, it is byte for byte what it was", t->name);
	tap_ok(parts == n, "%s: each tile by itself too", t->name);
	tap_ok(rows_same == n, "%s: a row is the same, plain and interleaved", t->name);
}

/* Numbers worked out by hand. */
static void
check_values(void)
{
	static const uint8_t half[] = { 0x00, 0x3c, 0x01, 0x00, 0x00, 0xc0 };         /* 1, 2^-24, -2 */
	static const uint8_t brain[] = { 0x80, 0x3f, 0x00, 0xc0 };                    /* 1, -2 */
	uint8_t block[34] = { 0x00, 0x38, 1, 0xff, 127, 0x80 };                       /* 0.5 times 1, -1, 127, -128, 0 ... */
	static const uint8_t four[18] = { 0x00, 0x38, 0xf1, 0x08 };                   /* 0.5 times the codes 1 and 15, 8 and 0 ... */
	static const uint8_t five[22] = { 0x00, 0x38, 1, 0, 0, 0x80, 0xf1 };          /* 0.5 times 17, 0 ..., 15 ..., 16 */
	float row[32];

	tile_row(row, half, TYPE_F16, 1, 3, 0);
	tap_ok(row[0] == 1 && row[1] == 0x1p-24f && row[2] == -2, "values of f16");
	tile_row(row, brain, TYPE_BF16, 1, 2, 0);
	tap_ok(row[0] == 1 && row[1] == -2, "values of bf16");
	tile_row(row, block, TYPE_Q8_0, 1, 32, 0);
	tap_ok(row[0] == 0.5f && row[1] == -0.5f && row[2] == 63.5f && row[3] == -64 && row[4] == 0, "values of q8_0");
	tile_row(row, four, TYPE_Q4_0, 1, 32, 0);
	tap_ok(row[0] == -3.5f && row[16] == 3.5f && row[1] == 0 && row[17] == -4, "values of q4_0");
	tile_row(row, four, TYPE_IQ4_NL, 1, 32, 0);
	tap_ok(row[0] == -52 && row[16] == 56.5f && row[1] == 0.5f && row[17] == -63.5f, "values of iq4_nl");
	tile_row(row, five, TYPE_Q5_0, 1, 32, 0);
	tap_ok(row[0] == 0.5f && row[1] == -8 && row[16] == -0.5f && row[31] == 0, "values of q5_0");
}

int
main(void)
{
	uint64_t size;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		check_shapes(&types[i]);
	check_values();
	tap_ok(!tile_supports(9) && !tile_supports(TYPE_X16 + 9) && !tile_size(9, 16, 32, &size), "other types have no such form");
	tap_ok(!tile_size(TYPE_Q4_K, 16, 128, &size), "nor have 128 columns of q4_k");
	tap_ok(!tile_size(TYPE_Q8_0, 16, 33, &size), "nor have 33 columns of q8_0");
	tap_ok(!tile_size(TYPE_F32, UINT64_MAX, UINT64_MAX, &size) && !tile_size(TYPE_F32, 1ull << 62, 1, &size),
	    "sizes that overflow are refused");
	return tap_done();
}
