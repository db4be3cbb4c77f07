/* kernel_avx512.c: AVX-512 with VNNI. */
#include "compute/kernel_sets.h"
#if defined(__x86_64__)
#include "compute/lanes_avx512.h"
#include "compute/q8_rows.h"

#define KERNELS kernels_avx512
#define KERNELS_NAME "avx512"
#define KERNELS_Q8 product_q8

#define Q8_SMALL 1
/* 2 tiles by 6 tokens of integers and as many of floats leave some registers for what is loaded. */
enum { Q8_LANES = 16, Q8_VECTORS = 2, Q8_TOKENS = 6 };

typedef __m512 qf;
typedef __m512i qi, q_row;

static inline qf q_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void q_store(float *p, qf a) { _mm512_storeu_ps(p, a); }
static inline qf q_set(float a) { return _mm512_set1_ps(a); }
static inline qf q_mul(qf a, qf b) { return _mm512_mul_ps(a, b); }
static inline qf q_fma(qf a, qf b, qf c) { return _mm512_fmadd_ps(a, b, c); }
static inline qf q_half(const uint16_t *p) { return vf_f16(p); }
static inline qf q_s8(const int8_t *p) { return vf_s8(p); }
static inline qf q_float(qi a) { return _mm512_cvtepi32_ps(a); }
static inline q_row q_weights(qi codes) { return codes; }
static inline qi q_begin(int32_t bias) { return _mm512_set1_epi32(bias); }

/* The compiler's own form of this instruction makes it move registers about. */
static inline qi
q_dot(qi sum, q_row w, int32_t x)
{
	__asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(_mm512_set1_epi32(x)));
	return sum;
}

static inline q_row
q_table(q_row codes, const uint8_t values[16])
{
	return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const void *)values)), codes);
}

static inline void
q8_look_up(uint8_t to[64], const uint8_t table[16])
{
	_mm512_storeu_si512(to, q_table(_mm512_loadu_si512(to), table));
}

#include "compute/kernel_q8_tokens.inc"
#include "compute/kernel_q8_one.inc"

#include "compute/kernels.inc"
#endif
