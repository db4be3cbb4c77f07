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

/* q3_k: 16 scales of 6 bits less 32: the low halves of bytes 0 to 7, then their high halves; two bits more in the last four. */
static inline __attribute__((always_inline)) void
blocks_numbers_3(int8_t *scale, const uint8_t *bytes, size_t rows)
{
	for (size_t g = 0; g < 16; g++)
		for (size_t r = 0; r < rows; r++) {
			int low = bytes[g % 8 * rows + r] >> g / 8 * 4 & 15, high = bytes[(8 + g % 4) * rows + r] >> g / 4 * 2 & 3;
			scale[g * rows + r] = (int8_t)((low | high << 4) - 32); /* 6 bits */
		}
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
	for (size_t g = 0; g < 8; g++)
		for (size_t r = 0; r < rows; r++) {
			int low = bytes[(2 + g / 2) * rows + r] >> g % 2 * 4 & 15, high = bytes[g / 4 * rows + r] >> g % 4 * 2 & 3;
			scale[g * rows + r] = (int8_t)((low | high << 4) - 32); /* 6 bits */
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
