#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "compute/engine_impl.h"
#include "model/tile.h"
#include "model/types.h"

/* A stride for rows of n elements: whole tiles, and no multiple of 1024 (compute/kernel.h). */
static size_t
padded(size_t n)
{
	n = tile_whole(n);
	return n % 1024 ? n : n + TILE_ROWS;
}

/* ---- what goes back into the hidden state ---- */

struct residual {
	struct engine *e;
	const struct norm *norm, *sum; /* of what is added, and of x behind that */
	float *x, *out;
};

static void
add_row(void *arg, size_t t)
{
	const struct residual *r = arg;
	const struct engine *e = r->e;
	size_t dim = e->model->hp.dim;
	float scale = (float)e->model->hp.residual_scale, *out = r->out + t * e->x_ld;

	engine_norm_row(e, r->norm, out, out, dim);
	for (size_t i = 0; i < dim; i++)
		out[i] *= scale;
	e->kernels->add(r->x + t * e->x_ld, out, dim);
	engine_norm_row(e, r->sum, r->x + t * e->x_ld, r->x + t * e->x_ld, dim);
}

void
engine_add_product(struct engine *e, const struct weight *w, const struct norm *post, const struct norm *sum, const float *in, size_t ld, float *x, size_t n)
{
	struct residual r = { .e = e, .norm = post, .sum = sum, .x = x, .out = e->out };
	bool apart = post->w || sum->w || e->model->hp.residual_scale != 1;
	struct products p = { .e = e, .add_to = apart ? NULL : x };

	products_prepare(e, NULL, in, ld, n, (const struct weight *[]){ w }, 1);
	products_add(&p, w, e->out, e->x_ld, n);
	products_run(&p);
	if (apart)
		pool_run(e->pool, n, add_row, &r);
}

/* ---- the layers ---- */

static void
queries_keys_values(struct engine *e, const struct layer *l, const float *x, size_t n)
{
	struct products p = { .e = e };

	products_prepare(e, &l->attn, x, e->x_ld, n, (const struct weight *[]){ &l->q, &l->k, &l->v }, 3);
	products_add(&p, &l->q, e->q, e->q_ld, n);
	products_add(&p, &l->k, e->k, e->kv_ld, n);
	products_add(&p, &l->v, e->v, e->kv_ld, n);
	products_run(&p);
}

static void
attention_block(struct engine *e, const struct layer *l, float *x, const struct engine_row *rows, size_t n, uint32_t number)
{
	bool latent = l->latent.heads > 0;

	if (latent)
		latent_begin(e, l, x, n);
	else
		queries_keys_values(e, l, x, n);
	attention_run(e, rows, n, number);
	if (latent)
		latent_end(e, l, n);
	engine_add_product(e, &l->o, &l->attn_post, &l->attn_sum, latent ? e->heads : e->attended, latent ? e->heads_ld : e->q_ld, x, n);
}

/* The wide half of the feed-forward block, into e->gate; with experts all of it, into e->mixed. */
static void
feed_forward_begin(struct engine *e, const struct layer *l, const float *x, size_t n)
{
	const struct norm *norm = l->ffn.w || !e->model->hp.parallel ? &l->ffn : &l->attn;

	if (l->experts.n > 0)
		experts_run(e, l, x, n);
	else
		products_wide(e, norm, &l->gate, &l->up, x, n);
}

static void
feed_forward_end(struct engine *e, const struct layer *l, float *x, size_t n)
{
	struct residual r = { .e = e, .norm = &l->ffn_post, .sum = &l->ffn_sum, .x = x, .out = e->mixed };

	if (l->experts.n > 0)
		pool_run(e->pool, n, add_row, &r);
	else
		engine_add_product(e, &l->down, &l->ffn_post, &l->ffn_sum, e->gate, e->ffn_ld, x, n);
}

static void
attention_layer(struct engine *e, const struct layer *l, float *x, const struct engine_row *rows, size_t n, uint32_t number)
{
	bool parallel = e->model->hp.parallel;

	if (parallel)
		feed_forward_begin(e, l, x, n);
	attention_block(e, l, x, rows, n, number);
	if (!parallel)
		feed_forward_begin(e, l, x, n);
	feed_forward_end(e, l, x, n);
}

static const struct mixer mixer_attention = { .layer = attention_layer };

static const struct mixer *
mixer_of(const struct arch *how)
{
	static const struct mixer *const all[] = { [MIXER_ATTENTION] = &mixer_attention, [MIXER_MAMBA] = &mixer_mamba, [MIXER_RWKV] = &mixer_rwkv };

	return all[how->mixer];
}

int
engine_layers(struct engine *e, float *x, const struct engine_row *rows, size_t n)
{
	if (n == 0)
		return 0;
	if (!e->mixer->state && attention_begin(e, rows, n) < 0)
		return -1;
	for (uint32_t i = 0; i < e->weights.n_layers; i++)
		e->mixer->layer(e, &e->weights.layer[i], x, rows, n, i);
	return 0;
}

/* A batch of one sequence, from position `first` on; the number of its rows. */
static size_t
batch_from(struct engine_row rows[ENGINE_BATCH], struct kv_seq *seq, size_t first, size_t n)
{
	size_t count = n - first < ENGINE_BATCH ? n - first : ENGINE_BATCH;

	for (size_t i = 0; i < count; i++)
		rows[i] = (struct engine_row){ seq, (uint32_t)(first + i) };
	return count;
}

/* Where a sequence is longer than a batch, all its keys and values are in the cache before the first row attends to them. */
static int
encode_layer(struct engine *e, float *x, struct kv_seq *seq, size_t n, uint32_t layer)
{
	const struct layer *l = &e->weights.layer[layer];
	struct engine_row rows[ENGINE_BATCH];

	for (size_t at = 0, count; n > ENGINE_BATCH && at < n; at += count) {
		count = batch_from(rows, seq, at, n);
		if (attention_begin(e, rows, count) < 0)
			return -1;
		queries_keys_values(e, l, x + at * e->x_ld, count);
		attention_store(e, rows, count, layer);
	}
	for (size_t at = 0, count; at < n; at += count) {
		count = batch_from(rows, seq, at, n);
		if (attention_begin(e, rows, count) < 0)
			return -1;
		attention_layer(e, l, x + at * e->x_ld, rows, count, layer);
	}
	return 0;
}

int
engine_encode(struct engine *e, float *x, struct kv_seq *seq, size_t n)
{
	e->keys = n;
	for (uint32_t i = 0; i < e->weights.n_layers; i++)
		if (encode_layer(e, x, seq, n, i) < 0)
			return -1;
	return 0;
}

static void
add_to_embedding(const struct engine *e, const struct gguf_tensor *t, uint32_t row, float *to)
{
	if (!t)
		return;
	tile_row(e->position, t->data, t->type, t->ne[1], t->ne[0], row);
	e->kernels->add(to, e->position, t->ne[0]);
}

void
engine_embed(const struct engine *e, uint32_t token, uint32_t pos, float *to)
{
	const struct gguf_tensor *t = e->weights.embedding;
	float scale = (float)e->model->hp.embedding_scale;

	tile_row(to, t->data, t->type, t->ne[1], t->ne[0], token);
	for (uint64_t i = 0; scale != 1 && i < t->ne[0]; i++)
		to[i] *= scale;
	add_to_embedding(e, e->weights.types, 0, to);
	add_to_embedding(e, e->weights.positions, pos, to);
	engine_norm_row(e, &e->weights.embedding_norm, to, to, t->ne[0]);
}

void
engine_norm(struct engine *e, float *x, size_t n)
{
	for (size_t t = 0; t < n; t++)
		engine_norm_row(e, &e->weights.output_norm, x + t * e->x_ld, x + t * e->x_ld, e->model->hp.dim);
}

static void
finish_logits(const struct engine *e, float *logits)
{
	const struct hparams *hp = &e->model->hp;
	float scale = (float)hp->logit_scale;

	for (uint32_t i = 0; scale != 1 && i < hp->n_vocab; i++)
		logits[i] /= scale;
	if (hp->final_cap > 0)
		e->kernels->soft_cap(logits, hp->n_vocab, (float)hp->final_cap);
}

void
engine_logits(struct engine *e, const float *normed, size_t n, float *logits)
{
	if (n == 0)
		return;
	products_one(e, NULL, &e->weights.head, normed, e->x_ld, logits, engine_logits_stride(e), n);
	for (size_t t = 0; t < n; t++)
		finish_logits(e, logits + t * engine_logits_stride(e));
}

int
engine_next(struct engine *e, struct kv_seq *seq, const uint32_t *token, size_t n, float *x, float *logits)
{
	struct engine_row rows[ENGINE_BATCH];
	float *last = x + (n - 1) * e->x_ld;

	batch_from(rows, seq, seq->len, seq->len + n);
	for (size_t i = 0; i < n && e->model->has_embedding; i++)
		engine_embed(e, token[i], rows[i].pos, x + i * e->x_ld);
	if (engine_layers(e, x, rows, n) < 0)
		return -1;
	seq->len += (uint32_t)n;
	if (e->model->has_head) {
		engine_norm(e, last, 1);
		engine_logits(e, last, 1, logits);
	}
	return 0;
}

/* ---- making ---- */

static size_t
largest(const size_t *v, size_t n)
{
	size_t most = 0;

	for (size_t i = 0; i < n; i++)
		most = v[i] > most ? v[i] : most;
	return most;
}

static size_t
widest_ffn(const struct hparams *hp)
{
	if (hp->n_experts == 0)
		return hp->ffn;
	return largest((size_t[]){ hp->expert_ffn, hp->shared_ffn, hp->dense_layers > 0 ? hp->ffn : 0 }, 3);
}

/* Rows of numbers, aligned, that are zero: memory of which a run never needs the most part is not touched before. */
static void *
new_scratch(struct engine *e, size_t n, size_t size)
{
	char *p = mem_alloc(n + 64, size);

	if (!p)
		return NULL;
	e->scratch[e->n_scratch++] = p;
	return p + -(uintptr_t)p % 64;
}

/* What is made of a batch of rows on their way through a recurrent layer. */
static int
alloc_parts(struct engine *e)
{
	size_t width[RECURRENT_PARTS] = { 0 };

	if (e->mixer->widths)
		e->mixer->widths(&e->model->hp, width);
	for (size_t i = 0; i < RECURRENT_PARTS && width[i] > 0; i++) {
		e->part_ld[i] = padded(width[i]);
		if (!(e->part[i] = new_scratch(e, ENGINE_BATCH * e->part_ld[i], sizeof *e->part[i])))
			return -1;
	}
	return 0;
}

static int
alloc_scratch(struct engine *e)
{
	const struct hparams *hp = &e->model->hp;
	size_t ffn = widest_ffn(hp), n = ENGINE_BATCH, heads = hp->n_heads, widest, chosen = n * hp->experts_used, of_experts = hp->n_experts > 0 ? n : 0, of_latent = hp->kv_lora > 0 ? n : 0;

	e->x_ld = padded(hp->hidden);
	/* a head's tile may end behind it */
	e->q_ld = padded(largest((size_t[]){ heads * hp->head_dim + (of_latent ? TILE_ROWS : 0), hp->q_lora }, 2));
	e->heads_ld = padded(heads * largest((size_t[]){ hp->q_head, hp->out_head }, 2) + TILE_ROWS);
	e->kv_ld = padded((size_t)hp->n_kv_heads * hp->head_dim);
	e->ffn_ld = padded(ffn);
	e->scores_ld = padded(hp->n_experts);
	e->low_ld = e->adapters.n ? padded(weights_low_rows(&e->weights)) : 0;
	if (alloc_parts(e) < 0)
		return -1;
	widest = largest((size_t[]){ e->x_ld, e->ffn_ld, e->q_ld, of_latent ? e->heads_ld : 0, largest(e->part_ld, RECURRENT_PARTS) }, 5);

	struct {
		void *to;
		size_t n, size;
	} want[] = {
		{ &e->normed, n * largest((size_t[]){ e->x_ld, of_latent ? e->q_ld : 0 }, 2), sizeof(float) }, { &e->out, n * e->x_ld, sizeof(float) },
		{ &e->q, n * e->q_ld, sizeof(float) }, { &e->attended, n * e->q_ld, sizeof(float) },
		{ &e->k, n * e->kv_ld, sizeof(float) }, { &e->v, n * e->kv_ld, sizeof(float) },
		{ &e->gate, n * e->ffn_ld, sizeof(float) }, { &e->up, n * e->ffn_ld, sizeof(float) },
		{ &e->low, n * e->low_ld, sizeof(float) },
		{ &e->cos[0], n * e->rope[0].pairs, sizeof(float) }, { &e->sin[0], n * e->rope[0].pairs, sizeof(float) },
		{ &e->cos[1], n * e->rope[1].pairs, sizeof(float) }, { &e->sin[1], n * e->rope[1].pairs, sizeof(float) },
		{ &e->position, e->x_ld, sizeof(float) },
		{ &e->act.bf16, n * widest, sizeof(float) }, { &e->act.q8, q8_size((widest + 31) / 32 * 32, n), 1 },
		{ &e->heads, of_latent * e->heads_ld, sizeof(float) },
		{ &e->scores, of_experts * e->scores_ld, sizeof(float) }, { &e->preferred, of_experts * e->scores_ld, sizeof(float) }, { &e->chosen, chosen, sizeof(uint32_t) },
		{ &e->chosen_weight, chosen, sizeof(float) }, { &e->gathered, of_experts * e->x_ld, sizeof(float) },
		{ &e->gathered_row, of_experts, sizeof(size_t) }, { &e->gathered_weight, of_experts, sizeof(float) },
		{ &e->mixed, of_experts * e->x_ld, sizeof(float) },
		{ &e->page_of_row, n, sizeof(size_t) }, { &e->run, n + 1, sizeof(size_t) },
	};
	_Static_assert(sizeof want / sizeof *want + RECURRENT_PARTS <= ENGINE_SCRATCH, "scratch has a place for each");
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		void *p = new_scratch(e, want[i].n, want[i].size);
		if (!p)
			return -1;
		memcpy(want[i].to, &p, sizeof p);
	}
	return 0;
}

enum engine_factors
engine_rope_factors(const struct engine *e)
{
	if (!e->weights.rope_long)
		return FACTORS_ANY;
	return e->context > e->model->hp.rope_original_context ? FACTORS_LONG : FACTORS_SHORT;
}

static int
begin_ropes(struct engine *e)
{
	const float *of[] = { [FACTORS_ANY] = e->weights.rope_factors, [FACTORS_LONG] = e->weights.rope_long, [FACTORS_SHORT] = e->weights.rope_short };
	const float *factors = of[engine_rope_factors(e)];
	struct hparams hp = e->model->hp;

	if (hp.how->rope == ROPE_ABSENT)
		return 0;
	if (rope_init(&e->rope[0], &hp, factors) < 0)
		return -1;
	if (hp.how->window_theta == 0)
		return 0;
	hp.rope_theta = hp.how->window_theta;
	hp.rope_scaling = ROPE_NONE;
	return rope_init(&e->rope[1], &hp, factors);
}

static struct kv *
new_kv(const struct engine *e, const struct engine_options *o)
{
	const struct hparams *hp = &e->model->hp;
	uint32_t layers = e->model->layer_last - e->model->layer_first;

	if (!e->mixer->state)
		return kv_new(layers, hp->n_kv_heads, hp->head_dim, o->kv_type, e->context, o->kv_bytes);
	if (o->kv_type == TYPE_F32)
		return kv_new_states(layers, e->mixer->state(hp), e->context, o->kv_bytes);
	err_set(ERR_DATA, "%s: keeps states, which are of F32", e->model->files[0]->path);
	return NULL;
}

struct engine *
engine_new(const struct model *m, const struct engine_options *o)
{
	struct engine *e = mem_alloc(1, sizeof *e);
	const struct hparams *hp = &m->hp;

	if (!e)
		return NULL;
	e->model = m;
	e->mixer = mixer_of(hp->how);
	if (o->adapters)
		e->adapters = *o->adapters;
	e->inputs = o->inputs;
	e->context = o->context ? o->context : hp->context;
	e->attention_scale = (float)(hp->kv_lora > 0 ? latent_scale(hp) : hp->attention_scale);
	if (hp->how->ends >> POSITION_EMBD & 1 && e->context > hp->context) {
		err_set(ERR_DATA, "%s: the model has %u positions, not %u", m->files[0]->path, hp->context, e->context);
		engine_free(e);
		return NULL;
	}
	if (!(e->kernels = kernels_best()) || !(e->pool = pool_new(o->threads)) || (o->pin && pool_pin(e->pool) < 0) ||
	    weights_load(&e->weights, m, &e->adapters, e->pool) < 0 || begin_ropes(e) < 0 ||
	    !(e->kv = new_kv(e, o)) || alloc_scratch(e) < 0) {
		engine_free(e);
		return NULL;
	}
	return e;
}

void
engine_free(struct engine *e)
{
	if (!e)
		return;
	while (e->n_scratch > 0)
		free(e->scratch[--e->n_scratch]);
	free(e->page_keys);
	free(e->page_values);
	kv_free(e->kv);
	rope_free(&e->rope[0]);
	rope_free(&e->rope[1]);
	weights_free(&e->weights);
	pool_free(e->pool);
	free(e);
}

struct kv *
engine_kv(const struct engine *e)
{
	return e->kv;
}

struct pool *
engine_pool(const struct engine *e)
{
	return e->pool;
}

const struct kernels *
engine_arithmetic(const struct engine *e)
{
	return e->kernels;
}

uint64_t
engine_weight_bytes(const struct engine *e)
{
	return weights_bytes(&e->weights);
}

uint32_t
engine_context(const struct engine *e)
{
	return e->context;
}

const struct adapter_list *
engine_adapters(const struct engine *e)
{
	return &e->adapters;
}

size_t
engine_stride(const struct engine *e)
{
	return e->x_ld;
}

size_t
engine_logits_stride(const struct engine *e)
{
	return padded(e->model->hp.n_vocab);
}
