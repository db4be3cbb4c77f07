/* kernel_avx512.c: AVX-512 with VNNI. */
#include "compute/kernel_sets.h"
#if defined(__x86_64__)
#include "compute/lanes_avx512.h"

#define KERNELS kernels_avx512
#define KERNELS_NAME "avx512"

static inline vi
dot_block(const uint8_t *w, const int8_t *x, int32_t bias)
{
	vi sum = _mm512_set1_epi32(bias);

	for (int group = 0; group < 8; group++, w += 64, x += 4) {
		int32_t four;
		__builtin_memcpy(&four, x, sizeof four);
		sum = _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(w), _mm512_set1_epi32(four));
	}
	return sum;
}

#include "compute/kernels.inc"
#endif
