/*
 * engine.h: the forward pass over a batch of rows, for the part of a model that is loaded.
 *
 * A batch is any mix of sequences and positions; each row's result is the same in every batch (mai-arithmetic(7)).
 * Rows of hidden states are f32 with a stride of engine_stride() elements.
 */
#ifndef MAI_COMPUTE_ENGINE_H
#define MAI_COMPUTE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compute/kernel.h"
#include "compute/kv.h"
#include "compute/pool.h"
#include "compute/weights.h"

enum { ENGINE_BATCH = 512 }; /* rows in one call */

struct engine;

struct engine_options {
	unsigned threads;
	bool pin;          /* each thread to a core of its own */
	uint32_t context;  /* positions of a sequence; 0: the model's */
	uint64_t kv_bytes; /* of all sequences; 0: no bound */
	uint32_t kv_type;  /* TYPE_F32 (0), TYPE_F16 or TYPE_Q8_0; of recurrent models TYPE_F32 */
	const struct adapter_list *adapters; /* NULL: none */
	struct inputs *inputs; /* gathers what goes into the matrices (compute/inputs.h); NULL: nothing does */
};

/* `m` and the adapters must outlive the engine. NULL with a reason. */
struct engine *engine_new(const struct model *m, const struct engine_options *o);
void engine_free(struct engine *e);

struct kv *engine_kv(const struct engine *e);
struct pool *engine_pool(const struct engine *e);

const struct kernels *engine_arithmetic(const struct engine *e);
uint64_t engine_weight_bytes(const struct engine *e);
uint32_t engine_context(const struct engine *e);
const struct adapter_list *engine_adapters(const struct engine *e); /* empty: none */

/* Some models divide their frequencies by other factors where a context is longer than they were first trained with: then by which. */
enum engine_factors { FACTORS_ANY, FACTORS_LONG, FACTORS_SHORT };
enum engine_factors engine_rope_factors(const struct engine *e);

/* Elements between rows: dim, padded. */
size_t engine_stride(const struct engine *e);
/* Elements between rows of logits: the vocabulary, padded. */
size_t engine_logits_stride(const struct engine *e);

/* The embedding of a token at a position, dim elements; the part must have it. */
void engine_embed(const struct engine *e, uint32_t token, uint32_t pos, float *to);

/* A row: its sequence and position. Room for the position must have been reserved (kv_reserve). */
struct engine_row {
	struct kv_seq *seq;
	uint32_t pos;
};

/*
 * Runs the layers over n rows in place. Rows of one sequence stand in ascending order of position, and each sequence's first
 * position is its seq->len; the caller moves seq->len on afterwards. 0, or -1 when there is no memory.
 */
int engine_layers(struct engine *e, float *x, const struct engine_row *rows, size_t n);

/*
 * Runs the layers of an encoder over the first n positions of a sequence, however many, in place: each attends to all of them. Room for
 * them must have been reserved; the sequence stays where it is. 0, or -1 when there is no memory.
 */
int engine_encode(struct engine *e, float *x, struct kv_seq *seq, size_t n);

/*
 * The next n tokens of one sequence, at most ENGINE_BATCH, which moves on; room for them must have been reserved. `x` has n rows, which
 * a part without the embedding takes as they are. A part with the head gives the logits behind the last token. 0, or -1: no memory.
 */
int engine_next(struct engine *e, struct kv_seq *seq, const uint32_t *token, size_t n, float *x, float *logits);

/* The head: the final norm in place, and from its result the logits. */
void engine_norm(struct engine *e, float *x, size_t n);
void engine_logits(struct engine *e, const float *normed, size_t n, float *logits);

#endif
