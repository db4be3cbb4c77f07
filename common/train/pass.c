#include "train/pass_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- rows ---- */

static void
norm_rows(const struct pass *p, float *y, const float *x, size_t w, size_t n)
{
	size_t dim = p->net->hp.dim;

	for (size_t i = 0; i < n; i++)
		p->kernels->rms_norm(y + i * dim, x + i * dim, p->net->weights.value + w, dim, p->eps);
}

/* dx += what comes through the norm of x from p->dnormed. */
static void
norm_rows_back(const struct pass *p, const float *x, size_t w, size_t n, float *gradient)
{
	size_t dim = p->net->hp.dim;
	float *dw = p->lora ? p->unused : gradient + w;

	for (size_t i = 0; i < n; i++)
		p->ops->rms_norm_back(p->dx + i * dim, dw, p->dnormed + i * dim, x + i * dim, p->net->weights.value + w, dim,
		    p->eps);
}

/* Turns q and k, which lie side by side, by each row's position, or back. */
static void
rotate_rows(const struct pass *p, float *qkv, const float *sin, size_t n)
{
	const struct hparams *hp = &p->net->hp;
	size_t ld = net_qkv_rows(p->net);

	for (size_t i = 0; i < n; i++) {
		size_t angle = i % p->context * p->rope.pairs;
		p->kernels->rope(qkv + i * ld, hp->n_heads + hp->n_kv_heads, hp->head_dim, p->cos + angle, sin + angle,
		    hp->rope_dim);
	}
}

/* ---- one layer ---- */

struct layer_linears {
	struct linear qkv, out, gate_up, down;
};

static struct layer_linears
linears(const struct pass *p, uint32_t i)
{
	const struct net *n = p->net;
	const struct net_layer *l = &n->layer[i];
	size_t dim = n->hp.dim, q = net_q_rows(n);

	return (struct layer_linears){
		.qkv = { i, LORA_Q, 3, l->qkv, net_qkv_rows(n), dim },
		.out = { i, LORA_OUT, 1, l->out, dim, q },
		.gate_up = { i, LORA_GATE, 2, l->gate_up, 2 * (size_t)n->hp.ffn, dim },
		.down = { i, LORA_DOWN, 1, l->down, dim, n->hp.ffn },
	};
}

/* p->x through layer i, in place. */
static void
layer_forward(struct pass *p, uint32_t i, size_t n)
{
	const struct net_layer *w = &p->net->layer[i];
	const struct layer_linears l = linears(p, i);
	struct kept *k = &p->layer[i];
	size_t ffn = p->net->hp.ffn, row = p->net->hp.dim * sizeof *p->x;

	memcpy(k->in, p->x, n * row);
	norm_rows(p, p->normed, p->x, w->attn_norm, n);
	linear_forward(p, &l.qkv, k->qkv, p->normed, n, false);
	rotate_rows(p, k->qkv, p->sin, n);
	attention_forward(p, k, n);
	linear_forward(p, &l.out, p->x, k->attended, n, true);

	memcpy(k->middle, p->x, n * row);
	norm_rows(p, p->normed, p->x, w->ffn_norm, n);
	linear_forward(p, &l.gate_up, k->gate_up, p->normed, n, false);
	for (size_t t = 0; t < n; t++)
		p->kernels->silu_mul(p->h + t * ffn, k->gate_up + t * 2 * ffn, k->gate_up + t * 2 * ffn + ffn, ffn);
	linear_forward(p, &l.down, p->x, p->h, n, true);
}

/* p->dx, by the layer's output, to that by its input. What the layer kept is used up. */
static void
layer_back(struct pass *p, uint32_t i, size_t n, float *gradient)
{
	const struct net_layer *w = &p->net->layer[i];
	const struct layer_linears l = linears(p, i);
	struct kept *k = &p->layer[i];
	size_t ffn = p->net->hp.ffn;

	linear_to_input(p, &l.down, p->dh, p->dx, n);
	for (size_t t = 0; t < n; t++)
		p->ops->silu_mul_back(p->h + t * ffn, k->gate_up + t * 2 * ffn, k->gate_up + t * 2 * ffn + ffn, p->dh + t * ffn,
		    ffn);
	linear_to_weights(p, &l.down, gradient, p->dx, p->h, n);
	norm_rows(p, p->normed, k->middle, w->ffn_norm, n);
	linear_to_weights(p, &l.gate_up, gradient, k->gate_up, p->normed, n);
	linear_to_input(p, &l.gate_up, p->dnormed, k->gate_up, n);
	norm_rows_back(p, k->middle, w->ffn_norm, n, gradient);

	linear_to_weights(p, &l.out, gradient, p->dx, k->attended, n);
	linear_to_input(p, &l.out, p->dattended, p->dx, n);
	attention_back(p, k, n);
	rotate_rows(p, p->dqkv, p->back, n);
	norm_rows(p, p->normed, k->in, w->attn_norm, n);
	linear_to_weights(p, &l.qkv, gradient, p->dqkv, p->normed, n);
	linear_to_input(p, &l.qkv, p->dnormed, p->dqkv, n);
	norm_rows_back(p, k->in, w->attn_norm, n, gradient);
}

/* ---- the whole ---- */

static void
embed_rows(struct pass *p, const uint32_t *token, size_t n)
{
	size_t dim = p->net->hp.dim;

	for (size_t i = 0; i < n; i++)
		memcpy(p->x + i * dim, p->net->weights.value + p->net->embedding + token[i] * dim, dim * sizeof *p->x);
}

static void
embed_rows_back(const struct pass *p, const uint32_t *token, size_t n, float *gradient)
{
	size_t dim = p->net->hp.dim;

	for (size_t i = 0; i < n; i++)
		p->ops->add(gradient + p->net->embedding + token[i] * dim, p->dx + i * dim, dim);
}

/* Rows of whole sequences: token[i] at row i, to predict target[i]. */
static double
run_rows(struct pass *p, const uint32_t *token, const uint32_t *target, size_t n, float *gradient, float scale)
{
	uint32_t layers = p->net->hp.n_layers;

	embed_rows(p, token, n);
	for (uint32_t i = 0; i < layers; i++)
		layer_forward(p, i, n);
	norm_rows(p, p->normed, p->x, p->net->output_norm, n);
	double loss = loss_rows(p, target, n, gradient, scale);
	if (!gradient)
		return loss;
	memset(p->dx, 0, n * p->net->hp.dim * sizeof *p->dx);
	norm_rows_back(p, p->x, p->net->output_norm, n, gradient);
	for (uint32_t i = layers; i-- > 0;)
		layer_back(p, i, n, gradient);
	if (!p->lora)
		embed_rows_back(p, token, n, gradient);
	return loss;
}

double
pass_run(struct pass *p, const uint32_t *tokens, size_t n, float *gradient, float scale)
{
	size_t at_once = p->rows / p->context;
	double loss = 0;

	for (size_t first = 0; first < n; first += at_once) {
		size_t some = n - first < at_once ? n - first : at_once;
		for (size_t s = 0; s < some; s++) {
			const uint32_t *from = tokens + (first + s) * (p->context + 1);
			memcpy(p->token + s * p->context, from, p->context * sizeof *from);
			memcpy(p->target + s * p->context, from + 1, p->context * sizeof *from);
		}
		loss += run_rows(p, p->token, p->target, some * p->context, gradient, scale);
	}
	return loss;
}

/* ---- making ---- */

/* Memory for n numbers of 4 bytes behind what was taken; NULL while `base` is, when only `used` is counted. */
struct arena {
	float *base;
	size_t used;
};

static float *
take(struct arena *a, size_t n)
{
	float *at = a->base ? a->base + a->used : NULL;

	a->used += (n + 15) / 16 * 16;
	return at;
}

static void
lay_out(struct pass *p, struct arena *a)
{
	const struct net *n = p->net;
	size_t rows = p->rows, dim = n->hp.dim, q = net_q_rows(n), qkv = net_qkv_rows(n), ffn = n->hp.ffn;
	size_t rank = p->lora ? p->lora->rank : 0, angles = (size_t)p->context * p->rope.pairs;

	p->cos = take(a, angles), p->sin = take(a, angles), p->back = take(a, angles);
	p->x = take(a, rows * dim), p->normed = take(a, rows * dim);
	p->dx = take(a, rows * dim), p->dnormed = take(a, rows * dim);
	p->dqkv = take(a, rows * qkv), p->dattended = take(a, rows * q);
	p->h = take(a, rows * ffn), p->dh = take(a, rows * ffn);
	p->logits = take(a, p->logit_rows * n->hp.n_vocab);
	p->scores = take(a, PASS_QUERIES * p->context), p->dscores = take(a, PASS_QUERIES * p->context);
	p->low = take(a, rows * rank), p->dlow = take(a, rows * rank);
	p->unused = take(a, dim);
	p->token = (uint32_t *)(void *)take(a, rows), p->target = (uint32_t *)(void *)take(a, rows);
	for (uint32_t i = 0; i < n->hp.n_layers; i++) {
		struct kept *k = &p->layer[i];
		k->in = take(a, rows * dim), k->middle = take(a, rows * dim);
		k->qkv = take(a, rows * qkv), k->attended = take(a, rows * q);
		k->gate_up = take(a, rows * 2 * ffn);
		k->softmax = (struct softmax_row *)(void *)take(a, rows * n->hp.n_heads * 2);
	}
}

static void
angles(struct pass *p)
{
	for (uint32_t i = 0; i < p->context; i++) {
		size_t at = (size_t)i * p->rope.pairs;
		rope_at(&p->rope, i, p->cos + at, p->sin + at);
		for (uint32_t k = 0; k < p->rope.pairs; k++)
			p->back[at + k] = -p->sin[at + k];
	}
}

struct pass *
pass_new(const struct net *net, const struct lora *lora, uint32_t context)
{
	struct pass *p = mem_alloc(1, sizeof *p);
	struct arena a = { 0 };

	if (!p)
		return NULL;
	p->net = net;
	p->lora = lora;
	p->context = context;
	p->rows = context < PASS_ROWS ? PASS_ROWS / context * context : context;
	p->logit_rows = net->hp.n_vocab < PASS_LOGITS ? PASS_LOGITS / net->hp.n_vocab : 1;
	p->eps = (float)net->hp.norm_eps;
	p->attention_scale = 1 / __builtin_sqrtf((float)net->hp.head_dim);
	if (!(p->kernels = kernels_best()) || !(p->ops = ops_best()) || rope_init(&p->rope, &net->hp, NULL) < 0 ||
	    !(p->layer = mem_alloc(net->hp.n_layers, sizeof *p->layer)))
		goto fail;
	lay_out(p, &a);
	if (!(p->memory = a.base = mem_alloc64(a.used, sizeof *a.base)))
		goto fail;
	a.used = 0;
	lay_out(p, &a);
	angles(p);
	return p;
fail:
	pass_free(p);
	return NULL;
}

void
pass_free(struct pass *p)
{
	if (!p)
		return;
	rope_free(&p->rope);
	free(p->layer);
	free(p->memory);
	free(p);
}
