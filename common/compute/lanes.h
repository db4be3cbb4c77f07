/*
 * lanes.h: vectors of 16 lanes, the words in which the kernels are written (kernel_*.inc).
 *
 * One of lanes_scalar.h, lanes_avx2.h, lanes_avx512.h and lanes_neon.h comes before this file and gives, each function
 * with the same bits:
 *   vf, vi                      16 floats, 16 int32; every function below works lane by lane
 *   vf_load, vf_store, vf_set   from and to memory, unaligned; one float in all lanes. vi_load, vi_set likewise
 *   vf_add _sub _mul _div       as IEEE 754 has them; vf_fma(a, b, c) = a * b + c, rounded once
 *   vf_sqrt                     as IEEE 754 has it
 *   vf_max(a, b)                a > b ? a : b (so b when one is no number); vf_min(a, b): a < b ? a : b
 *   vf_f16, vf_s8               16 f16 or signed bytes in memory, widened
 *   vf_from_vi                  rounded; vf_of_bits, vi_of_bits: the same bits
 *   vi_add _sub _and _or _max   wrapping; signed maximum. vi_shl, vi_shr: zeros come in
 *   vi_greater(a, b)            all ones where a > b; vi_select(m, a, b): a where m is all ones, b where it is 0
 *   vi_store8, vi_store16       the low bits of each lane, 16 bytes or 16 uint16 in memory
 *   vf_swap_pairs               lanes 2i and 2i+1 change places; vf_twice(p): lane i is p[i/2], of 8 floats
 *   vf_rotate(a, b, c)          fma(a, b, -c) in even lanes, fma(a, b, c) in odd ones
 *   vf_sum, vf_largest          the tree of mai-arithmetic(7): lane i and i+8 first, then i+4, i+2, i+1;
 *                               vf_largest takes vf_max(i, i + n)
 *   vf_fma_flush(a, b, c)       vf_fma where denormal results become zeros, between flush_begin and flush_end. With
 *                               LANES_FLUSH_MODE denormal operands are taken for zeros there too, else they may not be
 *   f1_fma, f1_sqrt             of one float
 * and how much of the register file one step of a matrix product or of attention may use:
 *   TILES_AT_ONCE, TOKENS_AT_ONCE; ROWS_AT_ONCE, VECTORS_AT_ONCE
 * What follows from those is here.
 */
#ifndef MAI_COMPUTE_LANES_H
#define MAI_COMPUTE_LANES_H

#include <string.h>

#include "base/half.h"

#ifndef LANES_HAVE_PART
/* The first n < 16 lanes from memory, `rest` in the others. */
static inline vf
vf_load_part(const float *p, size_t n, float rest)
{
	float all[16];

	vf_store(all, vf_set(rest));
	for (size_t i = 0; i < n; i++)
		all[i] = p[i];
	return vf_load(all);
}

static inline void
vf_store_part(float *p, vf a, size_t n)
{
	float all[16];

	vf_store(all, a);
	for (size_t i = 0; i < n; i++)
		p[i] = all[i];
}
#endif

/* The first of n floats, as many as there are lanes. */
static inline vf
vf_load_some(const float *p, size_t n, float rest)
{
	return n < 16 ? vf_load_part(p, n, rest) : vf_load(p);
}

static inline void
vf_store_some(float *p, vf a, size_t n)
{
	if (n < 16)
		vf_store_part(p, a, n);
	else
		vf_store(p, a);
}

/* Bits of floats; denormals become zeros. */
static inline vf
vf_normal(vi u)
{
	vi normal = vi_greater(vi_and(u, vi_set(0x7f800000)), vi_set(0));

	return vf_of_bits(vi_and(u, vi_or(normal, vi_set(INT32_MIN))));
}

#ifdef LANES_FLUSH_MODE
static inline vf vf_flushed(vi u) { return vf_of_bits(u); }
#else
static inline vf vf_flushed(vi u) { return vf_normal(u); }
#endif

/* Lane i is i. */
static inline vi
vi_lane(void)
{
	static const int32_t lane[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

	return vi_load(lane);
}

/*
 * e to the x: x = n * log 2 + r, and a polynomial in r. Adding 1.5 * 2^23 rounds to the whole number n and leaves it in
 * the low bits; moved into the exponent's place with 127 added they are 2^n, for n = -127 zero and for n = 128 infinity.
 * So the result is 0 below -87.68, infinity above 88.37, and between within a unit in the last place; no number gives no
 * number.
 */
static inline vf
vf_exp(vf x)
{
	const float rounder = 0x1.8p23f;

	x = vf_min(vf_set(89.0f), vf_max(vf_set(-88.0f), x));
	vf shifted = vf_fma(x, vf_set(0x1.715476p+0f), vf_set(rounder));
	vf n = vf_sub(shifted, vf_set(rounder));
	vf r = vf_fma(n, vf_set(-0x1.62e43p-1f), x);
	r = vf_fma(n, vf_set(0x1.05c61p-29f), r);

	vf p = vf_set(0x1.6ac36cp-10f);
	p = vf_fma(p, r, vf_set(0x1.123da6p-7f));
	p = vf_fma(p, r, vf_set(0x1.555858p-5f));
	p = vf_fma(p, r, vf_set(0x1.55548cp-3f));
	p = vf_fma(p, r, vf_set(0x1.fffffcp-2f));
	p = vf_fma(p, r, vf_set(1.0f));
	p = vf_fma(p, r, vf_set(1.0f));

	return vf_mul(p, vf_of_bits(vi_add(vi_shl(vi_of_bits(shifted), 23), vi_set(127 << 23))));
}

/* The hyperbolic tangent, as 1 - 2 / (exp(2x) + 1): within 2^-22 of it. */
static inline vf
vf_tanh(vf x)
{
	return vf_sub(vf_set(1), vf_div(vf_set(2), vf_add(vf_exp(vf_add(x, x)), vf_set(1))));
}

#endif
