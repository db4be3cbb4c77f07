#include "model/types.h"

#include <stddef.h>

#include "base/mem.h"
#include "model/tile.h"

/* GGML's numbers. 4, 5, 31 to 33 and 36 to 38 were removed by GGML and stay empty. */
static const struct type_info plain[TYPE_COUNT] = {
	[TYPE_F32] = { "F32", 1, 4 },
	[TYPE_F16] = { "F16", 1, 2 },
	[TYPE_Q4_0] = { "Q4_0", 32, 18 },
	[TYPE_Q4_1] = { "Q4_1", 32, 20 },
	[TYPE_Q5_0] = { "Q5_0", 32, 22 },
	[TYPE_Q5_1] = { "Q5_1", 32, 24 },
	[TYPE_Q8_0] = { "Q8_0", 32, 34 },
	[9] = { "Q8_1", 32, 36 },
	[TYPE_Q2_K] = { "Q2_K", 256, 84 },
	[TYPE_Q3_K] = { "Q3_K", 256, 110 },
	[TYPE_Q4_K] = { "Q4_K", 256, 144 },
	[TYPE_Q5_K] = { "Q5_K", 256, 176 },
	[TYPE_Q6_K] = { "Q6_K", 256, 210 },
	[15] = { "Q8_K", 256, 292 },
	[16] = { "IQ2_XXS", 256, 66 },
	[17] = { "IQ2_XS", 256, 74 },
	[18] = { "IQ3_XXS", 256, 98 },
	[19] = { "IQ1_S", 256, 50 },
	[TYPE_IQ4_NL] = { "IQ4_NL", 32, 18 },
	[21] = { "IQ3_S", 256, 110 },
	[22] = { "IQ2_S", 256, 82 },
	[TYPE_IQ4_XS] = { "IQ4_XS", 256, 136 },
	[24] = { "I8", 1, 1 },
	[25] = { "I16", 1, 2 },
	[26] = { "I32", 1, 4 },
	[27] = { "I64", 1, 8 },
	[28] = { "F64", 1, 8 },
	[29] = { "IQ1_M", 256, 56 },
	[TYPE_BF16] = { "BF16", 1, 2 },
	[34] = { "TQ1_0", 256, 54 },
	[35] = { "TQ2_0", 256, 66 },
	[TYPE_MXFP4] = { "MXFP4", 32, 17 },
	[40] = { "NVFP4", 64, 36 },
	[41] = { "Q1_0", 128, 18 },
	[42] = { "Q2_0", 64, 18 },
};

static const struct type_info x16[TYPE_COUNT] = {
	[TYPE_F32] = { "F32_X16", 1, 4 },
	[TYPE_F16] = { "F16_X16", 1, 2 },
	[TYPE_Q4_0] = { "Q4_0_X16", 32, 18 },
	[TYPE_Q4_1] = { "Q4_1_X16", 32, 20 },
	[TYPE_Q5_0] = { "Q5_0_X16", 32, 22 },
	[TYPE_Q5_1] = { "Q5_1_X16", 32, 24 },
	[TYPE_Q8_0] = { "Q8_0_X16", 32, 34 },
	[TYPE_Q2_K] = { "Q2_K_X16", 256, 84 },
	[TYPE_Q3_K] = { "Q3_K_X16", 256, 110 },
	[TYPE_Q4_K] = { "Q4_K_X16", 256, 144 },
	[TYPE_Q5_K] = { "Q5_K_X16", 256, 176 },
	[TYPE_Q6_K] = { "Q6_K_X16", 256, 210 },
	[TYPE_IQ4_NL] = { "IQ4_NL_X16", 32, 18 },
	[TYPE_IQ4_XS] = { "IQ4_XS_X16", 256, 136 },
	[TYPE_BF16] = { "BF16_X16", 1, 2 },
	[TYPE_MXFP4] = { "MXFP4_X16", 32, 17 },
};

const struct type_info *
type_info(uint32_t type)
{
	const struct type_info *all = type_is_tiled(type) ? x16 : plain;

	if (type_is_tiled(type))
		type -= TYPE_X16;
	return type < TYPE_COUNT && all[type].name ? &all[type] : NULL;
}

/* A matrix, or several. */
static bool
tiled_size(uint32_t plain_type, uint32_t n_dims, const uint64_t *ne, uint64_t *bytes)
{
	if (n_dims == 2)
		return tile_size(plain_type, ne[1], ne[0], bytes);
	return n_dims == 3 && tile_step(plain_type, ne[1], ne[0], bytes) && mem_mul(*bytes, ne[2], bytes);
}

bool
type_size(uint32_t type, uint32_t n_dims, const uint64_t *ne, uint64_t *bytes)
{
	const struct type_info *info = type_info(type);
	uint64_t n;

	if (!info || n_dims == 0 || ne[0] % info->block != 0)
		return false;
	if (type_is_tiled(type))
		return tiled_size(type - TYPE_X16, n_dims, ne, bytes) && *bytes <= INT64_MAX;
	n = ne[0];
	for (uint32_t i = 1; i < n_dims; i++)
		if (!mem_mul(n, ne[i], &n) || n > INT64_MAX)
			return false;
	return mem_mul(n / info->block, info->block_bytes, bytes) && *bytes <= INT64_MAX;
}
