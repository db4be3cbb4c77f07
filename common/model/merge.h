/*
 * merge.h: one model out of a model and adapters, or out of several models of one shape.
 *
 * What is written is a stock GGUF with the keys of the model (the first) and its tensors in its order, each in its own type.
 * Sums are in double, in the order stated, and rounded to f32 once, then to the type (model/quantize.h). Refused: tensors to be
 * changed that are not f32, f16, bf16 or q8_0; values that are not finite, or come to what their type can't hold; shards
 * that don't hold the model that they state. Functions that return int: 0, or -1 with a reason.
 */
#ifndef MAI_MODEL_MERGE_H
#define MAI_MODEL_MERGE_H

#include "model/adapter.h"

/*
 * A matrix becomes W + scale B A for each adapter that has a pair for it, one after the other; an element of B A is a sum over
 * the rank, ascending. All other tensors keep their bytes.
 */
int merge_adapters(const struct model *m, const struct adapter_list *l, const char *out);

/* Models to be averaged, each named as MODEL[:WEIGHT] (opt_file_number; 1): a GGUF file or a manifest. {0} is none. */
struct merge_models {
	struct model **at;
	double *weight; /* above 0 and finite */
	size_t n;
};
int merge_open(struct merge_models *l, char *const *names, size_t n);
void merge_close(struct merge_models *l);

/*
 * Each value becomes the sum of weight times value over the models, in their order, divided by the sum of the weights.
 * Refused: models that differ in a hyper-parameter, in the vocabulary, or in the name or the shape of a tensor. Their types
 * may differ.
 */
int merge_mean(const struct merge_models *l, const char *out);

#endif
