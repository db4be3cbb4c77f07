/* kernel_neon.c: NEON as every armv8.0 processor has it. */
#include "compute/kernel_sets.h"
#if defined(__aarch64__)
#include "compute/lanes_neon.h"

#define KERNELS kernels_neon
#define KERNELS_NAME "neon"

/* Weights are made signed (128 off), so the bias has nothing to undo. A sum of four products fits in 17 bits. */
static inline vi
dot_half(const uint8_t *w, const int8_t *x, int32_t bias)
{
	const uint8x16_t top = vdupq_n_u8(128);
	vi sum = vi_set(0);

	(void)bias;
	for (int group = 0; group < 4; group++, w += 64, x += 4) {
		int32_t four;
		__builtin_memcpy(&four, x, sizeof four);
		int8x8_t xs = vreinterpret_s8_s32(vdup_n_s32(four));
		for (int i = 0; i < 4; i++) {
			int8x16_t ws = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(w + 16 * i), top));
			int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(ws), xs));
			int32x4_t high = vpaddlq_s16(vmull_s8(vget_high_s8(ws), xs));
			sum.q[i] = vaddq_s32(sum.q[i], vpaddq_s32(low, high));
		}
	}
	return sum;
}

static inline void
q8_look_up(uint8_t to[64], const uint8_t table[16])
{
	for (int i = 0; i < 64; i += 16)
		vst1q_u8(to + i, vqtbl1q_u8(vld1q_u8(table), vld1q_u8(to + i)));
}

#include "compute/kernels.inc"
#endif
