/*
 * delta.h: what a worker has learnt, as the difference of the model it began with and the one it ended with. It is
 * what workers that train apart exchange (local SGD; DiLoCo, Douillard et al., arXiv:2311.08105).
 *
 * A delta is a GGUF file, compressed with zstd, that has each tensor of the model with the difference in its place: in
 * bf16, or in q8_0 where rows are of whole blocks; vectors in f32. What rounding has lost may be kept and added the next
 * time (error feedback: Seide et al., Interspeech 2014), so that it is late and not lost.
 *
 * Keys: general.type "delta", DELTA_KEY_BASE, DELTA_KEY_TOKENS. What was lost is kept in a GGUF of the same tensors in
 * f32, not compressed.
 */
#ifndef MAI_TRAIN_DELTA_H
#define MAI_TRAIN_DELTA_H

#include "base/hash.h"
#include "train/params.h"

#define DELTA_KEY_BASE "delta.base"     /* string: params_hash of the model it is to be added to, as 64 hexadecimal digits */
#define DELTA_KEY_TOKENS "delta.tokens" /* u64: tokens it was learnt from: its weight among others */

struct delta_options {
	const char *base, *trained, *out; /* models, or adapters; out "-": stdout */
	uint32_t type;                    /* of matrices: TYPE_F32, TYPE_BF16 or TYPE_Q8_0 */
	uint64_t tokens;                  /* 0: as many as the trained model says (train/save.h) */
	const char *lost, *lost_out;      /* what was lost the last time, and this time; NULL: none, not kept */
};

int delta_write(const struct delta_options *o); /* 0 or -1 */

/* A delta, widened to f32 in the layout of the model. */
struct delta {
	const char *name; /* for messages; the caller's */
	float *value;
	uint64_t tokens;
	double norm;
	struct hash id; /* of its bytes before compression: deltas are put in order by it */
};

/*
 * Opens a delta of the model with these parameters and this hash, compressed or not; "-" is stdin. -1 with a reason:
 * it is none, is of another model, or has a number that is not finite. Nothing larger than the model is unpacked.
 */
int delta_open(struct delta *d, const char *path, const struct params *model, const struct hash *base);

/* The same of n bytes in memory; `name` is for reasons. */
int delta_read(struct delta *d, const uint8_t *data, size_t n, const char *name, const struct params *model,
    const struct hash *base);
void delta_free(struct delta *d);

/* Values of general.type. */
#define DELTA_LOST "lost"
#define DELTA_MOMENTUM "momentum"
int file_need_type(const struct gguf *g, const char *type); /* refuses a file of another; 0 or -1 */

/* A file's tensors as parameters, values too. 0 or -1. */
int params_open(struct params *p, const struct gguf *g);

/* Of all values. */
struct hash params_hash(const struct params *p);

#endif
