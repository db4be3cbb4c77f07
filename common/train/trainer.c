#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "compute/mathd.h"
#include "train/blas.h"
#include "train/ops.h"
#include "train/pass.h"

enum { RANGE = 1 << 15 }; /* elements that a thread takes at a time when it goes over all parameters */

/* Elements of one tensor. */
struct range {
	size_t at, n;
	bool decays;
	double squares; /* of the gradient */
};

struct worker {
	struct pass *pass;
	float *gradient; /* zeros between steps */
	double loss;
};

struct trainer {
	struct params *params;
	struct trainer_options options;
	struct pool *pool;
	const struct ops *ops;
	struct worker *worker; /* one a thread */
	float *moment1, *moment2;
	struct range *range;
	size_t n_ranges, cap_ranges;

	/* the step in hand */
	const uint32_t *tokens;
	size_t n;
	bool back;
	struct adamw adamw;
};

/* ---- what the threads do ---- */

/* Thread i's run of the sequences. */
static void
work(void *arg, size_t i)
{
	struct trainer *t = arg;
	struct worker *w = &t->worker[i];
	size_t first = t->n * i / t->options.threads, last = t->n * (i + 1) / t->options.threads;
	float scale = 1 / (float)(t->n * t->options.context);

	w->loss = pass_run(w->pass, t->tokens + first * (t->options.context + 1), last - first, t->back ? w->gradient : NULL,
	    scale);
}

/* The gradients of a range to that of the first thread. */
static void
add_up(void *arg, size_t i)
{
	struct trainer *t = arg;
	struct range *r = &t->range[i];
	float *sum = t->worker[0].gradient + r->at;

	for (unsigned k = 1; k < t->options.threads; k++) {
		float *more = t->worker[k].gradient + r->at;
		t->ops->add(sum, more, r->n);
		memset(more, 0, r->n * sizeof *more);
	}
	r->squares = (double)t->ops->dot(sum, sum, r->n);
}

static void
update(void *arg, size_t i)
{
	struct trainer *t = arg;
	const struct range *r = &t->range[i];
	struct adamw a = t->adamw;
	float *gradient = t->worker[0].gradient + r->at;

	if (!r->decays)
		a.decay = 0;
	t->ops->adamw(&a, t->params->value + r->at, t->moment1 + r->at, t->moment2 + r->at, gradient, r->n);
	memset(gradient, 0, r->n * sizeof *gradient);
}

/* ---- a step ---- */

static double
run(struct trainer *t, const uint32_t *tokens, size_t n, bool back)
{
	double loss = 0;

	t->tokens = tokens;
	t->n = n;
	t->back = back;
	pool_run(t->pool, t->options.threads, work, t);
	for (unsigned i = 0; i < t->options.threads; i++)
		loss += t->worker[i].loss;
	return loss / (double)(n * t->options.context);
}

/* The gradient's norm; it lies with the first worker. */
static double
gather(struct trainer *t)
{
	double squares = 0;

	pool_run(t->pool, t->n_ranges, add_up, t);
	for (size_t i = 0; i < t->n_ranges; i++)
		squares += t->range[i].squares;
	return sqrt(squares);
}

static void
drop_gradient(struct trainer *t)
{
	memset(t->worker[0].gradient, 0, t->params->n * sizeof *t->worker[0].gradient);
}

double
trainer_loss(struct trainer *t, const uint32_t *tokens, size_t n)
{
	return run(t, tokens, n, false);
}

double
trainer_gradient(struct trainer *t, const uint32_t *tokens, size_t n, float *to)
{
	double loss = run(t, tokens, n, true);

	gather(t);
	memcpy(to, t->worker[0].gradient, t->params->n * sizeof *to);
	drop_gradient(t);
	return loss;
}

/* 1 / (1 - beta^n) */
static float
correction(double beta, uint64_t n)
{
	return (float)(1 / (1 - (beta > 0 ? mathd_exp(fmax((double)n * mathd_log(beta), -700)) : 0)));
}

int
trainer_step(struct trainer *t, const uint32_t *tokens, size_t n, uint64_t number, double lr, struct step *out)
{
	const struct trainer_options *o = &t->options;

	out->loss = run(t, tokens, n, true);
	out->gradient_norm = gather(t);
	if (!isfinite(out->loss) || !isfinite(out->gradient_norm)) {
		drop_gradient(t);
		return err_set(ERR_DATA, "the loss is not finite, or its gradient is not");
	}
	t->adamw = (struct adamw){
		.lr = (float)lr, .beta1 = (float)o->beta1, .beta2 = (float)o->beta2, .epsilon = (float)o->epsilon,
		.decay = (float)o->decay, .correction1 = correction(o->beta1, number), .correction2 = correction(o->beta2, number),
		.gradient_scale = o->clip > 0 && out->gradient_norm > o->clip ? (float)(o->clip / out->gradient_norm) : 1,
	};
	pool_run(t->pool, t->n_ranges, update, t);
	return 0;
}

/* ---- making ---- */

static int
cut_ranges(struct trainer *t)
{
	for (size_t i = 0; i < t->params->n_tensors; i++) {
		const struct param *p = &t->params->tensor[i];
		for (size_t done = 0, n; done < param_size(p); done += n) {
			n = param_size(p) - done < RANGE ? param_size(p) - done : RANGE;
			if (mem_grow(&t->range, &t->cap_ranges, t->n_ranges + 1, sizeof *t->range) < 0)
				return -1;
			t->range[t->n_ranges++] = (struct range){ .at = p->at + done, .n = n, .decays = p->rows > 0 };
		}
	}
	return 0;
}

struct trainer *
trainer_new(struct net *net, struct lora *lora, const struct trainer_options *o)
{
	struct trainer *t = mem_alloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->params = lora ? &lora->weights : &net->weights;
	t->options = *o;
	if (blas_begin() < 0 || !(t->ops = ops_best()) || !(t->pool = pool_new(o->threads)) || cut_ranges(t) < 0 ||
	    !(t->worker = mem_alloc(o->threads, sizeof *t->worker)) || !(t->moment1 = params_zeros(t->params)) ||
	    !(t->moment2 = params_zeros(t->params)))
		goto fail;
	for (unsigned i = 0; i < o->threads; i++)
		if (!(t->worker[i].pass = pass_new(net, lora, o->context)) ||
		    !(t->worker[i].gradient = params_zeros(t->params)))
			goto fail;
	return t;
fail:
	trainer_free(t);
	return NULL;
}

void
trainer_free(struct trainer *t)
{
	if (!t)
		return;
	for (unsigned i = 0; t->worker && i < t->options.threads; i++) {
		pass_free(t->worker[i].pass);
		free(t->worker[i].gradient);
	}
	pool_free(t->pool);
	free(t->worker);
	free(t->moment1);
	free(t->moment2);
	free(t->range);
	free(t);
}

struct params *
trainer_params(const struct trainer *t)
{
	return t->params;
}

float *
trainer_moment1(const struct trainer *t)
{
	return t->moment1;
}

float *
trainer_moment2(const struct trainer *t)
{
	return t->moment2;
}
