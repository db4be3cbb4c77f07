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

struct wanted {
	enum arch_slot slot;
	struct weight *to;
};

static int
load_matrices(const struct wanted *w, size_t n, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool)
{
	struct model_part p;

	for (size_t i = 0; i < n; i++)
		if (model_part(m, number, w[i].slot, &p) && weight_load(w[i].to, m, adapters, &p, pool) < 0)
			return -1;
	return 0;
}

int
mamba_load(struct layer *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool)
{
	struct mamba *s = &l->mamba;
	const struct wanted all[] = { { SSM_IN, &s->in }, { SSM_X, &s->x }, { SSM_DT, &s->dt }, { SSM_OUT, &s->out } };

	if (load_matrices(all, sizeof all / sizeof *all, m, adapters, number, pool) < 0)
		return -1;
	l->attn.w = vector(m, number, ATTN_NORM);
	s->dt.bias = vector(m, number, SSM_DT_BIAS);
	s->conv_bias = vector(m, number, SSM_CONV_BIAS);
	s->d = vector(m, number, SSM_D);
	return (s->conv = across(m, number, SSM_CONV)) && (s->a = across(m, number, SSM_A)) ? 0 : -1;
}

int
rwkv_load(struct layer *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool)
{
	struct rwkv *r = &l->rwkv;
	const struct wanted all[] = {
		{ TIME_R, &r->r }, { TIME_K, &r->k }, { TIME_V, &r->v }, { TIME_OUTPUT, &r->out },
		{ TIME_W1, &r->decay.first }, { TIME_W2, &r->decay.second }, { TIME_A1, &r->rate.first }, { TIME_A2, &r->rate.second },
		{ TIME_G1, &r->gate.first }, { TIME_G2, &r->gate.second }, { CHANNEL_K, &l->up }, { CHANNEL_V, &l->down },
	};
	const struct wanted later[] = { { TIME_V1, &r->value.first }, { TIME_V2, &r->value.second } };

	if (load_matrices(all, sizeof all / sizeof *all, m, adapters, number, pool) < 0 ||
	    (number > 0 && load_matrices(later, sizeof later / sizeof *later, m, adapters, number, pool) < 0))
		return -1;
	r->decay.second.bias = vector(m, number, TIME_W0);
	r->rate.second.bias = vector(m, number, TIME_A0);
	r->value.second.bias = vector(m, number, TIME_V0);
	r->lerps = vector(m, number, TIME_LERPS);
	r->channel_lerp = vector(m, number, CHANNEL_LERP);
	r->kk = vector(m, number, TIME_KK);
	r->ka = vector(m, number, TIME_KA);
	r->rk = vector(m, number, TIME_RK);
	r->heads = (struct norm){ vector(m, number, TIME_NORM), vector(m, number, TIME_NORM_BIAS) };
	l->attn = (struct norm){ vector(m, number, ATTN_NORM), vector(m, number, ATTN_NORM_BIAS) };
	l->ffn = (struct norm){ vector(m, number, ATTN_NORM_2), vector(m, number, ATTN_NORM_2_BIAS) };
	return 0;
}
