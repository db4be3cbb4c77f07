/*
 * half.h: conversions between float and the 16-bit floats, in integer arithmetic.
 *
 * Rounding is to nearest, ties to even, without flushing of denormals; a NaN becomes the quiet NaN
 * of the target with its sign. All kernel sets give these bits (mai-arithmetic(7)).
 */
#ifndef MAI_BASE_HALF_H
#define MAI_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t
f32_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof u);
	return u;
}

static inline float
f32_from_bits(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof f);
	return f;
}

static inline float
f32_from_bf16(uint16_t h)
{
	return f32_from_bits((uint32_t)h << 16);
}

static inline uint16_t
bf16_from_f32(float f)
{
	uint32_t u = f32_bits(f);

	if ((u & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(u >> 16 & 0x8000) | 0x7fc0;
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float
f32_from_f16(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16;
	uint32_t exp = h >> 10 & 0x1f, frac = h & 0x3ff;

	if (exp == 0x1f)
		return f32_from_bits(sign | 0x7f800000 | frac << 13 | (frac ? 0x400000 : 0));
	if (exp == 0) {
		/* zero or denormal: frac * 2^-24, exact in float */
		float f = (float)frac * 0x1p-24f;
		return f32_from_bits(sign | f32_bits(f));
	}
	return f32_from_bits(sign | (exp + 112) << 23 | frac << 13);
}

static inline uint16_t
f16_from_f32(float f)
{
	uint32_t u = f32_bits(f);
	uint32_t sign = u >> 16 & 0x8000, abs = u & 0x7fffffff;

	if (abs > 0x7f800000)
		return (uint16_t)(sign | 0x7e00);
	if (abs >= 0x477ff000) /* 65520 and more round to infinity */
		return (uint16_t)(sign | 0x7c00);
	if (abs >= 0x38800000) /* normal: drop 13 bits, round to even */
		return (uint16_t)(sign | ((abs - 0x38000000 + 0xfff + (abs >> 13 & 1)) >> 13));
	if (abs < 0x33000000) /* below half of the least denormal */
		return (uint16_t)sign;

	uint32_t shift = 126 - (abs >> 23); /* 14 to 24 */
	uint32_t frac = (abs & 0x7fffff) | 0x800000;
	uint32_t half = 1u << (shift - 1), rest = frac & ((1u << shift) - 1);
	uint32_t q = frac >> shift;
	if (rest > half || (rest == half && (q & 1)))
		q++;
	return (uint16_t)(sign | q);
}

#endif
