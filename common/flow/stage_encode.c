/*
 * Rows of an encoder. Every position sees its whole sequence, so nothing is computed before a row is wanted: then the sequence up to it is,
 * whatever was computed of it before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "flow/stage_impl.h"

/* Keeps the token of a row, until its sequence is wanted; or ends the sequence. */
static bool
hold(struct stage *s, struct stage_seq *q, const struct row *r)
{
	enum kv_result room = kv_reserve(engine_kv(s->engine), &q->kv, r->pos + 1);

	if (r->pos != q->pending || r->token >= s->model->hp.n_vocab)
		stage_end(s, q, CLOSE_ERROR, q->pending);
	else if (room == KV_MEMORY || mem_grow(&q->token, &q->token_cap, (size_t)r->pos + 1, sizeof *q->token) < 0)
		stage_end(s, q, CLOSE_MEMORY, r->pos);
	else if (room == KV_CONTEXT)
		stage_end(s, q, CLOSE_CONTEXT, r->pos);
	if (q->closed)
		return false;
	q->token[q->pending++] = r->token;
	return true;
}

/* One row of what the n rows in s->x have become. */
static void
pool(const struct stage *s, size_t n, float *to)
{
	size_t ld = engine_stride(s->engine), dim = s->model->hp.dim;

	memcpy(to, s->x + (s->output == STAGE_EMBED_LAST ? n - 1 : 0) * ld, dim * sizeof *to);
	if (s->output != STAGE_EMBED_MEAN)
		return;
	for (size_t i = 1; i < n; i++)
		engine_arithmetic(s->engine)->add(to, s->x + i * ld, dim);
	for (size_t k = 0; k < dim; k++)
		to[k] /= (float)n;
}

/* Room for n rows in s->x. What is in there is lost. */
static int
reserve_rows(struct stage *s, size_t n)
{
	float *x;

	if (n <= s->x_rows)
		return 0;
	if (!(x = mem_alloc64(n * engine_stride(s->engine), sizeof *x))) /* n is at most the context */
		return -1;
	free(s->x);
	s->x = x;
	s->x_rows = n;
	return 0;
}

/* The embedding of a sequence as far as it is known. 0 or -1. */
static int
encode(struct stage *s, struct stage_seq *q, float *to)
{
	size_t ld = engine_stride(s->engine), n = q->pending;

	if (reserve_rows(s, n) < 0)
		return -1;
	memset(s->x, 0, n * ld * sizeof *s->x);
	for (size_t i = 0; i < n; i++)
		engine_embed(s->engine, q->token[i], (uint32_t)i, s->x + i * ld); /* below the context */
	if (engine_encode(s->engine, s->x, &q->kv, n) < 0)
		return -1;
	pool(s, n, to);
	return 0;
}

int
stage_encode(struct stage *s, const struct frame *f, stage_emit *emit, void *arg)
{
	size_t dim = s->model->hp.dim;

	s->n = 0;
	if (stage_reserve(s, (size_t)f->n_rows * dim) < 0)
		return -1;
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const struct row *r = &f->rows[i];
		struct stage_seq *q = stage_find(s, r->seq);
		float *to = s->logits + s->n * dim;
		if (!q)
			return -1;
		if (q->closed || !hold(s, q, r) || !(r->flags & ROW_WANTED))
			continue;
		if (encode(s, q, to) < 0)
			return -1;
		if (engine_arithmetic(s->engine)->finite(to, dim))
			s->row[s->n++] = *r;
		else
			stage_end(s, q, CLOSE_ERROR, r->pos);
	}
	return emit(arg, &(struct frame){ .type = FRAME_ROWS, .hops = stage_hops(f), .n_rows = (uint32_t)s->n, .rows = s->row,
		.data = s->logits, .row_bytes = dim * sizeof(float) }); /* no more rows than came in */
}
