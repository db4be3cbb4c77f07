/* lanes_avx2.h: 16 lanes in two registers of AVX2, with FMA and F16C (what each function means is said in lanes.h). */
#ifndef MAI_COMPUTE_LANES_AVX2_H
#define MAI_COMPUTE_LANES_AVX2_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct { __m256 a, b; } vf;
typedef struct { __m256i a, b; } vi;

enum { TILES_AT_ONCE = 1, TOKENS_AT_ONCE = 6, ROWS_AT_ONCE = 4, VECTORS_AT_ONCE = 1 };

static inline float
f1_fma(float a, float b, float c)
{
	return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}

static inline float
f1_sqrt(float a)
{
	return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a)));
}

static inline vf vf_load(const float *p) { return (vf){ _mm256_loadu_ps(p), _mm256_loadu_ps(p + 8) }; }
static inline void vf_store(float *p, vf x) { _mm256_storeu_ps(p, x.a); _mm256_storeu_ps(p + 8, x.b); }
static inline vf vf_set(float x) { return (vf){ _mm256_set1_ps(x), _mm256_set1_ps(x) }; }
static inline vf vf_add(vf x, vf y) { return (vf){ _mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b) }; }
static inline vf vf_sub(vf x, vf y) { return (vf){ _mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b) }; }
static inline vf vf_mul(vf x, vf y) { return (vf){ _mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b) }; }
static inline vf vf_div(vf x, vf y) { return (vf){ _mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b) }; }
static inline vf vf_max(vf x, vf y) { return (vf){ _mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b) }; }
static inline vf vf_min(vf x, vf y) { return (vf){ _mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b) }; }
static inline vf vf_sqrt(vf x) { return (vf){ _mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b) }; }
static inline vf vf_from_vi(vi x) { return (vf){ _mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b) }; }
static inline vf vf_of_bits(vi x) { return (vf){ _mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b) }; }

static inline vf
vf_fma(vf x, vf y, vf z)
{
	return (vf){ _mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b) };
}

static inline vf
vf_f16(const uint16_t *p)
{
	return (vf){ _mm256_cvtph_ps(_mm_loadu_si128((const void *)p)), _mm256_cvtph_ps(_mm_loadu_si128((const void *)(p + 8))) };
}

static inline vf
vf_s8(const int8_t *p)
{
	return (vf){ _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p))),
		_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(p + 8)))) };
}

static inline vi vi_of_bits(vf x) { return (vi){ _mm256_castps_si256(x.a), _mm256_castps_si256(x.b) }; }
static inline vi vi_set(int32_t x) { return (vi){ _mm256_set1_epi32(x), _mm256_set1_epi32(x) }; }
static inline vi vi_add(vi x, vi y) { return (vi){ _mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b) }; }
static inline vi vi_sub(vi x, vi y) { return (vi){ _mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b) }; }
static inline vi vi_and(vi x, vi y) { return (vi){ _mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b) }; }
static inline vi vi_or(vi x, vi y) { return (vi){ _mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b) }; }
static inline vi vi_max(vi x, vi y) { return (vi){ _mm256_max_epi32(x.a, y.a), _mm256_max_epi32(x.b, y.b) }; }

static inline vi
vi_load(const void *p)
{
	const __m256i *at = p;

	return (vi){ _mm256_loadu_si256(at), _mm256_loadu_si256(at + 1) };
}

static inline vi
vi_shl(vi x, int n)
{
	return (vi){ _mm256_sll_epi32(x.a, _mm_cvtsi32_si128(n)), _mm256_sll_epi32(x.b, _mm_cvtsi32_si128(n)) };
}

static inline vi
vi_shr(vi x, int n)
{
	return (vi){ _mm256_srl_epi32(x.a, _mm_cvtsi32_si128(n)), _mm256_srl_epi32(x.b, _mm_cvtsi32_si128(n)) };
}

static inline vi
vi_greater(vi x, vi y)
{
	return (vi){ _mm256_cmpgt_epi32(x.a, y.a), _mm256_cmpgt_epi32(x.b, y.b) };
}

static inline vi
vi_select(vi mask, vi x, vi y)
{
	return (vi){ _mm256_blendv_epi8(y.a, x.a, mask.a), _mm256_blendv_epi8(y.b, x.b, mask.b) };
}

static inline void
vi_store16(void *p, vi x)
{
	const __m256i low = _mm256_set1_epi32(0xffff);
	__m256i y = _mm256_packus_epi32(_mm256_and_si256(x.a, low), _mm256_and_si256(x.b, low));

	_mm256_storeu_si256(p, _mm256_permute4x64_epi64(y, 0xd8));
}

static inline void
vi_store8(void *p, vi x)
{
	const __m256i low = _mm256_set1_epi32(0xff);
	__m256i y = _mm256_packus_epi32(_mm256_and_si256(x.a, low), _mm256_and_si256(x.b, low));

	y = _mm256_permute4x64_epi64(y, 0xd8);
	_mm_storeu_si128(p, _mm_packus_epi16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1)));
}

static inline vf vf_swap_pairs(vf x) { return (vf){ _mm256_permute_ps(x.a, 0xb1), _mm256_permute_ps(x.b, 0xb1) }; }

static inline vf
vf_twice(const float *p)
{
	const __m256i low = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3), high = _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7);
	__m256 x = _mm256_loadu_ps(p);

	return (vf){ _mm256_permutevar8x32_ps(x, low), _mm256_permutevar8x32_ps(x, high) };
}

static inline vf
vf_rotate(vf x, vf y, vf z)
{
	return (vf){ _mm256_fmaddsub_ps(x.a, y.a, z.a), _mm256_fmaddsub_ps(x.b, y.b, z.b) };
}

static inline float
vf_sum(vf x)
{
	__m256 b = _mm256_add_ps(x.a, x.b);
	__m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));

	c = _mm_add_ps(c, _mm_movehl_ps(c, c));
	return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}

static inline float
vf_largest(vf x)
{
	__m256 b = _mm256_max_ps(x.a, x.b);
	__m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));

	c = _mm_max_ps(c, _mm_movehl_ps(c, c));
	return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

#define LANES_FLUSH_MODE
/* Between flush_begin and flush_end the processor itself takes denormals for zero and flushes results. */
static inline vf vf_fma_flush(vf x, vf y, vf z) { return vf_fma(x, y, z); }

static inline unsigned
flush_begin(void)
{
	unsigned saved = _mm_getcsr();

	_mm_setcsr(0x9fc0); /* all exceptions masked, to nearest, denormals are zero both ways */
	return saved;
}

static inline void
flush_end(unsigned saved)
{
	_mm_setcsr(saved);
}

#endif
