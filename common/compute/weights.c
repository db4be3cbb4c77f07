#include "compute/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/tile.h"
#include "model/types.h"

enum { PACK_TILES = 16 }; /* tiles a thread interleaves at a time */

struct pack {
	void *to;
	const void *from;
	uint32_t type;
	uint64_t rows, cols, tiles;
};

static void
pack_some(void *arg, size_t item)
{
	const struct pack *p = arg;
	uint64_t first = item * PACK_TILES, last = first + PACK_TILES;

	tile_pack(p->to, p->from, p->type, p->rows, p->cols, first, last < p->tiles ? last : p->tiles);
}

/* w->rows rows of a plain matrix. */
static int
interleave(struct weight *w, const void *plain, struct pool *pool)
{
	uint64_t bytes;

	if (!tile_size(w->type, w->rows, w->cols, &bytes))
		return err_set(ERR_DATA, "the matrix is too large");
	if (!(w->owned = mem_alloc64(bytes, 1)))
		return -1;
	w->data = w->owned;
	madvise(w->owned, bytes, MADV_HUGEPAGE); /* fewer look-ups of addresses; it may be refused */
	struct pack p = { w->owned, plain, w->type, w->rows, w->cols, (w->rows + TILE_ROWS - 1) / TILE_ROWS };
	pool_run(pool, (p.tiles + PACK_TILES - 1) / PACK_TILES, pack_some, &p);
	return 0;
}

/* ---- adapters ---- */

/* The rows of a tensor as f32, times `scale`. */
static void
scaled_rows(float *to, const struct gguf_tensor *t, float scale)
{
	for (uint64_t r = 0; r < t->ne[1]; r++, to += t->ne[0]) {
		tile_row(to, t->data, t->type, t->ne[1], t->ne[0], r);
		for (uint64_t k = 0; k < t->ne[0]; k++)
			to[k] *= scale;
	}
}

static int
load_b(struct weight *b, const struct adapter_pair *p, struct pool *pool)
{
	float *plain = mem_alloc(p->b->ne[1] * p->b->ne[0], sizeof *plain);
	int rc = -1;

	*b = (struct weight){ .type = TYPE_F32, .rows = p->b->ne[1], .cols = p->b->ne[0] };
	if (plain) {
		scaled_rows(plain, p->b, p->scale);
		rc = interleave(b, plain, pool);
	}
	free(plain);
	return rc;
}

/* Into `low`, which has room for all of the list. */
static int
load_pairs(struct low_rank *low, const struct adapter_list *l, const char *name, struct pool *pool)
{
	float *plain = mem_alloc(low->a.rows * low->a.cols, sizeof *plain);
	size_t at = 0;
	int rc = -1;

	if (!plain)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		const struct adapter_pair *p = adapter_find(l->at[i], name);
		if (!p)
			continue;
		scaled_rows(plain + at * low->a.cols, p->a, 1);
		at += tile_whole(p->rank);
		if (load_b(&low->b[low->n++], p, pool) < 0)
			goto out;
	}
	rc = interleave(&low->a, plain, pool);
out:
	free(plain);
	return rc;
}

static int
load_adapters(struct weight *w, const struct adapter_list *l, const char *name, struct pool *pool)
{
	size_t rows = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct adapter_pair *p = adapter_find(l->at[i], name);
		rows += p ? tile_whole(p->rank) : 0;
	}
	if (rows == 0)
		return 0;
	if (!(w->adapters = mem_alloc(1, sizeof *w->adapters)) ||
	    !(w->adapters->b = mem_alloc(l->n, sizeof *w->adapters->b)))
		return -1;
	w->adapters->a = (struct weight){ .type = TYPE_F32, .rows = rows, .cols = w->cols };
	return load_pairs(w->adapters, l, name, pool);
}

/* ---- matrices and vectors of a model ---- */

static uint64_t
row_bytes(const struct weight *w)
{
	const struct type_info *t = type_info(w->type);

	return w->cols / t->block * t->block_bytes;
}

/* Rows of an interleaved matrix that don't begin with a tile: into memory of their own. */
static int
cut_rows(struct weight *w, const struct gguf_tensor *t, uint64_t first, struct pool *pool)
{
	char *plain = mem_alloc(t->ne[1], row_bytes(w));
	int rc = -1;

	if (plain) {
		tile_unpack(plain, t->data, w->type, t->ne[1], w->cols, 0, tile_whole(t->ne[1]) / TILE_ROWS);
		rc = interleave(w, plain + first * row_bytes(w), pool);
	}
	free(plain);
	return rc;
}

static int
load_rows(struct weight *w, const struct model *m, const struct model_part *p, struct pool *pool)
{
	const struct gguf_tensor *t = p->tensor;

	*w = (struct weight){ .type = t->type, .rows = p->rows, .cols = t->ne[0] };
	if (type_is_tiled(t->type))
		w->type = t->type - TYPE_X16;
	if (!tile_supports(w->type))
		return err_set(ERR_DATA, "%s: tensor %s has type %s, which mai-run does not compute", m->files[0]->path, p->name,
		    type_info(t->type)->name);
	if (!type_is_tiled(t->type))
		return interleave(w, t->data + p->first * row_bytes(w), pool);
	if ((uintptr_t)t->data % 64 != 0)
		return err_set(ERR_DATA, "%s: tensor %s does not lie at a multiple of 64 bytes", m->files[0]->path, p->name);
	w->data = t->data;
	return p->is_cut ? cut_rows(w, t, p->first, pool) : 0;
}

static int
load_matrix(struct weight *w, const struct model *m, const struct adapter_list *l, const struct model_part *p, struct pool *pool)
{
	if (load_rows(w, m, p, pool) < 0)
		return -1;
	if (!p->is_cut)
		return load_adapters(w, l, p->name, pool);
	for (size_t i = 0; i < l->n; i++)
		if (adapter_find(l->at[i], p->name))
			return err_set(ERR_DATA, "%s: an adapter of %s, which is several matrices in one, can't be applied", m->files[0]->path, p->name);
	return 0;
}

static const float *
floats(const struct model_part *p)
{
	return (const float *)(const void *)p->tensor->data + p->first; /* GGUF aligns tensors to 8 bytes and more */
}

/* The matrices of all experts or heads, n that lie one behind the other. */
static int
load_each(struct weight **to, uint32_t n, const struct model *m, uint32_t number, enum arch_slot slot, struct pool *pool)
{
	struct model_part p;

	if (!model_part(m, number, slot, &p))
		return err_set(ERR_DATA, "%s: no tensor %s", m->files[0]->path, p.name);
	if (!(*to = mem_alloc(n, sizeof **to)))
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		struct weight *w = &(*to)[i];
		*w = (struct weight){ .type = p.tensor->type, .rows = p.rows, .cols = p.tensor->ne[0] };
		if (interleave(w, p.tensor->data + i * p.rows * row_bytes(w), pool) < 0)
			return -1;
	}
	return 0;
}

/* A vector as a matrix of one row. */
static int
load_row(struct weight *w, const struct model_part *p, struct pool *pool)
{
	*w = (struct weight){ .type = TYPE_F32, .rows = 1, .cols = p->rows };
	return interleave(w, p->tensor->data, pool);
}

/* Rows of a matrix, one for each expert, become their biases, behind one another from `to` on. */
static void
set_biases(struct weight *w, const struct model_part *p, float *to, uint32_t n)
{
	const struct gguf_tensor *t = p->tensor;

	for (uint32_t i = 0; i < n; i++, to += t->ne[0]) {
		tile_row(to, t->data, t->type, n, t->ne[0], i);
		w[i].bias = to;
	}
}

static int
load_biases(struct experts *x, const struct model *m, uint32_t number)
{
	const enum arch_slot slot[] = { EXPERTS_GATE_BIAS, EXPERTS_UP_BIAS, EXPERTS_DOWN_BIAS };
	struct weight *const w[] = { x->gate, x->up, x->down };
	struct model_part p;
	uint64_t floats = 0;

	for (size_t i = 0; i < sizeof slot / sizeof *slot; i++)
		floats += model_part(m, number, slot[i], &p) ? p.tensor->ne[0] * x->n : 0;
	if (floats == 0)
		return 0;
	if (!(x->biases = mem_alloc(floats, sizeof *x->biases)))
		return -1;
	floats = 0;
	for (size_t i = 0; i < sizeof slot / sizeof *slot; i++)
		if (model_part(m, number, slot[i], &p)) {
			set_biases(w[i], &p, x->biases + floats, x->n);
			floats += p.tensor->ne[0] * x->n;
		}
	return 0;
}

static int
load_experts(struct experts *x, const struct model *m, uint32_t number, struct pool *pool)
{
	const struct {
		enum arch_slot slot;
		struct weight *w;
	} shared[] = { { FFN_ROUTER, &x->router }, { SHARED_GATE, &x->shared_gate }, { SHARED_UP, &x->shared_up }, { SHARED_DOWN, &x->shared_down } };
	struct model_part p;

	x->n = m->hp.n_experts;
	if (load_each(&x->gate, x->n, m, number, EXPERTS_GATE, pool) < 0 || load_each(&x->up, x->n, m, number, EXPERTS_UP, pool) < 0 ||
	    load_each(&x->down, x->n, m, number, EXPERTS_DOWN, pool) < 0 || load_biases(x, m, number) < 0)
		return -1;
	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
		if (model_part(m, number, shared[i].slot, &p) && load_rows(shared[i].w, m, &p, pool) < 0)
			return -1;
	if (model_part(m, number, FFN_ROUTER_BIAS, &p))
		x->router.bias = floats(&p);
	if (model_part(m, number, EXPERTS_BIAS, &p))
		x->preference = floats(&p);
	return model_part(m, number, SHARED_ROUTER, &p) ? load_row(&x->shared_router, &p, pool) : 0;
}

static int
load_latent(struct latent *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool)
{
	const struct {
		enum arch_slot slot;
		struct weight *w;
	} matrix[] = { { LATENT_Q_A, &l->q_a }, { LATENT_Q_B, &l->q_b }, { LATENT_KV_A, &l->kv_a } };
	struct model_part p;

	for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++)
		if (model_part(m, number, matrix[i].slot, &p) && load_matrix(matrix[i].w, m, adapters, &p, pool) < 0)
			return -1;
	if (model_part(m, number, LATENT_Q_A_NORM, &p))
		l->q_norm.w = floats(&p);
	if (model_part(m, number, LATENT_KV_A_NORM, &p))
		l->kv_norm.w = floats(&p);
	l->heads = m->hp.n_heads;
	return load_each(&l->k_b, l->heads, m, number, LATENT_K_B, pool) < 0 ? -1 : load_each(&l->v_b, l->heads, m, number, LATENT_V_B, pool);
}

/* Those that the layer has; model_check has seen that they are what they should be. */
static int
load_layer(struct layer *l, const struct model *m, const struct adapter_list *adapters, uint32_t number, struct pool *pool)
{
	const struct {
		enum arch_slot slot;
		struct weight *w;
	} matrix[] = {
		{ ATTN_Q, &l->q }, { ATTN_K, &l->k }, { ATTN_V, &l->v }, { ATTN_OUTPUT, &l->o },
		{ FFN_GATE, &l->gate }, { FFN_UP, &l->up }, { FFN_DOWN, &l->down },
	};
	const struct {
		enum arch_slot slot;
		const float **to;
	} vector[] = {
		{ ATTN_NORM, &l->attn.w }, { ATTN_NORM_BIAS, &l->attn.b }, { FFN_NORM, &l->ffn.w }, { FFN_NORM_BIAS, &l->ffn.b },
		{ ATTN_POST_NORM, &l->attn_post.w }, { FFN_POST_NORM, &l->ffn_post.w },
		{ ATTN_Q_NORM, &l->q_norm.w }, { ATTN_K_NORM, &l->k_norm.w },
		{ ATTN_SINKS, &l->sinks }, { ATTN_SUM_NORM, &l->attn_sum.w }, { ATTN_SUM_NORM_BIAS, &l->attn_sum.b },
		{ FFN_SUM_NORM, &l->ffn_sum.w }, { FFN_SUM_NORM_BIAS, &l->ffn_sum.b },
	};
	struct model_part p;

	for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++) {
		if (model_part(m, number, matrix[i].slot, &p) && load_matrix(matrix[i].w, m, adapters, &p, pool) < 0)
			return -1;
		if (model_part(m, number, matrix[i].slot + 1, &p)) /* its bias is the next */
			matrix[i].w->bias = floats(&p);
	}
	for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
		if (model_part(m, number, vector[i].slot, &p))
			*vector[i].to = floats(&p);
	if (model_part(m, number, ATTN_NORM_2, &p)) { /* then this is for attention, and the first for both */
		l->ffn = l->attn;
		l->attn = (struct norm){ floats(&p), NULL };
		if (model_part(m, number, ATTN_NORM_2_BIAS, &p))
			l->attn.b = floats(&p);
	}
	if (m->hp.how->norm_between) {
		l->ffn = l->attn_post;
		l->attn_post = (struct norm){ 0 };
	}
	if (m->hp.kv_lora > 0 && load_latent(&l->latent, m, adapters, number, pool) < 0)
		return -1;
	return hparams_has_experts(&m->hp, number) ? load_experts(&l->experts, m, number, pool) : 0;
}

/* A vector beside the layers; NULL: there is none. */
static const float *
load_end(const struct model *m, enum arch_end end)
{
	const struct gguf_tensor *t = model_tensor(m, arch_ends[end].name);

	return t ? (const float *)(const void *)t->data : NULL; /* aligned, as above */
}

static int
load_head(struct weights *w, const struct model *m, const struct adapter_list *adapters, struct pool *pool)
{
	struct model_part p = { .tensor = model_output(m) };

	if (!p.tensor)
		return err_set(ERR_DATA, "%s: no tensor %s", m->files[0]->path, arch_ends[OUTPUT].name);
	snprintf(p.name, sizeof p.name, "%.*s", (int)p.tensor->name.len, p.tensor->name.data); /* shorter: of a GGUF */
	p.rows = p.tensor->ne[1];
	if (load_matrix(&w->head, m, adapters, &p, pool) < 0)
		return -1;
	w->head.bias = load_end(m, OUTPUT_BIAS);
	w->output_norm = (struct norm){ load_end(m, OUTPUT_NORM), load_end(m, OUTPUT_NORM_BIAS) };
	return 0;
}

int
weights_load(struct weights *w, const struct model *m, const struct adapter_list *adapters, struct pool *pool)
{
	*w = (struct weights){ .n_layers = m->layer_last - m->layer_first, .experts_used = m->hp.experts_used };
	w->layer = mem_alloc(w->n_layers, sizeof *w->layer);
	if (!w->layer)
		return -1;
	w->embedding = m->has_embedding ? model_tensor(m, arch_ends[TOKEN_EMBD].name) : NULL;
	w->positions = m->has_embedding ? model_tensor(m, arch_ends[POSITION_EMBD].name) : NULL;
	w->types = m->has_embedding ? model_tensor(m, arch_ends[TOKEN_TYPES].name) : NULL;
	w->embedding_norm = (struct norm){ load_end(m, TOKEN_EMBD_NORM), load_end(m, TOKEN_EMBD_NORM_BIAS) };
	w->rope_factors = load_end(m, ROPE_FREQS);
	w->rope_long = load_end(m, ROPE_LONG);
	w->rope_short = load_end(m, ROPE_SHORT);
	for (uint32_t i = 0; i < w->n_layers; i++)
		if (load_layer(&w->layer[i], m, adapters, m->layer_first + i, pool) < 0)
			goto fail;
	if (m->has_head && !m->hp.how->encoder && load_head(w, m, adapters, pool) < 0)
		goto fail;
	return 0;
fail:
	weights_free(w);
	return -1;
}

static void
free_matrix(struct weight *w)
{
	free(w->owned);
	if (!w->adapters)
		return;
	for (size_t i = 0; i < w->adapters->n; i++)
		free(w->adapters->b[i].owned);
	free(w->adapters->a.owned);
	free(w->adapters->b);
	free(w->adapters);
}

static void
free_each(struct weight *w, uint32_t n)
{
	for (uint32_t i = 0; w && i < n; i++)
		free_matrix(&w[i]);
	free(w);
}

static void
free_experts(struct experts *x)
{
	struct weight *one[] = { &x->router, &x->shared_router, &x->shared_gate, &x->shared_up, &x->shared_down };

	for (size_t i = 0; i < sizeof one / sizeof *one; i++)
		free_matrix(one[i]);
	free_each(x->gate, x->n);
	free_each(x->up, x->n);
	free_each(x->down, x->n);
	free(x->biases);
}

void
weights_free(struct weights *w)
{
	for (uint32_t i = 0; w->layer && i < w->n_layers; i++) {
		struct layer *l = &w->layer[i];
		struct weight *all[] = { &l->q, &l->k, &l->v, &l->o, &l->gate, &l->up, &l->down, &l->latent.q_a, &l->latent.q_b, &l->latent.kv_a };
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			free_matrix(all[k]);
		free_experts(&l->experts);
		free_each(l->latent.k_b, l->latent.heads);
		free_each(l->latent.v_b, l->latent.heads);
	}
	free(w->layer);
	free_matrix(&w->head);
	*w = (struct weights){ 0 };
}

/* ---- sizes ---- */

static uint64_t
own_bytes(const struct weight *w)
{
	uint64_t n = 0;

	return w->data && tile_size(w->type, w->rows, w->cols, &n) ? n : 0;
}

static uint64_t
matrix_bytes(const struct weight *w)
{
	uint64_t n = own_bytes(w);

	if (!w->adapters)
		return n;
	for (size_t i = 0; i < w->adapters->n; i++)
		n += own_bytes(&w->adapters->b[i]);
	return n + own_bytes(&w->adapters->a);
}

/* Of those that one token goes through. */
static uint64_t
expert_bytes(const struct experts *x, uint32_t used)
{
	uint64_t n = matrix_bytes(&x->router) + matrix_bytes(&x->shared_router) + matrix_bytes(&x->shared_gate) + matrix_bytes(&x->shared_up) +
	    matrix_bytes(&x->shared_down);

	return x->n == 0 ? 0 : n + used * (matrix_bytes(&x->gate[0]) + matrix_bytes(&x->up[0]) + matrix_bytes(&x->down[0]));
}

static uint64_t
latent_bytes(const struct latent *l)
{
	uint64_t n = matrix_bytes(&l->q_a) + matrix_bytes(&l->q_b) + matrix_bytes(&l->kv_a);

	return l->heads == 0 ? 0 : n + l->heads * (matrix_bytes(&l->k_b[0]) + matrix_bytes(&l->v_b[0]));
}

uint64_t
weights_bytes(const struct weights *w)
{
	uint64_t n = matrix_bytes(&w->head);

	for (uint32_t i = 0; i < w->n_layers; i++) {
		const struct layer *l = &w->layer[i];
		n += matrix_bytes(&l->q) + matrix_bytes(&l->k) + matrix_bytes(&l->v) + matrix_bytes(&l->o) +
		    matrix_bytes(&l->gate) + matrix_bytes(&l->up) + matrix_bytes(&l->down) + expert_bytes(&l->experts, w->experts_used) +
		    latent_bytes(&l->latent);
	}
	return n;
}

static size_t
low_rows(const struct weight *w)
{
	return w->adapters ? w->adapters->a.rows : 0;
}

size_t
weights_low_rows(const struct weights *w)
{
	size_t most = low_rows(&w->head);

	for (uint32_t i = 0; i < w->n_layers; i++) {
		const struct layer *l = &w->layer[i];
		size_t rows[] = {
			low_rows(&l->q) + low_rows(&l->k) + low_rows(&l->v) + low_rows(&l->latent.q_a) + low_rows(&l->latent.kv_a),
			low_rows(&l->latent.q_b), low_rows(&l->o),
			low_rows(&l->gate) + low_rows(&l->up), low_rows(&l->down),
		};
		for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
			most = rows[k] > most ? rows[k] : most;
	}
	return most;
}
