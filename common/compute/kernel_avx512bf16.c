/* kernel_avx512bf16.c: products with bf16 weights by vdpbf16ps, whose two steps a pair are the contract for bf16. */
#include "compute/kernel_sets.h"
#if defined(__x86_64__)
#include "compute/lanes_avx512.h"

#define LANES_DOT_BF16
static inline vf
vf_dot_bf16(vf sum, vi w, vi x)
{
	return _mm512_dpbf16_ps(sum, (__m512bh)w, (__m512bh)x);
}

#include "compute/lanes.h"
#include "model/types.h"

#include "compute/kernel_float.inc"

void
to_bf16_pairs(float *to, const float *x, size_t n)
{
	to_bf16(to, x, n);
}

void
matmul_avx512bf16(const struct matmul *m, size_t first, size_t last)
{
	if (m->type == TYPE_BF16)
		matmul_bf16(m, first, last);
	else
		kernels_avx512.matmul(m, first, last);
}
#endif
