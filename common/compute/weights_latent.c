/*
 * k_b and v_b of latent attention out of attn_kv_b, as files from before they were split have it: for each head the rows that make its key of
 * the latent numbers, which are k_b transposed, and then those of its value, which are v_b. Weights of blocks can't be transposed and stay
 * what they are, so k_b becomes f32, in memory of its own.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "compute/weights_impl.h"
#include "model/tile.h"

/* Rows [first, first + w->cols) of a tensor are the columns of the matrix. `plain` and `row` are room for the matrix, and for a row of the tensor. */
static int
transpose(struct weight *w, const struct gguf_tensor *t, uint64_t first, float *plain, float *row, struct pool *pool)
{
	for (size_t k = 0; k < w->cols; k++) {
		tile_row(row, t->data, t->type, t->ne[1], t->ne[0], first + k);
		for (size_t r = 0; r < w->rows; r++)
			plain[r * w->cols + k] = row[r];
	}
	return weight_interleave(w, plain, pool);
}

static int
load_heads(struct latent *l, const struct model *m, struct model_part *p, float *plain, float *row, struct pool *pool)
{
	const size_t keys = m->hp.q_head - m->hp.rope_dim, values = m->hp.out_head;

	p->rows = values;
	p->is_cut = true;
	for (uint32_t h = 0; h < l->heads; h++) {
		const uint64_t first = h * (keys + values);
		l->k_b[h] = (struct weight){ .type = TYPE_F32, .rows = m->hp.kv_lora, .cols = keys };
		p->first = first + keys;
		if (transpose(&l->k_b[h], p->tensor, first, plain, row, pool) < 0 || weight_load_rows(&l->v_b[h], m, p, pool) < 0)
			return -1;
	}
	return 0;
}

int
weights_load_kv_b(struct latent *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool)
{
	struct model_part p;
	int rc = -1;

	model_part(m, number, LATENT_KV_B, &p); /* model_check has seen it */
	if (weight_no_adapter(m, adapters, p.name) < 0)
		return -1;
	l->kv_b = (struct weight){ .cols = m->hp.kv_lora, .tensor = p.tensor };
	float *plain = mem_alloc((uint64_t)m->hp.kv_lora * (m->hp.q_head - m->hp.rope_dim), sizeof *plain), *row = mem_alloc(m->hp.kv_lora, sizeof *row);
	l->k_b = mem_alloc(l->heads, sizeof *l->k_b);
	l->v_b = mem_alloc(l->heads, sizeof *l->v_b);
	if (plain && row && l->k_b && l->v_b)
		rc = load_heads(l, m, &p, plain, row, pool);
	free(plain);
	free(row);
	return rc;
}
