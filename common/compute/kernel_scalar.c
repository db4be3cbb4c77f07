/* kernel_scalar.c: every kernel in plain C, for any processor. */
#undef MAI_TEST_REORDER /* kernel_float.inc */

#include "compute/lanes_scalar.h"

#define KERNELS kernels_scalar
#define KERNELS_NAME "scalar"

static inline vi
dot_half(const uint8_t *w, const int8_t *x, int32_t bias)
{
	vi sum = vi_set(bias);

	for (int group = 0; group < 4; group++, w += 64, x += 4)
		for (int i = 0; i < 16; i++)
			sum.v[i] += w[4 * i] * x[0] + w[4 * i + 1] * x[1] + w[4 * i + 2] * x[2] + w[4 * i + 3] * x[3];
	return sum;
}

static inline void
q8_look_up(uint8_t to[64], const uint8_t table[16])
{
	for (int i = 0; i < 64; i++)
		to[i] = table[to[i]];
}

#include "compute/kernels.inc"
