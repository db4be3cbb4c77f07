#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "flow/stage_impl.h"

static void
seq_free(struct stage *s, struct stage_seq *q)
{
	if (!q)
		return;
	kv_release(engine_kv(s->engine), &q->kv);
	stops_free(&q->stops);
	free(q->token);
	free(q->embedding);
	free(q);
}

void
stage_end(struct stage *s, struct stage_seq *q, enum close_reason reason, uint32_t pos)
{
	if (q->closed)
		return;
	q->closed = true;
	s->closing[s->n_closing++] = (struct closing){ q, reason, pos };
}

static struct stage_seq *
seq_new(struct stage *s, uint32_t id)
{
	struct stage_seq *q = mem_alloc(1, sizeof *q);

	if (!q)
		return NULL;
	q->id = id;
	q->prompt = UINT32_MAX;
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

int
stage_open(struct stage *s, const struct frame *f)
{
	struct stage_seq *q;

	if (seqmap_get(&s->seqs, f->seq))
		return err_set(ERR_DATA, "sequence %u is opened twice", f->seq);
	if (!(q = seq_new(s, f->seq)))
		return -1;
	q->ordinal = f->open.ordinal;
	q->output = f->open.output;
	q->sampling = f->open.sampling;
	return s->model->has_head ? stops_copy(&q->stops, &f->open) : 0;
}

int
stage_fork(struct stage *s, const struct frame *f)
{
	struct stage_seq *q, *from = seqmap_get(&s->seqs, (uint32_t)f->value);

	if (seqmap_get(&s->seqs, f->seq))
		return err_set(ERR_DATA, "sequence %u is opened twice", f->seq);
	if (!(q = seq_new(s, f->seq)))
		return -1;
	if (!from || from->closed || f->pos > from->kv.len) {
		stage_end(s, q, CLOSE_ERROR, 0);
		return 0;
	}
	q->ordinal = from->ordinal;
	q->output = from->output;
	q->sampling = from->sampling;
	q->prompt = from->prompt <= f->pos ? from->prompt : UINT32_MAX;
	if (stops_clone(&q->stops, &from->stops) < 0 || kv_fork(&q->kv, &from->kv, f->pos) != KV_OK)
		return -1;
	if (!from->token)
		return 0;
	if (mem_grow(&q->token, &q->token_cap, f->pos, sizeof *q->token) < 0)
		return -1;
	memcpy(q->token, from->token, f->pos * sizeof *q->token);
	return 0;
}

void
stage_cut(struct stage *s, const struct frame *f)
{
	struct stage_seq *q = seqmap_get(&s->seqs, f->seq);

	if (!q || q->closed || f->pos > q->kv.len)
		return;
	kv_cut(engine_kv(s->engine), &q->kv, f->pos);
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

void
stage_drop(struct stage *s, uint32_t id)
{
	struct stage_seq *q = seqmap_get(&s->seqs, id);

	seqmap_remove(&s->seqs, id);
	seq_free(s, q);
}

void
stage_reset(struct stage *s)
{
	for (size_t i = 0; i < s->seqs.cap; i++)
		seq_free(s, s->seqs.slot[i].value);
	seqmap_free(&s->seqs);
}
