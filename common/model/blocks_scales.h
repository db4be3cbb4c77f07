/*
 * blocks_scales.h: the scales and least values of blocks' groups.
 *
 * Of one block, or of as many as a tile has rows side by side: the i-th f16 of row r is f16[i * rows + r], made f32 already, and so are
 * the bytes, and what comes out for group g is scale[g * rows + r]. All results are exact. In a header, since every kernel set
 * compiles it for its own instructions.
 */
#ifndef MAI_MODEL_BLOCKS_SCALES_H
#define MAI_MODEL_BLOCKS_SCALES_H

#include <string.h>

#include "base/half.h"
#include "model/blocks.h"

/* q4_k, q5_k: 6 bits of 8 scales, then of 8 least values; the last four of both have their high bits in the first bytes. */
static inline __attribute__((always_inline)) void
blocks_scales_6(float *scale, float *least, const float *f16, const uint8_t *bytes, size_t rows)
{
	for (size_t g = 0; g < 8; g++)
		for (size_t r = 0; r < rows; r++) {
			uint8_t a = bytes[g * rows + r], b = bytes[(g + 4) * rows + r];
			int s = g < 4 ? a & 63 : (b & 15) | bytes[(g - 4) * rows + r] >> 6 << 4;
			int m = g < 4 ? b & 63 : b >> 4 | a >> 6 << 4;
			scale[g * rows + r] = f16[r] * (float)s;
			least[g * rows + r] = -f16[rows + r] * (float)m;
		}
}

/* q3_k: 16 scales of 6 bits less 32: the low halves of bytes 0 to 7, then their high halves; two bits more in the last four. */
static inline __attribute__((always_inline)) void
blocks_scales_3(float *scale, const float *f16, const uint8_t *bytes, size_t rows)
{
	for (size_t g = 0; g < 16; g++)
		for (size_t r = 0; r < rows; r++) {
			int low = bytes[g % 8 * rows + r] >> g / 8 * 4 & 15, high = bytes[(8 + g % 4) * rows + r] >> g / 4 * 2 & 3;
			scale[g * rows + r] = f16[r] * (float)((low | high << 4) - 32);
		}
}

/* q2_k: a byte is a scale and a least value, of 4 bits each. */
static inline __attribute__((always_inline)) void
blocks_scales_2(float *scale, float *least, const float *f16, const uint8_t *bytes, size_t rows)
{
	for (size_t g = 0; g < 16; g++)
		for (size_t r = 0; r < rows; r++) {
			uint8_t a = bytes[g * rows + r];
			scale[g * rows + r] = f16[r] * (float)(a & 15);
			least[g * rows + r] = -f16[rows + r] * (float)(a >> 4);
		}
}

/* q6_k: signed bytes. */
static inline __attribute__((always_inline)) void
blocks_scales_q6(float *scale, const float *f16, const uint8_t *bytes, size_t rows)
{
	for (size_t g = 0; g < 16; g++)
		for (size_t r = 0; r < rows; r++)
			scale[g * rows + r] = f16[r] * (float)(int8_t)bytes[g * rows + r];
}

/* iq4_xs: 8 scales of 6 bits less 32: two high bits of each in bytes 0 and 1, halves of bytes 2 to 5. */
static inline __attribute__((always_inline)) void
blocks_scales_xs(float *scale, const float *f16, const uint8_t *bytes, size_t rows)
{
	for (size_t g = 0; g < 8; g++)
		for (size_t r = 0; r < rows; r++) {
			int low = bytes[(2 + g / 2) * rows + r] >> g % 2 * 4 & 15, high = bytes[g / 4 * rows + r] >> g % 4 * 2 & 3;
			scale[g * rows + r] = f16[r] * (float)((low | high << 4) - 32);
		}
}

/* mxfp4: an exponent (OCP Microscaling Formats 1.0: E8M0); the table's values are twice those of E2M1. */
static inline __attribute__((always_inline)) void
blocks_scales_e8m0(float *scale, const uint8_t *bytes, size_t rows)
{
	for (size_t r = 0; r < rows; r++)
		scale[r] = f32_from_bits(bytes[r] < 2 ? 0x200000u << bytes[r] : (bytes[r] - 1u) << 23);
}

/* `least` is written for types that have it. */
static inline __attribute__((always_inline)) void
blocks_scales(float *scale, float *least, uint32_t type, const float *f16, const uint8_t *bytes, size_t rows)
{
	switch (type) {
	case TYPE_Q4_K:
	case TYPE_Q5_K:
		blocks_scales_6(scale, least, f16, bytes, rows);
		break;
	case TYPE_Q6_K:
		blocks_scales_q6(scale, f16, bytes, rows);
		break;
	case TYPE_Q3_K:
		blocks_scales_3(scale, f16, bytes, rows);
		break;
	case TYPE_Q2_K:
		blocks_scales_2(scale, least, f16, bytes, rows);
		break;
	case TYPE_IQ4_XS:
		blocks_scales_xs(scale, f16, bytes, rows);
		break;
	case TYPE_MXFP4:
		blocks_scales_e8m0(scale, bytes, rows);
		break;
	case TYPE_Q4_1:
	case TYPE_Q5_1:
		memcpy(least, f16 + rows, rows * sizeof *least);
		/* fallthrough */
	default:
		memcpy(scale, f16, rows * sizeof *scale);
	}
}

#endif
