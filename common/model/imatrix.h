/*
 * imatrix.h: importance matrices, which say how much each column of a matrix counts when its weights are rounded: by the inputs that it is
 * multiplied with, of some text. Files are those of llama.cpp's llama-imatrix, in GGUF, of general.type "imatrix".
 *
 * Of a tensor NAME there are two of f32:
 *
 *	NAME.in_sum2   the sums of the squares of the inputs of each column; of experts, one matrix behind the other
 *	NAME.counts    how many inputs they were, of each matrix, or one number for all
 *
 * A column counts as much as the mean. All columns of a matrix that had no inputs count 1.
 */
#ifndef MAI_MODEL_IMATRIX_H
#define MAI_MODEL_IMATRIX_H

#include "model/model.h"

#define IMATRIX_KEY_TYPE "general.type"
#define IMATRIX_TYPE "imatrix"
#define IMATRIX_KEY_DATASETS "imatrix.datasets"
#define IMATRIX_KEY_CHUNKS "imatrix.chunk_count"    /* of text, */
#define IMATRIX_KEY_CHUNK_SIZE "imatrix.chunk_size" /* and tokens in each */
#define IMATRIX_SUMS ".in_sum2"
#define IMATRIX_COUNTS ".counts"

/* ---- reading ---- */

struct imatrix;

/*
 * For a model: what it has of tensors of the model has their sizes, and all is finite and not below zero. What it has of others is told by
 * a warning. NULL with a reason.
 */
struct imatrix *imatrix_open(const char *path, const struct model *m);
void imatrix_free(struct imatrix *im);

/* How much the columns of a tensor's matrix of that number count, ne[0] of them. False: of this tensor it has nothing. `to` NULL: only that. */
bool imatrix_columns(const struct imatrix *im, const struct gguf_tensor *t, uint64_t number, float *to);

/* The keys quantize.imatrix.* of a model that was made with it, as llama-quantize sets them. 0 or -1. */
#define IMATRIX_KEY_MADE "quantize.imatrix."
int imatrix_put_keys(const struct imatrix *im, struct gguf_writer *w);

/* ---- writing ---- */

/* What is known of the text, and then each tensor: n sums and n_counts counts, which must live until all is written. 0 or -1. */
int imatrix_put_text(struct gguf_writer *w, uint64_t chunks, uint32_t chunk_size);
int imatrix_put(struct gguf_writer *w, struct gguf_string name, const float *sums, uint64_t n, const float *counts, uint64_t n_counts);

#endif
