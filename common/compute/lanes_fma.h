/*
 * lanes_fma.h: fused multiply-add in software, exact for every input, for processors without the instruction.
 *
 * The product of two floats is exact in double. Their sum with c is rounded to odd (towards zero, the last bit set when
 * anything was lost), which keeps enough to round once more to float correctly, also to a denormal. Compiled without
 * contraction and in the default rounding mode.
 */
#ifndef MAI_COMPUTE_LANES_FMA_H
#define MAI_COMPUTE_LANES_FMA_H

#include <stdint.h>
#include <string.h>

/* a * b + c, rounded to odd. */
static inline double
soft_fma_odd(float a, float b, float c)
{
	double p = (double)a * (double)b, s = p + (double)c;
	double c_part = s - p, lost = (p - (s - c_part)) + ((double)c - c_part);
	uint64_t u;

	memcpy(&u, &s, sizeof u);
	/* s is one of the two neighbours of the sum; where it is the even one, the odd one lies towards what was lost. */
	if ((lost < 0 || lost > 0) && !(u & 1))
		u += (lost > 0) == (s > 0) ? 1 : UINT64_MAX;
	memcpy(&s, &u, sizeof s);
	return s;
}

static inline float
soft_fma(float a, float b, float c)
{
	return (float)soft_fma_odd(a, b, c);
}

/* The same with denormal results flushed to zero, as vdpbf16ps does: after rounding to 24 bits of unbounded exponent. */
static inline float
soft_fma_flush(float a, float b, float c)
{
	const double least = 0x1p-126 - 0x1p-151; /* from here on, rounding gives 2^-126 */
	double s = soft_fma_odd(a, b, c);

	return (float)(s > -least && s < least ? __builtin_copysign(0.0, s) : s);
}

#endif
