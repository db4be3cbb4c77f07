#include "model/blocks_make.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "model/blocks.h"

enum { GROUP_6 = 16, GROUP_K = 32, SCALES_K = 8, TOP_6_BITS = 63, LEVELS_6 = 32 };

#define TINY 1e-15f /* groups with no larger value are zeros */

bool
blocks_makes(uint32_t type)
{
	return type == TYPE_Q4_0 || type == TYPE_Q5_0 || type == TYPE_Q5_1 || type == TYPE_Q4_K || type == TYPE_Q5_K || type == TYPE_Q6_K;
}

/* To even; |v| is below 2^22. */
static int
nearest(float v)
{
	return (int)(f32_bits(v + 0x1.8p23f) & 0x7fffff) - 0x400000;
}

static int
within(int v, int least, int most)
{
	return v < least ? least : v > most ? most : v;
}

/* The value of the largest magnitude, of equals the first. */
static float
largest(const float *x, int n)
{
	float most = 0;

	for (int i = 0; i < n; i++)
		if (fabsf(x[i]) > fabsf(most))
			most = x[i];
	return most;
}

/* An f16 of the block; what it is then. */
static float
put_f16(uint8_t *block, const struct blocks *b, int i, float v)
{
	uint16_t h = f16_from_f32(v);

	memcpy(block + b->f16_at + 2 * i, &h, sizeof h);
	return f32_from_f16(h);
}

static bool
fits(float f16)
{
	return fabsf(f16) < INFINITY;
}

/* ---- blocks of 32 ---- */

static bool
make_even(uint8_t *block, const struct blocks *b, const float *x)
{
	float d = largest(x, GROUP_K) / (float)-b->offset, inverse = d != 0 ? 1 / d : 0;
	uint8_t code[GROUP_K];

	for (int i = 0; i < GROUP_K; i++)
		code[i] = (uint8_t)within((int)(x[i] * inverse + ((float)b->offset + 0.5f)), 0, 2 * b->offset - 1);
	blocks_put_codes(block, b, code);
	return fits(put_f16(block, b, 0, d));
}

static bool
make_between(uint8_t *block, const struct blocks *b, const float *x)
{
	const int top = (1 << blocks_bits(b)) - 1;
	float least = x[0], most = x[0];
	uint8_t code[GROUP_K];

	for (int i = 1; i < GROUP_K; i++) {
		least = x[i] < least ? x[i] : least;
		most = x[i] > most ? x[i] : most;
	}
	float d = (most - least) / (float)top, inverse = d != 0 ? 1 / d : 0;
	for (int i = 0; i < GROUP_K; i++)
		code[i] = (uint8_t)within((int)((x[i] - least) * inverse + 0.5f), 0, top);
	blocks_put_codes(block, b, code);
	return fits(put_f16(block, b, 0, d)) && fits(put_f16(block, b, 1, least));
}

/* ---- q4_k, q5_k ---- */

/* weight = scale * code - deficit, which is not negative. */
struct line {
	float scale, deficit;
};

/* What is tried for codes up to `top`: top + from + i / 10 steps over the span. */
struct search {
	float from;
	int steps;
};

static float
squared_error(const float *x, const float *weight, const uint8_t *code, float scale, float least)
{
	float sum = 0;

	for (int i = 0; i < GROUP_K; i++) {
		float off = scale * (float)code[i] + least - x[i];
		sum += weight[i] * (off * off);
	}
	return sum;
}

/* Weighted sums over a group. */
struct sums {
	float w, x, code, code2, product;
};

static void
to_codes(uint8_t *code, const float *x, float inverse, float least, int top)
{
	for (int i = 0; i < GROUP_K; i++)
		code[i] = (uint8_t)within(nearest(inverse * (x[i] - least)), 0, top);
}

/* The line of least squares through (code, x), whose least value may not be above zero. False: there is none. */
static bool
fit(struct sums s, const float *x, const float *weight, const uint8_t *code, float *scale, float *least)
{
	s.code = s.code2 = s.product = 0;
	for (int i = 0; i < GROUP_K; i++) {
		float c = (float)code[i], w = weight[i];
		s.code += w * c;
		s.code2 += w * c * c;
		s.product += w * c * x[i];
	}
	float det = s.w * s.code2 - s.code * s.code;
	if (!(det > 0))
		return false;
	*scale = (s.w * s.product - s.x * s.code) / det;
	*least = (s.code2 * s.x - s.code * s.product) / det;
	if (*least > 0) {
		*least = 0;
		*scale = s.product / s.code2;
	}
	return true;
}

/* `best` gets the codes that go with it. */
static struct line
best_line(uint8_t *best, const float *x, int top, struct search search)
{
	float weight[GROUP_K], squares = 0, least = x[0], most = x[0];
	uint8_t code[GROUP_K];
	struct sums s = { 0 };

	for (int i = 0; i < GROUP_K; i++)
		squares += x[i] * x[i];
	for (int i = 0; i < GROUP_K; i++) {
		weight[i] = sqrtf(squares / GROUP_K) + fabsf(x[i]);
		least = x[i] < least ? x[i] : least;
		most = x[i] > most ? x[i] : most;
		s.w += weight[i];
		s.x += weight[i] * x[i];
	}
	least = least > 0 ? 0 : least;
	memset(best, 0, GROUP_K);
	if (most == least)
		return (struct line){ 0, -least };
	float inverse = (float)top / (most - least), scale = 1 / inverse;
	to_codes(best, x, inverse, least, top);
	float fewest = squared_error(x, weight, best, scale, least);
	for (int i = 0; i <= search.steps; i++) {
		float a, b, error;
		/* from the best least value so far */
		to_codes(code, x, (search.from + 0.1f * (float)i + (float)top) / (most - least), least, top);
		if (!fit(s, x, weight, code, &a, &b) || !((error = squared_error(x, weight, code, a, b)) < fewest))
			continue;
		memcpy(best, code, sizeof code);
		fewest = error;
		scale = a;
		least = b;
	}
	return (struct line){ scale, -least };
}

/* 6 bits of 8 scales and deficits, as blocks_scales_6 reads them. */
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
make_k(uint8_t *block, const struct blocks *b, const float *x, struct search search)
{
	const int top = (1 << blocks_bits(b)) - 1;
	struct line line[SCALES_K];
	float scale = 0, deficit = 0;
	uint8_t s[SCALES_K], m[SCALES_K], code[BLOCKS_MOST];

	for (int g = 0; g < SCALES_K; g++) {
		line[g] = best_line(code + g * GROUP_K, x + g * GROUP_K, top, search);
		scale = line[g].scale > scale ? line[g].scale : scale;
		deficit = line[g].deficit > deficit ? line[g].deficit : deficit;
	}
	float to_s = scale > 0 ? TOP_6_BITS / scale : 0, to_m = deficit > 0 ? TOP_6_BITS / deficit : 0;
	float d = put_f16(block, b, 0, scale / TOP_6_BITS), dm = put_f16(block, b, 1, deficit / TOP_6_BITS);
	for (int g = 0; g < SCALES_K; g++) {
		s[g] = (uint8_t)within(nearest(to_s * line[g].scale), 0, TOP_6_BITS);
		m[g] = (uint8_t)within(nearest(to_m * line[g].deficit), 0, TOP_6_BITS);
		float step = d * (float)s[g], below = dm * (float)m[g];
		for (int i = g * GROUP_K; step != 0 && i < (g + 1) * GROUP_K; i++)
			code[i] = (uint8_t)within(nearest((x[i] + below) / step), 0, top);
	}
	put_scales(block + b->bytes_at, s, m);
	blocks_put_codes(block, b, code);
	return fits(d) && fits(dm);
}

/* ---- q6_k ---- */

/* Codes of a group less the offset, by an inverse scale. */
static void
to_values(int *value, const float *x, float inverse)
{
	for (int i = 0; i < GROUP_6; i++)
		value[i] = within(nearest(inverse * x[i]), -LEVELS_6, LEVELS_6 - 1);
}

/* The scale with the least squared error, weighed by squares, of some that take the largest value near the lowest code; and the codes. */
static float
best_scale(uint8_t *code, const float *x)
{
	float most = largest(x, GROUP_6), scale = 0, best = 0;
	int value[GROUP_6];

	memset(code, 0, GROUP_6);
	if (fabsf(most) < TINY)
		return 0;
	for (int i = 0; i <= 18; i++) {
		int step = i == 0 ? 0 : i <= 9 ? i - 10 : i - 9; /* 0 first, then -9 to 9 */
		float xc = 0, cc = 0;
		to_values(value, x, -((float)LEVELS_6 + 0.1f * (float)step) / most);
		for (int k = 0; k < GROUP_6; k++) {
			float c = (float)value[k], w = x[k] * x[k];
			xc += w * x[k] * c;
			cc += w * c * c;
		}
		if (i > 0 && !(cc > 0 && xc * xc > best * cc))
			continue;
		scale = cc != 0 ? xc / cc : 0;
		best = scale * xc;
		for (int k = 0; k < GROUP_6; k++)
			code[k] = (uint8_t)(value[k] + LEVELS_6); /* not negative */
	}
	return scale;
}

static bool
make_6(uint8_t *block, const struct blocks *b, const float *x)
{
	enum { GROUPS = BLOCKS_MOST / GROUP_6 };
	float scale[GROUPS], most;
	uint8_t code[BLOCKS_MOST];

	for (int g = 0; g < GROUPS; g++)
		scale[g] = best_scale(code + g * GROUP_6, x + g * GROUP_6);
	most = largest(scale, GROUPS);
	if (fabsf(most) < TINY) {
		memset(block, 0, type_info(TYPE_Q6_K)->block_bytes);
		return true;
	}
	float inverse = -128 / most, d = put_f16(block, b, 0, 1 / inverse);
	for (int g = 0; g < GROUPS; g++) {
		int s = within(nearest(inverse * scale[g]), -128, 127);
		float step = d * (float)s;
		block[b->bytes_at + g] = (uint8_t)s; /* signed */
		for (int i = g * GROUP_6; step != 0 && i < (g + 1) * GROUP_6; i++)
			code[i] = (uint8_t)(within(nearest(x[i] / step), -LEVELS_6, LEVELS_6 - 1) + LEVELS_6);
	}
	blocks_put_codes(block, b, code);
	return fits(d);
}

bool
blocks_make(uint8_t *block, uint32_t type, const float *x)
{
	const struct blocks *b = blocks_of(type);

	switch (type) {
	case TYPE_Q4_0:
	case TYPE_Q5_0:
		return make_even(block, b, x);
	case TYPE_Q5_1:
		return make_between(block, b, x);
	case TYPE_Q4_K:
		return make_k(block, b, x, (struct search){ -1, 20 });
	case TYPE_Q5_K:
		return make_k(block, b, x, (struct search){ -0.5f, 15 });
	default:
		return make_6(block, b, x);
	}
}
