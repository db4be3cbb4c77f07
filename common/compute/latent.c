/* Latent attention (DeepSeek-AI 2024, DeepSeek-V2: multi-head latent attention), with what makes keys and values put to queries and outputs. */
#include <string.h>

#include "compute/engine_impl.h"
#include "compute/inputs.h"
#include "compute/mathd.h"

double
latent_scale(const struct hparams *hp)
{
	double m = hp->rope_attn_factor * (1 + 0.1 * (hp->yarn_log_mul != 0 ? hp->yarn_log_mul : 1) * mathd_log(hp->rope_factor));

	return hp->attention_scale * m * m;
}

/* Each head's matrix, of `many`, with its part of the rows of x: from heads of `from` elements to heads of `to`. */
static void
each_head(struct engine *e, const struct weight *w, const float *x, size_t ldx, size_t from, float *y, size_t ldy, size_t to, size_t n)
{
	for (size_t h = 0; h < e->model->hp.n_heads; h++)
		products_one(e, NULL, &w[h], x + h * from, ldx, y + h * to, ldy, n);
}

void
latent_begin(struct engine *e, const struct layer *l, const float *x, size_t n)
{
	const struct hparams *hp = &e->model->hp;
	struct products p = { .e = e };

	if (hp->q_lora > 0) {
		products_prepare(e, &l->attn, x, e->x_ld, n, (const struct weight *[]){ &l->latent.q_a, &l->latent.kv_a }, 2);
		products_add(&p, &l->latent.q_a, e->q, e->q_ld, n);
		products_add(&p, &l->latent.kv_a, e->k, e->kv_ld, n);
		products_run(&p);
		products_one(e, &l->latent.q_norm, &l->latent.q_b, e->q, e->q_ld, e->heads, e->heads_ld, n);
	} else {
		products_prepare(e, &l->attn, x, e->x_ld, n, (const struct weight *[]){ &l->q, &l->latent.kv_a }, 2);
		products_add(&p, &l->q, e->heads, e->heads_ld, n);
		products_add(&p, &l->latent.kv_a, e->k, e->kv_ld, n);
		products_run(&p);
	}
	each_head(e, l->latent.k_b, e->heads, e->heads_ld, hp->q_head, e->q, e->q_ld, hp->head_dim, n);
}

void
latent_row(const struct engine *e, const struct layer *l, size_t t, const float *cos, const float *sin)
{
	const struct hparams *hp = &e->model->hp;
	const float *heads = e->heads + t * e->heads_ld + hp->q_head - hp->rope_dim;
	float *q = e->q + t * e->q_ld + hp->kv_lora, *k = e->k + t * e->kv_ld;

	for (size_t h = 0; h < hp->n_heads; h++)
		memcpy(q + h * hp->head_dim, heads + h * hp->q_head, hp->rope_dim * sizeof *q);
	engine_norm_row(e, &l->latent.kv_norm, k, k, hp->kv_lora);
	e->kernels->rope(q, hp->n_heads, hp->head_dim, cos, sin, hp->rope_dim);
	e->kernels->rope(k + hp->kv_lora, 1, hp->head_dim, cos, sin, hp->rope_dim);
}

void
latent_end(struct engine *e, const struct layer *l, size_t n)
{
	const struct hparams *hp = &e->model->hp;

	if (e->inputs && l->latent.kv_b.tensor) /* in whose place its parts are multiplied with other rows */
		inputs_add(e->inputs, &l->latent.kv_b, &(struct activations){ .f32 = e->k, .ld = e->kv_ld }, n, e->pool);
	each_head(e, l->latent.v_b, e->attended, e->q_ld, hp->head_dim, e->heads, e->heads_ld, hp->out_head, n);
}
