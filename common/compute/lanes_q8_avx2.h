/* lanes_q8_avx2.h: vectors of 8 output rows for kernel_q8_tokens.inc, all but the dot product, and for q8_ready.h. */
#ifndef MAI_COMPUTE_LANES_Q8_AVX2_H
#define MAI_COMPUTE_LANES_Q8_AVX2_H

#include <immintrin.h>
#include <stdint.h>

typedef __m256 qf;
typedef __m256i qi;

static inline qf q_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void q_store(float *p, qf a) { _mm256_storeu_ps(p, a); }
static inline qf q_set(float a) { return _mm256_set1_ps(a); }
static inline qf q_mul(qf a, qf b) { return _mm256_mul_ps(a, b); }
static inline qf q_fma(qf a, qf b, qf c) { return _mm256_fmadd_ps(a, b, c); }
static inline qf q_half(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p)); }
static inline qf q_s8(const int8_t *p) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p))); }
static inline qf q_float(qi a) { return _mm256_cvtepi32_ps(a); }

static inline qi
q_table(qi codes, const uint8_t values[16])
{
	return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)values)), codes);
}

static inline void
q8_look_up(uint8_t to[64], const uint8_t table[16])
{
	__m256i *at = (void *)to;

	for (int i = 0; i < 2; i++)
		_mm256_storeu_si256(at + i, q_table(_mm256_loadu_si256(at + i), table));
}

#endif
