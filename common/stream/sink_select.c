/* Passes on the rows that a selection names. Rows counted from the end wait until the end of their sequence is seen. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/pick.h"
#include "stream/sink.h"

struct select {
	struct sink sink;
	struct sink *to;
	struct picks picks;
	size_t row_bytes; /* of the stream */
	size_t entry;     /* of a row that waits */
	uint64_t reach;   /* rows of a sequence that wait */

	/* The frame that is gathered. */
	struct row row[STREAM_MAX_ROWS];
	uint32_t n, hops;
	bool with_data;
	struct buf data;
};

/* A row that waits; its data follows. */
struct waiting {
	uint64_t number;
	struct row row;
	uint64_t with_data;
};

static int
send(struct select *s)
{
	const struct frame f = { .type = FRAME_ROWS, .hops = s->hops, .n_rows = s->n, .rows = s->row,
		.data = s->data.data, .row_bytes = s->with_data ? s->row_bytes : 0 };

	s->n = 0;
	s->data.len = 0;
	return f.n_rows > 0 ? s->to->frame(s->to, &f) : 0;
}

static int
gather(struct select *s, const struct row *r, const void *data)
{
	if ((s->n == STREAM_MAX_ROWS || (s->n > 0 && s->with_data != (data != NULL))) && send(s) < 0)
		return -1;
	s->with_data = data != NULL;
	s->row[s->n++] = *r;
	return data ? buf_add(&s->data, data, s->row_bytes) : 0;
}

/* ---- rows that wait ---- */

static size_t
waiting(const struct select *s, const struct pick_seq *q)
{
	return (q->wait.len - q->head) / s->entry;
}

static int
put_waiting(struct select *s, struct pick_seq *q, const struct row *r, const void *data)
{
	const struct waiting w = { q->count - 1, *r, data != NULL };

	/* What has left is dropped when it is half of the buffer. */
	if (q->head > q->wait.len / 2) {
		buf_shift(&q->wait, q->head);
		q->head = 0;
	}
	if (buf_reserve(&q->wait, s->entry) < 0)
		return -1;
	uint8_t *to = q->wait.data + q->wait.len;
	memcpy(to, &w, sizeof w);
	if (data)
		memcpy(to + sizeof w, data, s->row_bytes);
	q->wait.len += s->entry;
	return 0;
}

/* The first row that waits leaves; it is passed on if its number is within the range as far as that is counted now. */
static int
leave(struct select *s, struct pick_seq *q, uint64_t first, uint64_t last)
{
	struct waiting w;
	const uint8_t *from = q->wait.data + q->head;

	memcpy(&w, from, sizeof w);
	q->head += s->entry;
	if (w.number < first || w.number > last)
		return 0;
	return gather(s, &w.row, w.with_data ? from + sizeof w : NULL);
}

/* All that wait leave: the sequence has ended, with count rows. */
static int
leave_all(struct select *s, struct pick_seq *q)
{
	const struct row_range *r = &s->picks.selection->rows;
	int64_t n = (int64_t)q->count, first = r->first < 0 ? r->first + n : r->first, last = r->last < 0 ? r->last + n : r->last;

	while (last >= 0 && waiting(s, q) > 0)
		if (leave(s, q, first < 0 ? 0 : (uint64_t)first, (uint64_t)last) < 0)
			return -1;
	return 0;
}

static void
cut_waiting(struct select *s, struct pick_seq *q, uint32_t pos)
{
	struct waiting w;

	for (; q && waiting(s, q) > 0; q->wait.len -= s->entry) {
		memcpy(&w, q->wait.data + q->wait.len - s->entry, sizeof w);
		if (w.row.pos < pos)
			break;
	}
}

static int
leave_everything(struct select *s)
{
	for (size_t i = 0; i < s->picks.seqs.cap; i++)
		if (s->picks.seqs.slot[i].value && leave_all(s, s->picks.seqs.slot[i].value) < 0)
			return -1;
	return 0;
}

/* ---- frames ---- */

static int
take_row(struct select *s, const struct row *row, const void *data)
{
	const struct row_range *r = &s->picks.selection->rows;
	struct pick_seq *q = pick_row(&s->picks, row);

	if (!q)
		return -1;
	uint64_t number = q->count - 1;
	if (r->first >= 0 && number < (uint64_t)r->first)
		return 0;
	if (s->reach == 0)
		return r->last < 0 || number <= (uint64_t)r->last ? gather(s, row, data) : 0;
	if (put_waiting(s, q, row, data) < 0)
		return -1;
	/* One that falls out of reach of the end: with a start from the front it is within, else it never can be. */
	if (waiting(s, q) <= s->reach)
		return 0;
	return r->first >= 0 ? leave(s, q, 0, UINT64_MAX) : leave(s, q, 1, 0);
}

static int
take_rows(struct select *s, const struct frame *f)
{
	s->hops = f->hops;
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const uint8_t *data = f->row_bytes > 0 ? (const uint8_t *)f->data + i * f->row_bytes : NULL;
		if (pick_has_seq(s->picks.selection, f->rows[i].seq) && take_row(s, &f->rows[i], data) < 0)
			return -1;
	}
	return send(s);
}

static int
select_header(struct sink *sink, const struct stream_header *h)
{
	struct select *s = (struct select *)sink;

	pick_reset(&s->picks);
	s->row_bytes = (size_t)stream_row_bytes(h->dtype, h->width);
	s->entry = sizeof(struct waiting) + s->row_bytes;
	return s->to->header(s->to, h);
}

/* A fork begins without rows; it makes no sense to those who don't have the sequence it comes from. */
static bool
concerns(const struct selection *s, const struct frame *f)
{
	if (f->type == FRAME_END || f->type == FRAME_ERROR)
		return true;
	if (f->type == FRAME_FORK && !pick_has_seq(s, (uint32_t)f->value))
		return false;
	return pick_has_seq(s, f->seq);
}

static int
select_frame(struct sink *sink, const struct frame *f)
{
	struct select *s = (struct select *)sink;
	struct pick_seq *q = seqmap_get(&s->picks.seqs, f->seq);

	if (f->type == FRAME_ROWS)
		return take_rows(s, f);
	if (!concerns(s->picks.selection, f))
		return 0;
	if (f->type == FRAME_CUT) {
		cut_waiting(s, q, f->pos);
		pick_cut(&s->picks, f->seq, f->pos);
	}
	if (f->type == FRAME_CLOSE && q) {
		if (leave_all(s, q) < 0 || send(s) < 0)
			return -1;
		pick_close(&s->picks, f->seq);
	}
	if (f->type == FRAME_END && (leave_everything(s) < 0 || send(s) < 0))
		return -1;
	return s->to->frame(s->to, f);
}

static int
select_finish(struct sink *sink)
{
	struct select *s = (struct select *)sink;

	return s->to->finish(s->to);
}

static void
select_free(struct sink *sink)
{
	struct select *s = (struct select *)sink;

	pick_reset(&s->picks);
	buf_free(&s->data);
	sink_free(s->to);
	free(s);
}

struct sink *
sink_select(const struct selection *selection, struct sink *to)
{
	struct select *s = to ? mem_alloc(1, sizeof *s) : NULL;
	const struct row_range *r = &selection->rows;

	if (!s) {
		sink_free(to);
		return NULL;
	}
	s->sink = (struct sink){ select_header, select_frame, select_finish, select_free };
	s->to = to;
	s->picks.selection = selection;
	s->reach = r->first < 0 ? (uint64_t)-r->first : r->last < -1 ? (uint64_t)(-r->last - 1) : 0;
	return &s->sink;
}
