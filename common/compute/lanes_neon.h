/* lanes_neon.h: 16 lanes in four registers of NEON, armv8.0 (what each function means is said in lanes.h). */
#ifndef MAI_COMPUTE_LANES_NEON_H
#define MAI_COMPUTE_LANES_NEON_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct { float32x4_t q[4]; } vf;
typedef struct { int32x4_t q[4]; } vi;

enum { TILES_AT_ONCE = 1, TOKENS_AT_ONCE = 4, ROWS_AT_ONCE = 4, VECTORS_AT_ONCE = 1 };

#define EACH for (int i = 0; i < 4; i++)

static inline float
f1_fma(float a, float b, float c)
{
	return __builtin_fmaf(a, b, c);
}

static inline float
f1_sqrt(float a)
{
	return __builtin_sqrtf(a);
}

static inline vf vf_load(const float *p) { vf r; EACH r.q[i] = vld1q_f32(p + 4 * i); return r; }
static inline void vf_store(float *p, vf a) { EACH vst1q_f32(p + 4 * i, a.q[i]); }
static inline vf vf_set(float a) { vf r; EACH r.q[i] = vdupq_n_f32(a); return r; }
static inline vf vf_add(vf a, vf b) { EACH a.q[i] = vaddq_f32(a.q[i], b.q[i]); return a; }
static inline vf vf_sub(vf a, vf b) { EACH a.q[i] = vsubq_f32(a.q[i], b.q[i]); return a; }
static inline vf vf_mul(vf a, vf b) { EACH a.q[i] = vmulq_f32(a.q[i], b.q[i]); return a; }
static inline vf vf_div(vf a, vf b) { EACH a.q[i] = vdivq_f32(a.q[i], b.q[i]); return a; }
static inline vf vf_max(vf a, vf b) { EACH a.q[i] = vbslq_f32(vcgtq_f32(a.q[i], b.q[i]), a.q[i], b.q[i]); return a; }
static inline vf vf_min(vf a, vf b) { EACH a.q[i] = vbslq_f32(vcltq_f32(a.q[i], b.q[i]), a.q[i], b.q[i]); return a; }
static inline vf vf_fma(vf a, vf b, vf c) { EACH c.q[i] = vfmaq_f32(c.q[i], a.q[i], b.q[i]); return c; }
static inline vf vf_sqrt(vf a) { EACH a.q[i] = vsqrtq_f32(a.q[i]); return a; }
static inline vf vf_from_vi(vi a) { vf r; EACH r.q[i] = vcvtq_f32_s32(a.q[i]); return r; }
static inline vf vf_of_bits(vi a) { vf r; EACH r.q[i] = vreinterpretq_f32_s32(a.q[i]); return r; }

static inline vf
vf_f16(const uint16_t *p)
{
	vf r;

	EACH r.q[i] = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i)));
	return r;
}

static inline vf
vf_s8(const int8_t *p)
{
	const int8x16_t all = vld1q_s8(p);
	const int16x8_t low = vmovl_s8(vget_low_s8(all)), high = vmovl_high_s8(all);

	return (vf){ { vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
	    vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high)) } };
}

static inline vi vi_of_bits(vf a) { vi r; EACH r.q[i] = vreinterpretq_s32_f32(a.q[i]); return r; }
static inline vi vi_load(const void *p) { vi r; EACH r.q[i] = vld1q_s32((const int32_t *)p + 4 * i); return r; }
static inline vi vi_set(int32_t a) { vi r; EACH r.q[i] = vdupq_n_s32(a); return r; }
static inline vi vi_add(vi a, vi b) { EACH a.q[i] = vaddq_s32(a.q[i], b.q[i]); return a; }
static inline vi vi_sub(vi a, vi b) { EACH a.q[i] = vsubq_s32(a.q[i], b.q[i]); return a; }
static inline vi vi_and(vi a, vi b) { EACH a.q[i] = vandq_s32(a.q[i], b.q[i]); return a; }
static inline vi vi_or(vi a, vi b) { EACH a.q[i] = vorrq_s32(a.q[i], b.q[i]); return a; }
static inline vi vi_max(vi a, vi b) { EACH a.q[i] = vmaxq_s32(a.q[i], b.q[i]); return a; }
static inline vi vi_shl(vi a, int n) { EACH a.q[i] = vshlq_s32(a.q[i], vdupq_n_s32(n)); return a; }
static inline vi vi_greater(vi a, vi b) { EACH a.q[i] = vreinterpretq_s32_u32(vcgtq_s32(a.q[i], b.q[i])); return a; }

static inline vi
vi_shr(vi a, int n)
{
	EACH a.q[i] = vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a.q[i]), vdupq_n_s32(-n)));
	return a;
}

static inline vi
vi_select(vi mask, vi a, vi b)
{
	EACH a.q[i] = vbslq_s32(vreinterpretq_u32_s32(mask.q[i]), a.q[i], b.q[i]);
	return a;
}

static inline void
vi_store16(void *p, vi a)
{
	uint16_t *to = p;

	EACH vst1_u16(to + 4 * i, vmovn_u32(vreinterpretq_u32_s32(a.q[i])));
}

static inline void
vi_store8(void *p, vi a)
{
	uint8_t *to = p;
	uint16x8_t low[2];

	for (int i = 0; i < 2; i++)
		low[i] = vcombine_u16(vmovn_u32(vreinterpretq_u32_s32(a.q[2 * i])),
		    vmovn_u32(vreinterpretq_u32_s32(a.q[2 * i + 1])));
	vst1q_u8(to, vcombine_u8(vmovn_u16(low[0]), vmovn_u16(low[1])));
}

static inline vf vf_swap_pairs(vf a) { EACH a.q[i] = vrev64q_f32(a.q[i]); return a; }

static inline vf
vf_twice(const float *p)
{
	vf r;

	for (int i = 0; i < 4; i += 2) {
		float32x4_t x = vld1q_f32(p + 2 * i);
		r.q[i] = vzip1q_f32(x, x);
		r.q[i + 1] = vzip2q_f32(x, x);
	}
	return r;
}

static inline vf
vf_rotate(vf a, vf b, vf c)
{
	const uint32x4_t sign = { 0x80000000, 0, 0x80000000, 0 };

	EACH {
		float32x4_t z = vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(c.q[i]), sign));
		a.q[i] = vfmaq_f32(z, a.q[i], b.q[i]);
	}
	return a;
}

static inline float
vf_sum(vf a)
{
	float32x4_t b = vaddq_f32(vaddq_f32(a.q[0], a.q[2]), vaddq_f32(a.q[1], a.q[3]));
	float32x2_t c = vadd_f32(vget_low_f32(b), vget_high_f32(b));

	return vget_lane_f32(c, 0) + vget_lane_f32(c, 1);
}

static inline float
vf_largest(vf a)
{
	float v[16];

	vf_store(v, a);
	for (int n = 8; n > 0; n /= 2)
		for (int i = 0; i < n; i++)
			v[i] = v[i] > v[i + n] ? v[i] : v[i + n];
	return v[0];
}

/*
 * Denormal results become zero. The processor's own flushing looks at the result before it is rounded, vdpbf16ps at the
 * rounded one: a result of exactly 2^-126 (the only one where they differ) is computed once more, 2^64 times larger. A
 * factor that this takes to infinity has no such result: the other one would be a denormal, thus zero.
 */
static inline float32x4_t
q_fma_flush(float32x4_t a, float32x4_t b, float32x4_t c)
{
	const float32x4_t least = vdupq_n_f32(0x1p-126f), up = vdupq_n_f32(0x1p64f);
	float32x4_t r = vfmaq_f32(c, a, b), size = vabsq_f32(r);
	uint32x4_t small = vcleq_f32(size, least);

	if (vmaxvq_u32(small) == 0)
		return r;
	float32x4_t large = vfmaq_f32(vmulq_f32(c, up), vmulq_f32(a, up), b);
	uint32x4_t flush = vorrq_u32(vcltq_f32(size, least),
	    vandq_u32(small, vcltq_f32(vabsq_f32(large), vdupq_n_f32(0x1p-62f))));
	return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(r), vandq_u32(flush, vdupq_n_u32(0x7fffffff))));
}

static inline vf vf_fma_flush(vf a, vf b, vf c) { EACH c.q[i] = q_fma_flush(a.q[i], b.q[i], c.q[i]); return c; }
static inline unsigned flush_begin(void) { return 0; }
static inline void flush_end(unsigned saved) { (void)saved; }

#undef EACH
#endif
