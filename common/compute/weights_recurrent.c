/* The tensors of recurrent layers; model_check has seen that they are what they should be. */
#include "compute/weights_impl.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/tile.h"

static const float *
vector(const struct model *m, uint32_t number, enum arch_slot slot)
{
	struct model_part p;

	return model_part(m, number, slot, &p) ? weight_floats(&p) : NULL;
}

/* Vectors that lie one behind the other, transposed: the first elements of all, then the second ones. NULL with a reason. */
static float *
across(const struct model *m, uint32_t number, enum arch_slot slot)
{
	struct model_part p;
	float *to, *one;

	if (!model_part(m, number, slot, &p)) {
		err_set(ERR_DATA, "%s: no tensor %s", m->files[0]->path, p.name);
		return NULL;
	}
	const struct gguf_tensor *t = p.tensor;
	if (!(one = mem_alloc(t->ne[0], sizeof *one)))
		return NULL;
	if ((to = mem_alloc(t->ne[0] * t->ne[1], sizeof *to)))
		for (uint64_t r = 0; r < t->ne[1]; r++) {
			tile_row(one, t->data, t->type, t->ne[1], t->ne[0], r);
			for (uint64_t k = 0; k < t->ne[0]; k++)
				to[k * t->ne[1] + r] = one[k];
		}
	free(one);
	return to;
}

int
mamba_load(struct layer *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool)
{
	struct mamba *s = &l->mamba;
	const struct {
		enum arch_slot slot;
		struct weight *w;
	} matrix[] = { { SSM_IN, &s->in }, { SSM_X, &s->x }, { SSM_DT, &s->dt }, { SSM_OUT, &s->out } };
	struct model_part p;

	for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++)
		if (model_part(m, number, matrix[i].slot, &p) && weight_load(matrix[i].w, m, adapters, &p, pool) < 0)
			return -1;
	l->attn.w = vector(m, number, ATTN_NORM);
	s->dt.bias = vector(m, number, SSM_DT_BIAS);
	s->conv_bias = vector(m, number, SSM_CONV_BIAS);
	s->d = vector(m, number, SSM_D);
	return (s->conv = across(m, number, SSM_CONV)) && (s->a = across(m, number, SSM_A)) ? 0 : -1;
}
