/* kernel_avxvnni.c: products with blocks by vpdpbusd in 32-byte registers, for processors without AVX-512. */
#include "compute/kernel_sets.h"
#if defined(__x86_64__)
#include <stdbool.h>

#include "compute/lanes_avx2.h"
#include "compute/lanes_q8_avx2.h"
#include "model/blocks.h"

#define Q8_SMALL 1
enum { Q8_LANES = 8, Q8_VECTORS = 2, Q8_TOKENS = 3 };

typedef __m256i q_row;

static inline q_row q_weights(qi codes) { return codes; }
static inline qi q_begin(int32_t bias) { return _mm256_set1_epi32(bias); }

static inline qi
q_dot(qi sum, q_row w, int32_t x)
{
	__asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(w), "x"(_mm256_set1_epi32(x)));
	return sum;
}

#include "compute/kernel_q8_tokens.inc"
#include "compute/kernel_q8_one.inc"

void
matmul_avxvnni(const struct matmul *m, size_t first, size_t last)
{
	if (blocks_has(m->type))
		product_q8(m, first, last);
	else
		kernels_avx2.matmul(m, first, last);
}
#endif
