/*
 * params.h: the numbers that training changes: all tensors, f32, in one array.
 *
 * Gradients and the moments of the optimiser are arrays of the same length and layout, so that what goes over all of
 * them is one loop. Between tensors there may be a few elements that belong to none; they stay zero everywhere.
 */
#ifndef MAI_TRAIN_PARAMS_H
#define MAI_TRAIN_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/gguf.h"

struct param {
	char name[GGUF_MAX_NAME];
	size_t at;         /* first element */
	size_t rows, cols; /* rows 0: a vector of cols, which is not decayed */
};

struct params {
	struct param *tensor;
	size_t n_tensors, cap;
	size_t n;          /* elements of all, a multiple of 16 */
	float *value;      /* NULL until params_alloc */
};

/* One more tensor right behind the last one, or with `aligned` at the next multiple of 16. Its place in *at. 0 or -1. */
int params_add(struct params *p, const char *name, size_t rows, size_t cols, bool aligned, size_t *at);

/* A layout of all tensors of a file, in their order; each has one or two dimensions. 0 or -1. */
int params_layout(struct params *p, const struct gguf *g);

int params_alloc(struct params *p); /* zeros; 0 or -1 */
float *params_zeros(const struct params *p); /* one more array of this layout, freed by free(); NULL: no memory */
void params_free(struct params *p);

static inline size_t
param_size(const struct param *t)
{
	return (t->rows ? t->rows : 1) * t->cols;
}

/* Puts each tensor of `value` into a file, its name followed by `suffix`, as f32. 0; -1 also when one is not finite. */
int params_put(struct gguf_writer *w, const struct params *p, const char *suffix, const float *value);

/* Fills `value` from such a file: -1 with a reason when a tensor is absent, of another shape or type, or not finite.
 * Types other than f32 are widened where model/tile.h knows them. */
int params_get(const struct params *p, const struct gguf *g, const char *suffix, float *value);

#endif
