#include "compute/engine_impl.h"
#include "model/tile.h"
#include "model/types.h"

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

void
products_add(struct products *p, const struct weight *w, float *y, size_t ldy, size_t tokens)
{
	p->m[p->n++] = (struct matmul){
		.type = w->type, .w = w->data, .rows = w->rows, .cols = w->cols,
		.x = &p->e->act, .tokens = tokens, .y = y, .ldy = ldy,
	};
}

void
products_run(struct products *p)
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

void
products_prepare(struct engine *e, const float *norm, const float *x, size_t ld, size_t n,
    const struct weight *const *w, size_t n_w)
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
