/* Decimal token ids, a line a sequence, in order of ordinals. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "stream/seqmap.h"
#include "stream/sink.h"

struct token {
	uint32_t pos, id;
};

struct sequence {
	uint64_t ordinal, opened; /* opened: how many had been opened before, which decides between equal ordinals */
	struct token *token;
	size_t n, cap;
	bool closed;
};

struct ids {
	struct sink sink;
	FILE *out;
	struct seqmap open;       /* by id; closed ones that wait for their turn are in `all` only */
	struct sequence **all;    /* of this stream, not printed yet */
	size_t n, cap;
	uint64_t opened, next;    /* next: ordinals below it are printed as soon as they close */
};

static void
sequence_free(struct sequence *q)
{
	free(q->token);
	free(q);
}

static void
forget_all(struct ids *s)
{
	for (size_t i = 0; i < s->n; i++)
		sequence_free(s->all[i]);
	s->n = 0;
	seqmap_free(&s->open);
	s->opened = s->next = 0;
}

static int
print(struct ids *s, const struct sequence *q)
{
	for (size_t i = 0; i < q->n; i++)
		fprintf(s->out, i ? " %" PRIu32 : "%" PRIu32, q->token[i].id);
	putc('\n', s->out);
	return sink_flush(s->out);
}

static int
by_ordinal(const void *a, const void *b)
{
	const struct sequence *x = *(struct sequence *const *)a, *y = *(struct sequence *const *)b;

	if (x->ordinal != y->ordinal)
		return x->ordinal < y->ordinal ? -1 : 1;
	return x->opened < y->opened ? -1 : x->opened > y->opened;
}

/* Prints closed sequences as far as their turn has come. */
static int
print_due(struct ids *s)
{
	while (s->n > 0) {
		size_t first = 0;
		for (size_t i = 1; i < s->n; i++)
			if (by_ordinal(&s->all[i], &s->all[first]) < 0)
				first = i;
		struct sequence *q = s->all[first];
		if (!q->closed || q->ordinal > s->next)
			break;
		if (print(s, q) < 0)
			return -1;
		s->next += q->ordinal == s->next;
		sequence_free(q);
		s->all[first] = s->all[--s->n];
	}
	return 0;
}

static struct sequence *
begin(struct ids *s, uint32_t seq, uint64_t ordinal)
{
	struct sequence *q;

	if (seqmap_get(&s->open, seq)) {
		err_set(ERR_DATA, "sequence %u is opened twice", seq);
		return NULL;
	}
	if (mem_grow(&s->all, &s->cap, s->n + 1, sizeof *s->all) < 0 || !(q = mem_alloc(1, sizeof *q)))
		return NULL;
	if (seqmap_put(&s->open, seq, q) < 0) {
		free(q);
		return NULL;
	}
	q->ordinal = ordinal;
	q->opened = s->opened++;
	s->all[s->n++] = q;
	return q;
}

static int
add(struct sequence *q, struct token t)
{
	if (mem_grow(&q->token, &q->cap, q->n + 1, sizeof *q->token) < 0)
		return -1;
	q->token[q->n++] = t;
	return 0;
}

/* Forgets what stands at pos and behind. */
static void
cut(struct sequence *q, uint32_t pos)
{
	while (q->n > 0 && q->token[q->n - 1].pos >= pos)
		q->n--;
}

static int
fork_sequence(struct ids *s, const struct frame *f)
{
	const struct sequence *from = seqmap_get(&s->open, (uint32_t)f->value);
	struct sequence *q;

	if (!from)
		return err_set(ERR_DATA, "sequence %u is forked from %" PRIu64 ", which is not open", f->seq, f->value);
	if (!(q = begin(s, f->seq, from->ordinal)))
		return -1;
	for (size_t i = 0; i < from->n && from->token[i].pos < f->pos; i++)
		if (add(q, from->token[i]) < 0)
			return -1;
	return 0;
}

static int
add_rows(struct ids *s, const struct frame *f)
{
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const struct row *r = &f->rows[i];
		struct sequence *q = seqmap_get(&s->open, r->seq);
		if (!q)
			return err_set(ERR_DATA, "a row of sequence %u, which is not open", r->seq);
		if (r->token == ROW_NO_TOKEN)
			return err_set(ERR_DATA, "the token of sequence %u at position %u is not in the stream", r->seq, r->pos);
		if (add(q, (struct token){ r->pos, r->token }) < 0)
			return -1;
	}
	return 0;
}

static int
close_sequence(struct ids *s, const struct frame *f)
{
	struct sequence *q = seqmap_get(&s->open, f->seq);

	/* One that a stage has closed is closed again by whoever opened it. */
	if (!q)
		return 0;
	cut(q, f->pos);
	q->closed = true;
	seqmap_remove(&s->open, f->seq);
	return q->ordinal <= s->next ? print_due(s) : 0;
}

static int
end_stream(struct ids *s)
{
	int rc = 0;

	if (s->n > 0)
		qsort(s->all, s->n, sizeof *s->all, by_ordinal);
	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = print(s, s->all[i]);
	forget_all(s);
	return rc;
}

static int
ids_header(struct sink *sink, const struct stream_header *h)
{
	(void)h;
	forget_all((struct ids *)sink);
	return 0;
}

static int
ids_frame(struct sink *sink, const struct frame *f)
{
	struct ids *s = (struct ids *)sink;
	struct sequence *q;

	switch (f->type) {
	case FRAME_OPEN:
		return begin(s, f->seq, f->open.ordinal) ? 0 : -1;
	case FRAME_FORK:
		return fork_sequence(s, f);
	case FRAME_ROWS:
		return add_rows(s, f);
	case FRAME_CUT:
		if ((q = seqmap_get(&s->open, f->seq)))
			cut(q, f->pos);
		return 0;
	case FRAME_CLOSE:
		return close_sequence(s, f);
	case FRAME_END:
		return end_stream(s);
	case FRAME_PROMPT_END:
	case FRAME_ERROR:
	case FRAME_RECEIPT:
	case FRAME_VOUCHER:
		return 0;
	}
	return 0;
}

static int
ids_finish(struct sink *sink)
{
	return sink_flush(((struct ids *)sink)->out);
}

static void
ids_free(struct sink *sink)
{
	struct ids *s = (struct ids *)sink;

	forget_all(s);
	free(s->all);
	free(s);
}

struct sink *
sink_ids(FILE *out)
{
	struct ids *s = mem_alloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->sink = (struct sink){ ids_header, ids_frame, ids_finish, ids_free };
	s->out = out;
	return &s->sink;
}
