/* kernel_avx512.c: AVX-512 with VNNI. */
#include "compute/kernel_sets.h"
#if defined(__x86_64__)
#include "compute/lanes_avx512.h"
#include "compute/q8_rows.h"

#define KERNELS kernels_avx512
#define KERNELS_NAME "avx512"
#define KERNELS_Q8 matmul_q8

/*
 * A step holds the sums of `tiles` times 16 rows by `count` tokens of a group in registers: 2 by 6 of integers and as
 * many of floats leave some for what is loaded. It goes through a stretch of blocks that is short enough for the
 * weights to stay in the first-level cache while all tokens pass; between stretches the sums wait in y.
 *
 * One token alone is bound by memory: Q8_WIDE tiles are read side by side, each Q8_AHEAD bytes before it is needed, since
 * the processor's own prefetch ends at each page.
 */
enum { Q8_WIDE = 4, Q8_TILES = 2, Q8_TOKENS = 6, Q8_STRETCH = 16, BLOCK_BYTES = 16 * Q8_BLOCK, Q8_AHEAD = 2048 };

struct q8_step {
	const uint8_t *w;     /* quants of the first tile, at the start of the stretch */
	const uint16_t *dw;   /* its scales there */
	size_t tile_blocks;   /* blocks from tile to tile */
	struct q8_rows x;     /* first token, at the start of the stretch */
	size_t blocks;
	float *y;             /* of the first token and tile */
	size_t ldy;
	bool first;           /* the sums begin at zero, not in y */
};

/* The compiler's own form of this instruction makes it move registers about. */
static inline __m512i
dot4(__m512i sum, __m512i w, __m512i x)
{
	__asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
	return sum;
}

static inline __attribute__((always_inline)) void
q8_step(const struct q8_step *s, int tiles, int count)
{
	__m512 acc[Q8_WIDE][Q8_TOKENS];
	__m512i sum[Q8_WIDE][Q8_TOKENS];
	struct q8_rows x = s->x;
	const uint8_t *w = s->w;
	const uint16_t *dw = s->dw;

	for (int t = 0; t < count; t++)
		for (int r = 0; r < tiles; r++)
			acc[r][t] = s->first ? _mm512_setzero_ps() : _mm512_loadu_ps(s->y + (size_t)t * s->ldy + 16 * r);
	for (size_t b = 0; b < s->blocks; b++) {
		for (int t = 0; t < count; t++)
			for (int r = 0; r < tiles; r++)
				sum[r][t] = _mm512_set1_epi32(x.bias[t]);
		for (int four = 0; four < 8; four++) {
			__m512i row[Q8_WIDE];
			for (int r = 0; r < tiles; r++) {
				const uint8_t *from = w + (size_t)r * s->tile_blocks * BLOCK_BYTES + 64 * four;
				row[r] = _mm512_loadu_si512(from);
				if (count == 1)
					_mm_prefetch((const char *)from + Q8_AHEAD, _MM_HINT_T0);
			}
			for (int t = 0; t < count; t++) {
				int32_t q;
				__builtin_memcpy(&q, x.q + Q8_BLOCK * t + 4 * four, sizeof q);
				for (int r = 0; r < tiles; r++)
					sum[r][t] = dot4(sum[r][t], row[r], _mm512_set1_epi32(q));
			}
		}
		for (int r = 0; r < tiles; r++) {
			__m512 scale = vf_f16(dw + (size_t)r * s->tile_blocks * 16);
			for (int t = 0; t < count; t++)
				acc[r][t] = _mm512_fmadd_ps(_mm512_mul_ps(scale, _mm512_set1_ps(x.scale[t])),
				    _mm512_cvtepi32_ps(sum[r][t]), acc[r][t]);
		}
		w += BLOCK_BYTES, dw += 16;
		x.q += x.step, x.scale += x.step / 4, x.bias += x.step / 4;
	}
	for (int t = 0; t < count; t++)
		for (int r = 0; r < tiles; r++)
			_mm512_storeu_ps(s->y + (size_t)t * s->ldy + 16 * r, acc[r][t]);
}

static inline __attribute__((always_inline)) void
q8_count(const struct q8_step *s, int tiles, size_t count)
{
	switch (count) {
	case 1: q8_step(s, tiles, 1); break;
	case 2: q8_step(s, tiles, 2); break;
	case 3: q8_step(s, tiles, 3); break;
	case 4: q8_step(s, tiles, 4); break;
	case 5: q8_step(s, tiles, 5); break;
	default: q8_step(s, tiles, 6); break;
	}
}

/* Each group of tokens is cut into the fewest steps, as even as they can be: 16 is 6 + 5 + 5. */
static inline __attribute__((always_inline)) void
q8_tokens(struct q8_step s, const struct matmul *m, size_t blocks, size_t block, int tiles)
{
	float *y = s.y;

	for (size_t t = 0, count; t < m->tokens; t += count) {
		size_t in_group = t % Q8_GROUP, left = m->tokens - t;
		if (left > Q8_GROUP - in_group)
			left = Q8_GROUP - in_group;
		size_t steps = (left + Q8_TOKENS - 1) / Q8_TOKENS;
		count = (left + steps - 1) / steps;
		s.x = q8_rows_at(m->x->q8, blocks, m->tokens, t, block);
		s.y = y + t * m->ldy;
		q8_count(&s, tiles, count);
	}
}

static void
matmul_q8(const struct matmul *m, size_t first, size_t last)
{
	size_t blocks = m->cols / Q8_BLOCK, tiles = (m->rows + 15) / 16;
	size_t stretch = m->tokens > Q8_TOKENS ? Q8_STRETCH : blocks;
	const uint8_t *quants = m->w;
	const uint16_t *scales = (const uint16_t *)(const void *)(quants + tiles * blocks * BLOCK_BYTES);

	for (size_t block = 0; block < blocks; block += stretch) {
		struct q8_step s = { .tile_blocks = blocks, .ldy = m->ldy, .first = block == 0,
			.blocks = blocks - block < stretch ? blocks - block : stretch };
		for (size_t tile = first, n; tile < last; tile += n) {
			s.w = quants + (tile * blocks + block) * BLOCK_BYTES;
			s.dw = scales + (tile * blocks + block) * 16;
			s.y = m->y + tile * 16;
			n = m->tokens == 1 && last - tile >= Q8_WIDE ? Q8_WIDE : last - tile < Q8_TILES ? 1 : Q8_TILES;
			if (n == Q8_WIDE) {
				s.x = q8_rows_at(m->x->q8, blocks, 1, 0, block);
				q8_step(&s, Q8_WIDE, 1);
			} else if (n == 1)
				q8_tokens(s, m, blocks, block, 1);
			else
				q8_tokens(s, m, blocks, block, Q8_TILES);
		}
	}
}

#include "compute/kernels.inc"
#endif
