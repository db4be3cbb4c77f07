/* kernel_avx2.c: AVX2 with FMA and F16C. */
#include "compute/kernel_sets.h"
#if defined(__x86_64__)
#include "compute/lanes_avx2.h"
#include "compute/lanes_q8_avx2.h"

#define KERNELS kernels_avx2
#define KERNELS_NAME "avx2"
#define KERNELS_Q8 product_blocks

#define Q8_SMALL 0
enum { Q8_LANES = 8, Q8_VECTORS = 2, Q8_TOKENS = 4 };

/*
 * Weights are made signed (128 off), so that no pair of products saturates: |w| as unsigned times x with the sign of w
 * is at most 2 * 128 * 127. Then the bias has nothing to undo.
 */
typedef struct { __m256i w, magnitude; } q_row;

static inline q_row
q_weights(qi codes)
{
	__m256i w = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));

	return (q_row){ w, _mm256_abs_epi8(w) };
}

static inline qi
q_begin(int32_t bias)
{
	(void)bias;
	return _mm256_setzero_si256();
}

/* In one piece: compilers that see the parts move sums about between registers, or out of them. */
static inline qi
q_dot(qi sum, q_row row, int32_t x)
{
	__m256i pairs;

	__asm__("vpsignb %[w], %[x], %[pairs]\n\t"
	        "vpmaddubsw %[pairs], %[magnitude], %[pairs]\n\t"
	        "vpmaddwd %[ones], %[pairs], %[pairs]\n\t"
	        "vpaddd %[pairs], %[sum], %[sum]"
	        : [sum] "+x"(sum), [pairs] "=&x"(pairs)
	        : [w] "x"(row.w), [magnitude] "x"(row.magnitude), [x] "x"(_mm256_set1_epi32(x)), [ones] "x"(_mm256_set1_epi16(1)));
	return sum;
}

#include "compute/kernel_q8_tokens.inc"
#include "compute/kernel_q8_one.inc"
#include "compute/kernel_avx2_many.inc"

static void
product_blocks(const struct matmul *m, size_t first, size_t last)
{
	if (m->tokens >= Q8_GROUP || many_kind_of(blocks_of(m->type)) != MANY_WIDE)
		matmul_q8_many(m, first, last);
	else
		product_q8(m, first, last);
}

#include "compute/kernels.inc"
#endif
