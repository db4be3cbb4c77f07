/* lanes_scalar.h: 16 lanes in plain C (what each function means is said in lanes.h). */
#ifndef MAI_COMPUTE_LANES_SCALAR_H
#define MAI_COMPUTE_LANES_SCALAR_H

#include "base/half.h"
#include "compute/lanes_fma.h"

typedef struct { float v[16]; } vf;
typedef struct { int32_t v[16]; } vi;

enum { TILES_AT_ONCE = 1, TOKENS_AT_ONCE = 4, ROWS_AT_ONCE = 1, VECTORS_AT_ONCE = 1 };

#define EACH for (int i = 0; i < 16; i++)

static inline float
f1_fma(float a, float b, float c)
{
#ifdef __aarch64__
	return __builtin_fmaf(a, b, c); /* an instruction that every one of them has */
#else
	return soft_fma(a, b, c);
#endif
}

static inline float
f1_sqrt(float a)
{
	return __builtin_sqrtf(a);
}

static inline vf vf_load(const float *p) { vf r; memcpy(&r, p, sizeof r); return r; }
static inline void vf_store(float *p, vf a) { memcpy(p, &a, sizeof a); }
static inline vf vf_set(float a) { vf r; EACH r.v[i] = a; return r; }
static inline vf vf_add(vf a, vf b) { EACH a.v[i] += b.v[i]; return a; }
static inline vf vf_sub(vf a, vf b) { EACH a.v[i] -= b.v[i]; return a; }
static inline vf vf_mul(vf a, vf b) { EACH a.v[i] *= b.v[i]; return a; }
static inline vf vf_div(vf a, vf b) { EACH a.v[i] /= b.v[i]; return a; }
static inline vf vf_max(vf a, vf b) { EACH a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i]; return a; }
static inline vf vf_min(vf a, vf b) { EACH a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i]; return a; }
static inline vf vf_sqrt(vf a) { EACH a.v[i] = f1_sqrt(a.v[i]); return a; }
static inline vf vf_fma(vf a, vf b, vf c) { EACH c.v[i] = f1_fma(a.v[i], b.v[i], c.v[i]); return c; }
static inline vf vf_f16(const uint16_t *p) { vf r; EACH r.v[i] = f32_from_f16(p[i]); return r; }
static inline vf vf_s8(const int8_t *p) { vf r; EACH r.v[i] = (float)p[i]; return r; }
static inline vf vf_from_vi(vi a) { vf r; EACH r.v[i] = (float)a.v[i]; return r; }
static inline vf vf_of_bits(vi a) { vf r; memcpy(&r, &a, sizeof r); return r; }

static inline vi vi_of_bits(vf a) { vi r; memcpy(&r, &a, sizeof r); return r; }
static inline vi vi_load(const void *p) { vi r; memcpy(&r, p, sizeof r); return r; }
static inline vi vi_set(int32_t a) { vi r; EACH r.v[i] = a; return r; }
static inline vi vi_add(vi a, vi b) { EACH a.v[i] = (int32_t)((uint32_t)a.v[i] + (uint32_t)b.v[i]); return a; }
static inline vi vi_sub(vi a, vi b) { EACH a.v[i] = (int32_t)((uint32_t)a.v[i] - (uint32_t)b.v[i]); return a; }
static inline vi vi_and(vi a, vi b) { EACH a.v[i] &= b.v[i]; return a; }
static inline vi vi_or(vi a, vi b) { EACH a.v[i] |= b.v[i]; return a; }
static inline vi vi_max(vi a, vi b) { EACH a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i]; return a; }
static inline vi vi_shl(vi a, int n) { EACH a.v[i] = (int32_t)((uint32_t)a.v[i] << n); return a; }
static inline vi vi_shr(vi a, int n) { EACH a.v[i] = (int32_t)((uint32_t)a.v[i] >> n); return a; }
static inline vi vi_greater(vi a, vi b) { EACH a.v[i] = a.v[i] > b.v[i] ? -1 : 0; return a; }
static inline vi vi_select(vi mask, vi a, vi b) { EACH a.v[i] = mask.v[i] ? a.v[i] : b.v[i]; return a; }

static inline void vi_store8(void *p, vi a) { int8_t *to = p; EACH to[i] = (int8_t)a.v[i]; }
static inline void vi_store16(void *p, vi a) { uint16_t *to = p; EACH to[i] = (uint16_t)a.v[i]; }

static inline vf vf_swap_pairs(vf a) { vf r; EACH r.v[i] = a.v[i ^ 1]; return r; }
static inline vf vf_twice(const float *p) { vf r; EACH r.v[i] = p[i / 2]; return r; }

static inline vf
vf_rotate(vf a, vf b, vf c)
{
	EACH a.v[i] = f1_fma(a.v[i], b.v[i], i & 1 ? c.v[i] : -c.v[i]);
	return a;
}

static inline float
vf_sum(vf a)
{
	for (int n = 8; n > 0; n /= 2)
		for (int i = 0; i < n; i++)
			a.v[i] += a.v[i + n];
	return a.v[0];
}

static inline float
vf_largest(vf a)
{
	for (int n = 8; n > 0; n /= 2)
		for (int i = 0; i < n; i++)
			a.v[i] = a.v[i] > a.v[i + n] ? a.v[i] : a.v[i + n];
	return a.v[0];
}

static inline vf
vf_fma_flush(vf a, vf b, vf c)
{
	EACH c.v[i] = soft_fma_flush(a.v[i], b.v[i], c.v[i]);
	return c;
}

static inline unsigned flush_begin(void) { return 0; }
static inline void flush_end(unsigned saved) { (void)saved; }

#undef EACH
#endif
