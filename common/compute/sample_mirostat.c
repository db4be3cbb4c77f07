/*
 * Mirostat (Basu et al. 2021): keeps the surprise of the tokens that are chosen near tau bits. mu is how surprising a token may be;
 * after each choice it moves against what was too much or too little.
 */
#include "compute/mathd.h"
#include "compute/sample_impl.h"

enum { ZIPF_TOKENS = 100 }; /* the first version estimates the exponent of Zipf's law by so many */

static const double ln2 = 0x1.62e42fefa39efp-1;

/* The exponent of Zipf's law that the candidates follow, of which at least two are possible. */
static double
zipf_exponent(const struct sampler *s, float temperature)
{
	double products = 0, squares = 0;

	for (size_t i = 0; i + 1 < s->n && s->list[i + 1].p > 0; i++) {
		double t = mathd_log((double)(i + 2) / (double)(i + 1));
		double b = ((double)s->list[i].logit - (double)s->list[i + 1].logit) / (double)temperature;
		products += t * b;
		squares += t * t;
	}
	return products / squares;
}

/* How many of the likeliest tokens have a mean surprise of mu, by that law. */
static size_t
zipf_tokens(double exponent, double mu, uint32_t n_vocab)
{
	double log_n = mathd_log((double)n_vocab), more = exponent - 1, ratio, most;

	/* (more / (1 - n^-more) * 2^mu)^(1 / exponent); the fraction's limit at 0 is 1 / log n */
	if (more > -1e-9 && more < 1e-9)
		ratio = 1 / log_n;
	else
		ratio = more * log_n < 690 ? more / (1 - mathd_exp(-more * log_n)) : more;
	most = mathd_log(ratio) + mu * ln2;
	if (most >= log_n * exponent)
		return n_vocab;
	return most > 0 ? (size_t)mathd_exp(most / exponent) : 1;
}

static void
by_number(struct sampler *s, const float *logits, const struct sampling *how, double mu)
{
	size_t most = s->n_vocab < ZIPF_TOKENS ? s->n_vocab : ZIPF_TOKENS, k = 1;

	sample_top_k(s, logits, most);
	sample_softmax(s, how->temperature);
	if (s->n > 1 && s->list[1].p > 0)
		k = zipf_tokens(zipf_exponent(s, how->temperature), mu, s->n_vocab);
	if (k > most)
		sample_top_k(s, logits, k);
	else
		s->n = k;
}

static void
by_surprise(struct sampler *s, const float *logits, const struct sampling *how, double mu)
{
	double bits = mu * ln2, least;
	float sum;

	for (uint32_t i = 0; i < s->n_vocab; i++)
		s->p[i] = logits[i];
	sum = s->kernels->softmax(s->p, s->n_vocab, 1 / how->temperature);
	least = (double)sum * mathd_exp(bits > 690 ? -690 : bits < -690 ? 690 : -bits);
	s->n = 0;
	for (uint32_t i = 0; i < s->n_vocab; i++)
		if ((double)s->p[i] >= least)
			s->list[s->n++] = (struct candidate){ .logit = logits[i], .token = i };
	sample_sort(s->list, s->n);
	if (s->n == 0)
		sample_top_k(s, logits, 1);
}

void
sample_mirostat(struct sampler *s, const float *logits, const struct sampling *how, double mu)
{
	if (how->mirostat == 1)
		by_number(s, logits, how, mu);
	else
		by_surprise(s, logits, how, mu);
	sample_softmax(s, how->temperature);
}

double
sample_mirostat_mu(const struct sampler *s, const struct sampling *how, double mu, size_t chosen)
{
	float sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += s->list[i].p;
	double below = ((double)s->list[0].logit - (double)s->list[chosen].logit) / (double)how->temperature;
	double surprise = (mathd_log((double)sum) + below) / ln2;
	return mu - (double)how->mirostat_eta * (surprise - (double)how->mirostat_tau);
}
