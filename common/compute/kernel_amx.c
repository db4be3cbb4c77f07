/*
 * kernel_amx.c: q8_0 products of many tokens in the tile registers of AMX-INT8.
 *
 * A block of a tile of weights, as it lies in memory but signed, is a tile register of 8 rows (4 k each) by 16 output rows;
 * a block of a group of activations is one of 16 tokens by 32 k. One instruction makes their 16 by 16 exact integer sums;
 * what follows is the step in floats of every other kernel, so the bits are the same.
 */
#include "compute/kernel_sets.h"
#if defined(__x86_64__)
#include <string.h>

#include "compute/lanes_avx512.h"
#include "compute/q8_rows.h"
#include "model/types.h"

/*
 * A stretch of blocks of a tile is made signed in a buffer that stays in the first-level cache while the groups of tokens
 * pass. IN_FLIGHT blocks are being multiplied at a time, and a block's sums are taken up LAG blocks later.
 */
enum { FEWEST_TOKENS = 2 * Q8_GROUP, STRETCH = 32, IN_FLIGHT = 4, LAG = 5, BLOCK_BYTES = 16 * Q8_BLOCK };

struct tile_config {
	uint8_t palette, start_row, reserved[14];
	uint16_t row_bytes[16];
	uint8_t rows[16];
};

/* Registers 0 to 3 are sums, 4 and 5 activations, 6 and 7 weights. */
static void
configure(size_t tokens)
{
	struct tile_config c = { .palette = 1 };

	for (int i = 0; i < 8; i++) {
		c.row_bytes[i] = i == 4 || i == 5 ? Q8_BLOCK : 64;
		c.rows[i] = (uint8_t)(i < 6 ? tokens : Q8_BLOCK / 4);
	}
	__asm__ volatile("ldtilecfg %0" :: "m"(c));
}

#define STORE(sum, to) \
	__asm__ volatile("tilestored %%tmm" #sum ", (%0, %1)" :: "r"(to), "r"((size_t)64) : "memory")
#define MULTIPLY(sum, x, w, activations, weights) \
	__asm__ volatile("tilezero %%tmm" #sum "\n\t" \
	    "tileloadd (%0, %2), %%tmm" #x "\n\t" \
	    "tileloadd (%1, %3), %%tmm" #w "\n\t" \
	    "tdpbssd %%tmm" #w ", %%tmm" #x ", %%tmm" #sum \
	    :: "r"(activations), "r"(weights), "r"((size_t)Q8_BLOCK), "r"((size_t)64) : "memory")

static inline __attribute__((always_inline)) void
store(size_t i, int32_t *to)
{
	switch (i) {
	case 0: STORE(0, to); break;
	case 1: STORE(1, to); break;
	case 2: STORE(2, to); break;
	default: STORE(3, to); break;
	}
}

static inline __attribute__((always_inline)) void
multiply(size_t i, const int8_t *x, const int8_t *w)
{
	switch (i) {
	case 0: MULTIPLY(0, 4, 6, x, w); break;
	case 1: MULTIPLY(1, 5, 7, x, w); break;
	case 2: MULTIPLY(2, 4, 6, x, w); break;
	default: MULTIPLY(3, 5, 7, x, w); break;
	}
}

/*
 * Integers below 2^22 as floats. While tiles are in use the processor has one port left for conversions, products and
 * fused steps; sums have others, so the integer is added to the bits of 1.5 * 2^23 and that is taken off in floats.
 */
static inline __m512
to_float(const int32_t *sum)
{
	__m512i rounder = _mm512_set1_epi32(0x4b400000);

	__asm__("" : "+v"(rounder)); /* kept in a register */
	return _mm512_sub_ps(_mm512_castsi512_ps(_mm512_add_epi32(_mm512_load_si512(sum), rounder)), _mm512_castsi512_ps(rounder));
}

struct step {
	const int8_t *w;    /* signed quants of a tile, a stretch of them */
	const uint16_t *dw; /* its scales */
	struct q8_rows x;   /* the group's first token */
	size_t blocks;
	float *y;
	size_t ldy;
	bool first;         /* the sums begin at zero, not in y */
};

/* A group of `count` tokens. */
static inline __attribute__((always_inline)) void
group_step(const struct step *s, size_t count)
{
	_Alignas(64) int32_t sums[2 * IN_FLIGHT][16 * Q8_GROUP];
	__m512 acc[Q8_GROUP];
	const float *scale = s->x.scale;
	const uint16_t *dw = s->dw;
	const int8_t *x = s->x.q, *w = s->w;

	for (size_t t = 0; t < count; t++)
		acc[t] = s->first ? _mm512_setzero_ps() : _mm512_loadu_ps(s->y + t * s->ldy);
	for (size_t b = 0; b < s->blocks + LAG; b += IN_FLIGHT) {
#pragma GCC unroll 4
		for (size_t i = 0; i < IN_FLIGHT; i++) {
			/* What register i holds goes to memory, another block comes in, an older one is added up. */
			size_t block = b + i;
			if (block >= IN_FLIGHT && block - IN_FLIGHT < s->blocks)
				store(i, sums[block % (2 * IN_FLIGHT)]);
			if (block < s->blocks) {
				multiply(i, x, w);
				x += s->x.step, w += BLOCK_BYTES;
			}
			if (block < LAG || block - LAG >= s->blocks)
				continue;
			const int32_t *sum = sums[(block - LAG + IN_FLIGHT) % (2 * IN_FLIGHT)];
			__m512 row_scale = vf_f16(dw);
			for (size_t t = 0; t < count; t++)
				acc[t] = _mm512_fmadd_ps(_mm512_mul_ps(row_scale, _mm512_set1_ps(scale[t])), to_float(sum + 16 * t), acc[t]);
			scale += s->x.step / sizeof *scale, dw += 16;
		}
	}
	for (size_t t = 0; t < count; t++)
		_mm512_storeu_ps(s->y + t * s->ldy, acc[t]);
}

static void
whole_group(const struct step *s)
{
	group_step(s, Q8_GROUP);
}

static void
part_of_group(const struct step *s, size_t count)
{
	group_step(s, count);
}

/* Meanwhile the same of the next tile is asked for. */
static void
make_signed(int8_t *to, const uint8_t *from, size_t n, size_t next)
{
	const __m512i top = _mm512_set1_epi8(-128);

	for (size_t i = 0; i < n; i += 64) {
		_mm_prefetch((const char *)from + next + i, _MM_HINT_T1);
		_mm512_store_si512(to + i, _mm512_xor_si512(_mm512_loadu_si512(from + i), top));
	}
}

/* One stretch of one tile for all tokens. */
static void
all_tokens(const struct matmul *m, struct step *s, size_t blocks, size_t block)
{
	float *y = s->y;

	for (size_t t = 0; t < m->tokens; t += Q8_GROUP) {
		s->x = q8_rows_at(m->x->q8, blocks, m->tokens, t, block);
		s->y = y + t * m->ldy;
		if (m->tokens - t >= Q8_GROUP) {
			if (t == 0)
				configure(Q8_GROUP);
			whole_group(s);
		} else {
			configure(m->tokens - t);
			part_of_group(s, m->tokens - t);
		}
	}
}

static void
matmul_q8(const struct matmul *m, size_t first, size_t last)
{
	_Alignas(64) int8_t w[STRETCH * BLOCK_BYTES];
	size_t blocks = m->cols / Q8_BLOCK;
	const uint8_t *quants = m->w;
	const uint16_t *scales = m->scales;

	for (size_t block = 0; block < blocks; block += STRETCH) {
		for (size_t tile = first; tile < last; tile++) {
			struct step s = { .w = w, .ldy = m->ldy, .first = block == 0, .y = m->y + tile * 16,
				.dw = scales + (tile * blocks + block) * 16,
				.blocks = blocks - block < STRETCH ? blocks - block : STRETCH };
			make_signed(w, quants + (tile * blocks + block) * BLOCK_BYTES, s.blocks * BLOCK_BYTES, blocks * BLOCK_BYTES);
			all_tokens(m, &s, blocks, block);
		}
	}
	__asm__ volatile("tilerelease");
}

void
matmul_amx(const struct matmul *m, size_t first, size_t last)
{
	if (m->type == TYPE_Q8_0 && m->tokens >= FEWEST_TOKENS)
		matmul_q8(m, first, last);
	else
		kernels_avx512.matmul(m, first, last);
}
#endif
