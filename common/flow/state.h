/*
 * state.h: what a stage knows of a sequence, as a file with which another process goes on: a GGUF file with the keys and the values of
 * its positions, or the states behind the last of recurrent layers, and, where the stage has seen them, its tokens (mai-kv(5)).
 *
 * The numbers lie in it in the order of positions, as they are kept but not as the kernels want them, so that a file fits every machine.
 */
#ifndef MAI_FLOW_STATE_H
#define MAI_FLOW_STATE_H

#include <stdint.h>

#include "base/hash.h"
#include "compute/kv.h"
#include "model/gguf.h"
#include "stream/stream.h"

enum { STATE_VERSION = 1 };

/* Of what it is the state: all of it has to fit. */
struct state_of {
	struct hash model_id, vocab_id;
	char profile[STREAM_PROFILE_SIZE]; /* mai-arithmetic(7); the type of keys and values is in it */
	uint32_t layer_first, layer_last;
};

struct state {
	struct gguf *file;
	struct state_of of;
	struct kv_shape shape;
	uint32_t n;      /* positions, at least one */
	uint32_t *token; /* of each; NULL: not known */
	uint32_t prompt; /* how many of them were the prompt; UINT32_MAX: it had not ended */
};

/* Writes the first seq->len positions, of which there is at least one; `token` may be NULL. The file appears whole or not at all. 0 or -1. */
int state_save(const char *path, const struct state_of *of, const struct kv *kv, const struct kv_seq *seq, const uint32_t *token, uint32_t prompt);

/* Opens such a file and checks it as far as it can be without a model. NULL with a reason. */
struct state *state_open(const char *path);
void state_free(struct state *s);

/* Whether it is a state of that, for such a cache: 0, or -1 with a reason that says what does not fit. */
int state_fits(const struct state *s, const struct state_of *of, const struct kv *kv);

/* Its positions as a sequence, which is empty before. 0 or -1. */
int state_restore(const struct state *s, struct kv *kv, struct kv_seq *seq);

#endif
