#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "flow/stage_impl.h"
#include "model/tile.h"

/* ---- rows in ---- */

static bool
token_fits(const struct stage *s, const struct row *r)
{
	/* A stage in the middle has no use for tokens, which may have been stripped. */
	return r->token < s->model->hp.n_vocab || (r->token == ROW_NO_TOKEN && !s->model->has_embedding);
}

/* Whether the row can be computed; if not, its sequence ends. Only a draft is left out instead, and those behind it, where there
 * is no room for it: the token that takes its place may be the last one. So it is where there would be no way back. */
static bool
admit(struct stage *s, struct stage_seq *q, const struct row *r)
{
	uint32_t pos = q->kv.len + q->pending;
	bool draft = r->flags & ROW_DRAFT;
	enum kv_result room;

	if (draft && (r->pos > pos || hparams_is_recurrent(&s->model->hp)))
		return false;
	if (r->pos != pos || !token_fits(s, r)) {
		stage_end(s, q, CLOSE_ERROR, pos);
		return false;
	}
	room = kv_reserve(engine_kv(s->engine), &q->kv, pos + 1);
	if (room != KV_OK && draft)
		return false;
	if (room != KV_OK) {
		stage_end(s, q, room == KV_CONTEXT ? CLOSE_CONTEXT : CLOSE_MEMORY, pos);
		return false;
	}
	if (!s->model->has_head && !s->keep)
		return true;
	if (mem_grow(&q->token, &q->token_cap, (size_t)pos + 1, sizeof *q->token) < 0) {
		stage_end(s, q, CLOSE_MEMORY, pos);
		return false;
	}
	q->token[pos] = r->token;
	return true;
}

/* Makes the batch, of the rows that can be computed. */
static int
gather(struct stage *s, const struct frame *f)
{
	size_t ld = engine_stride(s->engine), width = s->model->hp.hidden;

	s->n = 0;
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const struct row *r = &f->rows[i];
		struct stage_seq *q = stage_find(s, r->seq);
		if (!q)
			return -1;
		if (q->closed || !admit(s, q, r))
			continue;
		float *x = s->x + s->n * ld;
		if (s->model->has_embedding)
			engine_embed(s->engine, r->token, r->pos, x);
		else
			tile_row(x, f->data, s->in_dtype, f->n_rows, width, i);
		memset(x + width, 0, (ld - width) * sizeof *x);
		s->in[s->n] = (struct engine_row){ &q->kv, r->pos };
		s->owner[s->n] = q;
		s->row[s->n++] = *r;
		q->pending++;
	}
	return 0;
}

static int
compute(struct stage *s)
{
	int rc = engine_layers(s->engine, s->x, s->in, s->n);

	for (size_t i = 0; i < s->n; i++) {
		s->owner[i]->kv.len += s->owner[i]->pending;
		s->owner[i]->pending = 0;
	}
	return rc;
}

/* ---- rows out ---- */

/* Whether row i of the batch goes out: its sequence does not end before it, and what it gives is finite. */
static bool
goes_out(struct stage *s, size_t i, const float *row, size_t n)
{
	struct stage_seq *q = s->owner[i];

	if (q->closed && s->row[i].pos >= q->end)
		return false;
	if (engine_arithmetic(s->engine)->finite(row, n))
		return true;
	stage_end(s, q, CLOSE_ERROR, s->row[i].pos);
	return false;
}

/* Row i of the batch becomes row n, n <= i. */
static void
move_row(struct stage *s, size_t n, size_t i)
{
	size_t ld = engine_stride(s->engine);

	if (n == i)
		return;
	memcpy(s->x + n * ld, s->x + i * ld, ld * sizeof *s->x);
	s->row[n] = s->row[i];
	s->owner[n] = s->owner[i];
}

static int
emit_rows(struct stage *s, const struct frame *in, const void *data, size_t row_bytes, stage_emit *emit, void *arg)
{
	return emit(arg, &(struct frame){
		.type = FRAME_ROWS, .hops = stage_hops(in),
		.n_rows = (uint32_t)s->n, .rows = s->row, .data = data, .row_bytes = row_bytes,
	});
}

/* Rows with a stride of ld floats become rows of n, in place. */
static void
close_ranks(float *x, size_t ld, size_t n, size_t rows)
{
	for (size_t i = 1; i < rows && ld != n; i++)
		memmove(x + i * n, x + i * ld, n * sizeof *x);
}

static int
give_hidden(struct stage *s, const struct frame *in, stage_emit *emit, void *arg)
{
	size_t ld = engine_stride(s->engine), width = s->header.width, n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (goes_out(s, i, s->x + i * ld, width))
			move_row(s, n++, i);
	s->n = n;
	close_ranks(s->x, ld, width, n);
	return emit_rows(s, in, s->x, width * sizeof(float), emit, arg);
}

/* Whether row i holds what was sampled for its position. A draft may not, and then those behind it have no meaning either. */
static bool
holds(struct stage *s, size_t i)
{
	struct stage_seq *q = s->owner[i];
	const struct row *r = &s->row[i];

	if (!(r->flags & ROW_DRAFT))
		q->wrong = UINT32_MAX;
	else if (r->pos < q->wrong && q->token[r->pos] != r->token)
		q->wrong = r->pos;
	return r->pos < q->wrong;
}

/* As sampler_choose. */
static int
choose(struct stage *s, struct stage_seq *q, float *logits, uint32_t pos, uint32_t *token)
{
	if (q->open->sampling.dry_multiplier > 0 && q->open->n_breakers > 0 && !q->breakers &&
	    !(q->breakers = breakers_get(&s->breakers, s->vocab, q->open)))
		return -1;
	return sampler_choose(s->sampler, logits, &(struct sample_seq){
		.open = q->open, .breakers = breakers_tokens(q->breakers), .token = q->token, .pos = pos, .mu = &q->mu }, token);
}

/* The token after row i, or the end of its sequence. False: no row goes out for it. */
static bool
sample(struct stage *s, size_t i, float *logits)
{
	struct stage_seq *q = s->owner[i];
	uint32_t next = s->row[i].pos + 1, token;
	size_t first = q->prompt < next ? q->prompt : next, at = 0;
	int chosen, stop;

	if (s->row[i].token == ROW_NO_TOKEN || mem_grow(&q->token, &q->token_cap, (size_t)next + 1, sizeof *q->token) < 0) {
		stage_end(s, q, CLOSE_ERROR, next);
		return false;
	}
	if (!stage_constrain(s, q, logits, (uint32_t)first, next))
		return false;
	if ((chosen = choose(s, q, logits, next, &token)) <= 0) {
		stage_end(s, q, chosen < 0 ? CLOSE_MEMORY : CLOSE_ERROR, next);
		return false;
	}
	if (!q->open->sampling.ignore_eos && vocab_is_eog(s->vocab, token)) {
		stage_end(s, q, CLOSE_STOP, next);
		return false;
	}
	q->token[next] = token;
	q->chosen = next;
	stop = stops_check(q->open, s->vocab, q->token, first, (size_t)next + 1, &at);
	if (stop < 0 || stop == STOP_HIT) {
		stage_end(s, q, stop < 0 ? CLOSE_MEMORY : CLOSE_STOP, (uint32_t)at);
		return false;
	}
	s->row[i] = (struct row){ q->id, next, token, stop == STOP_HELD ? ROW_HELD : 0 };
	return true;
}

int
stage_reserve(struct stage *s, size_t n)
{
	if (n <= s->logits_cap)
		return 0;
	free(s->logits);
	s->logits_cap = 0;
	if (!(s->logits = mem_alloc64(n, sizeof *s->logits)))
		return -1;
	s->logits_cap = n;
	return 0;
}

/* Logits of the batch's rows, which are all wanted. Rows that ask for tokens get them; data goes along only if any does not. */
static int
give_logits(struct stage *s, const struct frame *in, stage_emit *emit, void *arg)
{
	size_t ld = engine_logits_stride(s->engine), n_vocab = s->model->hp.n_vocab, n = 0;
	bool data = false;

	if (stage_reserve(s, s->n * ld) < 0)
		return -1;
	engine_norm(s->engine, s->x, s->n);
	engine_logits(s->engine, s->x, s->n, s->logits);
	for (size_t i = 0; i < s->n; i++)
		data |= s->owner[i]->open->output == OUTPUT_ROWS;
	for (size_t i = 0; i < s->n; i++) {
		float *logits = s->logits + i * ld;
		if (!goes_out(s, i, logits, n_vocab))
			continue;
		if (s->owner[i]->open->output == OUTPUT_TOKENS && (!holds(s, i) || !sample(s, i, logits)))
			continue;
		if (data)
			memmove(s->logits + n * n_vocab, logits, n_vocab * sizeof *logits);
		s->row[n] = s->row[i];
		n++;
	}
	s->n = n;
	return emit_rows(s, in, data ? s->logits : NULL, data ? n_vocab * sizeof(float) : 0, emit, arg);
}

/* The sequence's normalised hidden states pooled up to row i, in its place. */
static int
pool_row(struct stage *s, size_t i)
{
	struct stage_seq *q = s->owner[i];
	size_t dim = s->model->hp.dim;
	float *x = s->x + i * engine_stride(s->engine);

	if (s->output == STAGE_EMBED_LAST)
		return 0;
	if (!q->embedding && !(q->embedding = mem_alloc64(engine_stride(s->engine), sizeof *q->embedding)))
		return -1;
	if (q->pooled == 0)
		memcpy(q->embedding, x, dim * sizeof *x);
	else if (s->output == STAGE_EMBED_MEAN)
		engine_arithmetic(s->engine)->add(q->embedding, x, dim);
	q->pooled++;
	for (size_t k = 0; k < dim; k++)
		x[k] = s->output == STAGE_EMBED_MEAN ? q->embedding[k] / (float)q->pooled : q->embedding[k];
	return 0;
}

static int
give_embeddings(struct stage *s, const struct frame *in, stage_emit *emit, void *arg)
{
	size_t n = 0;

	engine_norm(s->engine, s->x, s->n);
	for (size_t i = 0; i < s->n; i++) {
		if (pool_row(s, i) < 0)
			stage_end(s, s->owner[i], CLOSE_MEMORY, s->row[i].pos);
		if (s->row[i].flags & ROW_WANTED)
			move_row(s, n++, i);
	}
	s->n = n;
	return give_hidden(s, in, emit, arg);
}

int
stage_rows(struct stage *s, const struct frame *f, stage_emit *emit, void *arg)
{
	size_t n = 0;

	if (s->model->hp.how->encoder)
		return stage_encode(s, f, emit, arg);
	if (!s->model->has_embedding && f->row_bytes == 0 && f->n_rows > 0)
		return err_set(ERR_DATA, "rows without hidden states");
	if (gather(s, f) < 0 || compute(s) < 0)
		return -1;
	if (!s->model->has_head)
		return give_hidden(s, f, emit, arg);
	if (s->output != STAGE_LOGITS)
		return give_embeddings(s, f, emit, arg);
	for (size_t i = 0; i < s->n; i++)
		if (s->row[i].flags & ROW_WANTED)
			move_row(s, n++, i);
	s->n = n;
	return n > 0 ? give_logits(s, f, emit, arg) : emit_rows(s, f, NULL, 0, emit, arg);
}
