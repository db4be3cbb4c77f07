/* sample_impl.h: what the steps of a sampler share. */
#ifndef MAI_COMPUTE_SAMPLE_IMPL_H
#define MAI_COMPUTE_SAMPLE_IMPL_H

#include "compute/sample.h"

struct candidate {
	float logit, p; /* p: e^(logit - the largest), not divided by the sum */
	uint32_t token;
};

struct sampler {
	const struct kernels *kernels;
	uint32_t n_vocab;
	struct candidate *list; /* n of them, the largest logits first, of equals the lower token */
	size_t n;
	float *p;               /* probabilities, for the vector softmax */
	uint32_t *count;        /* [n_vocab]: of the penalties; zero between them */
	uint32_t *repeat;       /* of DRY */
	size_t repeat_cap;
};

/* sample_penalties.c: steps on the logits. */
void sample_bias(struct sampler *s, float *logits, const struct open *o);
void sample_penalties(struct sampler *s, float *logits, const struct sample_seq *q);

/* sample_dry.c: 0, or -1 when there is no memory. */
int sample_dry(struct sampler *s, float *logits, const struct sample_seq *q);

/* sample_cut.c: which tokens are candidates. */
void sample_top_n_sigma(struct sampler *s, float *logits, float n);
void sample_top_k(struct sampler *s, const float *logits, size_t k);
void sample_typical(struct sampler *s, float p);
void sample_top_p_min_p(struct sampler *s, float top_p, float min_p);
void sample_xtc(struct sampler *s, const struct sampling *how, float chance);

/* Puts n candidates in order. */
void sample_sort(struct candidate *list, size_t n);

/* Sets p of all candidates, by softmax at a temperature; returns their sum. */
float sample_softmax(struct sampler *s, float temperature);

/* The entropy of the candidates, in nats, whose p at temperature 1 have this sum. */
double sample_entropy(const struct sampler *s, float sum);

/* sample_mirostat.c: leaves the candidates that mirostat does, with their p; and what it learns from the choice of one. */
void sample_mirostat(struct sampler *s, const float *logits, const struct sampling *how, double mu);
double sample_mirostat_mu(const struct sampler *s, const struct sampling *how, double mu, size_t chosen);

#endif
