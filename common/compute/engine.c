#include "compute/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "compute/kernel.h"
#include "compute/rope.h"
#include "model/tile.h"
#include "model/types.h"

struct engine {
	const struct model *model;
	const struct kernels *kernels;
	struct pool *pool;
	struct kv *kv;
	struct weights weights;
	struct rope rope;
	uint32_t context;
	float attention_scale;

	/* Scratch for one batch, with padded rows. */
	size_t x_ld, q_ld, kv_ld, ffn_ld;
	float *normed, *q, *k, *v, *attended, *gate, *up, *out;
	float *cos, *sin;
	struct activations act;   /* of the matrices that come next */
	const float **page_keys, **page_values;
	size_t *page_of_row;      /* where each row's pages begin in those */
	size_t *run, n_runs;      /* rows at which runs begin that go through attention together, and behind them n */
	size_t pages_cap;
};

/* A stride for rows of n elements: whole tiles, and no multiple of 1024 (compute/kernel.h). */
static size_t
padded(size_t n)
{
	n = (n + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
	return n % 1024 ? n : n + TILE_ROWS;
}

/* ---- matrix products ---- */

/*
 * Products of up to three matrices with the same activations as one job: an item is a run of tiles of one of them.
 * What follows a product row by row is done on the same tiles while they are in the cache.
 */
struct products {
	struct engine *e;
	struct matmul m[3];
	size_t n;
	size_t chunk;        /* tiles an item */
	size_t items[3];     /* items of each */
	float *add_to;       /* residual: add_to[t][] += y[t][], or NULL */
	bool gated;          /* m[0] is the gate and m[1] the same rows of `up`: y0 = silu(y0) * y1 */
};

static size_t
tiles(const struct matmul *m)
{
	return (m->rows + TILE_ROWS - 1) / TILE_ROWS;
}

static void
finish_rows(const struct products *p, const struct matmul *m, size_t first, size_t last)
{
	const struct kernels *k = p->e->kernels;
	size_t at = first * TILE_ROWS, n = (last - first) * TILE_ROWS;

	for (size_t t = 0; t < m->tokens; t++) {
		float *y = m->y + t * m->ldy + at;
		if (p->gated)
			k->silu_mul(y, y, p->m[1].y + t * m->ldy + at, n);
		else if (p->add_to)
			k->add(p->add_to + t * m->ldy + at, y, n);
	}
}

static void
product_item(void *arg, size_t item)
{
	const struct products *p = arg;
	const struct kernels *k = p->e->kernels;
	size_t i = 0;

	while (item >= p->items[i])
		item -= p->items[i++];
	const struct matmul *m = &p->m[i];
	size_t first = item * p->chunk, last = first + p->chunk, all = tiles(m);
	if (last > all)
		last = all;
	k->matmul(m, first, last);
	if (p->gated)
		k->matmul(&p->m[1], first, last);
	finish_rows(p, m, first, last);
}

static void
add_product(struct products *p, const struct weight *w, float *y, size_t ldy, size_t tokens)
{
	p->m[p->n++] = (struct matmul){
		.type = w->type, .w = w->data, .rows = w->rows, .cols = w->cols,
		.x = &p->e->act, .tokens = tokens, .y = y, .ldy = ldy,
	};
}

static void
run_products(struct products *p)
{
	size_t all = 0, items = 0, shares = 4 * pool_threads(p->e->pool), most = p->m[0].tokens == 1 ? 4 : 16;
	size_t jobs = p->gated ? 1 : p->n;

	for (size_t i = 0; i < jobs; i++)
		all += tiles(&p->m[i]);
	/*
	 * Small enough to share out evenly, large enough to stream: an even number of tiles (compute/kernel.h). One token is
	 * done with so fast that the wait for the thread with the last item counts.
	 */
	p->chunk = all / shares / 2 * 2;
	if (p->chunk < 2)
		p->chunk = 2;
	if (p->chunk > most)
		p->chunk = most;
	for (size_t i = 0; i < jobs; i++) {
		p->items[i] = (tiles(&p->m[i]) + p->chunk - 1) / p->chunk;
		items += p->items[i];
	}
	pool_run(p->e->pool, items, product_item, p);
}

/* ---- activations ---- */

struct prepare {
	struct engine *e;
	const float *norm; /* normalise x into e->normed first, or NULL */
	const float *x;
	size_t n, cols;
	bool bf16, q8;
};

static void
prepare_row(const struct prepare *p, size_t t)
{
	struct activations *a = &p->e->act;
	const struct kernels *k = p->e->kernels;
	const float *x = p->x + t * a->ld;

	if (p->norm) {
		float *y = p->e->normed + t * a->ld;
		k->rms_norm(y, x, p->norm, p->cols, (float)p->e->model->hp.rms_eps);
		x = y;
	}
	if (p->bf16)
		k->to_bf16(a->bf16 + t * a->ld, x, p->cols);
	if (p->q8)
		k->to_q8(a->q8, p->n, t, x, p->cols);
}

/* Rows that lie together in q8 are one thread's. */
static void
prepare_group(void *arg, size_t group)
{
	const struct prepare *p = arg;

	for (size_t t = group * Q8_GROUP; t < p->n && t < (group + 1) * Q8_GROUP; t++)
		prepare_row(p, t);
}

/* Makes n rows ready for the given matrices, which have the same columns. With `norm`, after normalising. */
static void
prepare(struct engine *e, const float *norm, const float *x, size_t ld, size_t n, const struct weight *const *w, size_t n_w)
{
	struct prepare p = { .e = e, .norm = norm, .x = x, .n = n, .cols = w[0]->cols };

	for (size_t i = 0; i < n_w; i++) {
		p.bf16 |= w[i]->type == TYPE_BF16;
		p.q8 |= w[i]->type == TYPE_Q8_0;
	}
	e->act.f32 = norm ? e->normed : x;
	e->act.ld = ld;
	if (norm || p.bf16 || p.q8)
		pool_run(e->pool, (n + Q8_GROUP - 1) / Q8_GROUP, prepare_group, &p);
}

/* ---- attention ---- */

struct attention {
	struct engine *e;
	const struct engine_row *rows;
	uint32_t layer;
};

/* Rotates a row's queries and keys by its position, and puts its keys and values into the cache. */
static void
store_row(void *arg, size_t t)
{
	const struct attention *a = arg;
	struct engine *e = a->e;
	const struct hparams *hp = &e->model->hp;
	const struct engine_row *row = &a->rows[t];
	const float *cos = e->cos + t * e->rope.pairs, *sin = e->sin + t * e->rope.pairs;
	float *k = e->k + t * e->kv_ld;
	const float *v = e->v + t * e->kv_ld;
	const struct kv_page *page = row->seq->page[row->pos / KV_PAGE];
	size_t at = row->pos % KV_PAGE, d = hp->head_dim;

	e->kernels->rope(e->q + t * e->q_ld, hp->n_heads, d, cos, sin, hp->rope_dim);
	e->kernels->rope(k, hp->n_kv_heads, d, cos, sin, hp->rope_dim);
	for (uint32_t h = 0; h < hp->n_kv_heads; h++) {
		float *keys = kv_keys(e->kv, page, a->layer, h);
		for (size_t i = 0; i < d; i++)
			keys[i * KV_PAGE + at] = k[h * d + i];
		memcpy(kv_values(e->kv, page, a->layer, h) + at * d, v + h * d, d * sizeof *v);
	}
}

/* Cuts the batch into runs of one sequence's consecutive positions. */
static void
list_runs(struct engine *e, const struct engine_row *rows, size_t n)
{
	e->n_runs = 0;
	for (size_t t = 0, length = 0; t < n; t++, length++) {
		if (t > 0 && length < ATTEND_MAX_QUERIES && rows[t].seq == rows[t - 1].seq && rows[t].pos == rows[t - 1].pos + 1)
			continue;
		e->run[e->n_runs++] = t;
		length = 0;
	}
	e->run[e->n_runs] = n;
}

/* An item is a KV head of a run. Rows of one sequence share their lists of pages. */
static void
attend_head(void *arg, size_t item)
{
	const struct attention *a = arg;
	struct engine *e = a->e;
	const struct hparams *hp = &e->model->hp;
	size_t run = item % e->n_runs, h = item / e->n_runs, t = e->run[run];
	size_t group = hp->n_heads / hp->n_kv_heads, at = h * group * hp->head_dim;
	size_t pages = e->page_of_row[t] * hp->n_kv_heads + h * (a->rows[t].seq->n_pages);

	e->kernels->attend(&(struct attend){
		.q = e->q + t * e->q_ld + at,
		.out = e->attended + t * e->q_ld + at,
		.k = e->page_keys + pages,
		.v = e->page_values + pages,
		.queries = e->run[run + 1] - t,
		.ldq = e->q_ld,
		.ldo = e->q_ld,
		.group = group,
		.head_dim = hp->head_dim,
		.pos = a->rows[t].pos,
		.scale = e->attention_scale,
	});
}

/* Lists the pages of the batch's sequences for each KV head of a layer. */
static void
list_pages(struct engine *e, const struct engine_row *rows, size_t n, uint32_t layer)
{
	uint32_t heads = e->model->hp.n_kv_heads;
	size_t at = 0;

	for (size_t t = 0; t < n; t++) {
		const struct kv_seq *s = rows[t].seq;
		if (t > 0 && rows[t - 1].seq == s) {
			e->page_of_row[t] = e->page_of_row[t - 1];
			continue;
		}
		e->page_of_row[t] = at;
		for (uint32_t h = 0; h < heads; h++) {
			for (size_t i = 0; i < s->n_pages; i++) {
				e->page_keys[at * heads + h * s->n_pages + i] = kv_keys(e->kv, s->page[i], layer, h);
				e->page_values[at * heads + h * s->n_pages + i] = kv_values(e->kv, s->page[i], layer, h);
			}
		}
		at += s->n_pages;
	}
}

/* Room for the lists of all pages of a batch: they are the same number in every layer. */
static int
reserve_pages(struct engine *e, const struct engine_row *rows, size_t n)
{
	size_t pages = 0, cap = e->pages_cap;

	for (size_t t = 0; t < n; t++)
		if (t == 0 || rows[t - 1].seq != rows[t].seq)
			pages += rows[t].seq->n_pages;
	pages *= e->model->hp.n_kv_heads;
	if (mem_grow(&e->page_keys, &cap, pages, sizeof *e->page_keys) < 0)
		return -1;
	return mem_grow(&e->page_values, &e->pages_cap, pages, sizeof *e->page_values);
}

/* ---- the layers ---- */

static void
attention_block(struct engine *e, const struct layer *l, float *x, const struct engine_row *rows, size_t n, uint32_t number)
{
	struct attention a = { e, rows, number };
	struct products qkv = { .e = e }, o = { .e = e, .add_to = x };

	prepare(e, l->attn_norm, x, e->x_ld, n, (const struct weight *[]){ &l->q, &l->k, &l->v }, 3);
	add_product(&qkv, &l->q, e->q, e->q_ld, n);
	add_product(&qkv, &l->k, e->k, e->kv_ld, n);
	add_product(&qkv, &l->v, e->v, e->kv_ld, n);
	run_products(&qkv);

	pool_run(e->pool, n, store_row, &a);
	list_pages(e, rows, n, number);
	pool_run(e->pool, e->n_runs * e->model->hp.n_kv_heads, attend_head, &a);

	prepare(e, NULL, e->attended, e->q_ld, n, (const struct weight *[]){ &l->o }, 1);
	add_product(&o, &l->o, e->out, e->x_ld, n);
	run_products(&o);
}

static void
feed_forward_block(struct engine *e, const struct layer *l, float *x, size_t n)
{
	struct products gate_up = { .e = e, .gated = true }, down = { .e = e, .add_to = x };

	prepare(e, l->ffn_norm, x, e->x_ld, n, (const struct weight *[]){ &l->gate, &l->up }, 2);
	add_product(&gate_up, &l->gate, e->gate, e->ffn_ld, n);
	add_product(&gate_up, &l->up, e->up, e->ffn_ld, n);
	run_products(&gate_up);

	prepare(e, NULL, e->gate, e->ffn_ld, n, (const struct weight *[]){ &l->down }, 1);
	add_product(&down, &l->down, e->out, e->x_ld, n);
	run_products(&down);
}

int
engine_layers(struct engine *e, float *x, const struct engine_row *rows, size_t n)
{
	if (n == 0)
		return 0;
	if (reserve_pages(e, rows, n) < 0)
		return -1;
	list_runs(e, rows, n);
	for (size_t t = 0; t < n; t++)
		rope_at(&e->rope, rows[t].pos, e->cos + t * e->rope.pairs, e->sin + t * e->rope.pairs);
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
	prepare(e, NULL, normed, e->x_ld, n, (const struct weight *[]){ &e->weights.head }, 1);
	add_product(&head, &e->weights.head, logits, engine_logits_stride(e), n);
	run_products(&head);
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
	e->context = o->context ? o->context : hp->context;
	e->attention_scale = 1.0f / __builtin_sqrtf((float)hp->head_dim);
	if (!(e->kernels = kernels_best()) || !(e->pool = pool_new(o->threads)) ||
	    weights_load(&e->weights, m, e->pool) < 0 || rope_init(&e->rope, hp, e->weights.rope_factors) < 0 ||
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
	float *scratch[] = { e->normed, e->q, e->k, e->v, e->attended, e->gate, e->up, e->out, e->cos, e->sin };
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
