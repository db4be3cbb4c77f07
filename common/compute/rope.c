#include "compute/rope.h"

#include <stdlib.h>

#include "base/mem.h"
#include "compute/mathd.h"

/* Turns over the original context above which a pair is left as it is, and below which it is scaled fully. */
#define BETA_FAST 32
#define BETA_SLOW 1

static double
clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

/* The pair (as a real number) that turns `turns` times within the original context. */
static double
pair_of_turns(const struct hparams *hp, double turns)
{
	const double two_pi = 6.283185307179586;

	return hp->rope_dim * mathd_log(hp->rope_original_context / (turns * two_pi)) / (2 * mathd_log(hp->rope_theta));
}

/* YaRN: slow pairs are interpolated (divided by the factor), fast ones left as they are, with a ramp between. */
static double
yarn(const struct hparams *hp, uint32_t pair, double frequency)
{
	double low = mathd_floor(pair_of_turns(hp, BETA_FAST));
	double high = -mathd_floor(-pair_of_turns(hp, BETA_SLOW));

	low = clamp(low, 0, hp->rope_dim - 1);
	high = clamp(high, 0, hp->rope_dim - 1);
	double width = high - low > 0.001 ? high - low : 0.001;
	double keep = 1 - clamp((pair - low) / width, 0, 1);
	return frequency / hp->rope_factor * (1 - keep) + frequency * keep;
}

int
rope_init(struct rope *r, const struct hparams *hp, const float *factors)
{
	*r = (struct rope){ .pairs = hp->rope_dim / 2, .scale = hp->rope_attn_factor };
	r->frequency = mem_alloc(r->pairs, sizeof *r->frequency);
	if (!r->frequency)
		return -1;
	if (hp->rope_scaling == ROPE_YARN && hp->yarn_log_mul == 0 && hp->rope_factor > 1)
		r->scale *= 1 + 0.1 * mathd_log(hp->rope_factor);
	for (uint32_t i = 0; i < r->pairs; i++) {
		double f = mathd_pow(hp->rope_theta, -2.0 * i / hp->rope_dim);
		if (factors)
			f /= (double)factors[i];
		if (hp->rope_scaling == ROPE_LINEAR)
			f /= hp->rope_factor;
		else if (hp->rope_scaling == ROPE_YARN)
			f = yarn(hp, i, f);
		r->frequency[i] = f;
	}
	return 0;
}

void
rope_free(struct rope *r)
{
	free(r->frequency);
	*r = (struct rope){ 0 };
}

void
rope_at(const struct rope *r, uint32_t pos, float *cos, float *sin)
{
	for (uint32_t i = 0; i < r->pairs; i++) {
		double s, c;
		mathd_sincos(pos * r->frequency[i], &s, &c);
		cos[i] = (float)(c * r->scale);
		sin[i] = (float)(s * r->scale);
	}
}
