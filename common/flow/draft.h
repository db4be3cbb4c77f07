/*
 * draft.h: speculative decoding: a small model of the same vocabulary guesses the next tokens of a sequence, and the large one sees
 * them all in one batch (Leviathan et al., "Fast inference from transformers via speculative decoding", ICML 2023).
 *
 * A guess is kept where it is the token that the large model's logits give by the settings and the draw of that position, so the
 * text is the same to the bit as without a draft, whatever the small model is. It chooses by the same settings and draw, which
 * makes the two agree more often than its likeliest tokens would.
 */
#ifndef MAI_FLOW_DRAFT_H
#define MAI_FLOW_DRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "stream/stream.h"

enum { DRAFT_MAX = 64 }; /* guesses at a time */

struct drafter;

struct drafter_options {
	unsigned threads;
	uint32_t max; /* guesses at a time, at most DRAFT_MAX */
	float p_min;  /* it stops where its likeliest token is less probable than that */
};

/* Opens a whole model for it. NULL with a reason. */
struct drafter *drafter_open(const char *path, const struct drafter_options *o);
void drafter_free(struct drafter *d);

/* Its vocabulary, which has to be that of the model it guesses for. */
const struct hash *drafter_vocab(const struct drafter *d);

/*
 * Guesses up to `max` tokens that follow the n tokens of sequence `seq`, which is opened as `open` says but for its ordinal: how
 * many, which may be 0 as where its context is full; or -1. What it computed of the sequence before is used again as far as the tokens agree.
 */
int drafter_guess(struct drafter *d, uint32_t seq, const struct open *open, uint64_t ordinal, const uint32_t *token, uint32_t n,
    uint32_t *guess, uint32_t max);

/* Of the last guesses so many were right: for what drafter_free tells under -v. */
void drafter_taken(struct drafter *d, uint32_t n);

/* The sequence has ended. */
void drafter_forget(struct drafter *d, uint32_t seq);

#endif
