/*
 * The gradient of every tensor, beside central differences of the loss. The loss is computed here in double precision,
 * from the definition of the architecture and with none of the code under test but the layout of the weights.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tap.h"
#include "train/draw.h"
#include "train/trainer.h"

struct shape {
	const char *name;
	uint32_t dim, layers, heads, kv_heads, ffn, vocab, context;
	size_t sequences;
	bool tied;
	uint32_t rank;
	unsigned threads;
};

static const struct shape shapes[] = {
	{ "heads of their own, tied", 8, 2, 2, 2, 20, 13, 7, 3, true, 0, 1 },
	{ "grouped queries, untied, two threads", 24, 2, 6, 2, 17, 19, 9, 4, false, 0, 2 },
	{ "one KV head, more queries than one block takes", 8, 1, 4, 1, 12, 11, 70, 1, true, 0, 1 },
	{ "an adapter, grouped queries", 16, 2, 4, 2, 10, 9, 6, 3, true, 3, 2 },
};

/* ---- the loss in double ---- */

struct reference {
	const struct net *net;
	const struct lora *lora;
	const double *w;       /* the net's weights, with what the adapter adds */
};

static void
product(double *y, const double *w, const double *x, size_t rows, size_t cols)
{
	for (size_t r = 0; r < rows; r++) {
		y[r] = 0;
		for (size_t c = 0; c < cols; c++)
			y[r] += w[r * cols + c] * x[c];
	}
}

static void
norm(double *y, const double *x, const double *w, size_t n, double eps)
{
	double mean = 0;

	for (size_t i = 0; i < n; i++)
		mean += x[i] * x[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		y[i] = x[i] / sqrt(mean + eps) * w[i];
}

static void
rotate(double *x, size_t heads, size_t size, size_t pos, double theta)
{
	for (size_t h = 0; h < heads; h++, x += size)
		for (size_t i = 0; i < size; i += 2) {
			double angle = (double)pos * pow(theta, -(double)i / (double)size), a = x[i], b = x[i + 1];
			x[i] = a * cos(angle) - b * sin(angle);
			x[i + 1] = a * sin(angle) + b * cos(angle);
		}
}

/* q of one position against the k and v of all up to it, [pos][kv heads][size]. */
static void
attend(double *out, const double *q, const double *k, const double *v, const struct hparams *hp, size_t pos)
{
	size_t size = hp->head_dim, ld = hp->n_kv_heads * size;
	double p[128];

	for (size_t h = 0; h < hp->n_heads; h++) {
		size_t kv = h / (hp->n_heads / hp->n_kv_heads) * size;
		double sum = 0;
		for (size_t t = 0; t <= pos; t++) {
			p[t] = 0;
			for (size_t i = 0; i < size; i++)
				p[t] += q[h * size + i] * k[t * ld + kv + i];
			sum += p[t] = exp(p[t] / sqrt((double)size));
		}
		for (size_t i = 0; i < size; i++) {
			out[h * size + i] = 0;
			for (size_t t = 0; t <= pos; t++)
				out[h * size + i] += p[t] / sum * v[t * ld + kv + i];
		}
	}
}

static void
layer(const struct reference *r, uint32_t number, double *x, size_t n)
{
	const struct hparams *hp = &r->net->hp;
	const struct net_layer *l = &r->net->layer[number];
	size_t dim = hp->dim, qs = hp->n_heads * hp->head_dim, ks = hp->n_kv_heads * hp->head_dim;
	double *k = calloc(n * ks, sizeof *k), *v = calloc(n * ks, sizeof *v);
	double y[64], q[64], o[64], gate[64], up[64];

	for (size_t t = 0; t < n; t++, x += dim) {
		norm(y, x, r->w + l->attn_norm, dim, hp->norm_eps);
		product(q, r->w + l->qkv, y, qs, dim);
		product(k + t * ks, r->w + l->qkv + qs * dim, y, ks, dim);
		product(v + t * ks, r->w + l->qkv + (qs + ks) * dim, y, ks, dim);
		rotate(q, hp->n_heads, hp->head_dim, t, hp->rope_theta);
		rotate(k + t * ks, hp->n_kv_heads, hp->head_dim, t, hp->rope_theta);
		attend(o, q, k, v, hp, t);
		product(y, r->w + l->out, o, dim, qs);
		for (size_t i = 0; i < dim; i++)
			x[i] += y[i];
		norm(y, x, r->w + l->ffn_norm, dim, hp->norm_eps);
		product(gate, r->w + l->gate_up, y, hp->ffn, dim);
		product(up, r->w + l->gate_up + hp->ffn * dim, y, hp->ffn, dim);
		for (size_t i = 0; i < hp->ffn; i++)
			gate[i] *= up[i] / (1 + exp(-gate[i]));
		product(y, r->w + l->down, gate, dim, hp->ffn);
		for (size_t i = 0; i < dim; i++)
			x[i] += y[i];
	}
	free(k);
	free(v);
}

/* Mean over n sequences of context + 1 tokens. */
static double
loss_of(const struct reference *r, const uint32_t *token, size_t n, size_t context)
{
	const struct hparams *hp = &r->net->hp;
	double *x = calloc(context * hp->dim, sizeof *x), y[64], logits[64], loss = 0;

	for (size_t s = 0; s < n; s++, token += context + 1) {
		for (size_t t = 0; t < context; t++)
			memcpy(x + t * hp->dim, r->w + r->net->embedding + token[t] * hp->dim, hp->dim * sizeof *x);
		for (uint32_t l = 0; l < hp->n_layers; l++)
			layer(r, l, x, context);
		for (size_t t = 0; t < context; t++) {
			double sum = 0;
			norm(y, x + t * hp->dim, r->w + r->net->output_norm, hp->dim, hp->norm_eps);
			product(logits, r->w + r->net->head, y, hp->n_vocab, hp->dim);
			for (size_t i = 0; i < hp->n_vocab; i++)
				sum += exp(logits[i]);
			loss += log(sum) - logits[token[t + 1]];
		}
	}
	free(x);
	return loss / (double)(n * context);
}

/* The weights with what an adapter adds, in double. */
static void
widen(const struct net *n, const struct lora *l, const double *adapter, double *to)
{
	for (size_t i = 0; i < n->weights.n; i++)
		to[i] = (double)n->weights.value[i];
	for (uint32_t i = 0; l && i < n->hp.n_layers; i++) {
		const size_t at[LORA_TARGETS] = { [LORA_Q] = n->layer[i].qkv, [LORA_OUT] = n->layer[i].out,
			[LORA_GATE] = n->layer[i].gate_up, [LORA_DOWN] = n->layer[i].down };
		size_t place = 0;
		for (enum lora_target t = 0; t < LORA_TARGETS; t++) {
			size_t rows, cols;
			lora_shape(n, t, &rows, &cols);
			place = at[t] ? at[t] : place;
			for (size_t r = 0; r < rows; r++)
				for (size_t c = 0; c < cols; c++, place++)
					for (size_t k = 0; k < l->rank; k++)
						to[place] += (double)l->alpha / l->rank * adapter[l->layer[i][t].b + r * l->rank + k] *
						    adapter[l->layer[i][t].a + k * cols + c];
		}
	}
}

/* ---- comparing ---- */

struct setting {
	struct net net;
	struct lora lora;
	struct params *trained;
	uint32_t *token;
	struct trainer *trainer;
};

static void
random_weights(struct params *p, double deviation, uint64_t seed)
{
	for (size_t i = 0; i < p->n_tensors; i++) {
		const struct param *t = &p->tensor[i];
		draw_normal(p->value + t->at, param_size(t), deviation, seed, i);
		for (size_t k = 0; t->rows == 0 && k < t->cols; k++)
			p->value[t->at + k] += 1;
	}
}

static bool
set_up(struct setting *s, const struct shape *x)
{
	const struct hparams hp = { .arch = "llama", .n_layers = x->layers, .dim = x->dim, .n_heads = x->heads,
		.n_kv_heads = x->kv_heads, .head_dim = x->dim / x->heads, .ffn = x->ffn, .n_vocab = x->vocab, .context = x->context,
		.rope_dim = x->dim / x->heads, .rope_theta = 100, .norm_eps = 1e-3, .rope_scaling = ROPE_NONE, .rope_factor = 1,
		.rope_attn_factor = 1 };
	const struct trainer_options o = { .threads = x->threads, .context = x->context, .beta1 = 0.9, .beta2 = 0.95,
		.epsilon = 1e-8 };
	size_t n = x->sequences * (x->context + 1);

	if (net_layout(&s->net, &hp, x->tied) < 0)
		return false;
	random_weights(&s->net.weights, 0.4, 1);
	if (x->rank > 0 && lora_new(&s->lora, &s->net, x->rank, 5, 2) < 0)
		return false;
	if (x->rank > 0)
		random_weights(&s->lora.weights, 0.3, 3);
	s->trained = x->rank > 0 ? &s->lora.weights : &s->net.weights;
	s->token = calloc(n, sizeof *s->token);
	for (size_t i = 0; i < n; i++)
		s->token[i] = (uint32_t)(draw(4, 0, i) % x->vocab);
	s->trainer = trainer_new(&s->net, x->rank > 0 ? &s->lora : NULL, &o);
	return s->trainer != NULL;
}

/* A direction in which all numbers of a tensor go up or down by the same. */
static double
sign(const struct param *t, size_t direction, size_t i)
{
	return draw(5 + direction, t->at, i) & 1 ? 1 : -1;
}

/* The model whose numbers are `by` away along it. `w` and `trained` are scratch that holds all of them. */
static void
go(const struct setting *s, const struct shape *x, const struct param *t, size_t direction, double by, double *w, double *trained)
{
	double *to = x->rank > 0 ? trained : w;

	for (size_t i = t->at; i < t->at + param_size(t); i++)
		to[i] = (double)s->trained->value[i] + by * sign(t, direction, i);
	if (x->rank > 0)
		widen(&s->net, &s->lora, trained, w);
}

/* The derivative of the loss along it. */
static double
difference(const struct setting *s, const struct shape *x, const struct param *t, size_t direction, double *w, double *trained)
{
	const double step = 1e-5;
	const struct reference r = { &s->net, x->rank > 0 ? &s->lora : NULL, w };
	double above, below;

	go(s, x, t, direction, step, w, trained);
	above = loss_of(&r, s->token, x->sequences, x->context);
	go(s, x, t, direction, -step, w, trained);
	below = loss_of(&r, s->token, x->sequences, x->context);
	go(s, x, t, direction, 0, w, trained);
	return (above - below) / (2 * step);
}

/* Along directions by chance an error is as large, beside the derivative, as it is over all numbers, wherever among them it lies. */
static void
check_tensor(const struct setting *s, const struct shape *x, const struct param *t, const float *gradient, double *w,
    double *trained)
{
	enum { DIRECTIONS = 12 };
	double error = 0, size = 0;

	for (size_t direction = 0; direction < DIRECTIONS; direction++) {
		double d = difference(s, x, t, direction, w, trained), ours = 0;
		for (size_t i = t->at; i < t->at + param_size(t); i++)
			ours += (double)gradient[i] * sign(t, direction, i);
		error += (ours - d) * (ours - d);
		size += d * d;
	}
	tap_ok(size > 0 && sqrt(error / size) < 1e-4, "%s: %s: %.1e from central differences", x->name, t->name,
	    sqrt(error / size));
}

static void
check_shape(const struct shape *x)
{
	struct setting s = { 0 };
	double loss, *w, *trained;
	float *gradient;

	if (!tap_ok(set_up(&s, x), "%s: is made", x->name))
		return;
	gradient = params_zeros(s.trained);
	w = calloc(s.net.weights.n, sizeof *w);
	trained = calloc(s.trained->n, sizeof *trained);
	for (size_t i = 0; i < s.trained->n; i++)
		trained[i] = (double)s.trained->value[i];
	widen(&s.net, x->rank > 0 ? &s.lora : NULL, trained, w);
	loss = loss_of(&(struct reference){ &s.net, NULL, w }, s.token, x->sequences, x->context);
	tap_ok(fabs(trainer_gradient(s.trainer, s.token, x->sequences, gradient) / loss - 1) < 1e-6, "%s: the loss is %.6f", x->name,
	    loss);
	tap_ok(fabs(trainer_loss(s.trainer, s.token, x->sequences) / loss - 1) < 1e-6, "%s: so without a gradient", x->name);
	for (size_t i = 0; i < s.trained->n_tensors; i++)
		check_tensor(&s, x, &s.trained->tensor[i], gradient, w, trained);
	free(gradient);
	free(w);
	free(trained);
	free(s.token);
	trainer_free(s.trainer);
	lora_free(&s.lora);
	net_free(&s.net);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		check_shape(&shapes[i]);
	return tap_done();
}
