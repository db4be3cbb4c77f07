#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "compute/mathd.h"
#include "compute/sample_impl.h"

void
philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
	uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];

	for (int round = 0; round < 10; round++) {
		uint64_t a = (uint64_t)0xD2511F53 * c0, b = (uint64_t)0xCD9E8D57 * c2;
		c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
		c1 = (uint32_t)b;
		c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
		c3 = (uint32_t)a;
		k0 += 0x9E3779B9;
		k1 += 0xBB67AE85;
	}
	out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

struct sampler *
sampler_new(const struct kernels *k, uint32_t n_vocab)
{
	struct sampler *s = mem_alloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->kernels = k;
	s->n_vocab = n_vocab;
	s->list = mem_alloc(n_vocab, sizeof *s->list);
	s->p = mem_alloc64(n_vocab, sizeof *s->p);
	s->count = mem_alloc(n_vocab, sizeof *s->count);
	if (!s->list || !s->p || !s->count) {
		sampler_free(s);
		return NULL;
	}
	return s;
}

void
sampler_free(struct sampler *s)
{
	if (!s)
		return;
	free(s->list);
	free(s->p);
	free(s->count);
	free(s->repeat);
	free(s);
}

uint32_t
sampler_best(const float *logits, uint32_t n)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < n; i++)
		if (logits[i] > logits[best])
			best = i;
	return best;
}

double
sampler_log_probability(const struct kernels *k, float *logits, uint32_t n_vocab, uint32_t token)
{
	float largest = logits[sampler_best(logits, n_vocab)], own = logits[token];
	float sum = k->softmax(logits, n_vocab, 1);

	return (double)(own - largest) - mathd_log((double)sum);
}

/* ---- draws ---- */

enum draw { DRAW_TOKEN, DRAW_XTC }; /* which word of the generator's */

/* In [0, 1). */
static float
draw(const struct sample_seq *q, enum draw which)
{
	uint64_t seed = q->open->sampling.seed, ordinal = q->open->ordinal;
	const uint32_t counter[4] = { q->pos, (uint32_t)ordinal, (uint32_t)(ordinal >> 32), 0 };
	const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
	uint32_t out[4];

	philox(counter, key, out);
	return (float)(out[which] >> 8) * 0x1p-24f;
}

/* One of the candidates, by their p; none that is forbidden. */
static size_t
choose(const struct sampler *s, const struct sample_seq *q)
{
	size_t n = s->n;
	float sum = 0, part = 0, at;

	while (n > 1 && s->list[n - 1].logit == -INFINITY)
		n--;
	for (size_t i = 0; i < n; i++)
		sum += s->list[i].p;
	at = draw(q, DRAW_TOKEN) * sum;
	for (size_t i = 0; i + 1 < n; i++)
		if ((part += s->list[i].p) > at)
			return i;
	return n - 1;
}

/* ---- the chain ---- */

/* Temperatures below have no reciprocal, and are 0. */
static const float least_temperature = FLT_MIN;

/* Whether the likeliest token is chosen whatever the steps behind the penalties are. */
static bool
is_greedy(const struct sampling *how)
{
	bool others = how->typical_p < 1 || how->xtc_probability > 0 || how->dynatemp_range > 0;

	if (how->mirostat)
		return how->temperature < least_temperature;
	return how->top_k == 1 || (how->temperature < least_temperature && !others);
}

/* The temperature, by the candidates' entropy where it is dynamic: 0 where they leave no doubt, the whole range where all are alike. */
static float
temperature(struct sampler *s, const struct sampling *how)
{
	double least = (double)how->temperature - (double)how->dynatemp_range, most = (double)how->temperature + (double)how->dynatemp_range;
	double entropy, log_power;

	if (how->dynatemp_range <= 0 || s->n < 2)
		return how->temperature;
	entropy = sample_entropy(s, sample_softmax(s, 1)) / mathd_log((double)s->n);
	log_power = (entropy > 0 ? mathd_log(entropy) : -700) * (double)how->dynatemp_exponent;
	if (least < 0)
		least = 0;
	return (float)(least + (most - least) * mathd_exp(log_power > -700 ? log_power : -700));
}

static int
by_mirostat(struct sampler *s, const float *logits, const struct sample_seq *q, uint32_t *token)
{
	const struct sampling *how = &q->open->sampling;
	size_t chosen;

	sample_mirostat(s, logits, how, *q->mu);
	if (s->list[0].logit == -INFINITY)
		return 0;
	chosen = choose(s, q);
	*q->mu = sample_mirostat_mu(s, how, *q->mu, chosen);
	*token = s->list[chosen].token;
	return 1;
}

static int
by_chain(struct sampler *s, float *logits, const struct sample_seq *q, uint32_t *token)
{
	const struct sampling *how = &q->open->sampling;
	float t;

	sample_top_n_sigma(s, logits, how->top_n_sigma);
	sample_top_k(s, logits, how->top_k && how->top_k < s->n_vocab ? how->top_k : s->n_vocab);
	if (s->list[0].logit == -INFINITY)
		return 0;
	sample_typical(s, how->typical_p);
	sample_top_p_min_p(s, how->top_p, how->min_p);
	sample_xtc(s, how, draw(q, DRAW_XTC));
	t = temperature(s, how);
	if (t >= least_temperature)
		sample_softmax(s, t);
	*token = s->list[t >= least_temperature ? choose(s, q) : 0].token;
	return 1;
}

int
sampler_choose(struct sampler *s, float *logits, const struct sample_seq *q, uint32_t *token)
{
	const struct sampling *how = &q->open->sampling;

	sample_bias(s, logits, q->open);
	if (!how->mirostat) {
		sample_penalties(s, logits, q);
		if (sample_dry(s, logits, q) < 0)
			return -1;
	}
	if (!is_greedy(how))
		return how->mirostat ? by_mirostat(s, logits, q, token) : by_chain(s, logits, q, token);
	*token = sampler_best(logits, s->n_vocab);
	return logits[*token] > -INFINITY;
}
