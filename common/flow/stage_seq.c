#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "flow/stage_impl.h"

void
stage_seq_free(struct stage *s, struct stage_seq *q)
{
	if (!q)
		return;
	kv_release(engine_kv(s->engine), &q->kv);
	breakers_release(q->breakers);
	grammars_release(q->grammar);
	free(q->open);
	free(q->token);
	free(q->embedding);
	free(q);
}

void
stage_end(struct stage *s, struct stage_seq *q, enum close_reason reason, uint32_t pos)
{
	if (q->closed && pos >= q->end)
		return;
	if (!q->closed)
		s->closing[s->n_closing++] = q;
	q->closed = true;
	q->end = pos;
	q->reason = reason;
}

static struct stage_seq *
seq_new(struct stage *s, uint32_t id)
{
	struct stage_seq *q;

	/* Those that are refused are kept in mind, too: their rows must be told from faults. */
	if (s->seqs.n >= 2 * STREAM_MAX_SEQUENCES) {
		err_set(ERR_DATA, "more than %d sequences that were not closed", 2 * STREAM_MAX_SEQUENCES);
		return NULL;
	}
	if (!(q = mem_alloc(1, sizeof *q)))
		return NULL;
	q->id = id;
	q->prompt = q->wrong = UINT32_MAX;
	if (seqmap_put(&s->seqs, id, q) < 0) {
		free(q);
		return NULL;
	}
	if (s->seqs.n > STREAM_MAX_SEQUENCES)
		stage_end(s, q, CLOSE_REFUSED, 0);
	return q;
}

struct stage_seq *
stage_find(struct stage *s, uint32_t id)
{
	struct stage_seq *q = seqmap_get(&s->seqs, id);

	if (!q && (q = seq_new(s, id)))
		stage_end(s, q, CLOSE_ERROR, 0);
	return q;
}

/* What it wants matters to a stage with the head, and to one that keeps states. */
static int
own_open(const struct stage *s, struct stage_seq *q, const struct open *o)
{
	if (!s->model->has_head && !s->keep)
		return 0;
	q->mu = sample_mu(&o->sampling);
	return (q->open = open_clone(o)) ? 0 : -1;
}

int
stage_open(struct stage *s, const struct frame *f)
{
	struct stage_seq *q;

	if (seqmap_get(&s->seqs, f->seq))
		return err_set(ERR_DATA, "sequence %u is opened twice", f->seq);
	if (!(q = seq_new(s, f->seq)))
		return -1;
	if (own_open(s, q, &f->open) < 0)
		stage_end(s, q, CLOSE_MEMORY, 0);
	stage_take_grammar(s, q);
	return 0;
}

/* ---- forks and cuts ---- */

static bool
is_encoder(const struct stage *s)
{
	return s->model->hp.how->encoder;
}

/* Positions that a stage knows of a sequence. */
static uint32_t
length(const struct stage *s, const struct stage_seq *q)
{
	return is_encoder(s) ? q->pending : q->kv.len;
}

/* Whether what was pooled over all rows tells what the first `pos` of them give. */
static bool
pool_keeps(const struct stage *s, const struct stage_seq *q, uint32_t pos)
{
	return s->output != STAGE_EMBED_MEAN || pos == q->pooled || pos == 0;
}

static int
copy_pooled(struct stage *s, struct stage_seq *q, const struct stage_seq *from, uint32_t pos)
{
	if (from->pooled == 0 || pos == 0)
		return 0;
	if (!(q->embedding = mem_alloc64(engine_stride(s->engine), sizeof *q->embedding)))
		return -1;
	memcpy(q->embedding, from->embedding, s->model->hp.dim * sizeof *q->embedding);
	q->pooled = pos;
	return 0;
}

static int
copy_tokens(struct stage_seq *q, const struct stage_seq *from, uint32_t pos)
{
	if (!from->token || pos == 0)
		return 0;
	if (mem_grow(&q->token, &q->token_cap, pos, sizeof *q->token) < 0)
		return -1;
	memcpy(q->token, from->token, pos * sizeof *q->token);
	return 0;
}

int
stage_fork(struct stage *s, const struct frame *f)
{
	struct stage_seq *q, *from = f->value == STREAM_LOADED && s->loaded ? s->loaded : seqmap_get(&s->seqs, (uint32_t)f->value);
	enum kv_result room;

	if (seqmap_get(&s->seqs, f->seq))
		return err_set(ERR_DATA, "sequence %u is opened twice", f->seq);
	if (!(q = seq_new(s, f->seq)))
		return -1;
	if (q->closed)
		return 0;
	if (!from || from->closed || (from == s->loaded && !f->restated) || f->pos > length(s, from)) {
		/* What may be tried again of that one may be of this one. */
		bool again = from && from->closed && (from->reason == CLOSE_MEMORY || from->reason == CLOSE_REFUSED);
		stage_end(s, q, again ? from->reason : CLOSE_ERROR, 0);
		return 0;
	}
	if (is_encoder(s)) {
		q->pending = f->pos;
	} else if (!pool_keeps(s, from, f->pos)) {
		stage_end(s, q, CLOSE_REFUSED, 0);
		return 0;
	}
	q->prompt = from->prompt <= f->pos && !f->restated ? from->prompt : UINT32_MAX;
	room = is_encoder(s) ? KV_OK : kv_fork(engine_kv(s->engine), &q->kv, &from->kv, f->pos);
	if (room == KV_STATE)
		stage_end(s, q, CLOSE_REFUSED, 0);
	else if (room != KV_OK || own_open(s, q, f->restated ? &f->open : from->open) < 0 || copy_tokens(q, from, f->pos) < 0 || copy_pooled(s, q, from, f->pos) < 0)
		stage_end(s, q, CLOSE_MEMORY, 0);
	stage_take_grammar(s, q);
	return 0;
}

void
stage_cut(struct stage *s, const struct frame *f)
{
	struct stage_seq *q = seqmap_get(&s->seqs, f->seq);

	if (!q || q->closed || f->pos > length(s, q))
		return;
	if (is_encoder(s)) {
		q->pending = f->pos;
		return;
	}
	if (!pool_keeps(s, q, f->pos) || kv_cut(engine_kv(s->engine), &q->kv, f->pos) != KV_OK) {
		stage_end(s, q, CLOSE_REFUSED, f->pos);
		return;
	}
	if (q->pooled > f->pos)
		q->pooled = f->pos;
	if (f->pos < q->chosen) {
		q->mu = sample_mu(&q->open->sampling);
		q->grammar_at = (struct constraint_at){ 0 };
		q->chosen = 0;
	}
	if (q->prompt > f->pos)
		q->prompt = UINT32_MAX;
}

void
stage_prompt_end(struct stage *s, uint32_t id)
{
	struct stage_seq *q = seqmap_get(&s->seqs, id);

	if (q)
		q->prompt = q->kv.len;
}

int
stage_drop(struct stage *s, const struct frame *f)
{
	struct stage_seq *q = seqmap_get(&s->seqs, f->seq);
	int rc = q && !q->closed ? stage_save(s, q, f->reason, f->pos) : 0;

	seqmap_remove(&s->seqs, f->seq);
	stage_seq_free(s, q);
	return rc;
}

void
stage_reset(struct stage *s)
{
	for (size_t i = 0; i < s->seqs.cap; i++)
		stage_seq_free(s, s->seqs.slot[i].value);
	seqmap_free(&s->seqs);
}
