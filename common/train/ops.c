#include "train/ops.h"

#include <string.h>

#include "compute/kernel.h"

const struct ops *
ops_best(void)
{
	const struct kernels *k = kernels_best();

	if (!k)
		return NULL;
#if defined(__x86_64__)
	if (strncmp(k->name, "avx512", 6) == 0 || strcmp(k->name, "amx") == 0)
		return &ops_avx512;
	if (strncmp(k->name, "avx", 3) == 0)
		return &ops_avx2;
#elif defined(__aarch64__)
	if (strcmp(k->name, "neon") == 0)
		return &ops_neon;
#endif
	return &ops_scalar;
}
