/* measure.h: what a model makes of given tokens: scores, perplexity, embeddings. */
#ifndef MAI_FLOW_MEASURE_H
#define MAI_FLOW_MEASURE_H

#include "compute/kernel.h"
#include "flow/driver.h"
#include "flow/outcome.h"
#include "flow/source.h"

/* What the scores of texts come to. All are 0 where no token was scored. */
struct perplexity {
	uint64_t tokens;    /* scored */
	double nll;         /* mean negative log-likelihood of a token, natural */
	double error;       /* standard error of nll */
	double value;       /* exp(nll) */
	double value_error; /* of value */
	uint64_t bytes;       /* of the texts of which tokens were scored; 0 where the length of one of them is not known */
	double bits_per_byte; /* of these texts; 0 likewise */
};

/*
 * Writes a stream of scores to `out`: for each token but a sequence's first its log-probability given those before it.
 * *p is about the sequences that were scored to their ends. The link must give logits. 0, or -1 with the first cause.
 */
int measure_scores(struct link *l, struct source *from, const struct driver_options *o, const struct kernels *k, int out,
    struct perplexity *p, struct outcome *sum);

/* Writes a stream of embeddings to `out`, one row a sequence. The link must give embeddings. */
int measure_embeddings(struct link *l, struct source *from, const struct driver_options *o, int out, struct outcome *sum);

/*
 * As llama.cpp computes it: the tokens in windows of `window`, the first of each replaced by `bos` (VOCAB_NONE: left as it is),
 * the second half of each window scored. A rest shorter than a window is left out; a text shorter than a window is one window.
 * So at least 3 tokens are a window. Windows that were not scored to their ends do not count.
 *
 * Bits per byte are those of the texts: for each the mean over its tokens that were scored, times all of its tokens (without a
 * `bos` that it begins with), over all bytes. How many tokens and bytes a text has is known exactly; its scored half says what
 * a token costs. Which bytes that half stands for is not asked: a driver has no vocabulary.
 */
int measure_perplexity(struct link *l, struct source *from, const struct driver_options *o, const struct kernels *k,
    uint32_t window, uint32_t bos, struct perplexity *p, struct outcome *sum);

/* The same windows, for what the engine gathers on the way (compute/inputs.h): nothing is scored. */
int measure_windows(struct link *l, struct source *from, const struct driver_options *o, uint32_t window, uint32_t bos, struct outcome *sum);

#endif
