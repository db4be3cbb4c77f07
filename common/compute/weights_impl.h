/*
 * weights_impl.h: what the files that load weights share: weights.c, weights_latent.c and weights_recurrent.c, of layers, and weights_matrix.c,
 * of one matrix.
 */
#ifndef MAI_COMPUTE_WEIGHTS_IMPL_H
#define MAI_COMPUTE_WEIGHTS_IMPL_H

#include "compute/weights.h"

/* A matrix, or its rows out of one that holds others, with its adapters; without them; and a vector as a matrix of one row. 0, or -1 with a reason. */
int weight_load(struct weight *w, const struct model *m, const struct adapter_list *l, const struct model_part *p, struct pool *pool);
int weight_load_rows(struct weight *w, const struct model *m, const struct model_part *p, struct pool *pool);
int weight_load_row(struct weight *w, const struct model_part *p, struct pool *pool);

/* The matrices of all experts or heads, n that lie one behind the other, freed with weight_free_each. */
int weight_load_each(struct weight **to, uint32_t n, const struct model *m, uint32_t number, enum arch_slot slot, struct pool *pool);

/* weights_recurrent.c: those of a layer that does not attend. 0, or -1 with a reason. */
int mamba_load(struct layer *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool);
int rwkv_load(struct layer *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool);

/* k_b and v_b of latent attention, out of the one matrix that older files have of both. 0, or -1 with a reason. */
int weights_load_kv_b(struct latent *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool);

/* w->rows rows of w->cols, plain and of its type, into memory of its own. 0, or -1 with a reason. */
int weight_interleave(struct weight *w, const void *plain, struct pool *pool);

/* Refuses adapters of a tensor that is several matrices in one. */
int weight_no_adapter(const struct model *m, const struct adapter_list *l, const char *name);

void weight_free(struct weight *w);
void weight_free_each(struct weight *w, uint32_t n); /* NULL: nothing */

/* A vector where it is mapped. */
const float *weight_floats(const struct model_part *p);

/* Bytes of a matrix and its adapters; rows of the A of these. */
uint64_t weight_bytes(const struct weight *w);
size_t weight_low_rows(const struct weight *w);

#endif
