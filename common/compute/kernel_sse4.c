/* kernel_sse4.c: as scalar, with the integer blocks in SSE4.1. */
#include "compute/kernel_sets.h"
#if defined(__x86_64__)
#include <smmintrin.h>

#include "compute/lanes_scalar.h"

#define KERNELS kernels_sse4
#define KERNELS_NAME "sse4"

/*
 * Weights are made signed (128 off), so that no pair of products saturates: |w| as unsigned times x with the sign of w
 * is at most 2 * 128 * 127. Then the bias has nothing to undo.
 */
static inline vi
dot_half(const uint8_t *w, const int8_t *x, int32_t bias)
{
	const __m128i top = _mm_set1_epi8(-128), ones = _mm_set1_epi16(1);
	__m128i sum[4] = { _mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128() };
	vi out;

	(void)bias;
	for (int group = 0; group < 4; group++, w += 64, x += 4) {
		int32_t four;
		memcpy(&four, x, sizeof four);
		__m128i xs = _mm_set1_epi32(four);
		for (int i = 0; i < 4; i++) {
			__m128i ws = _mm_xor_si128(_mm_loadu_si128((const void *)(w + 16 * i)), top);
			__m128i pairs = _mm_maddubs_epi16(_mm_abs_epi8(ws), _mm_sign_epi8(xs, ws));
			sum[i] = _mm_add_epi32(sum[i], _mm_madd_epi16(pairs, ones));
		}
	}
	memcpy(&out, sum, sizeof out);
	return out;
}

static inline void
q8_look_up(uint8_t to[64], const uint8_t table[16])
{
	__m128i values = _mm_loadu_si128((const void *)table), *at = (void *)to;

	for (int i = 0; i < 4; i++)
		_mm_storeu_si128(at + i, _mm_shuffle_epi8(values, _mm_loadu_si128(at + i)));
}

#include "compute/kernels.inc"
#endif
