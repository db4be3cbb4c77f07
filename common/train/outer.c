#include "train/outer.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "train/delta.h"
#include "train/save.h"
#include "train/vote.h"

struct outer {
	const struct outer_options *o;
	struct gguf *file;
	struct params model;
	struct delta *delta;   /* those that are used, in order */
	size_t n;
	double *scale;         /* of each, by clipping */
	float *momentum;
};

/* ---- the deltas ---- */

static int
compare_ids(const void *a, const void *b)
{
	return memcmp(((const struct delta *)a)->id.bytes, ((const struct delta *)b)->id.bytes, HASH_SIZE);
}

static int
open_deltas(struct outer *u)
{
	const struct hash base = params_hash(&u->model);

	if (!(u->delta = mem_alloc(u->o->n, sizeof *u->delta)) || !(u->scale = mem_alloc(u->o->n, sizeof *u->scale)))
		return -1;
	for (size_t i = 0; i < u->o->n; i++) {
		struct delta *d = &u->delta[u->n];
		bool twice = false;
		if (delta_open(d, u->o->delta[i], &u->model, &base) < 0) {
			msg_warn("left out: %s", err_reason());
			continue;
		}
		for (size_t k = 0; k < u->n; k++)
			twice |= hash_equal(&u->delta[k].id, &d->id);
		if (twice) {
			msg_warn("left out: %s: it was named before", u->o->delta[i]);
			delta_free(d);
			continue;
		}
		msg_info("%s: norm %.4g, %llu tokens", u->o->delta[i], d->norm, (unsigned long long)d->tokens);
		u->n++;
	}
	qsort(u->delta, u->n, sizeof *u->delta, compare_ids);
	return u->n > 0 ? 0 : err_set(ERR_DATA, "%s: none of %zu deltas can be used", u->o->model, u->o->n);
}

/* Takes those that are outvoted from the deltas. */
static void
leave_out(struct outer *u, const double *agreement, double middle)
{
	size_t n = 0;

	for (size_t i = 0; i < u->n; i++) {
		struct delta *d = &u->delta[i];
		msg_info("%s: agreement %.3f", d->name, agreement[i]);
		if (vote_outvotes(middle, agreement[i])) {
			msg_warn("left out: %s: it is outvoted (agreement %.3f, of all %.3f)", d->name, agreement[i], middle);
			delta_free(d);
		} else {
			u->delta[n++] = *d;
		}
	}
	u->n = n;
}

static int
outvote(struct outer *u)
{
	const float **x = mem_alloc(u->n, sizeof *x);
	double *agreement = mem_alloc(2 * u->n, sizeof *agreement);
	int rc = -1;

	for (size_t i = 0; x && i < u->n; i++)
		x[i] = u->delta[i].value;
	if (x && agreement && vote_agreement(x, u->n, u->model.n, agreement) == 0) {
		memcpy(agreement + u->n, agreement, u->n * sizeof *agreement);
		leave_out(u, agreement, vote_median(agreement + u->n, u->n));
		rc = 0;
	}
	free(x);
	free(agreement);
	return rc;
}

static void
clip_deltas(struct outer *u)
{
	double most;

	for (size_t i = 0; i < u->n; i++)
		u->scale[i] = u->delta[i].norm;
	most = u->o->clip * vote_median(u->scale, u->n);
	for (size_t i = 0; i < u->n; i++) {
		const struct delta *d = &u->delta[i];
		bool clips = u->o->clip > 0 && d->norm > most;
		u->scale[i] = clips ? most / d->norm : 1;
		if (clips)
			msg_info("%s: norm %.4g is clipped to %.4g", d->name, d->norm, most);
	}
}

/* Number i of all deltas as one. `space` holds as many numbers as there are deltas. */
static double
combine(const struct outer *u, size_t i, double *space)
{
	double sum = 0, weights = 0;

	if (u->o->median) {
		for (size_t k = 0; k < u->n; k++)
			space[k] = u->scale[k] * (double)u->delta[k].value[i];
		return vote_median(space, u->n);
	}
	for (size_t k = 0; k < u->n; k++) {
		sum += (double)u->delta[k].tokens * u->scale[k] * (double)u->delta[k].value[i];
		weights += (double)u->delta[k].tokens;
	}
	return sum / weights;
}

/* ---- the step ---- */

static int
step(struct outer *u)
{
	double *space = mem_alloc(u->n, sizeof *space);

	if (!space)
		return -1;
	for (size_t i = 0; i < u->model.n; i++) {
		double d = combine(u, i, space), v = u->o->beta * (double)u->momentum[i] + d;
		u->momentum[i] = (float)v;
		u->model.value[i] = (float)((double)u->model.value[i] + u->o->lr * (d + u->o->beta * v));
		if (i % (1 << 16) == 0)
			msg_progress("averaging", i, u->model.n, "weights");
	}
	msg_progress_end();
	free(space);
	return 0;
}

static int
read_momentum(struct outer *u)
{
	struct gguf *g;
	int rc;

	if (!(u->momentum = params_zeros(&u->model)))
		return -1;
	if (!u->o->momentum)
		return 0;
	g = gguf_open(u->o->momentum);
	rc = g && file_need_type(g, DELTA_MOMENTUM) == 0 ? params_get(&u->model, g, "", u->momentum) : -1;
	gguf_free(g);
	return rc;
}

/* The momentum first: where the model is, it is too. */
static int
write_all(const struct outer *u)
{
	uint64_t tokens = 0;
	struct progress done = { 0 };

	if (u->o->momentum_out && save_tensors(u->o->momentum_out, DELTA_MOMENTUM, &u->model, u->momentum) < 0)
		return -1;
	for (size_t i = 0; i < u->n; i++)
		tokens += u->delta[i].tokens;
	if (gguf_get_u64(u->file, SAVE_KEY_TOKENS, &done.tokens) < 0 || gguf_get_u64(u->file, SAVE_KEY_STEP, &done.step) < 0)
		return -1;
	done.tokens += tokens;
	done.step++;
	return save_model(u->o->out, u->file, &u->model, done);
}

int
outer_step(const struct outer_options *o)
{
	struct outer u = { .o = o, .file = gguf_open(o->model) };
	int rc = -1;

	if (u.file && params_open(&u.model, u.file) == 0) {
		if (open_deltas(&u) == 0 && (!o->median || outvote(&u) == 0) && read_momentum(&u) == 0) {
			clip_deltas(&u);
			rc = step(&u) < 0 ? -1 : write_all(&u);
		}
		params_free(&u.model);
	}
	for (size_t i = 0; i < u.n; i++)
		delta_free(&u.delta[i]);
	free(u.delta);
	free(u.scale);
	free(u.momentum);
	gguf_free(u.file);
	return rc;
}
