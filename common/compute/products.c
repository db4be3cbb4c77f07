#include "compute/engine_impl.h"
#include "compute/inputs.h"
#include "model/blocks.h"
#include "model/tile.h"
#include "model/types.h"

enum {
	MOST_TILES = 16,  /* an item */
	LOW_TILES = 2,    /* an item of the A of adapters, which have few, */
	LOW_TOKENS = 64,  /* and tokens, of which there may be many */
	ADD_TOKENS = 16,  /* at once for B: what is added stays in the first-level cache */
};

static size_t
tiles(const struct matmul *m)
{
	return tile_whole(m->rows) / TILE_ROWS;
}

/* Which product an item belongs to; *item becomes that within it. */
static size_t
product_of(const struct products *p, size_t *item)
{
	size_t i = 0;

	while (*item >= p->items[i])
		*item -= p->items[i++];
	return i;
}

/* ---- adapters ---- */

static size_t
low_groups(const struct matmul *m)
{
	return (m->tokens + LOW_TOKENS - 1) / LOW_TOKENS;
}

static void
low_item(void *arg, size_t item)
{
	const struct products *p = arg;
	size_t groups = low_groups(&p->m[0]), t = item % groups * LOW_TOKENS;

	item /= groups;
	struct matmul m = p->m[product_of(p, &item)];
	struct activations x = { .ld = m.x->ld, .f32 = m.x->f32 + t * m.x->ld };
	size_t first = item * LOW_TILES, last = first + LOW_TILES < tiles(&m) ? first + LOW_TILES : tiles(&m);
	m.x = &x;
	m.y += t * m.ldy;
	m.tokens = m.tokens - t < LOW_TOKENS ? m.tokens - t : LOW_TOKENS;
	p->e->kernels->matmul(&m, first, last);
}

/* A x of all adapters, into e->low. */
static void
run_low(const struct products *p)
{
	struct products low = { .e = p->e };
	size_t items = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (!p->w[i]->adapters)
			continue;
		const struct weight *a = &p->w[i]->adapters->a;
		products_add(&low, a, p->e->low + p->low_at[i], p->e->low_ld, p->m[i].tokens);
		low.items[low.n - 1] = (tiles(&low.m[low.n - 1]) + LOW_TILES - 1) / LOW_TILES;
		items += low.items[low.n - 1];
	}
	pool_run(p->e->pool, items * low_groups(&p->m[0]), low_item, &low);
}

/* The i-th product gets what its adapters add, one after the other. */
static void
add_adapters(const struct products *p, size_t i, size_t first, size_t last)
{
	float added[ADD_TOKENS][MOST_TILES * TILE_ROWS] __attribute__((aligned(64)));
	const struct engine *e = p->e;
	const struct matmul *m = &p->m[i];
	const struct low_rank *low = p->w[i]->adapters;
	size_t rows = (last - first) * TILE_ROWS, low_at = p->low_at[i];

	for (size_t k = 0; k < low->n; k++) {
		const struct weight *b = &low->b[k];
		for (size_t t = 0; t < m->tokens; t += ADD_TOKENS) {
			struct activations x = { .ld = e->low_ld, .f32 = e->low + t * e->low_ld + low_at };
			struct matmul part = {
				.type = b->type, .w = (const float *)b->data + first * TILE_ROWS * b->cols,
				.rows = rows, .cols = b->cols, .x = &x,
				.tokens = m->tokens - t < ADD_TOKENS ? m->tokens - t : ADD_TOKENS,
				.y = added[0], .ldy = MOST_TILES * TILE_ROWS,
			};
			e->kernels->matmul(&part, 0, last - first);
			for (size_t s = 0; s < part.tokens; s++)
				e->kernels->add(m->y + (t + s) * m->ldy + first * TILE_ROWS, added[s], rows);
		}
		low_at += tile_whole(b->cols);
	}
}

/* ---- products ---- */

/* What is no number stays none. */
static void
relu_squared(float *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = y[i] < 0 ? 0 : y[i] * y[i];
}

static void
activate(const struct engine *e, float *y, const float *up, size_t n)
{
	switch (e->model->hp.how->act) {
	case ACT_SILU:
		e->kernels->silu_mul(y, y, up, n);
		break;
	case ACT_GELU:
		e->kernels->gelu_mul(y, y, up, n);
		break;
	case ACT_SWIGLU_CLAMPED:
		e->kernels->swiglu_clamped(y, y, up, n);
		break;
	case ACT_RELU_SQUARED:
		relu_squared(y, n);
	}
}

/* Rows that fill up the last tile have no bias. */
static void
add_bias(const struct products *p, size_t i, size_t first, size_t last)
{
	const struct matmul *m = &p->m[i];
	size_t at = first * TILE_ROWS, end = last * TILE_ROWS < m->rows ? last * TILE_ROWS : m->rows;

	for (size_t t = 0; t < m->tokens; t++)
		p->e->kernels->add(m->y + t * m->ldy + at, p->w[i]->bias + at, end - at);
}

static void
finish_rows(const struct products *p, const struct matmul *m, size_t first, size_t last)
{
	const struct kernels *k = p->e->kernels;
	size_t at = first * TILE_ROWS, n = (last - first) * TILE_ROWS;

	for (size_t t = 0; t < m->tokens; t++) {
		float *y = m->y + t * m->ldy + at;
		if (p->gated)
			activate(p->e, y, p->m[1].y + t * m->ldy + at, n);
		else if (p->activated)
			activate(p->e, y, NULL, n);
		else if (p->add_to)
			k->add(p->add_to + t * m->ldy + at, y, n);
	}
}

static void
run_tiles(const struct products *p, size_t i, size_t first, size_t last)
{
	p->e->kernels->matmul(&p->m[i], first, last);
	if (p->w[i]->adapters)
		add_adapters(p, i, first, last);
	if (p->w[i]->bias)
		add_bias(p, i, first, last);
}

static void
product_item(void *arg, size_t item)
{
	const struct products *p = arg;
	size_t i = product_of(p, &item), first = item * p->chunk, last = first + p->chunk, all = tiles(&p->m[i]);

	if (last > all)
		last = all;
	run_tiles(p, i, first, last);
	if (p->gated)
		run_tiles(p, 1, first, last);
	finish_rows(p, &p->m[i], first, last);
}

void
products_add(struct products *p, const struct weight *w, float *y, size_t ldy, size_t tokens)
{
	p->w[p->n] = w;
	p->low_at[p->n] = p->low_width;
	p->low_width += w->adapters ? w->adapters->a.rows : 0;
	p->m[p->n++] = (struct matmul){
		.type = w->type, .w = w->data, .scales = w->scales, .rows = w->rows, .cols = w->cols,
		.x = &p->e->act, .tokens = tokens, .y = y, .ldy = ldy,
	};
}

void
products_run(struct products *p)
{
	size_t all = 0, items = 0, shares = 4 * pool_threads(p->e->pool);
	size_t jobs = p->gated ? 1 : p->n;

	for (size_t i = 0; p->e->inputs && i < p->n; i++)
		inputs_add(p->e->inputs, p->w[i], p->m[i].x, p->m[i].tokens, p->e->pool);
	if (p->low_width > 0)
		run_low(p);
	for (size_t i = 0; i < jobs; i++)
		all += tiles(&p->m[i]);
	/*
	 * Small enough to share out evenly, large enough to stream: an even number of tiles (compute/kernel.h). Memory is read the faster
	 * the longer it is read in one go.
	 */
	p->chunk = all / shares / 2 * 2;
	if (p->chunk < 2)
		p->chunk = 2;
	if (p->chunk > MOST_TILES)
		p->chunk = MOST_TILES;
	for (size_t i = 0; i < jobs; i++) {
		p->items[i] = (tiles(&p->m[i]) + p->chunk - 1) / p->chunk;
		items += p->items[i];
	}
	pool_run(p->e->pool, items, product_item, p);
}

/* ---- activations ---- */

struct prepare {
	struct engine *e;
	const struct norm *norm; /* normalise x into e->normed first, or NULL */
	const float *x;
	size_t n, cols;
	bool bf16, q8;
};

bool
engine_norm_row(const struct engine *e, const struct norm *norm, float *y, const float *x, size_t n)
{
	const struct hparams *hp = &e->model->hp;

	if (!norm->w)
		return false;
	if (hp->how->norm == NORM_LAYER)
		e->kernels->layer_norm(y, x, norm->w, norm->b, n, (float)hp->norm_eps);
	else
		e->kernels->rms_norm(y, x, norm->w, n, (float)hp->norm_eps);
	return true;
}

static void
prepare_row(const struct prepare *p, size_t t)
{
	struct activations *a = &p->e->act;
	const struct kernels *k = p->e->kernels;
	const float *x = p->x + t * a->ld;

	if (p->norm) {
		float *y = p->e->normed + t * a->ld;
		engine_norm_row(p->e, p->norm, y, x, p->cols);
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

void
products_prepare(struct engine *e, const struct norm *norm, const float *x, size_t ld, size_t n,
    const struct weight *const *w, size_t n_w)
{
	struct prepare p = { .e = e, .norm = norm && norm->w ? norm : NULL, .x = x, .n = n, .cols = w[0]->cols };

	for (size_t i = 0; i < n_w; i++) {
		p.bf16 |= w[i]->type == TYPE_BF16;
		p.q8 |= blocks_has(w[i]->type);
	}
	e->act.f32 = p.norm ? e->normed : x;
	e->act.ld = ld;
	if (p.norm || p.bf16 || p.q8)
		pool_run(e->pool, (n + Q8_GROUP - 1) / Q8_GROUP, prepare_group, &p);
}

/* ---- whole ones ---- */

void
products_one(struct engine *e, const struct norm *norm, const struct weight *w, const float *x, size_t ld, float *y, size_t ldy, size_t n)
{
	struct products p = { .e = e };

	products_prepare(e, norm, x, ld, n, (const struct weight *[]){ w }, 1);
	products_add(&p, w, y, ldy, n);
	products_run(&p);
}

void
products_wide(struct engine *e, const struct norm *norm, const struct weight *gate, const struct weight *up, const float *x, size_t n)
{
	bool gated = gate->data;
	struct products p = { .e = e, .gated = gated, .activated = !gated };

	products_prepare(e, norm, x, e->x_ld, n, gated ? (const struct weight *[]){ gate, up } : (const struct weight *[]){ up }, gated ? 2 : 1);
	if (gated)
		products_add(&p, gate, e->gate, e->ffn_ld, n);
	products_add(&p, up, gated ? e->up : e->gate, e->ffn_ld, n);
	products_run(&p);
}
