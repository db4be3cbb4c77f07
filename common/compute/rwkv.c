/*
 * Layers of RWKV-7 (Peng et al. 2025), which keep of each head a matrix, its state, and the last inputs of their two halves:
 *
 *	h = norm(x);  each input below is h + (h before - h) * lerp, with a lerp of its own
 *	r, k, v = W h;  w = exp(-0.606531 s(w0 + W2 tanh(W1 h)));  a = s(a0 + A2 A1 h);  g = G2 s(G1 h)
 *	v = v + (v of the first layer - v) s(v0 + V2 V1 h)      behind the first layer
 *	kk = k k_k, each head of length 1;  k = k + k k_a (a - 1)
 *	y = norm of each head(the state's answer to r) + (sum of r k r_k) v      see compute/kernel.h, with -kk as a and kk a as b
 *	x = x + (y g) W_out
 *	h = norm(x), mixed likewise;  x = x + relu(h W_up)^2 W_down
 *
 * The first layer's values stand in each row of hidden states behind x, and so go with it to whoever has the next layers.
 * Of a batch a thread takes some channels, or a head, of all rows, one after the other: so each sequence's come in order.
 */
#include "compute/engine_impl.h"

enum { CHANNELS = 64 }; /* an item */

/* The parts of a row. */
enum {
	H, BEFORE,           /* what is mixed, and how much more there was before */
	INPUT,               /* as wide as x, since products_wide takes it */
	R, W, K, V, A, G,    /* in place of R y comes */
	KEEPS,               /* how much of the first layer's values v takes */
	LOW,                 /* between two matrices of low rank */
};

/* The inputs, as their lerps lie in a file. */
enum { OF_R, OF_W, OF_K, OF_V, OF_A, OF_G };

struct pass {
	struct engine *e;
	const struct layer *l;
	float *x;
	const struct engine_row *rows;
	size_t n;
	uint32_t number;
	const struct norm *norm;
	size_t last;         /* where in a state the last input of this half is */
	const float *lerp;   /* of the next input */
};

static uint64_t
state_floats(const struct hparams *hp)
{
	return (2 + (uint64_t)hp->wkv.head) * hp->dim;
}

static void
widths(const struct hparams *hp, size_t width[RECURRENT_PARTS])
{
	const size_t low[] = { hp->wkv.decay, hp->wkv.rate, hp->wkv.value, hp->wkv.gate };

	for (size_t i = 0; i < RECURRENT_PARTS; i++)
		width[i] = hp->dim;
	width[INPUT] = hp->hidden;
	width[LOW] = 0;
	for (size_t i = 0; i < sizeof low / sizeof *low; i++)
		width[LOW] = low[i] > width[LOW] ? low[i] : width[LOW];
}

static float *
state(const struct pass *p, size_t t)
{
	return kv_state(p->e->kv, p->rows[t].seq->page[0], p->number);
}

/* ---- inputs ---- */

static void
norm_row(void *arg, size_t t)
{
	const struct pass *p = arg;

	engine_norm_row(p->e, p->norm, engine_part(p->e, H, t), p->x + t * p->e->x_ld, p->e->model->hp.dim);
}

static void
look_back(void *arg, size_t item)
{
	const struct pass *p = arg;
	size_t dim = p->e->model->hp.dim, first = item * CHANNELS, end = first + CHANNELS < dim ? first + CHANNELS : dim;

	for (size_t t = 0; t < p->n; t++) {
		float *last = state(p, t) + p->last, *before = engine_part(p->e, BEFORE, t);
		const float *h = engine_part(p->e, H, t);
		for (size_t i = first; i < end; i++) {
			before[i] = last[i] - h[i];
			last[i] = h[i];
		}
	}
}

static void
mix_row(void *arg, size_t t)
{
	const struct pass *p = arg;
	const float *h = engine_part(p->e, H, t), *before = engine_part(p->e, BEFORE, t);
	float *to = engine_part(p->e, INPUT, t);

	for (size_t i = 0; i < p->e->model->hp.dim; i++)
		to[i] = h[i] + before[i] * p->lerp[i];
}

/* Of one half of the layer. */
static void
begin(struct pass *p, const struct norm *norm, size_t last)
{
	p->norm = norm;
	p->last = last;
	pool_run(p->e->pool, p->n, norm_row, p);
	pool_run(p->e->pool, (p->e->model->hp.dim + CHANNELS - 1) / CHANNELS, look_back, p);
}

static void
mix(struct pass *p, const float *lerp)
{
	p->lerp = lerp;
	pool_run(p->e->pool, p->n, mix_row, p);
}

/* ---- matrices ---- */

static void
product(const struct pass *p, const struct weight *w, size_t from, size_t to)
{
	products_one(p->e, NULL, w, p->e->part[from], p->e->part_ld[from], p->e->part[to], p->e->part_ld[to], p->n);
}

enum low_act { LOW_PLAIN, LOW_TANH, LOW_SIGMOID };

/* Few numbers a row: not worth sharing out. */
static void
low_product(const struct pass *p, const struct low_pair *w, enum low_act act, size_t to)
{
	const struct kernels *k = p->e->kernels;

	product(p, &w->first, INPUT, LOW);
	for (size_t t = 0; act != LOW_PLAIN && t < p->n; t++) {
		float *low = engine_part(p->e, LOW, t);
		if (act == LOW_TANH)
			k->soft_cap(low, w->first.rows, 1);
		else
			k->sigmoid(low, w->first.rows);
	}
	product(p, &w->second, LOW, to);
}

/* ---- heads ---- */

/* Values mixed with those of the first layer, or kept for the others. */
static void
share_values(const struct pass *p, size_t t, size_t at, size_t n)
{
	float *v = engine_part(p->e, V, t) + at, *first = p->x + t * p->e->x_ld + p->e->model->hp.dim + at;
	float *keeps = engine_part(p->e, KEEPS, t) + at;

	if (!p->l->rwkv.value.first.data) {
		for (size_t i = 0; i < n; i++)
			first[i] = v[i];
		return;
	}
	p->e->kernels->sigmoid(keeps, n);
	for (size_t i = 0; i < n; i++)
		v[i] += (first[i] - v[i]) * keeps[i];
}

/* The state's key, kk, of length 1, negated; and what goes into the state with it. */
static void
state_keys(const float *k, const float *of_k, const float *a, float *away, float *in, size_t n)
{
	const float least = 1e-12f;
	float squares = 0;

	for (size_t i = 0; i < n; i++) {
		in[i] = k[i] * of_k[i];
		squares += in[i] * in[i];
	}
	float length = __builtin_sqrtf(squares), scale = 1 / (length > least ? length : least);
	for (size_t i = 0; i < n; i++) {
		away[i] = -(in[i] * scale);
		in[i] = in[i] * scale * a[i];
	}
}

/* One row of a head, from channel `at` on: y in place of r. */
static void
head_row(const struct pass *p, size_t t, size_t at, size_t n)
{
	const struct engine *e = p->e;
	const struct rwkv *l = &p->l->rwkv;
	float *r = engine_part(e, R, t) + at, *w = engine_part(e, W, t) + at, *k = engine_part(e, K, t) + at, *a = engine_part(e, A, t) + at;
	const float *v = engine_part(e, V, t) + at, *g = engine_part(e, G, t) + at;
	float away[MODEL_MAX_WKV_HEAD], in[MODEL_MAX_WKV_HEAD], y[MODEL_MAX_WKV_HEAD], sum = 0;

	share_values(p, t, at, n);
	e->kernels->sigmoid(w, n);
	e->kernels->exp_scaled(w, -0.606531f, n); /* the root of 1/e, as RWKV has it */
	e->kernels->sigmoid(a, n);
	state_keys(k, l->kk + at, a, away, in, n);
	for (size_t i = 0; i < n; i++)
		k[i] += k[i] * l->ka[at + i] * (a[i] - 1);
	e->kernels->wkv(&(struct wkv){ .s = state(p, t) + 2 * (size_t)e->model->hp.dim + at * n, .r = r, .w = w, .k = k, .v = v, .a = away, .b = in, .y = y, .n = n });
	e->kernels->layer_norm(y, y, l->heads.w + at, l->heads.b + at, n, 64e-5f);
	for (size_t i = 0; i < n; i++)
		sum += k[i] * r[i] * l->rk[at + i];
	for (size_t i = 0; i < n; i++)
		r[i] = (y[i] + v[i] * sum) * g[i];
}

static void
head(void *arg, size_t item)
{
	const struct pass *p = arg;
	size_t n = p->e->model->hp.wkv.head;

	for (size_t t = 0; t < p->n; t++)
		head_row(p, t, item * n, n);
}

/* ---- the halves of a layer ---- */

static void
time_mix(struct pass *p)
{
	struct engine *e = p->e;
	const struct hparams *hp = &e->model->hp;
	const struct rwkv *l = &p->l->rwkv;
	const struct norm none = { 0 };

	begin(p, &p->l->attn, 0);
	mix(p, l->lerps + OF_R * (size_t)hp->dim);
	product(p, &l->r, INPUT, R);
	mix(p, l->lerps + OF_W * (size_t)hp->dim);
	low_product(p, &l->decay, LOW_TANH, W);
	mix(p, l->lerps + OF_K * (size_t)hp->dim);
	product(p, &l->k, INPUT, K);
	mix(p, l->lerps + OF_V * (size_t)hp->dim);
	product(p, &l->v, INPUT, V);
	if (l->value.first.data)
		low_product(p, &l->value, LOW_PLAIN, KEEPS);
	mix(p, l->lerps + OF_A * (size_t)hp->dim);
	low_product(p, &l->rate, LOW_PLAIN, A);
	mix(p, l->lerps + OF_G * (size_t)hp->dim);
	low_product(p, &l->gate, LOW_SIGMOID, G);
	pool_run(e->pool, hp->dim / hp->wkv.head, head, p);
	engine_add_product(e, &l->out, &none, &none, e->part[R], e->part_ld[R], p->x, p->n);
}

static void
channel_mix(struct pass *p)
{
	struct engine *e = p->e;
	const struct norm none = { 0 };

	begin(p, &p->l->ffn, e->model->hp.dim);
	mix(p, p->l->rwkv.channel_lerp);
	products_wide(e, NULL, &p->l->gate, &p->l->up, e->part[INPUT], p->n);
	engine_add_product(e, &p->l->down, &none, &none, e->gate, e->ffn_ld, p->x, p->n);
}

static void
layer(struct engine *e, const struct layer *l, float *x, const struct engine_row *rows, size_t n, uint32_t number)
{
	struct pass p = { .e = e, .l = l, .x = x, .rows = rows, .n = n, .number = number };

	time_mix(&p);
	channel_mix(&p);
}

const struct mixer mixer_rwkv = { layer, widths, state_floats };
