#include "model/blocks.h"

#include "base/half.h"
#include "model/blocks_scales.h"
#include "model/types.h"

/* ggml-common.h: kvalues_iq4nl, kvalues_mxfp4 */
static const int8_t values_iq4[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };
static const int8_t values_mxfp4[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

static const struct blocks all[TYPE_COUNT] = {
	[TYPE_Q8_0] = { .size = 32, .group = 32, .low = { 8, 2, 32 }, .n_f16 = 1, .offset = 128 },
	[TYPE_Q4_0] = { .size = 32, .group = 32, .low = { 4, 2, 16 }, .n_f16 = 1, .offset = 8 },
	[TYPE_Q4_1] = { .size = 32, .group = 32, .low = { 4, 4, 16 }, .n_f16 = 2, .least = true },
	[TYPE_Q5_0] = { .size = 32, .group = 32, .low = { 4, 6, 16 }, .high = { 1, 2, 1 }, .n_f16 = 1, .offset = 16 },
	[TYPE_Q5_1] = { .size = 32, .group = 32, .low = { 4, 8, 16 }, .high = { 1, 4, 1 }, .n_f16 = 2, .least = true },
	[TYPE_IQ4_NL] = { .size = 32, .group = 32, .low = { 4, 2, 16 }, .n_f16 = 1, .value = values_iq4 },
	[TYPE_MXFP4] = { .size = 32, .group = 32, .low = { 4, 1, 16 }, .n_bytes = 1, .value = values_mxfp4 },
	[TYPE_Q2_K] = { .size = 256, .group = 16, .low = { 2, 16, 32 }, .f16_at = 80, .n_f16 = 2, .n_bytes = 16, .least = true },
	[TYPE_Q3_K] = { .size = 256, .group = 16, .low = { 2, 32, 32 }, .high = { 1, 0, 32 }, .f16_at = 108, .n_f16 = 1, .bytes_at = 96, .n_bytes = 12,
	    .offset = 4 },
	[TYPE_Q4_K] = { .size = 256, .group = 32, .low = { 4, 16, 32 }, .n_f16 = 2, .bytes_at = 4, .n_bytes = 12, .least = true },
	[TYPE_Q5_K] = { .size = 256, .group = 32, .low = { 4, 48, 32 }, .high = { 1, 16, 32 }, .n_f16 = 2, .bytes_at = 4, .n_bytes = 12, .least = true },
	[TYPE_Q6_K] = { .size = 256, .group = 16, .low = { 4, 0, 64 }, .high = { 2, 128, 32 }, .f16_at = 208, .n_f16 = 1, .bytes_at = 192, .n_bytes = 16,
	    .offset = 32 },
	[TYPE_IQ4_XS] = { .size = 256, .group = 32, .low = { 4, 8, 16 }, .n_f16 = 1, .bytes_at = 2, .n_bytes = 6, .value = values_iq4 },
};

const struct blocks *
blocks_of(uint32_t type)
{
	return type < TYPE_COUNT && all[type].size ? &all[type] : NULL;
}

/* Of q8_0 adding 128 to a signed byte flips its highest bit. */
static uint8_t
flip(const struct blocks_plane *p)
{
	return p->bits == 8 ? 0x80 : 0;
}

/* Moves the bits of n codes, those from `shift` on, out of a plane or into it. Both are zero there before. */
static inline __attribute__((always_inline)) void
move_plane(uint8_t *code, uint8_t *block, const struct blocks_plane *p, size_t n, int shift, bool out)
{
	const unsigned mask = (1u << p->bits) - 1;
	uint8_t *at = block + p->at;

	for (size_t k = 0; k < n; at += p->span)
		for (int bit = 0; bit < 8; bit += p->bits, k += p->span)
			for (size_t i = 0; i < p->span; i++)
				if (out)
					code[k + i] = (uint8_t)(code[k + i] | (at[i] >> bit & mask) << shift); /* 8 bits */
				else
					at[i] = (uint8_t)(at[i] | (code[k + i] >> shift & mask) << bit); /* 8 bits */
}

void
blocks_codes(uint8_t *code, const struct blocks *b, const uint8_t *block)
{
	const uint8_t top = flip(&b->low);

	memset(code, 0, b->size);
	/* move_plane changes one side only */
	move_plane(code, (uint8_t *)(uintptr_t)block, &b->low, b->size, 0, true);
	if (b->high.bits)
		move_plane(code, (uint8_t *)(uintptr_t)block, &b->high, b->size, b->low.bits, true);
	for (size_t k = 0; top && k < b->size; k++)
		code[k] ^= top;
}

void
blocks_put_codes(uint8_t *block, const struct blocks *b, const uint8_t *code)
{
	uint8_t signed_code[BLOCKS_MOST];
	const uint8_t top = flip(&b->low);

	for (size_t k = 0; k < b->size; k++)
		signed_code[k] = code[k] ^ top;
	memset(block + b->low.at, 0, b->size * b->low.bits / 8u);
	move_plane(signed_code, block, &b->low, b->size, 0, false);
	if (b->high.bits) {
		memset(block + b->high.at, 0, b->size * b->high.bits / 8u);
		move_plane(signed_code, block, &b->high, b->size, b->low.bits, false);
	}
}

static void
scales(float *scale, float *least, uint32_t type, const struct blocks *b, const uint8_t *block)
{
	int8_t s[BLOCKS_GROUPS], m[BLOCKS_GROUPS];
	float f16[2] = { 0 };
	uint16_t h;

	for (size_t i = 0; i < b->n_f16; i++) {
		memcpy(&h, block + b->f16_at + 2 * i, sizeof h);
		f16[i] = f32_from_f16(h);
	}
	if (blocks_numbers(s, m, type, block + b->bytes_at, 1)) {
		for (int g = 0; g < b->size / b->group; g++) {
			scale[g] = f16[0] * (float)s[g];
			least[g] = b->least ? -f16[1] * (float)m[g] : 0;
		}
	} else {
		scale[0] = type == TYPE_MXFP4 ? blocks_e8m0(block[b->bytes_at]) : f16[0];
		least[0] = f16[1];
	}
}

static void
one_to_f32(float *to, uint32_t type, const struct blocks *b, const uint8_t *block)
{
	float scale[BLOCKS_GROUPS], least[BLOCKS_GROUPS];
	uint8_t code[BLOCKS_MOST];

	scales(scale, least, type, b, block);
	blocks_codes(code, b, block);
	for (size_t k = 0; k < b->size; k++)
		to[k] = scale[k / b->group] * (float)blocks_value(b, code[k]);
	for (size_t k = 0; b->least && k < b->size; k++)
		to[k] += least[k / b->group];
}

void
blocks_to_f32(float *to, uint32_t type, const void *from, size_t n)
{
	const struct blocks *b = blocks_of(type);
	const uint8_t *block = from;

	for (size_t i = 0; i < n; i += b->size, block += type_info(type)->block_bytes)
		one_to_f32(to + i, type, b, block);
}
