#include "compute/weights_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/tile.h"

/* Rows of a matrix, one for each expert, become their biases, behind one another from `to` on. */
static void
set_biases(struct weight *w, const struct model_part *p, float *to, uint32_t n)
{
	const struct gguf_tensor *t = p->tensor;

	for (uint32_t i = 0; i < n; i++, to += t->ne[0]) {
		tile_row(to, t->data, t->type, n, t->ne[0], i);
		w[i].bias = to;
	}
}

static int
load_biases(struct experts *x, const struct model *m, uint32_t number)
{
	const enum arch_slot slot[] = { EXPERTS_GATE_BIAS, EXPERTS_UP_BIAS, EXPERTS_DOWN_BIAS };
	struct weight *const w[] = { x->gate, x->up, x->down };
	struct model_part p;
	uint64_t floats = 0;

	for (size_t i = 0; i < sizeof slot / sizeof *slot; i++)
		floats += model_part(m, number, slot[i], &p) ? p.tensor->ne[0] * x->n : 0;
	if (floats == 0)
		return 0;
	if (!(x->biases = mem_alloc(floats, sizeof *x->biases)))
		return -1;
	floats = 0;
	for (size_t i = 0; i < sizeof slot / sizeof *slot; i++)
		if (model_part(m, number, slot[i], &p)) {
			set_biases(w[i], &p, x->biases + floats, x->n);
			floats += p.tensor->ne[0] * x->n;
		}
	return 0;
}

static int
load_experts(struct experts *x, const struct model *m, uint32_t number, struct pool *pool)
{
	const struct {
		enum arch_slot slot;
		struct weight *w;
	} shared[] = { { FFN_ROUTER, &x->router }, { SHARED_GATE, &x->shared_gate }, { SHARED_UP, &x->shared_up }, { SHARED_DOWN, &x->shared_down } };
	struct model_part p;

	x->n = m->hp.n_experts;
	if (weight_load_each(&x->gate, x->n, m, number, EXPERTS_GATE, pool) < 0 || weight_load_each(&x->up, x->n, m, number, EXPERTS_UP, pool) < 0 ||
	    weight_load_each(&x->down, x->n, m, number, EXPERTS_DOWN, pool) < 0 || load_biases(x, m, number) < 0)
		return -1;
	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
		if (model_part(m, number, shared[i].slot, &p) && weight_load_rows(shared[i].w, m, &p, pool) < 0)
			return -1;
	if (model_part(m, number, FFN_ROUTER_BIAS, &p))
		x->router.bias = weight_floats(&p);
	if (model_part(m, number, EXPERTS_BIAS, &p))
		x->preference = weight_floats(&p);
	return model_part(m, number, SHARED_ROUTER, &p) ? weight_load_row(&x->shared_router, &p, pool) : 0;
}

static int
load_latent(struct latent *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool)
{
	const struct {
		enum arch_slot slot;
		struct weight *w;
	} matrix[] = { { LATENT_Q_A, &l->q_a }, { LATENT_Q_B, &l->q_b }, { LATENT_KV_A, &l->kv_a } };
	struct model_part p;

	for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++)
		if (model_part(m, number, matrix[i].slot, &p) && weight_load(matrix[i].w, m, adapters, &p, pool) < 0)
			return -1;
	if (model_part(m, number, LATENT_Q_A_NORM, &p))
		l->q_norm.w = weight_floats(&p);
	if (model_part(m, number, LATENT_KV_A_NORM, &p))
		l->kv_norm.w = weight_floats(&p);
	l->heads = m->hp.n_heads;
	if (m->hp.kv_b_whole)
		return weights_load_kv_b(l, m, adapters, number, pool);
	return weight_load_each(&l->k_b, l->heads, m, number, LATENT_K_B, pool) < 0 ? -1 : weight_load_each(&l->v_b, l->heads, m, number, LATENT_V_B, pool);
}

/* Those that the layer has; model_check has seen that they are what they should be. */
static int
load_attention_layer(struct layer *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool)
{
	const struct {
		enum arch_slot slot;
		struct weight *w;
	} matrix[] = {
		{ ATTN_Q, &l->q }, { ATTN_K, &l->k }, { ATTN_V, &l->v }, { ATTN_OUTPUT, &l->o },
		{ FFN_GATE, &l->gate }, { FFN_UP, &l->up }, { FFN_DOWN, &l->down },
	};
	const struct {
		enum arch_slot slot;
		const float **to;
	} vector[] = {
		{ ATTN_NORM, &l->attn.w }, { ATTN_NORM_BIAS, &l->attn.b }, { FFN_NORM, &l->ffn.w }, { FFN_NORM_BIAS, &l->ffn.b },
		{ ATTN_POST_NORM, &l->attn_post.w }, { FFN_POST_NORM, &l->ffn_post.w },
		{ ATTN_Q_NORM, &l->q_norm.w }, { ATTN_K_NORM, &l->k_norm.w },
		{ ATTN_SINKS, &l->sinks }, { ATTN_SUM_NORM, &l->attn_sum.w }, { ATTN_SUM_NORM_BIAS, &l->attn_sum.b },
		{ FFN_SUM_NORM, &l->ffn_sum.w }, { FFN_SUM_NORM_BIAS, &l->ffn_sum.b },
	};
	struct model_part p;

	for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++) {
		if (model_part(m, number, matrix[i].slot, &p) && weight_load(matrix[i].w, m, adapters, &p, pool) < 0)
			return -1;
		if (model_part(m, number, matrix[i].slot + 1, &p)) /* its bias is the next */
			matrix[i].w->bias = weight_floats(&p);
	}
	for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
		if (model_part(m, number, vector[i].slot, &p))
			*vector[i].to = weight_floats(&p);
	if (model_part(m, number, ATTN_NORM_2, &p)) { /* then this is for attention, and the first for both */
		l->ffn = l->attn;
		l->attn = (struct norm){ weight_floats(&p), NULL };
		if (model_part(m, number, ATTN_NORM_2_BIAS, &p))
			l->attn.b = weight_floats(&p);
	}
	if (m->hp.how->norm_between) {
		l->ffn = l->attn_post;
		l->attn_post = (struct norm){ 0 };
	}
	if (m->hp.kv_lora > 0 && load_latent(&l->latent, m, adapters, number, pool) < 0)
		return -1;
	return hparams_has_experts(&m->hp, number) ? load_experts(&l->experts, m, number, pool) : 0;
}

static int
load_layer(struct layer *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool)
{
	switch (m->hp.how->mixer) {
	case MIXER_ATTENTION:
		return load_attention_layer(l, m, adapters, number, pool);
	case MIXER_MAMBA:
		return mamba_load(l, m, adapters, number, pool);
	case MIXER_RWKV:
		return rwkv_load(l, m, adapters, number, pool);
	}
	return -1;
}

/* A vector beside the layers; NULL: there is none. */
static const float *
load_end(const struct model *m, enum arch_end end)
{
	const struct gguf_tensor *t = model_tensor(m, arch_ends[end].name);

	return t ? (const float *)(const void *)t->data : NULL; /* aligned, as above */
}

static int
load_head(struct weights *w, const struct model *m, const struct adapter_list *adapters, struct pool *pool)
{
	struct model_part p = { .tensor = model_output(m) };

	if (!p.tensor)
		return err_set(ERR_DATA, "%s: no tensor %s", m->files[0]->path, arch_ends[OUTPUT].name);
	snprintf(p.name, sizeof p.name, "%.*s", (int)p.tensor->name.len, p.tensor->name.data); /* shorter: of a GGUF */
	p.rows = p.tensor->ne[1];
	if (weight_load(&w->head, m, adapters, &p, pool) < 0)
		return -1;
	w->head.bias = load_end(m, OUTPUT_BIAS);
	w->output_norm = (struct norm){ load_end(m, OUTPUT_NORM), load_end(m, OUTPUT_NORM_BIAS) };
	return 0;
}

int
weights_load(struct weights *w, const struct model *m, const struct adapter_list *adapters, struct pool *pool)
{
	*w = (struct weights){ .n_layers = m->layer_last - m->layer_first, .experts_used = m->hp.experts_used };
	w->layer = mem_alloc(w->n_layers, sizeof *w->layer);
	if (!w->layer)
		return -1;
	w->embedding = m->has_embedding ? model_tensor(m, arch_ends[TOKEN_EMBD].name) : NULL;
	w->positions = m->has_embedding ? model_tensor(m, arch_ends[POSITION_EMBD].name) : NULL;
	w->types = m->has_embedding ? model_tensor(m, arch_ends[TOKEN_TYPES].name) : NULL;
	w->embedding_norm = (struct norm){ load_end(m, TOKEN_EMBD_NORM), load_end(m, TOKEN_EMBD_NORM_BIAS) };
	w->rope_factors = load_end(m, ROPE_FREQS);
	w->rope_long = load_end(m, ROPE_LONG);
	w->rope_short = load_end(m, ROPE_SHORT);
	for (uint32_t i = 0; i < w->n_layers; i++)
		if (load_layer(&w->layer[i], m, adapters, m->layer_first + i, pool) < 0)
			goto fail;
	if (m->has_head && !m->hp.how->encoder && load_head(w, m, adapters, pool) < 0)
		goto fail;
	return 0;
fail:
	weights_free(w);
	return -1;
}

/* Its matrices, but for those of experts and of heads; those that it does not have have no data. */
enum { MATRICES = 26 };

static void
matrices_of(struct layer *l, struct weight *to[MATRICES])
{
	struct weight *all[MATRICES] = { &l->q, &l->k, &l->v, &l->o, &l->gate, &l->up, &l->down, &l->latent.q_a, &l->latent.q_b, &l->latent.kv_a,
		&l->mamba.in, &l->mamba.x, &l->mamba.dt, &l->mamba.out, &l->rwkv.r, &l->rwkv.k, &l->rwkv.v, &l->rwkv.out,
		&l->rwkv.decay.first, &l->rwkv.decay.second, &l->rwkv.rate.first, &l->rwkv.rate.second,
		&l->rwkv.value.first, &l->rwkv.value.second, &l->rwkv.gate.first, &l->rwkv.gate.second };

	memcpy(to, all, sizeof all);
}

static void
free_experts(struct experts *x)
{
	struct weight *one[] = { &x->router, &x->shared_router, &x->shared_gate, &x->shared_up, &x->shared_down };

	for (size_t i = 0; i < sizeof one / sizeof *one; i++)
		weight_free(one[i]);
	weight_free_each(x->gate, x->n);
	weight_free_each(x->up, x->n);
	weight_free_each(x->down, x->n);
	free(x->biases);
}

void
weights_free(struct weights *w)
{
	for (uint32_t i = 0; w->layer && i < w->n_layers; i++) {
		struct layer *l = &w->layer[i];
		struct weight *all[MATRICES];
		matrices_of(l, all);
		for (size_t k = 0; k < MATRICES; k++)
			weight_free(all[k]);
		free(l->mamba.conv);
		free(l->mamba.a);
		free_experts(&l->experts);
		weight_free_each(l->latent.k_b, l->latent.heads);
		weight_free_each(l->latent.v_b, l->latent.heads);
	}
	free(w->layer);
	weight_free(&w->head);
	*w = (struct weights){ 0 };
}

/* ---- sizes ---- */

/* Of those that one token goes through. */
static uint64_t
expert_bytes(const struct experts *x, uint32_t used)
{
	uint64_t n = weight_bytes(&x->router) + weight_bytes(&x->shared_router) + weight_bytes(&x->shared_gate) + weight_bytes(&x->shared_up) +
	    weight_bytes(&x->shared_down);

	return x->n == 0 ? 0 : n + used * (weight_bytes(&x->gate[0]) + weight_bytes(&x->up[0]) + weight_bytes(&x->down[0]));
}

static uint64_t
heads_bytes(const struct latent *l)
{
	return l->heads == 0 ? 0 : l->heads * (weight_bytes(&l->k_b[0]) + weight_bytes(&l->v_b[0]));
}

uint64_t
weights_bytes(const struct weights *w)
{
	uint64_t n = weight_bytes(&w->head);

	for (uint32_t i = 0; i < w->n_layers; i++) {
		struct weight *all[MATRICES];
		matrices_of(&w->layer[i], all);
		for (size_t k = 0; k < MATRICES; k++)
			n += weight_bytes(all[k]);
		n += expert_bytes(&w->layer[i].experts, w->experts_used) + heads_bytes(&w->layer[i].latent);
	}
	return n;
}

size_t
weights_low_rows(const struct weights *w)
{
	size_t most = weight_low_rows(&w->head);

	for (uint32_t i = 0; i < w->n_layers; i++) {
		struct layer *l = &w->layer[i];
		struct weight *all[MATRICES];
		size_t together[] = {
			weight_low_rows(&l->q) + weight_low_rows(&l->k) + weight_low_rows(&l->v) + weight_low_rows(&l->latent.q_a) + weight_low_rows(&l->latent.kv_a),
			weight_low_rows(&l->gate) + weight_low_rows(&l->up),
		};
		matrices_of(l, all);
		for (size_t k = 0; k < sizeof together / sizeof *together; k++)
			most = together[k] > most ? together[k] : most;
		for (size_t k = 0; k < MATRICES; k++)
			most = weight_low_rows(all[k]) > most ? weight_low_rows(all[k]) : most;
	}
	return most;
}
