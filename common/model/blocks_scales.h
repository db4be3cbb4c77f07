/*
 * blocks_scales.h: the numbers of which the scales and least values of blocks' groups are made.
 *
 * A group's scale is its number times the block's first f16, its least value a number times the second one, less than nothing. Types
 * without numbers have one group, whose scale is the first f16, and whose least value the second (q4_1, q5_1); mxfp4 has an exponent.
 *
 * Of one block, or of as many as a tile has rows side by side: byte i of row r is bytes[i * rows + r], and the number of group g
 * comes to scale[g * rows + r]. In a header, since every kernel set compiles it for its own instructions.
 */
#ifndef MAI_MODEL_BLOCKS_SCALES_H
#define MAI_MODEL_BLOCKS_SCALES_H

#include <string.h>

#include "base/half.h"
#include "model/blocks.h"

/* q4_k, q5_k: 6 bits of 8 scales, then of 8 least values; the last four of both have their high bits in the first bytes. */
static inline __attribute__((always_inline)) void
blocks_numbers_6(int8_t *scale, int8_t *least, const uint8_t *bytes, size_t rows)
{
	const size_t half = 4 * rows;

	for (size_t i = 0; i < half; i++) {
		uint8_t a = bytes[i], b = bytes[half + i], c = bytes[2 * half + i];
		scale[i] = a & 63;
		least[i] = b & 63;
		scale[half + i] = (int8_t)((c & 15) | a >> 6 << 4); /* 6 bits */
		least[half + i] = (int8_t)(c >> 4 | b >> 6 << 4);
	}
}

/* n numbers of 6 bits less 32: 4 bits of them in bytes from bit `at` on, 2 in others. */
static inline __attribute__((always_inline)) void
blocks_join(int8_t *to, const uint8_t *low, int at, const uint8_t *high, int high_at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (int8_t)(((low[i] >> at & 15) | (high[i] >> high_at & 3) << 4) - 32); /* 6 bits */
}

/* q3_k: 16 scales of 6 bits less 32: the low halves of bytes 0 to 7, then their high halves; two bits more in the last four. */
static inline __attribute__((always_inline)) void
blocks_numbers_3(int8_t *scale, const uint8_t *bytes, size_t rows)
{
	const size_t four = 4 * rows;

	blocks_join(scale, bytes, 0, bytes + 2 * four, 0, four);
	blocks_join(scale + four, bytes + four, 0, bytes + 2 * four, 2, four);
	blocks_join(scale + 2 * four, bytes, 4, bytes + 2 * four, 4, four);
	blocks_join(scale + 3 * four, bytes + four, 4, bytes + 2 * four, 6, four);
}

/* q2_k: a byte is a scale and a least value, of 4 bits each. */
static inline __attribute__((always_inline)) void
blocks_numbers_2(int8_t *scale, int8_t *least, const uint8_t *bytes, size_t rows)
{
	for (size_t i = 0; i < 16 * rows; i++) {
		scale[i] = bytes[i] & 15;
		least[i] = (int8_t)(bytes[i] >> 4); /* 4 bits */
	}
}

/* iq4_xs: 8 scales of 6 bits less 32: two high bits of each in bytes 0 and 1, halves of bytes 2 to 5. */
static inline __attribute__((always_inline)) void
blocks_numbers_xs(int8_t *scale, const uint8_t *bytes, size_t rows)
{
	for (size_t h = 0; h < 2; h++, scale += 4 * rows) {
		const uint8_t *low = bytes + (2 + 2 * h) * rows, *high = bytes + h * rows;
		blocks_join(scale, low, 0, high, 0, rows);
		blocks_join(scale + rows, low, 4, high, 2, rows);
		blocks_join(scale + 2 * rows, low + rows, 0, high, 4, rows);
		blocks_join(scale + 3 * rows, low + rows, 4, high, 6, rows);
	}
}

/* False for types without them. `least` is written for types that have it. */
static inline __attribute__((always_inline)) bool
blocks_numbers(int8_t *scale, int8_t *least, uint32_t type, const uint8_t *bytes, size_t rows)
{
	switch (type) {
	case TYPE_Q4_K:
	case TYPE_Q5_K:
		blocks_numbers_6(scale, least, bytes, rows);
		return true;
	case TYPE_Q6_K:
		memcpy(scale, bytes, 16 * rows);
		return true;
	case TYPE_Q3_K:
		blocks_numbers_3(scale, bytes, rows);
		return true;
	case TYPE_Q2_K:
		blocks_numbers_2(scale, least, bytes, rows);
		return true;
	case TYPE_IQ4_XS:
		blocks_numbers_xs(scale, bytes, rows);
		return true;
	default:
		return false;
	}
}

/* mxfp4: an exponent (OCP Microscaling Formats 1.0: E8M0); the table's values are twice those of E2M1. */
static inline float
blocks_e8m0(uint8_t e)
{
	return f32_from_bits(e < 2 ? 0x200000u << e : (e - 1u) << 23);
}

#endif
