#include <string.h>

#include "base/mem.h"
#include "compute/engine_impl.h"
#include "model/types.h"

struct attention {
	struct engine *e;
	const struct engine_row *rows;
	size_t n;
	uint32_t layer;
};

/* The norm of a row's heads: of each, or of all at once. */
static void
norm_heads(const struct engine *e, const struct norm *norm, float *x, uint32_t heads)
{
	const struct hparams *hp = &e->model->hp;
	size_t d = hp->how->whole_row_norms ? (size_t)heads * hp->head_dim : hp->head_dim, all = (size_t)heads * hp->head_dim;

	for (size_t at = 0; at < all && engine_norm_row(e, norm, x + at, x + at, d); at += d)
		;
}

static void
rotate(const struct engine *e, float *x, uint32_t heads, const float *cos, const float *sin)
{
	const struct hparams *hp = &e->model->hp;

	if (hp->how->rope == ROPE_PAIRS)
		e->kernels->rope(x, heads, hp->head_dim, cos, sin, hp->rope_dim);
	else if (hp->how->rope == ROPE_HALVES)
		e->kernels->rope_halves(x, heads, hp->head_dim, cos, sin, hp->rope_dim);
}

/* Rotates a row's queries and keys by its position, and puts its keys and values into the cache. */
static void
store_row(void *arg, size_t t)
{
	const struct attention *a = arg;
	struct engine *e = a->e;
	const struct hparams *hp = &e->model->hp;
	const struct engine_row *row = &a->rows[t];
	const struct layer *l = &e->weights.layer[a->layer];
	const int which = engine_rope_of(e, a->layer);
	const float *cos = e->cos[which] + t * e->rope[which].pairs, *sin = e->sin[which] + t * e->rope[which].pairs;
	float *q = e->q + t * e->q_ld, *k = e->k + t * e->kv_ld;
	const float *v = e->v + t * e->kv_ld;
	struct kv_page *page = row->seq->page[row->pos / KV_PAGE];

	if (l->latent.heads > 0) {
		latent_row(e, l, t, cos, sin);
		v = k;
	} else {
		norm_heads(e, &l->q_norm, q, hp->n_heads);
		norm_heads(e, &l->k_norm, k, hp->n_kv_heads);
		rotate(e, q, hp->n_heads, cos, sin);
		rotate(e, k, hp->n_kv_heads, cos, sin);
	}
	for (uint32_t h = 0; h < hp->n_kv_heads; h++)
		kv_store(e->kv, page, a->layer, h, row->pos, k + (size_t)h * hp->head_dim, v + (size_t)h * hp->head_dim);
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
	const float *sinks = e->weights.layer[a->layer].sinks;
	size_t pages = e->page_of_row[t] * hp->n_kv_heads + h * (a->rows[t].seq->n_pages);

	e->kernels->attend(&(struct attend){
		.q = e->q + t * e->q_ld + at,
		.out = e->attended + t * e->q_ld + at,
		.k = e->page_keys + pages,
		.v = e->page_values + pages,
		.type = kv_type(e->kv),
		.queries = e->run[run + 1] - t,
		.ldq = e->q_ld,
		.ldo = e->q_ld,
		.group = group,
		.head_dim = hp->head_dim,
		.pos = a->rows[t].pos,
		.keys = e->keys,
		.window = hparams_window(hp, e->model->layer_first + a->layer),
		.scale = e->attention_scale,
		.soft_cap = (float)hp->attn_cap,
		.sinks = sinks ? sinks + h * group : NULL,
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

int
attention_begin(struct engine *e, const struct engine_row *rows, size_t n)
{
	if (reserve_pages(e, rows, n) < 0)
		return -1;
	list_runs(e, rows, n);
	for (int i = 0; i < 2; i++)
		for (size_t t = 0; t < n; t++)
			rope_at(&e->rope[i], rows[t].pos, e->cos[i] + t * e->rope[i].pairs, e->sin[i] + t * e->rope[i].pairs);
	return 0;
}

void
attention_store(struct engine *e, const struct engine_row *rows, size_t n, uint32_t layer)
{
	struct attention a = { e, rows, n, layer };

	pool_run(e->pool, n, store_row, &a);
}

void
attention_run(struct engine *e, const struct engine_row *rows, size_t n, uint32_t layer)
{
	struct attention a = { e, rows, n, layer };

	attention_store(e, rows, n, layer);
	list_pages(e, rows, n, layer);
	pool_run(e->pool, e->n_runs * e->model->hp.n_kv_heads, attend_head, &a);
}
