#include <string.h>

#include "compute/engine_impl.h"

/* ---- who goes where ---- */

/*
 * The experts with the largest scores, the largest first, of equals the first; then their weights, which softmax gives over these, or over
 * all. `score` becomes e to the score less the largest.
 */
static void
choose(const struct engine *e, float *score, uint32_t *expert, float *weight)
{
	const struct hparams *hp = &e->model->hp;
	float sum = 0, all;

	for (uint32_t k = 0; k < hp->experts_used; k++) {
		uint32_t best = hp->n_experts;
		for (uint32_t i = 0; i < hp->n_experts; i++) {
			bool taken = false;
			for (uint32_t j = 0; j < k; j++)
				taken |= expert[j] == i;
			if (!taken && (best == hp->n_experts || score[i] > score[best]))
				best = i;
		}
		expert[k] = best;
	}
	all = e->kernels->softmax(score, hp->n_experts, 1);
	for (uint32_t k = 0; k < hp->experts_used; k++)
		sum += score[expert[k]];
	for (uint32_t k = 0; k < hp->experts_used; k++)
		weight[k] = score[expert[k]] / (hp->how->weighs_all_experts ? all : sum);
}

static void
choose_row(void *arg, size_t t)
{
	const struct engine *e = arg;
	size_t used = e->model->hp.experts_used;

	choose(e, e->scores + t * e->scores_ld, e->chosen + t * used, e->chosen_weight + t * used);
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

/* The one that all rows go through, each with a weight of its own: softmax of its score and 0. */
static void
run_shared(struct engine *e, const struct experts *x, const float *h, size_t n)
{
	products_one(e, NULL, &x->shared_router, h, e->x_ld, e->scores, e->scores_ld, n);
	run_expert(e, &x->shared_gate, &x->shared_up, &x->shared_down, h, n);
	for (size_t t = 0; t < n; t++) {
		float two[2] = { e->scores[t * e->scores_ld], 0 }, sum = e->kernels->softmax(two, 2, 1);
		mix(e, t, t, two[0] / sum);
	}
}

void
experts_run(struct engine *e, const struct layer *l, const float *x, size_t n)
{
	const struct experts *experts = &l->experts;
	const float *h = l->ffn.w ? e->normed : x;

	products_one(e, &l->ffn, &experts->router, x, e->x_ld, e->scores, e->scores_ld, n);
	pool_run(e->pool, n, choose_row, e);
	memset(e->mixed, 0, n * e->x_ld * sizeof *e->mixed);
	for (uint32_t i = 0; i < experts->n; i++)
		run_chosen(e, experts, i, h, n);
	if (experts->shared_up.data)
		run_shared(e, experts, h, n);
}
