/* measure.h: what a model makes of given tokens: scores, perplexity, embeddings. */
#ifndef MAI_FLOW_MEASURE_H
#define MAI_FLOW_MEASURE_H

#include "compute/kernel.h"
#include "flow/driver.h"
#include "flow/outcome.h"
#include "flow/source.h"

/*
 * Writes a stream of scores to `out`: for each token but a sequence's first its log-probability given those before it.
 * The link must give logits. 0, or -1 with the first cause.
 */
int measure_scores(struct link *l, struct source *from, const struct driver_options *o, const struct kernels *k, int out,
    struct outcome *sum);

/* Writes a stream of embeddings to `out`, one row a sequence. The link must give embeddings. */
int measure_embeddings(struct link *l, struct source *from, const struct driver_options *o, int out, struct outcome *sum);

struct perplexity {
	uint64_t tokens;    /* scored */
	double nll;         /* mean negative log-likelihood of a token, natural */
	double error;       /* standard error of nll */
	double value;       /* exp(nll) */
	double value_error; /* of value */
	double bits_per_byte; /* 0 where the length of the text is not known; all are 0 where no token was scored */
};

/*
 * As llama.cpp computes it: the tokens in windows of `window`, the first of each replaced by `bos` (VOCAB_NONE: left as it is),
 * the second half of each window scored. A rest shorter than a window is left out; a text shorter than a window is one window.
 * So at least 3 tokens are a window. Bits per byte: the mean over the tokens scored, times the tokens of the text without a
 * `bos` that it begins with, divided by its bytes.
 */
int measure_perplexity(struct link *l, struct source *from, const struct driver_options *o, const struct kernels *k,
    uint32_t window, uint32_t bos, struct perplexity *p, struct outcome *sum);

#endif
