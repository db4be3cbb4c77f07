#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "compute/engine_impl.h"
#include "model/tile.h"

/* A stride for rows of n elements: whole tiles, and no multiple of 1024 (compute/kernel.h). */
static size_t
padded(size_t n)
{
	n = tile_whole(n);
	return n % 1024 ? n : n + TILE_ROWS;
}

/* ---- the layers ---- */

static void
attention_block(struct engine *e, const struct layer *l, float *x, const struct engine_row *rows, size_t n, uint32_t number)
{
	struct products qkv = { .e = e }, o = { .e = e, .add_to = x };

	products_prepare(e, l->attn_norm, x, e->x_ld, n, (const struct weight *[]){ &l->q, &l->k, &l->v }, 3);
	products_add(&qkv, &l->q, e->q, e->q_ld, n);
	products_add(&qkv, &l->k, e->k, e->kv_ld, n);
	products_add(&qkv, &l->v, e->v, e->kv_ld, n);
	products_run(&qkv);

	attention_run(e, rows, n, number);

	products_prepare(e, NULL, e->attended, e->q_ld, n, (const struct weight *[]){ &l->o }, 1);
	products_add(&o, &l->o, e->out, e->x_ld, n);
	products_run(&o);
}

static void
feed_forward_block(struct engine *e, const struct layer *l, float *x, size_t n)
{
	struct products gate_up = { .e = e, .gated = true }, down = { .e = e, .add_to = x };

	products_prepare(e, l->ffn_norm, x, e->x_ld, n, (const struct weight *[]){ &l->gate, &l->up }, 2);
	products_add(&gate_up, &l->gate, e->gate, e->ffn_ld, n);
	products_add(&gate_up, &l->up, e->up, e->ffn_ld, n);
	products_run(&gate_up);

	products_prepare(e, NULL, e->gate, e->ffn_ld, n, (const struct weight *[]){ &l->down }, 1);
	products_add(&down, &l->down, e->out, e->x_ld, n);
	products_run(&down);
}

int
engine_layers(struct engine *e, float *x, const struct engine_row *rows, size_t n)
{
	if (n == 0)
		return 0;
	if (attention_begin(e, rows, n) < 0)
		return -1;
	for (uint32_t i = 0; i < e->weights.n_layers; i++) {
		attention_block(e, &e->weights.layer[i], x, rows, n, i);
		feed_forward_block(e, &e->weights.layer[i], x, n);
	}
	return 0;
}

void
engine_embed(const struct engine *e, uint32_t token, float *to)
{
	const struct gguf_tensor *t = e->weights.embedding;

	tile_row(to, t->data, t->type, t->ne[1], t->ne[0], token);
}

void
engine_norm(struct engine *e, float *x, size_t n)
{
	for (size_t t = 0; t < n; t++) {
		float *row = x + t * e->x_ld;
		e->kernels->rms_norm(row, row, e->weights.output_norm, e->model->hp.dim, (float)e->model->hp.rms_eps);
	}
}

void
engine_logits(struct engine *e, const float *normed, size_t n, float *logits)
{
	struct products head = { .e = e };

	if (n == 0)
		return;
	products_prepare(e, NULL, normed, e->x_ld, n, (const struct weight *[]){ &e->weights.head }, 1);
	products_add(&head, &e->weights.head, logits, engine_logits_stride(e), n);
	products_run(&head);
}

/* ---- making ---- */

static int
alloc_scratch(struct engine *e)
{
	const struct hparams *hp = &e->model->hp;
	size_t widest = padded(hp->ffn > hp->dim ? hp->ffn : hp->dim), n = ENGINE_BATCH;

	e->x_ld = padded(hp->dim);
	e->q_ld = padded((size_t)hp->n_heads * hp->head_dim);
	e->kv_ld = padded((size_t)hp->n_kv_heads * hp->head_dim);
	e->ffn_ld = padded(hp->ffn);
	e->low_ld = e->adapters.n ? padded(weights_low_rows(&e->weights)) : 0;
	if (e->q_ld > widest)
		widest = e->q_ld;

	struct {
		void *to;
		size_t n, size;
	} want[] = {
		{ &e->normed, n * e->x_ld, sizeof(float) }, { &e->out, n * e->x_ld, sizeof(float) },
		{ &e->q, n * e->q_ld, sizeof(float) }, { &e->attended, n * e->q_ld, sizeof(float) },
		{ &e->k, n * e->kv_ld, sizeof(float) }, { &e->v, n * e->kv_ld, sizeof(float) },
		{ &e->gate, n * e->ffn_ld, sizeof(float) }, { &e->up, n * e->ffn_ld, sizeof(float) },
		{ &e->low, n * e->low_ld, sizeof(float) },
		{ &e->cos, n * e->rope.pairs, sizeof(float) }, { &e->sin, n * e->rope.pairs, sizeof(float) },
		{ &e->act.bf16, n * widest, sizeof(float) }, { &e->act.q8, q8_size((widest + 31) / 32 * 32, n), 1 },
		{ &e->page_of_row, n, sizeof(size_t) }, { &e->run, n + 1, sizeof(size_t) },
	};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		void *p = mem_alloc64(want[i].n, want[i].size);
		if (!p)
			return -1;
		memset(p, 0, want[i].n * want[i].size);
		memcpy(want[i].to, &p, sizeof p);
	}
	return 0;
}

struct engine *
engine_new(const struct model *m, const struct engine_options *o)
{
	struct engine *e = mem_alloc(1, sizeof *e);
	const struct hparams *hp = &m->hp;
	uint32_t layers = m->layer_last - m->layer_first;

	if (!e)
		return NULL;
	e->model = m;
	if (o->adapters)
		e->adapters = *o->adapters;
	e->context = o->context ? o->context : hp->context;
	e->attention_scale = 1.0f / __builtin_sqrtf((float)hp->head_dim);
	if (!(e->kernels = kernels_best()) || !(e->pool = pool_new(o->threads)) ||
	    weights_load(&e->weights, m, &e->adapters, e->pool) < 0 || rope_init(&e->rope, hp, e->weights.rope_factors) < 0 ||
	    !(e->kv = kv_new(layers, hp->n_kv_heads, hp->head_dim, e->context, o->kv_bytes)) || alloc_scratch(e) < 0) {
		engine_free(e);
		return NULL;
	}
	return e;
}

void
engine_free(struct engine *e)
{
	if (!e)
		return;
	float *scratch[] = { e->normed, e->q, e->k, e->v, e->attended, e->gate, e->up, e->out, e->low, e->cos,
		e->sin };
	for (size_t i = 0; i < sizeof scratch / sizeof *scratch; i++)
		free(scratch[i]);
	free(e->act.bf16);
	free(e->act.q8);
	free(e->page_keys);
	free(e->page_values);
	free(e->page_of_row);
	free(e->run);
	kv_free(e->kv);
	rope_free(&e->rope);
	weights_free(&e->weights);
	pool_free(e->pool);
	free(e);
}

struct kv *
engine_kv(const struct engine *e)
{
	return e->kv;
}

struct pool *
engine_pool(const struct engine *e)
{
	return e->pool;
}

const struct kernels *
engine_arithmetic(const struct engine *e)
{
	return e->kernels;
}

uint64_t
engine_weight_bytes(const struct engine *e)
{
	return weights_bytes(&e->weights);
}

uint32_t
engine_context(const struct engine *e)
{
	return e->context;
}

const struct adapter_list *
engine_adapters(const struct engine *e)
{
	return &e->adapters;
}

size_t
engine_stride(const struct engine *e)
{
	return e->x_ld;
}

size_t
engine_logits_stride(const struct engine *e)
{
	return padded(e->model->hp.n_vocab);
}
