/* kernel_avx2.c: AVX2 with FMA and F16C. */
#include "compute/kernel_sets.h"
#if defined(__x86_64__)
#include "compute/lanes_avx2.h"

#define KERNELS kernels_avx2
#define KERNELS_NAME "avx2"

/*
 * Weights are made signed (128 off), so that no pair of products saturates: |w| as unsigned times x with the sign of w
 * is at most 2 * 128 * 127. Then the bias has nothing to undo.
 */
static inline __m256i
dot_group(__m256i sum, const uint8_t *w, __m256i x)
{
	const __m256i top = _mm256_set1_epi8(-128), ones = _mm256_set1_epi16(1);
	__m256i ws = _mm256_xor_si256(_mm256_loadu_si256((const void *)w), top);
	__m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(ws), _mm256_sign_epi8(x, ws));

	return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
}

static inline vi
dot_block(const uint8_t *w, const int8_t *x, int32_t bias)
{
	vi sum = { _mm256_setzero_si256(), _mm256_setzero_si256() };

	(void)bias;
	for (int group = 0; group < 8; group++, w += 64, x += 4) {
		int32_t four;
		__builtin_memcpy(&four, x, sizeof four);
		sum.a = dot_group(sum.a, w, _mm256_set1_epi32(four));
		sum.b = dot_group(sum.b, w + 32, _mm256_set1_epi32(four));
	}
	return sum;
}

#include "compute/kernels.inc"
#endif
