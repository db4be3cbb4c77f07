#include "train/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "train/draw.h"

size_t
net_q_rows(const struct net *n)
{
	return (size_t)n->hp.n_heads * n->hp.head_dim;
}

size_t
net_kv_rows(const struct net *n)
{
	return (size_t)n->hp.n_kv_heads * n->hp.head_dim;
}

size_t
net_qkv_rows(const struct net *n)
{
	return net_q_rows(n) + 2 * net_kv_rows(n);
}

/* Names of layer tensors, by the target of an adapter. */
static const char *const target_name[LORA_TARGETS] = {
	"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down",
};

void
lora_shape(const struct net *n, enum lora_target t, size_t *rows, size_t *cols)
{
	*cols = t == LORA_OUT ? net_q_rows(n) : t == LORA_DOWN ? n->hp.ffn : n->hp.dim;
	*rows = t == LORA_Q ? net_q_rows(n) : t == LORA_K || t == LORA_V ? net_kv_rows(n)
	    : t == LORA_GATE || t == LORA_UP ? n->hp.ffn : n->hp.dim;
}

/* ---- the model ---- */

static int
add_vector(struct net *n, uint32_t layer, const char *what, size_t *at)
{
	char name[GGUF_MAX_NAME];

	snprintf(name, sizeof name, "blk.%u.%s.weight", layer, what);
	return params_add(&n->weights, name, 0, n->hp.dim, true, at);
}

static int
add_matrix(struct net *n, uint32_t layer, enum lora_target t, bool first, size_t *at)
{
	char name[GGUF_MAX_NAME];
	size_t rows, cols, place;

	lora_shape(n, t, &rows, &cols);
	snprintf(name, sizeof name, "blk.%u.%s.weight", layer, target_name[t]);
	return params_add(&n->weights, name, rows, cols, first, first ? at : &place);
}

static int
add_layer(struct net *n, uint32_t i)
{
	struct net_layer *l = &n->layer[i];

	if (add_vector(n, i, "attn_norm", &l->attn_norm) < 0 || add_matrix(n, i, LORA_Q, true, &l->qkv) < 0 ||
	    add_matrix(n, i, LORA_K, false, NULL) < 0 || add_matrix(n, i, LORA_V, false, NULL) < 0 ||
	    add_matrix(n, i, LORA_OUT, true, &l->out) < 0 || add_vector(n, i, "ffn_norm", &l->ffn_norm) < 0 ||
	    add_matrix(n, i, LORA_GATE, true, &l->gate_up) < 0 || add_matrix(n, i, LORA_UP, false, NULL) < 0)
		return -1;
	return add_matrix(n, i, LORA_DOWN, true, &l->down);
}

int
net_layout(struct net *n, const struct hparams *hp, bool tied)
{
	*n = (struct net){ .hp = *hp };
	if (!(n->layer = mem_alloc(hp->n_layers, sizeof *n->layer)) ||
	    params_add(&n->weights, "token_embd.weight", hp->n_vocab, hp->dim, true, &n->embedding) < 0)
		goto fail;
	for (uint32_t i = 0; i < hp->n_layers; i++)
		if (add_layer(n, i) < 0)
			goto fail;
	if (params_add(&n->weights, "output_norm.weight", 0, hp->dim, true, &n->output_norm) < 0)
		goto fail;
	n->head = n->embedding;
	if (!tied && params_add(&n->weights, "output.weight", hp->n_vocab, hp->dim, true, &n->head) < 0)
		goto fail;
	if (params_alloc(&n->weights) == 0)
		return 0;
fail:
	net_free(n);
	return -1;
}

int
net_load(struct net *n, const struct model *m)
{
	*n = (struct net){ 0 };
	if (model_check_llama(m) < 0)
		return -1;
	if (m->n_files != 1 || !m->has_embedding || !m->has_head)
		return err_set(ERR_DATA, "%s: training wants a whole model in one file", m->files[0]->path);
	if (model_tensor(m, "rope_freqs.weight"))
		return err_set(ERR_DATA, "%s: a model with rope_freqs.weight can't be trained", m->files[0]->path);
	if (net_layout(n, &m->hp, !model_tensor(m, "output.weight")) < 0)
		return -1;
	if (params_get(&n->weights, m->files[0], "", n->weights.value) == 0)
		return 0;
	net_free(n);
	return -1;
}

void
net_free(struct net *n)
{
	free(n->layer);
	params_free(&n->weights);
	*n = (struct net){ 0 };
}

/* ---- adapters ---- */

static int
add_pair(struct lora *l, const struct net *n, uint32_t layer, enum lora_target t)
{
	struct lora_pair *pair = &l->layer[layer][t];
	char name[GGUF_MAX_NAME];
	size_t rows, cols;

	lora_shape(n, t, &rows, &cols);
	snprintf(name, sizeof name, "blk.%u.%s.weight.lora_a", layer, target_name[t]);
	if (params_add(&l->weights, name, l->rank, cols, true, &pair->a) < 0)
		return -1;
	snprintf(name, sizeof name, "blk.%u.%s.weight.lora_b", layer, target_name[t]);
	return params_add(&l->weights, name, rows, l->rank, true, &pair->b);
}

int
lora_new(struct lora *l, const struct net *n, uint32_t rank, float alpha, uint64_t seed)
{
	*l = (struct lora){ .rank = rank, .alpha = alpha };
	if (!(l->layer = mem_alloc(n->hp.n_layers, sizeof *l->layer)))
		return -1;
	for (uint32_t i = 0; i < n->hp.n_layers; i++)
		for (enum lora_target t = 0; t < LORA_TARGETS; t++)
			if (add_pair(l, n, i, t) < 0)
				goto fail;
	if (params_alloc(&l->weights) < 0)
		goto fail;
	for (size_t i = 0; i < l->weights.n_tensors; i += 2) {
		const struct param *a = &l->weights.tensor[i];
		draw_normal(l->weights.value + a->at, param_size(a), 1 / sqrt((double)a->cols), seed, i);
	}
	return 0;
fail:
	lora_free(l);
	return -1;
}

void
lora_free(struct lora *l)
{
	free(l->layer);
	params_free(&l->weights);
	*l = (struct lora){ 0 };
}
