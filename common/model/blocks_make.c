#include "model/blocks_make.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "model/blocks.h"
#include "model/blocks_scales.h"
#include "model/blocks_search.h"

enum { GROUP_6 = 16, GROUP = SEARCH_LINE, GROUPS_K = SEARCH_LEVELS, LEVELS_6 = 32 };

/* What is tried for lines where columns have weights. */
static const struct search weighed = { -0.9f, 0.05f, 36 };

bool
blocks_makes(uint32_t type)
{
	return type == TYPE_Q4_0 || type == TYPE_Q4_1 || type == TYPE_Q5_0 || type == TYPE_Q5_1 || type == TYPE_Q4_K || type == TYPE_Q5_K ||
	    type == TYPE_Q6_K;
}

/* An f16 of the block; what it is then. */
static float
put_f16(uint8_t *block, const struct blocks *b, int i, float v)
{
	uint16_t h = f16_from_f32(v);

	memcpy(block + b->f16_at + 2 * i, &h, sizeof h);
	return f32_from_f16(h);
}

/* ---- weights of errors ---- */

static float
mean_square(const float *x, size_t n)
{
	float sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i] * x[i];
	return sum / (float)n;
}

/* What `by` says of the columns, and the more the larger a value is; `mean` is a mean of squares around it. */
static void
weigh(float *weight, const float *x, const float *by, float mean)
{
	for (int i = 0; i < GROUP; i++)
		weight[i] = by[i] * sqrtf(mean + x[i] * x[i]);
}

static void
weigh_sizes(float *weight, const float *x)
{
	float size = sqrtf(mean_square(x, GROUP));

	for (int i = 0; i < GROUP; i++)
		weight[i] = size + fabsf(x[i]);
}

/* ---- blocks of 32 ---- */

/* Where a scale is so small that its inverse is infinite, it is 0 as f16, and the codes don't matter: ggml has 0 there on x86. */

static bool
make_even(uint8_t *block, const struct blocks *b, const float *x)
{
	float d = search_largest(x, GROUP) / (float)-b->offset, inverse = d != 0 ? 1 / d : 0;
	uint8_t code[GROUP];

	for (int i = 0; i < GROUP; i++)
		code[i] = isfinite(inverse) ? (uint8_t)search_within((int)(x[i] * inverse + ((float)b->offset + 0.5f)), 0, 2 * b->offset - 1) : 0;
	blocks_put_codes(block, b, code);
	return isfinite(put_f16(block, b, 0, d));
}

static bool
make_even_weighed(uint8_t *block, const struct blocks *b, const float *x, const float *weight)
{
	uint8_t code[GROUP];
	float d = search_scale(code, x, weight, GROUP, b->offset);

	blocks_put_codes(block, b, code);
	return isfinite(put_f16(block, b, 0, d));
}

static bool
make_between(uint8_t *block, const struct blocks *b, const float *x)
{
	const int top = (1 << blocks_bits(b)) - 1;
	float least = x[0], most = x[0];
	uint8_t code[GROUP];

	for (int i = 1; i < GROUP; i++) {
		least = x[i] < least ? x[i] : least;
		most = x[i] > most ? x[i] : most;
	}
	float d = (most - least) / (float)top, inverse = d != 0 ? 1 / d : 0;
	for (int i = 0; i < GROUP; i++)
		code[i] = isfinite(inverse) ? (uint8_t)search_within((int)((x[i] - least) * inverse + 0.5f), 0, top) : 0;
	blocks_put_codes(block, b, code);
	return isfinite(put_f16(block, b, 0, d)) && isfinite(put_f16(block, b, 1, least));
}

static bool
make_between_weighed(uint8_t *block, const struct blocks *b, const float *x, const float *weight)
{
	uint8_t code[GROUP];
	struct line l = search_line(code, x, weight, (1 << blocks_bits(b)) - 1, weighed);

	blocks_put_codes(block, b, code);
	return isfinite(put_f16(block, b, 0, l.scale)) && isfinite(put_f16(block, b, 1, -l.deficit));
}

static bool
make_32(uint8_t *block, const struct blocks *b, const float *x, const float *by, float mean)
{
	float weight[GROUP];

	if (!by)
		return b->least ? make_between(block, b, x) : make_even(block, b, x);
	weigh(weight, x, by, mean);
	return b->least ? make_between_weighed(block, b, x, weight) : make_even_weighed(block, b, x, weight);
}

/* ---- q4_k, q5_k ---- */

/* The lines of all groups, and the sums of their weights. */
static void
lines(float *scale, float *deficit, float *sum, uint8_t *code, const struct blocks *b, const float *x, const float *by)
{
	const struct search plain = blocks_bits(b) == 4 ? (struct search){ -1, 0.1f, 20 } : (struct search){ -0.5f, 0.1f, 15 };
	float weight[GROUP], mean = by ? 2 * mean_square(x, BLOCKS_MOST) : 0;

	for (int g = 0; g < GROUPS_K; g++, x += GROUP, code += GROUP) {
		if (by)
			weigh(weight, x, by + g * GROUP, mean);
		else
			weigh_sizes(weight, x);
		struct line l = search_line(code, x, weight, (1 << blocks_bits(b)) - 1, by ? weighed : plain);
		scale[g] = l.scale;
		deficit[g] = l.deficit;
		sum[g] = 0;
		for (int i = 0; i < GROUP; i++)
			sum[g] += weight[i];
	}
}

/* Levels of values of which the largest becomes the highest; their scale. */
static float
plain_levels(uint8_t *level, const float *v)
{
	float most = 0;

	for (int g = 0; g < GROUPS_K; g++)
		most = v[g] > most ? v[g] : most;
	for (int g = 0; g < GROUPS_K; g++)
		level[g] = (uint8_t)search_within(search_nearest((most > 0 ? SEARCH_TOP / most : 0) * v[g]), 0, SEARCH_TOP);
	return most / SEARCH_TOP;
}

/* 6 bits of 8 scales and deficits, as blocks_numbers_6 reads them. */
static void
put_scales(uint8_t *to, const uint8_t *scale, const uint8_t *deficit)
{
	for (int i = 0; i < 4; i++) {
		to[i] = (uint8_t)(scale[i] | scale[4 + i] >> 4 << 6);         /* 8 bits */
		to[4 + i] = (uint8_t)(deficit[i] | deficit[4 + i] >> 4 << 6);
		to[8 + i] = (uint8_t)((scale[4 + i] & 15) | (deficit[4 + i] & 15) << 4);
	}
}

static bool
make_k(uint8_t *block, const struct blocks *b, const float *x, const float *by)
{
	const int top = (1 << blocks_bits(b)) - 1;
	float scale[GROUPS_K], deficit[GROUPS_K], sum[GROUPS_K];
	uint8_t s[GROUPS_K], m[GROUPS_K], code[BLOCKS_MOST];
	int8_t stored_s[GROUPS_K], stored_m[GROUPS_K];

	lines(scale, deficit, sum, code, b, x, by);
	float d = put_f16(block, b, 0, by ? search_levels(s, scale, sum) : plain_levels(s, scale));
	float dm = put_f16(block, b, 1, by ? search_levels(m, deficit, sum) : plain_levels(m, deficit));
	/* of a scale below zero; in q4_k its 8 bits run into those of another, for llama-quantize lets them */
	for (int g = 0; top > 15 && g < GROUPS_K; g++)
		s[g] = s[g] < SEARCH_TOP ? s[g] : SEARCH_TOP;
	put_scales(block + b->bytes_at, s, m);
	/* codes again, for the scales that came of this */
	blocks_numbers_6(stored_s, stored_m, block + b->bytes_at, 1);
	for (int g = 0; g < GROUPS_K; g++) {
		float up = d * (float)stored_s[g], down = dm * (float)stored_m[g];
		for (int i = g * GROUP; up != 0 && i < (g + 1) * GROUP; i++)
			code[i] = (uint8_t)search_within(search_nearest((x[i] + down) / up), 0, top);
	}
	blocks_put_codes(block, b, code);
	return isfinite(d) && isfinite(dm);
}

/* ---- q6_k ---- */

static bool
make_6(uint8_t *block, const struct blocks *b, const float *x, const float *by)
{
	enum { GROUPS = BLOCKS_MOST / GROUP_6 };
	float scale[GROUPS], weight[BLOCKS_MOST], most;
	uint8_t code[BLOCKS_MOST];

	for (int i = 0; i < BLOCKS_MOST; i++)
		weight[i] = by ? by[i] : x[i] * x[i];
	for (int g = 0; g < GROUPS; g++)
		scale[g] = search_scale(code + g * GROUP_6, x + g * GROUP_6, weight + g * GROUP_6, GROUP_6, LEVELS_6);
	most = search_largest(scale, GROUPS);
	if (fabsf(most) < SEARCH_TINY) {
		memset(block, 0, type_info(TYPE_Q6_K)->block_bytes);
		return true;
	}
	float inverse = -128 / most, d = put_f16(block, b, 0, 1 / inverse);
	for (int g = 0; g < GROUPS; g++) {
		int s = search_within(search_nearest(inverse * scale[g]), -128, 127);
		float step = d * (float)s;
		block[b->bytes_at + g] = (uint8_t)s; /* signed */
		for (int i = g * GROUP_6; step != 0 && i < (g + 1) * GROUP_6; i++)
			code[i] = (uint8_t)(search_within(search_nearest(x[i] / step), -LEVELS_6, LEVELS_6 - 1) + LEVELS_6);
	}
	blocks_put_codes(block, b, code);
	return isfinite(d);
}

bool
blocks_make(uint8_t *to, uint32_t type, const float *x, const float *by, size_t n)
{
	const struct blocks *b = blocks_of(type);
	const size_t bytes = type_info(type)->block_bytes;
	float mean = by && b->size == GROUP ? mean_square(x, n) : 0;

	for (size_t i = 0; i < n; i += b->size, to += bytes) {
		const float *of = by ? by + i : NULL;
		if (!(b->size == GROUP ? make_32(to, b, x + i, of, mean) : type == TYPE_Q6_K ? make_6(to, b, x + i, of) : make_k(to, b, x + i, of)))
			return false;
	}
	return true;
}
