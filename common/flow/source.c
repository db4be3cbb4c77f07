#include "flow/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "stream/seqmap.h"

struct source {
	struct stream_reader *in;
	const char *name;
	int fd;
	struct link *link;
	struct seqmap open;           /* sequences that have not ended, by their ids in this stream */
	struct sequence *first, **last; /* those that have, in order */
	uint64_t base, count;         /* ordinals: of this stream's first sequence, of the next stream's */
	uint64_t given;               /* sequences */
	bool in_stream, at_end;
};

struct source *
source_new(int fd, const char *name, struct link *l)
{
	struct source *s = mem_alloc(1, sizeof *s);

	if (!s)
		return NULL;
	*s = (struct source){ .name = name, .fd = fd, .link = l };
	s->last = &s->first;
	if (!(s->in = stream_reader_new(fd, name))) {
		free(s);
		return NULL;
	}
	return s;
}

void
source_free(struct source *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->open.cap; i++)
		sequence_free(s->open.slot[i].value);
	for (struct sequence *q = s->first, *next; q; q = next) {
		next = q->next;
		sequence_free(q);
	}
	seqmap_free(&s->open);
	stream_reader_free(s->in);
	free(s);
}

int
source_fd(const struct source *s)
{
	return s->fd;
}

static void
complete(struct source *s, uint32_t id, uint64_t text_bytes)
{
	struct sequence *q = seqmap_get(&s->open, id);

	if (!q)
		return;
	seqmap_remove(&s->open, id);
	q->n_prompt = (uint32_t)q->n;
	q->text_bytes = text_bytes;
	*s->last = q;
	s->last = &q->next;
}

static struct sequence *
begin(struct source *s, uint32_t id, uint64_t ordinal)
{
	struct sequence *q;

	if (seqmap_get(&s->open, id)) {
		err_set(ERR_DATA, "%s: sequence %u is opened twice", s->name, id);
		return NULL;
	}
	if (s->open.n >= STREAM_MAX_SEQUENCES) {
		err_set(ERR_DATA, "%s: more than %d sequences are open", s->name, STREAM_MAX_SEQUENCES);
		return NULL;
	}
	if (!(q = sequence_new()))
		return NULL;
	q->ordinal = s->base + ordinal;
	if (q->ordinal >= s->count)
		s->count = q->ordinal + 1;
	if (seqmap_put(&s->open, id, q) < 0) {
		sequence_free(q);
		return NULL;
	}
	return q;
}

static int
take_rows(struct source *s, const struct frame *f)
{
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const struct row *r = &f->rows[i];
		struct sequence *q = seqmap_get(&s->open, r->seq);
		if (!q || r->pos != q->n || r->token == ROW_NO_TOKEN)
			return err_set(ERR_DATA, "%s: a row of sequence %u at position %u is out of place", s->name, r->seq, r->pos);
		if (sequence_add(q, r->token) < 0)
			return -1;
	}
	return 0;
}

static int
take_fork(struct source *s, const struct frame *f)
{
	const struct sequence *from = seqmap_get(&s->open, (uint32_t)f->value);
	struct sequence *q;

	if (!from || f->pos > from->n)
		return err_set(ERR_DATA, "%s: sequence %u is forked from none", s->name, f->seq);
	if (!(q = begin(s, f->seq, f->restated ? f->open.ordinal : s->count - s->base)))
		return -1;
	for (uint32_t i = 0; i < f->pos; i++)
		if (sequence_add(q, from->token[i]) < 0)
			return -1;
	return 0;
}

static int
end_stream(struct source *s)
{
	/* Sequences that nobody ended end with their stream. */
	for (size_t i = 0; i < s->open.cap; i++)
		while (s->open.slot[i].value)
			complete(s, s->open.slot[i].id, 0);
	s->base = s->count;
	s->in_stream = false;
	return 0;
}

static int
take_frame(struct source *s, const struct frame *f)
{
	struct sequence *q;

	switch (f->type) {
	case FRAME_OPEN: return begin(s, f->seq, f->open.ordinal) ? 0 : -1;
	case FRAME_ROWS: return take_rows(s, f);
	case FRAME_PROMPT_END: complete(s, f->seq, f->value); return 0;
	case FRAME_FORK: return take_fork(s, f);
	case FRAME_CUT:
		if ((q = seqmap_get(&s->open, f->seq)) && f->pos < q->n)
			q->n = f->pos;
		return 0;
	case FRAME_CLOSE: complete(s, f->seq, 0); return 0;
	case FRAME_ERROR: return err_set(ERR_DATA, "%s: %.*s", s->name, (int)f->text_len, f->text);
	case FRAME_END: return end_stream(s);
	case FRAME_RECEIPT:
	case FRAME_VOUCHER: return 0; /* not for those who read rows */
	}
	return 0;
}

static int
take_header(struct source *s)
{
	struct stream_header h;
	int rc = stream_take_header(s->in, &h);

	if (rc <= 0)
		return rc;
	if (h.kind != STREAM_TOKENS)
		return err_set(ERR_DATA, "%s holds no tokens", s->name);
	if (link_accepts(s->link, &h, s->name) < 0)
		return -1;
	s->in_stream = true;
	return 1;
}

/* Takes what lies in the reader until a sequence is whole. 1; 0 when more must be read; -1. */
static int
take_some(struct source *s)
{
	struct frame f;
	int rc;

	while (!s->first) {
		if (!s->in_stream)
			rc = take_header(s);
		else if ((rc = stream_take(s->in, &f)) > 0 && take_frame(s, &f) < 0)
			return -1;
		if (rc <= 0)
			return rc;
	}
	return 1;
}

int
source_next(struct source *s, struct sequence **q, bool *ended)
{
	int rc = take_some(s);

	if (rc <= 0) {
		*ended = rc == 0 && s->at_end;
		return rc;
	}
	*q = s->first;
	(*q)->number = s->given++;
	s->first = s->first->next;
	(*q)->next = NULL;
	if (!s->first)
		s->last = &s->first;
	return 1;
}

int
source_fill(struct source *s)
{
	int rc = stream_fill(s->in);

	if (rc < 0)
		return -1;
	/* An end within a stream is an error of stream_take. */
	s->at_end = rc == 0;
	return 0;
}
