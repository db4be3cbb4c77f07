#include "net/audit.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "net/session.h"
#include "stream/seqmap.h"

enum { MOST_HELD = 1 << 28 }; /* bytes of rows that are held for evidence: beyond, no more sequences are audited */

/* A row that one of the two has given. */
struct answer {
	struct answer *next;
	struct row row;
	size_t n;
	uint8_t data[];
};

enum { MAIN, SECOND, SIDES };

/* A sequence that is audited. */
struct audited {
	uint32_t seq;
	struct buf input;         /* frames of what was sent: the first of a stream without its header and end */
	struct answer *first[SIDES], **last[SIDES];
	bool closed[SIDES];       /* no more answers come */
};

struct audit {
	struct audit_options o;
	const struct hop *main;
	struct hop *second;
	struct stream_header input;
	struct seqmap seqs;
	size_t held;
	uint64_t rows;
	bool off;                 /* no second peer, or answers have differed */
	struct row row[STREAM_MAX_ROWS];
	uint8_t *data;
	size_t data_cap;
};

/* ---- sequences ---- */

static void
pop(struct audit *a, struct audited *q, int side)
{
	struct answer *first = q->first[side];

	q->first[side] = first->next;
	if (!first->next)
		q->last[side] = &q->first[side];
	a->held -= first->n;
	free(first);
}

static void
drop(struct audit *a, struct audited *q)
{
	for (int side = 0; side < SIDES; side++)
		while (q->first[side])
			pop(a, q, side);
	seqmap_remove(&a->seqs, q->seq);
	a->held -= q->input.len;
	buf_free(&q->input);
	free(q);
}

static void
drop_all(struct audit *a)
{
	for (size_t i = 0; i < a->seqs.cap;)
		if (a->seqs.slot[i].value)
			drop(a, a->seqs.slot[i].value); /* another may move to this place */
		else
			i++;
}

static bool
is_chosen(const struct audit *a)
{
	return a->held < MOST_HELD && randombytes_random() < a->o.share * 4294967296.0;
}

static int
begin(struct audit *a, uint32_t seq)
{
	struct audited *q = mem_alloc(1, sizeof *q);

	if (!q)
		return -1;
	q->seq = seq;
	for (int side = 0; side < SIDES; side++)
		q->last[side] = &q->first[side];
	if (seqmap_put(&a->seqs, seq, q) == 0)
		return 0;
	free(q);
	return -1;
}

/* ---- evidence ---- */

static int
put_answer(struct buf *to, const struct stream_header *head, const struct answer *x)
{
	struct frame f = { .type = FRAME_ROWS, .n_rows = 1, .rows = &x->row, .data = x->n > 0 ? x->data : NULL, .row_bytes = x->n };

	if (stream_encode_header(to, head) < 0 || stream_encode(to, &f, false) < 0)
		return -1;
	return stream_encode(to, &(struct frame){ .type = FRAME_END }, false);
}

static int
write_evidence(const struct audit *a, const struct audited *q, const char *path)
{
	struct buf all = { 0 };
	struct io_out out = { 0 };
	int rc = -1;

	if (stream_encode_header(&all, &a->input) == 0 && buf_add(&all, q->input.data, q->input.len) == 0 &&
	    stream_encode(&all, &(struct frame){ .type = FRAME_END }, false) == 0 && put_answer(&all, &a->main->header, q->first[MAIN]) == 0 &&
	    put_answer(&all, &a->main->header, q->first[SECOND]) == 0 && io_out_open(&out, path) == 0) {
		rc = fwrite(all.data, 1, all.len, out.file) == all.len ? io_out_commit(&out) : err_sys("cannot write %s", path);
		io_out_abort(&out);
	}
	buf_free(&all);
	return rc;
}

static const char *
name_of(const struct hop *h, char to[SESSION_NAME])
{
	return h->active ? session_name(h->active, to) : "a peer that has gone";
}

static void
differ(struct audit *a, const struct audited *q)
{
	char path[1024], one[SESSION_NAME], two[SESSION_NAME], why[512] = "";
	static unsigned n;

	snprintf(path, sizeof path, "%s/evidence-%lld-%u.mai", a->o.folder, (long long)time(NULL), n++);
	if (write_evidence(a, q, path) < 0)
		snprintf(why, sizeof why, " (%s)", err_reason());
	err_set(ERR_DATA, "audit: %s and %s give different answers for sequence %u at position %u; see %s%s", name_of(a->main, one),
	    name_of(a->second, two), q->seq, q->first[MAIN]->row.pos, path, why);
	a->off = true;
	a->o.differ(a->o.arg);
}

/* ---- comparing ---- */

static bool
same(const struct answer *x, const struct answer *y)
{
	return x->row.pos == y->row.pos && x->row.token == y->row.token && x->n == y->n && memcmp(x->data, y->data, x->n) == 0;
}

static void
compare(struct audit *a, struct audited *q)
{
	while (!a->off && q->first[MAIN] && q->first[SECOND]) {
		if (!same(q->first[MAIN], q->first[SECOND])) {
			differ(a, q);
			return;
		}
		a->rows++;
		pop(a, q, MAIN);
		pop(a, q, SECOND);
	}
}

static int
add_answer(struct audit *a, struct audited *q, int side, const struct frame *f, uint32_t i)
{
	struct answer *x = mem_alloc(1, sizeof *x + f->row_bytes);

	if (!x)
		return -1;
	x->row = f->rows[i];
	x->n = f->row_bytes;
	if (x->n > 0)
		memcpy(x->data, (const uint8_t *)f->data + i * x->n, x->n);
	*q->last[side] = x;
	q->last[side] = &x->next;
	a->held += x->n;
	return 0;
}

/* What came from one side. */
static int
came(struct audit *a, int side, const struct frame *f)
{
	struct audited *q;

	if (f->type == FRAME_CLOSE && (q = seqmap_get(&a->seqs, f->seq))) {
		/* a stage may close it by itself, for want of memory, where the other does not: what is left is not compared */
		q->closed[side] = true;
		if (q->closed[MAIN] && q->closed[SECOND])
			drop(a, q);
		return 0;
	}
	for (uint32_t i = 0; f->type == FRAME_ROWS && i < f->n_rows && !a->off; i++) {
		if (!(q = seqmap_get(&a->seqs, f->rows[i].seq)))
			continue;
		if (add_answer(a, q, side, f, i) < 0)
			return -1;
		compare(a, q);
	}
	return 0;
}

int
audit_came(struct audit *a, const struct frame *f)
{
	return a->off ? 0 : came(a, MAIN, f);
}

/* ---- what is sent ---- */

/* The rows of sequences that are audited, as a frame of their own. */
static int
pick(struct audit *a, struct frame *own, const struct frame *f)
{
	*own = *f;
	own->n_rows = 0;
	own->rows = a->row;
	if (f->n_rows * f->row_bytes > a->data_cap) {
		free(a->data);
		a->data_cap = 0;
		if (!(a->data = mem_alloc64(f->n_rows, f->row_bytes)))
			return -1;
		a->data_cap = f->n_rows * f->row_bytes;
	}
	for (uint32_t i = 0; i < f->n_rows; i++) {
		if (!seqmap_get(&a->seqs, f->rows[i].seq))
			continue;
		a->row[own->n_rows] = f->rows[i];
		if (f->row_bytes > 0)
			memcpy(a->data + own->n_rows * f->row_bytes, (const uint8_t *)f->data + i * f->row_bytes, f->row_bytes);
		own->n_rows++;
	}
	own->data = f->row_bytes > 0 ? a->data : NULL;
	return 0;
}

/* Keeps a frame, or the rows of it, for evidence. */
static int
keep(struct audit *a, const struct frame *f)
{
	for (uint32_t i = 0; i < (f->type == FRAME_ROWS ? f->n_rows : 1); i++) {
		struct audited *q = seqmap_get(&a->seqs, f->type == FRAME_ROWS ? f->rows[i].seq : f->seq);
		struct frame one = *f;
		size_t before;
		if (!q)
			continue;
		if (f->type == FRAME_ROWS) {
			one.n_rows = 1;
			one.rows = &f->rows[i];
			one.data = f->row_bytes > 0 ? (const uint8_t *)f->data + i * f->row_bytes : NULL;
		}
		before = q->input.len;
		if (stream_encode(&q->input, &one, false) < 0)
			return -1;
		a->held += q->input.len - before;
	}
	return 0;
}

int
audit_sent(struct audit *a, const struct frame *f)
{
	struct frame own = *f;

	if (a->off)
		return 0;
	if (f->type == FRAME_OPEN && is_chosen(a) && begin(a, f->seq) < 0)
		return -1;
	if (f->type == FRAME_FORK && seqmap_get(&a->seqs, (uint32_t)f->value) && begin(a, f->seq) < 0)
		return -1;
	if (f->type == FRAME_END)
		return 0;
	if (f->type == FRAME_ROWS) {
		if (pick(a, &own, f) < 0)
			return -1;
		if (own.n_rows == 0)
			return 0;
	} else if (!seqmap_get(&a->seqs, f->seq)) {
		return 0;
	}
	return keep(a, &own) < 0 ? -1 : hop_send(a->second, &own);
}

/* ---- the second peer ---- */

static int
header(void *arg, const struct stream_header *h)
{
	(void)arg;
	(void)h;
	return 0;
}

static int
frame(void *arg, const struct frame *f)
{
	struct audit *a = arg;

	return a->off ? 0 : came(a, SECOND, f);
}

static void
room(void *arg)
{
	(void)arg;
}

static void
failed(void *arg)
{
	struct audit *a = arg;

	msg_warn("nothing is audited any more: %s", err_reason());
	a->off = true;
	drop_all(a);
}

int
audit_header(struct audit *a, const struct stream_header *head)
{
	a->input = *head;
	return hop_header(a->second, head);
}

void
audit_moved(struct audit *a)
{
	struct session *s = a->second->active;

	if (a->off || !s || s - a->second->session != a->main->active - a->main->session)
		return;
	err_set(ERR_SYSTEM, "is needed by the pipeline itself");
	session_lost(s);
}

size_t
audit_waiting(const struct audit *a)
{
	return a->off ? 0 : a->seqs.n;
}

bool
audit_full(const struct audit *a)
{
	return !a->off && a->second->active && hop_full(a->second);
}

uint64_t
audit_rows(const struct audit *a)
{
	return a->rows;
}

struct audit *
audit_new(struct node *n, const struct hop_peers *peers, const struct hop_options *o, const struct audit_options *ao,
    const struct hop *audited)
{
	struct audit *a = mem_alloc(1, sizeof *a);
	struct hop_options own = *o;

	if (!a)
		return NULL;
	a->o = *ao;
	a->main = audited;
	own.audit = 0;
	own.not_as = audited;
	if (!(a->second = hop_new(n, peers, 1, &own, &(struct hop_calls){ header, frame, room, failed, a }))) {
		free(a);
		return NULL;
	}
	return a;
}

void
audit_free(struct audit *a)
{
	if (!a)
		return;
	hop_free(a->second);
	drop_all(a);
	seqmap_free(&a->seqs);
	free(a->data);
	free(a);
}
