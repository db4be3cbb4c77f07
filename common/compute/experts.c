#include <string.h>

#include "compute/engine_impl.h"

/* ---- who goes where ---- */

#define LEAST_SUM 0x1p-14f /* of weights that are divided by it, as llama.cpp has it */

/* 1 / (1 + exp(-x)), as softmax of x and 0. */
static float
logistic(const struct engine *e, float x)
{
	float two[2] = { x, 0 }, sum = e->kernels->softmax(two, 2, 1);

	return two[0] / sum;
}

struct choice {
	const struct engine *e;
	const struct experts *experts;
};

/* The place of the largest of n that is not taken, of equals the first. */
static uint32_t
best_of(const float *v, uint32_t n, const uint32_t *taken, uint32_t n_taken)
{
	uint32_t best = n;

	for (uint32_t i = 0; i < n; i++) {
		bool is_taken = false;
		for (uint32_t j = 0; j < n_taken; j++)
			is_taken |= taken[j] == i;
		if (!is_taken && (best == n || v[i] > v[best]))
			best = i;
	}
	return best;
}

/* Experts of other groups than the best, which are those with the largest sums of their two largest, go down to minus infinity. */
static void
keep_groups(const struct hparams *hp, float *v)
{
	uint32_t size = hp->n_experts / hp->expert_groups, best[MODEL_MAX_EXPERTS];
	float sum[MODEL_MAX_EXPERTS];

	for (uint32_t g = 0; g < hp->expert_groups; g++) {
		const float *of = v + g * size;
		uint32_t first = best_of(of, size, NULL, 0);
		sum[g] = of[first] + of[best_of(of, size, &first, 1)];
	}
	for (uint32_t k = 0; k < hp->groups_used; k++)
		best[k] = best_of(sum, hp->expert_groups, best, k);
	for (uint32_t i = 0; i < hp->n_experts; i++) {
		bool kept = false;
		for (uint32_t k = 0; k < hp->groups_used; k++)
			kept |= best[k] == i / size;
		if (!kept)
			v[i] = -__builtin_inff();
	}
}

/* Scores become what the weights are made of. */
static void
gate_scores(const struct engine *e, float *score)
{
	const struct hparams *hp = &e->model->hp;
	float sum;

	if (hp->gating == GATING_LOGISTIC) {
		for (uint32_t i = 0; i < hp->n_experts; i++)
			score[i] = logistic(e, score[i]);
		return;
	}
	sum = e->kernels->softmax(score, hp->n_experts, 1);
	for (uint32_t i = 0; hp->gating == GATING_ALL && i < hp->n_experts; i++)
		score[i] /= sum;
}

/* Who is chosen, the best first, and with which weights. `by` is room for what is compared. */
static void
choose(const struct choice *c, float *score, float *by, uint32_t *expert, float *weight)
{
	const struct hparams *hp = &c->e->model->hp;
	bool by_score = hp->gating == GATING_CHOSEN;
	float sum = 0;

	if (!by_score)
		gate_scores(c->e, score);
	memcpy(by, score, hp->n_experts * sizeof *by);
	if (by_score)
		gate_scores(c->e, score);
	for (uint32_t i = 0; c->experts->preference && i < hp->n_experts; i++)
		by[i] += c->experts->preference[i];
	if (hp->expert_groups > 1)
		keep_groups(hp, by);
	for (uint32_t k = 0; k < hp->experts_used; k++) {
		expert[k] = best_of(by, hp->n_experts, expert, k);
		weight[k] = score[expert[k]];
		sum += weight[k];
	}
	if (hp->norms_weights && !by_score && sum < LEAST_SUM)
		sum = LEAST_SUM;
	for (uint32_t k = 0; k < hp->experts_used; k++) {
		if (by_score || hp->norms_weights)
			weight[k] /= sum;
		weight[k] *= (float)hp->expert_scale;
	}
}

static void
choose_row(void *arg, size_t t)
{
	const struct choice *c = arg;
	const struct engine *e = c->e;
	size_t used = e->model->hp.experts_used, at = t * e->scores_ld;

	choose(c, e->scores + at, e->preferred + at, e->chosen + t * used, e->chosen_weight + t * used);
}

/* ---- what an expert makes of its rows ---- */

/* down (act(gate h) * (up h)) of n rows of h, of x_ld elements, into e->out. */
static void
run_expert(struct engine *e, const struct weight *gate, const struct weight *up, const struct weight *down, const float *h, size_t n)
{
	products_wide(e, NULL, gate, up, h, n);
	products_one(e, NULL, down, e->gate, e->ffn_ld, e->out, e->x_ld, n);
}

/* e->mixed of row `to` gets row `from` of e->out, times a weight. */
static void
mix(struct engine *e, size_t to, size_t from, float weight)
{
	e->kernels->add_scaled(e->mixed + to * e->x_ld, e->out + from * e->x_ld, weight, e->model->hp.dim);
}

static void
run_chosen(struct engine *e, const struct experts *x, uint32_t expert, const float *h, size_t n)
{
	size_t used = e->model->hp.experts_used, rows = 0;

	for (size_t t = 0; t < n; t++)
		for (size_t k = 0; k < used; k++)
			if (e->chosen[t * used + k] == expert) {
				memcpy(e->gathered + rows * e->x_ld, h + t * e->x_ld, e->x_ld * sizeof *h);
				e->gathered_row[rows] = t;
				e->gathered_weight[rows++] = e->chosen_weight[t * used + k];
			}
	if (rows == 0)
		return;
	run_expert(e, &x->gate[expert], &x->up[expert], &x->down[expert], e->gathered, rows);
	for (size_t i = 0; i < rows; i++)
		mix(e, e->gathered_row[i], i, e->gathered_weight[i]);
}

/* The one that all rows go through, with a weight of its own or 1. */
static void
run_shared(struct engine *e, const struct experts *x, const float *h, size_t n)
{
	bool weighed = x->shared_router.data;

	if (weighed)
		products_one(e, NULL, &x->shared_router, h, e->x_ld, e->scores, e->scores_ld, n);
	run_expert(e, &x->shared_gate, &x->shared_up, &x->shared_down, h, n);
	for (size_t t = 0; t < n; t++)
		mix(e, t, t, weighed ? logistic(e, e->scores[t * e->scores_ld]) : 1);
}

void
experts_run(struct engine *e, const struct layer *l, const float *x, size_t n)
{
	const struct experts *experts = &l->experts;
	struct choice c = { e, experts };
	const float *h = l->ffn.w ? e->normed : x;

	products_one(e, &l->ffn, &experts->router, x, e->x_ld, e->scores, e->scores_ld, n);
	pool_run(e->pool, n, choose_row, &c);
	memset(e->mixed, 0, n * e->x_ld * sizeof *e->mixed);
	for (uint32_t i = 0; i < experts->n; i++)
		run_chosen(e, experts, i, h, n);
	if (experts->shared_up.data)
		run_shared(e, experts, h, n);
}
