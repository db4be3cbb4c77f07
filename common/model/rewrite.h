/*
 * rewrite.h: a whole model written again as one stock GGUF, with the same tensors in the same order.
 *
 * Each tensor's plain bytes are copied; or its values become f32, may be changed there, and are written in a type of choice.
 * The model is read once, piece by piece. Shards are hashed on the way, and refused when they don't hold the model that they
 * state.
 */
#ifndef MAI_MODEL_REWRITE_H
#define MAI_MODEL_REWRITE_H

#include "model/list.h"

enum { REWRITE_VALUES = 1 << 13 }; /* most values that are changed at a time: whole blocks of every type that is converted */

struct rewrite {
	const struct model *m; /* all its layers */
	const char *out;       /* the file, renamed into place when it is whole; "-" is not taken */
	const char *what;      /* what is being done, for m->progress */

	/* Each may be NULL: all keys of the model, and no others; bytes are copied; values are left. Those that return int: -1
	 * with a reason stops it all. */
	bool (*keeps_key)(struct gguf_string name);
	int (*put_keys)(void *arg, struct gguf_writer *w);
	/* Asked once for each tensor, before anything is written. 0: its bytes are copied. 1: its values go through f32, in
	 * which each has to be finite, and are written in *type, which is the tensor's plain type, or what it is set to. */
	int (*converts)(void *arg, const struct place *p, uint32_t *type);
	/* Changes n values of a tensor that is converted, from value `at` on (of row at / ne[0], column at % ne[0]): in order,
	 * each once. Without it, a tensor that is converted to the type it has keeps its bytes. */
	int (*change)(void *arg, const struct place *p, uint64_t at, float *x, size_t n);
	/* How much errors count in the columns of the matrix of that number, of those that lie in the tensor: ne[0] values into
	 * `by`, for quantize_row. False: one as much as another. Asked with NULL for a tensor whether there will be such. */
	bool (*weighs)(void *arg, const struct place *p, uint64_t number, float *by);
	void *arg;
};

int rewrite_model(const struct rewrite *r); /* 0 or -1 */

/* Refuses a tensor whose type is none of those that are converted. 0 or -1. */
int rewrite_need_type(const struct place *p);
int rewrite_need_made(const struct place *p); /* and written again after a change */

/* Refuses values, from value `at` on of the tensor, of which one is not finite. 0 or -1. */
int rewrite_need_finite(const struct place *p, uint64_t at, const float *x, size_t n);

#endif
