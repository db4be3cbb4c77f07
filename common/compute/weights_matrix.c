#include "compute/weights_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/plain.h"
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

static void
set_tiles(struct weight *w, struct tile_place p)
{
	w->data = p.data;
	w->scales = p.scales;
}

int
weight_interleave(struct weight *w, const void *plain, struct pool *pool)
{
	uint64_t bytes;

	if (!tile_size(w->type, w->rows, w->cols, &bytes))
		return err_set(ERR_DATA, "the matrix is too large");
	if (!(w->owned = mem_alloc64(bytes, 1)))
		return -1;
	set_tiles(w, tile_find(w->owned, w->type, w->rows, w->cols, 0));
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
		rc = weight_interleave(b, plain, pool);
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
	rc = weight_interleave(&low->a, plain, pool);
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
cut_rows(struct weight *w, const uint8_t *matrix, uint64_t rows, uint64_t first, struct pool *pool)
{
	char *plain = mem_alloc(rows, row_bytes(w));
	int rc = -1;

	if (plain) {
		tile_unpack(plain, matrix, w->type, rows, w->cols, 0, tile_whole(rows) / TILE_ROWS);
		rc = weight_interleave(w, plain + first * row_bytes(w), pool);
	}
	free(plain);
	return rc;
}

/* The rows of a part in matrix `number` of its tensor. */
static int
load_matrix(struct weight *w, const struct model *m, const struct model_part *p, uint32_t number, struct pool *pool)
{
	const struct gguf_tensor *t = p->tensor;
	const uint8_t *matrix = stored_matrix(t, number);

	*w = (struct weight){ .type = plain_type(t), .rows = p->rows, .cols = t->ne[0], .tensor = p->first == 0 ? t : NULL, .number = number };
	if (!tile_supports(w->type))
		return err_set(ERR_DATA, "%s: tensor %s has type %s, which mai-run does not compute", m->files[0]->path, p->name,
		    type_info(t->type)->name);
	if (!type_is_tiled(t->type))
		return weight_interleave(w, matrix + p->first * row_bytes(w), pool);
	if ((uintptr_t)matrix % TILE_ALIGNMENT != 0)
		return err_set(ERR_DATA, "%s: tensor %s does not lie at a multiple of %d bytes", m->files[0]->path, p->name, TILE_ALIGNMENT);
	if (p->first % TILE_ROWS != 0)
		return cut_rows(w, matrix, t->ne[1], p->first, pool);
	set_tiles(w, tile_find(matrix, w->type, t->ne[1], w->cols, p->first / TILE_ROWS));
	return 0;
}

int
weight_load_rows(struct weight *w, const struct model *m, const struct model_part *p, struct pool *pool)
{
	return load_matrix(w, m, p, 0, pool);
}

int
weight_no_adapter(const struct model *m, const struct adapter_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (adapter_find(l->at[i], name))
			return err_set(ERR_DATA, "%s: an adapter of %s, which is several matrices in one, can't be applied", m->files[0]->path, name);
	return 0;
}

int
weight_load(struct weight *w, const struct model *m, const struct adapter_list *l, const struct model_part *p, struct pool *pool)
{
	if (weight_load_rows(w, m, p, pool) < 0)
		return -1;
	return p->is_cut ? weight_no_adapter(m, l, p->name) : load_adapters(w, l, p->name, pool);
}

const float *
weight_floats(const struct model_part *p)
{
	return (const float *)(const void *)p->tensor->data + p->first; /* GGUF aligns tensors to 8 bytes and more */
}

/* The matrices of all experts or heads, n that lie one behind the other. */
int
weight_load_each(struct weight **to, uint32_t n, const struct model *m, uint32_t number, enum arch_slot slot, struct pool *pool)
{
	struct model_part p;

	if (!model_part(m, number, slot, &p))
		return err_set(ERR_DATA, "%s: no tensor %s", m->files[0]->path, p.name);
	if (!(*to = mem_alloc(n, sizeof **to)))
		return -1;
	for (uint32_t i = 0; i < n; i++)
		if (load_matrix(&(*to)[i], m, &p, i, pool) < 0)
			return -1;
	return 0;
}

/* A vector as a matrix of one row. */
int
weight_load_row(struct weight *w, const struct model_part *p, struct pool *pool)
{
	*w = (struct weight){ .type = TYPE_F32, .rows = 1, .cols = p->rows, .tensor = p->tensor };
	return weight_interleave(w, p->tensor->data, pool);
}

void
weight_free(struct weight *w)
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

void
weight_free_each(struct weight *w, uint32_t n)
{
	for (uint32_t i = 0; w && i < n; i++)
		weight_free(&w[i]);
	free(w);
}

/* ---- sizes ---- */

static uint64_t
own_bytes(const struct weight *w)
{
	uint64_t n = 0;

	return w->data && tile_size(w->type, w->rows, w->cols, &n) ? n : 0;
}

uint64_t
weight_bytes(const struct weight *w)
{
	uint64_t n = own_bytes(w);

	if (!w->adapters)
		return n;
	for (size_t i = 0; i < w->adapters->n; i++)
		n += own_bytes(&w->adapters->b[i]);
	return n + own_bytes(&w->adapters->a);
}

size_t
weight_low_rows(const struct weight *w)
{
	return w->adapters ? w->adapters->a.rows : 0;
}
