/*
 * Layers of Mamba (Gu, Dao 2023), which keep of each channel the last inputs of its convolution and the numbers of its state:
 *
 *	u, z = norm(x) W_in
 *	u = silu(convolution of u over its last positions + b)
 *	t, B, C = u W_x;  t = softplus(t W_dt + b)
 *	h = h exp(t A) + t u B;  y = sum(h C) + u D        for each channel, h, A, B and C of as many numbers
 *	x = x + (y silu(z)) W_out
 *
 * Of a batch a thread takes some channels of all rows, one after the other: so each sequence's come in order, whatever stands between.
 */
#include "compute/engine_impl.h"

enum { CHANNELS = 64 }; /* an item: their states stay in the first-level cache */

/* The parts of a row: u and z; u behind the convolution; what W_x gives; t, in place of which y comes. */
enum { IN, U, TBC, T };

struct pass {
	struct engine *e;
	const struct mamba *l;
	const struct engine_row *rows;
	size_t n;
	uint32_t number;
};

static uint64_t
state_floats(const struct hparams *hp)
{
	return (hp->ssm.taps - 1 + (uint64_t)hp->ssm.states) * hp->ssm.inner;
}

static void
widths(const struct hparams *hp, size_t width[RECURRENT_PARTS])
{
	width[IN] = 2 * (size_t)hp->ssm.inner;
	width[U] = width[T] = hp->ssm.inner;
	width[TBC] = hp->ssm.rank + 2 * (size_t)hp->ssm.states;
}

/* Channels of an item, from *first on. */
static size_t
channels(const struct pass *p, size_t item, size_t *first)
{
	size_t left = p->e->model->hp.ssm.inner - (*first = item * CHANNELS);

	return left < CHANNELS ? left : CHANNELS;
}

static float *
state(const struct pass *p, size_t t)
{
	return kv_state(p->e->kv, p->rows[t].seq->page[0], p->number);
}

static void
convolve(void *arg, size_t item)
{
	const struct pass *p = arg;
	size_t at, n = channels(p, item, &at);

	for (size_t t = 0; t < p->n; t++)
		p->e->kernels->ssm_conv(&(struct ssm_conv){
			.last = state(p, t) + at, .w = p->l->conv + at, .b = p->l->conv_bias + at, .x = engine_part(p->e, IN, t) + at, .y = engine_part(p->e, U, t) + at,
			.taps = p->e->model->hp.ssm.taps, .ld = p->e->model->hp.ssm.inner, .n = n,
		});
}

static void
scan(void *arg, size_t item)
{
	const struct pass *p = arg;
	const struct hparams *hp = &p->e->model->hp;
	size_t at, n = channels(p, item, &at);

	for (size_t t = 0; t < p->n; t++) {
		const float *b = engine_part(p->e, TBC, t) + hp->ssm.rank;
		float *y = engine_part(p->e, T, t) + at;
		p->e->kernels->ssm_scan(&(struct ssm_scan){
			.h = state(p, t) + (hp->ssm.taps - 1) * (size_t)hp->ssm.inner + at, .a = p->l->a + at, .b = b, .c = b + hp->ssm.states,
			.x = engine_part(p->e, U, t) + at, .dt = y, .d = p->l->d + at, .y = y,
			.states = hp->ssm.states, .ld = hp->ssm.inner, .n = n,
		});
		p->e->kernels->silu_mul(y, engine_part(p->e, IN, t) + hp->ssm.inner + at, y, n);
	}
}

/* Of Falcon Mamba. */
static void
norm_row(void *arg, size_t t)
{
	const struct pass *p = arg;
	const struct hparams *hp = &p->e->model->hp;
	const size_t n[] = { hp->ssm.rank, hp->ssm.states, hp->ssm.states };
	float *x = engine_part(p->e, TBC, t);

	for (size_t i = 0; i < sizeof n / sizeof *n; x += n[i++])
		p->e->kernels->rms_norm(x, x, NULL, n[i], (float)hp->norm_eps);
}

static void
layer(struct engine *e, const struct layer *l, float *x, const struct engine_row *rows, size_t n, uint32_t number)
{
	const struct mamba *s = &l->mamba;
	const struct norm none = { 0 };
	struct pass p = { e, s, rows, n, number };
	size_t items = (e->model->hp.ssm.inner + CHANNELS - 1) / CHANNELS;

	products_one(e, &l->attn, &s->in, x, e->x_ld, e->part[IN], e->part_ld[IN], n);
	pool_run(e->pool, items, convolve, &p);
	products_one(e, NULL, &s->x, e->part[U], e->part_ld[U], e->part[TBC], e->part_ld[TBC], n);
	if (e->model->hp.ssm.norms)
		pool_run(e->pool, n, norm_row, &p);
	products_one(e, NULL, &s->dt, e->part[TBC], e->part_ld[TBC], e->part[T], e->part_ld[T], n);
	pool_run(e->pool, items, scan, &p);
	engine_add_product(e, &s->out, &none, &none, e->part[T], e->part_ld[T], x, n);
}

const struct mixer mixer_mamba = { layer, widths, state_floats };
