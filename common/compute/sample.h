/*
 * sample.h: choosing the next token from logits.
 *
 * The choice is a pure function of the logits, the settings, the tokens before and the draw, and a draw is a pure
 * function of seed, ordinal and position: a sequence goes on anywhere as it would have gone on here.
 * The order of the steps is llama.cpp's: repeat penalty, top-k, top-p, min-p, temperature.
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

/*
 * The token for position `pos`. `logits` is changed. `recent` are the n tokens before pos, oldest first, of which the
 * penalty looks at the last repeat_last.
 */
uint32_t sampler_choose(struct sampler *s, float *logits, const struct sampling *how, const uint32_t *recent, size_t n,
    uint64_t ordinal, uint32_t pos);

/* Natural logarithm of the probability that softmax gives `token`. `logits` is changed. */
double sampler_log_probability(const struct kernels *k, float *logits, uint32_t n_vocab, uint32_t token);

/* The largest; the first of equals. */
uint32_t sampler_best(const float *logits, uint32_t n);

/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). */
void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
