/*
 * sample.h: choosing the next token from logits.
 *
 * The choice is a pure function of the logits, the settings, the tokens before and the draws, and a draw is a pure
 * function of seed, ordinal and position: a sequence goes on anywhere as it would have gone on here. The one exception is
 * mirostat, which steers by the surprise of the tokens that were chosen before: its mu is carried along by the caller. A sequence that
 * is sent again has all its tokens chosen again, and so the same mu.
 *
 * The steps and their order are llama.cpp's: logit biases; repeat, presence and frequency penalties; DRY; top-n-sigma; top-k;
 * typical-p; top-p; min-p; XTC; temperature, which may be dynamic; the draw. With mirostat: logit biases; temperature; mirostat.
 * Each step has its function, in sample_*.c, and works on the logits, or on the candidates that top-k has put in order.
 */
#ifndef MAI_COMPUTE_SAMPLE_H
#define MAI_COMPUTE_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "compute/kernel.h"
#include "stream/stream.h"

struct sampler; /* scratch for one vocabulary */
struct sampler *sampler_new(const struct kernels *k, uint32_t n_vocab);
void sampler_free(struct sampler *s);

/* Texts that break a repetition (DRY), as tokens: wherever `head` is followed by its tail. Several may have the same head. */
struct breaker {
	uint32_t head;
	uint32_t at, n; /* the tail, in `tail` */
};
struct breakers {
	struct breaker *list; /* by ascending head */
	size_t n;
	uint32_t *tail;
};

/* A sequence whose next token is to be chosen. */
struct sample_seq {
	const struct open *open;
	const struct breakers *breakers; /* of open's texts; NULL: none */
	const uint32_t *token;           /* at positions [0, pos); may be none where no penalty looks at them */
	uint32_t pos;                    /* of the token to be chosen */
	double *mu;                      /* mirostat: sample_mu at first */
};

/* 1; 0: every token is forbidden; -1: no memory. `logits` are changed. */
int sampler_choose(struct sampler *s, float *logits, const struct sample_seq *q, uint32_t *token);

/* What mirostat begins with. */
static inline double
sample_mu(const struct sampling *how)
{
	return 2 * (double)how->mirostat_tau;
}

/* Natural logarithm of the probability that softmax gives `token`. `logits` is changed. */
double sampler_log_probability(const struct kernels *k, float *logits, uint32_t n_vocab, uint32_t token);

/* The largest; the first of equals. */
uint32_t sampler_best(const float *logits, uint32_t n);

/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). */
void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
