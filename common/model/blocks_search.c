#include "model/blocks_search.h"

#include <stdbool.h>
#include <string.h>

/* ---- a line ---- */

static float
squared_error(const float *x, const float *weight, const uint8_t *code, float scale, float least)
{
	float sum = 0;

	for (int i = 0; i < SEARCH_LINE; i++) {
		float off = scale * (float)code[i] + least - x[i];
		sum += weight[i] * (off * off);
	}
	return sum;
}

/* Weighted sums over all values. */
struct sums {
	float w, x, code, code2, product;
};

static void
to_codes(uint8_t *code, const float *x, float inverse, float least, int top)
{
	for (int i = 0; i < SEARCH_LINE; i++)
		code[i] = (uint8_t)search_within(search_nearest(inverse * (x[i] - least)), 0, top);
}

/* The line of least squares through (code, x), whose least value may not be above zero. False: there is none. */
static bool
fit(struct sums s, const float *x, const float *weight, const uint8_t *code, float *scale, float *least)
{
	s.code = s.code2 = s.product = 0;
	for (int i = 0; i < SEARCH_LINE; i++) {
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

struct line
search_line(uint8_t *best, const float *x, const float *weight, int top, struct search search)
{
	float least = x[0], most = x[0];
	uint8_t code[SEARCH_LINE];
	struct sums s = { 0 };

	for (int i = 0; i < SEARCH_LINE; i++) {
		least = x[i] < least ? x[i] : least;
		most = x[i] > most ? x[i] : most;
		s.w += weight[i];
		s.x += weight[i] * x[i];
	}
	least = least > 0 ? 0 : least;
	memset(best, 0, SEARCH_LINE);
	if (most == least)
		return (struct line){ 0, -least };
	float inverse = (float)top / (most - least), scale = 1 / inverse;
	to_codes(best, x, inverse, least, top);
	float fewest = squared_error(x, weight, best, scale, least);
	for (int i = 0; i <= search.steps; i++) {
		float a, b, error;
		/* from the best least value so far */
		to_codes(code, x, (search.from + search.step * (float)i + (float)top) / (most - least), least, top);
		if (!fit(s, x, weight, code, &a, &b) || !((error = squared_error(x, weight, code, a, b)) < fewest))
			continue;
		memcpy(best, code, sizeof code);
		fewest = error;
		scale = a;
		least = b;
	}
	return (struct line){ scale, -least };
}

/* ---- a scale ---- */

float
search_scale(uint8_t *code, const float *x, const float *weight, size_t n, int levels)
{
	float most = search_largest(x, n), scale = 0, best = 0;
	int value[SEARCH_LINE];

	memset(code, 0, n);
	if (fabsf(most) < SEARCH_TINY)
		return 0;
	for (int i = 0; i <= 18; i++) {
		int step = i == 0 ? 0 : i <= 9 ? i - 10 : i - 9; /* 0 first, then -9 to 9 */
		float inverse = -((float)levels + 0.1f * (float)step) / most, xc = 0, cc = 0;
		for (size_t k = 0; k < n; k++) {
			value[k] = search_within(search_nearest(inverse * x[k]), -levels, levels - 1);
			float c = (float)value[k], w = weight[k];
			xc += w * x[k] * c;
			cc += w * c * c;
		}
		if (i > 0 && !(cc > 0 && xc * xc > best * cc))
			continue;
		scale = cc != 0 ? xc / cc : 0;
		best = scale * xc;
		for (size_t k = 0; k < n; k++)
			code[k] = (uint8_t)(value[k] + levels); /* not negative */
	}
	return scale;
}

/* ---- levels ---- */

/* A value below zero, as a line through points of very unequal weights may have its scale, has a level below zero, of which 8 bits are kept. */
static int
level_of(float v)
{
	int level = search_nearest(v);

	return level < SEARCH_TOP ? level : SEARCH_TOP;
}

static float
levels_error(const float *x, const float *weight, const int *level, float scale)
{
	float sum = 0;

	for (int k = 0; k < SEARCH_LEVELS; k++) {
		float off = x[k] - scale * (float)level[k];
		sum += weight[k] * off * off;
	}
	return sum;
}

/* Of inverse scales around the one that takes the largest value to the top, that with the least error. */
static float
best_inverse(const float *x, const float *weight, float most)
{
	float best = SEARCH_TOP / most, fewest;
	int level[SEARCH_LEVELS];

	for (int k = 0; k < SEARCH_LEVELS; k++)
		level[k] = (uint8_t)search_nearest(best * x[k]);
	fewest = levels_error(x, weight, level, 1 / best);
	for (int step = -4; step <= 4; step++) {
		float inverse = (0.1f * (float)step + SEARCH_TOP) / most, error;
		if (step == 0)
			continue;
		for (int k = 0; k < SEARCH_LEVELS; k++)
			level[k] = level_of(inverse * x[k]);
		error = levels_error(x, weight, level, 1 / inverse);
		if (error < fewest) {
			fewest = error;
			best = inverse;
		}
	}
	return best;
}

/* Weighted sums of value * level and level * level. */
struct levels_sums {
	float xl, ll;
};

/* Moves each level to what is best beside the others. False: none has moved. */
static bool
improve(uint8_t *level, const float *x, const float *weight, struct levels_sums *s)
{
	bool moved = false;

	for (int k = 0; k < SEARCH_LEVELS; k++) {
		float w = weight[k], l = (float)level[k];
		struct levels_sums t = { s->xl - w * x[k] * l, s->ll - w * l * l };
		if (!(t.xl > 0 && t.ll > 0))
			continue;
		int to = level_of(x[k] * t.ll / t.xl);
		if (to == level[k])
			continue;
		t.xl += w * x[k] * (float)to;
		t.ll += w * (float)to * (float)to;
		if (!(t.xl * t.xl * s->ll > s->xl * s->xl * t.ll))
			continue;
		level[k] = (uint8_t)to;
		*s = t;
		moved = true;
	}
	return moved;
}

float
search_levels(uint8_t *level, const float *x, const float *weight)
{
	struct levels_sums s = { 0 };
	float most = 0;

	for (int k = 0; k < SEARCH_LEVELS; k++)
		most = x[k] > most ? x[k] : most;
	memset(level, 0, SEARCH_LEVELS);
	if (most < SEARCH_TINY)
		return 0;
	float inverse = best_inverse(x, weight, most);
	for (int k = 0; k < SEARCH_LEVELS; k++) {
		int l = level_of(inverse * x[k]);
		level[k] = (uint8_t)l;
		s.xl += weight[k] * x[k] * (float)l;
		s.ll += weight[k] * (float)l * (float)l;
	}
	for (int i = 0; i < 5 && improve(level, x, weight, &s); i++)
		;
	return s.ll > 0 ? s.xl / s.ll : 0;
}
