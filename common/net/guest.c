/* A peer's stream at a node that serves: what it sends is checked and counted before the command sees any of it. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/serve_impl.h"

enum { AT_ONCE = 1 << 18 }; /* bytes of a guest that are looked at in one turn */

static uint64_t
now_of(const struct guest *g)
{
	return loop_now(g->service->node->loop);
}

/* ---- the end ---- */

static void
tell(const struct guest *g, const char *event, const char *reason)
{
	const struct serve_options *o = g->service->o;

	if (o->told)
		o->told(o->arg, g->conn, event, reason, g->rows);
}

static void
leave(struct guest *g)
{
	struct service *s = g->service;

	tell(g, "stream-end", g->state == GUEST_ENDS ? g->failed ? "failed" : "done" : "gone");

	if (g->share)
		share_leave(g);
	loop_cancel(&g->timer);
	s->count.bytes_in += g->wire.bytes_in;
	s->count.bytes_out += g->wire.bytes_out;
	wire_end(&g->wire);
	rows_free(&g->space);
	free(g);
	s->count.guests_now--;
	service_left(s);
}

/* What is left to send is sent, in GUEST_ENDS, before it goes. */
static void
linger_out(struct guest *g)
{
	if (wire_push(&g->wire) < 0 || g->wire.stream->reset) {
		leave(g);
	} else if (wire_backlog(&g->wire) == 0) {
		ystream_finish(g->wire.stream);
		leave(g);
	}
}

void
guest_fail(struct guest *g)
{
	struct frame f = { .type = FRAME_ERROR, .text = err_reason() };

	if (g->state == GUEST_ENDS)
		return;
	tell(g, "stream-fault", err_reason());
	g->failed = true;
	g->service->count.refused++;
	f.text_len = (uint32_t)strlen(f.text); /* a line */
	if (f.text_len > STREAM_MAX_TEXT)
		f.text_len = STREAM_MAX_TEXT;
	if (g->share)
		share_leave(g);
	g->state = GUEST_ENDS;
	/* where no header went before, the reason goes behind one that says nothing */
	if (!g->told_header)
		wire_put_header(&g->wire, &(struct stream_header){ .kind = STREAM_TOKENS });
	if (wire_put(&g->wire, &f) < 0)
		leave(g);
	else
		linger_out(g);
}

void
guest_end(struct guest *g)
{
	if (!g->done || g->under_way > 0 || g->has_rows || g->seqs.n > 0 || g->state != GUEST_RUNS)
		return;
	share_leave(g);
	g->state = GUEST_ENDS;
	if (wire_put(&g->wire, &(struct frame){ .type = FRAME_END }) < 0)
		leave(g);
	else
		linger_out(g);
}

/* ---- to the guest ---- */

void
guest_put(struct guest *g, const struct frame *f)
{
	const struct stream_header *h = &g->share->header;
	const struct frame *own = rows_convert(&g->space, f, h->width, STREAM_F32, h->kind == STREAM_HIDDEN ? g->back : STREAM_F32);

	if (!own || wire_put(&g->wire, own) < 0 || wire_push(&g->wire) < 0)
		guest_fail(g);
}

/* ---- what it sends ---- */

/* Its sequence; NULL with a reason. */
static struct shared_seq *
open_seq(struct guest *g, uint32_t seq)
{
	struct share *h = g->share;
	struct shared_seq *q;

	if (seqmap_get(&g->seqs, seq)) {
		err_set(ERR_DATA, "sequence %u is opened twice", seq);
		return NULL;
	}
	if (g->n_open >= g->service->o->max_sequences) {
		err_set(ERR_DATA, "more than %u sequences", (unsigned)g->service->o->max_sequences);
		return NULL;
	}
	if (!(q = mem_alloc(1, sizeof *q)))
		return NULL;
	while (seqmap_get(&h->seqs, h->next_id))
		h->next_id++;
	*q = (struct shared_seq){ .guest = g, .seq = seq, .id = h->next_id++ };
	if (seqmap_put(&g->seqs, seq, q) < 0)
		goto fail;
	if (seqmap_put(&h->seqs, q->id, q) < 0) {
		seqmap_remove(&g->seqs, seq);
		goto fail;
	}
	g->n_open++;
	g->service->count.sequences++;
	g->service->count.sequences_now++;
	return q;
fail:
	free(q);
	return NULL;
}

/* A control frame, under the command's numbers. 0 or -1. */
static int
send_on(struct guest *g, const struct frame *f)
{
	struct frame own = *f;
	bool opens = f->type == FRAME_OPEN || f->type == FRAME_FORK;
	struct shared_seq *q = opens ? open_seq(g, f->seq) : seqmap_get(&g->seqs, f->seq);
	const struct shared_seq *parent;

	if (!q)
		return opens ? -1 : err_set(ERR_DATA, "a %s of sequence %u, which is not open", frame_type_name(f->type), f->seq);
	own.seq = q->id;
	if (f->type == FRAME_FORK) {
		if (!(parent = seqmap_get(&g->seqs, (uint32_t)f->value)))
			return err_set(ERR_DATA, "a fork of sequence %llu, which is not open", (unsigned long long)f->value);
		own.value = parent->id;
	}
	if (f->type == FRAME_CLOSE) {
		if (q->closing)
			return err_set(ERR_DATA, "sequence %u is closed twice", f->seq);
		g->n_open--;
		q->closing = true;
		q->pos = f->pos;
		q->reason = f->reason;
	}
	return worker_put(g->share->worker, &own);
}

static int
check_rows(const struct guest *g, const struct frame *f)
{
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const struct shared_seq *q = seqmap_get(&g->seqs, f->rows[i].seq);
		if (!q || q->closing)
			return err_set(ERR_DATA, "a row of sequence %u, which is not open", f->rows[i].seq);
	}
	if (f->n_rows > 0 && g->header.width > 0 && f->row_bytes == 0)
		return err_set(ERR_DATA, "rows without hidden states");
	return 0;
}

/* Whether it may send so many rows now; else it is called again when it may. */
static bool
is_allowed(struct guest *g, uint32_t rows)
{
	double rate = (double)g->service->o->rows_a_second, most = 4 * rate > STREAM_MAX_ROWS ? 4 * rate : STREAM_MAX_ROWS;

	if (rate == 0)
		return true;
	g->allowance += rate * (double)(now_of(g) - g->allowed) / (double)NODE_SECOND;
	g->allowed = now_of(g);
	if (g->allowance > most)
		g->allowance = most;
	if (g->allowance < rows) {
		uint64_t wait = (uint64_t)((rows - g->allowance) / rate * (double)NODE_SECOND) + 1; /* positive */
		loop_at(g->service->node->loop, &g->timer, now_of(g) + wait);
		return false;
	}
	g->allowance -= rows;
	return true;
}

/* Those that it has closed are not gone until the command says so: no more are begun meanwhile. */
static bool
is_crowded(const struct guest *g)
{
	return g->seqs.n >= 2 * (size_t)g->service->o->max_sequences;
}

/* Frames that are there: 1: one of rows waits; 0: more is needed; -1. */
static int
take_frames(struct guest *g)
{
	struct frame f;
	int rc = 0;

	while (!g->has_rows && !g->done && !is_crowded(g) && (rc = stream_take(g->wire.in, &f)) > 0) {
		g->heard = now_of(g);
		if (f.type == FRAME_ERROR)
			return err_set(ERR_DATA, "%.*s", (int)f.text_len, f.text);
		if (f.type == FRAME_END) {
			g->done = true;
		} else if (f.type == FRAME_ROWS) {
			if (check_rows(g, &f) < 0)
				return -1;
			g->frame = f;
			g->has_rows = true;
		} else if (send_on(g, &f) < 0) {
			return -1;
		}
	}
	return rc < 0 ? -1 : g->has_rows;
}

void
guest_read(struct guest *g)
{
	size_t n, before;
	int rc;

	if (g->waits || is_crowded(g))
		return;
	do {
		ystream_data(g->wire.stream, &before);
		rc = take_frames(g);
		if (rc == 0 && !g->done)
			rc = wire_pull(&g->wire, AT_ONCE, now_of(g)) < 0 ? -1 : take_frames(g);
		ystream_data(g->wire.stream, &n);
	} while (rc == 0 && !g->done && !is_crowded(g) && n < before);
	if (rc < 0) {
		guest_fail(g);
		return;
	}
	g->waits = g->has_rows && !is_allowed(g, g->frame.n_rows);
	guest_end(g);
}

/* ---- the beginning ---- */

/* Whether the command, which has taken other guests' streams, takes this one's. */
static int
fits(const struct guest *g)
{
	const struct stream_header *a = &g->header, *b = &g->share->takes;

	if (a->kind != b->kind || a->width != b->width || a->next_layer != b->next_layer)
		return err_set(ERR_DATA, "rows for layer %u of width %u; the node takes those for layer %u of width %u", (unsigned)a->next_layer,
		    (unsigned)a->width, (unsigned)b->next_layer, (unsigned)b->width);
	if (!hash_is_none(&a->vocab_id) && !hash_is_none(&b->vocab_id) && !hash_equal(&a->vocab_id, &b->vocab_id))
		return err_set(ERR_DATA, "rows of another vocabulary than the node's");
	if (!hash_equal(&a->model_id, &b->model_id))
		return err_set(ERR_DATA, "rows of another model than the node's");
	if (strcmp(a->profile, b->profile) != 0)
		return err_set(ERR_DATA, "rows of compute profile '%s', the node's is '%s'", a->profile, b->profile);
	return 0;
}

/* What the command is told of the first guest: its header, of f32. */
static int
propose(struct guest *g)
{
	struct stream_header h = g->header;

	h.dtype = STREAM_F32;
	return share_propose(g->share, &h);
}

static int
tell_header(struct guest *g)
{
	struct stream_header h = g->share->header;

	if (g->told_header || !g->share->has_header || !g->wire.heard)
		return 0;
	g->told_header = true;
	g->back = g->wire.hello.back;
	if (h.kind == STREAM_HIDDEN)
		h.dtype = g->back;
	return wire_put_header(&g->wire, &h) < 0 ? -1 : wire_push(&g->wire);
}

static int
go_on(struct guest *g)
{
	int rc;

	if (tell_header(g) < 0)
		return -1;
	if (g->state == GUEST_HELLO) {
		if (wire_pull(&g->wire, STREAM_HEADER_SIZE, now_of(g)) < 0)
			return -1;
		if (tell_header(g) < 0)
			return -1;
		if (!g->wire.heard || (rc = stream_take_header(g->wire.in, &g->header)) == 0)
			return g->wire.heard && g->wire.stream->ended && ystream_is_empty(g->wire.stream) ? err_set(ERR_DATA, "a stream without a header") : 0;
		if (rc < 0)
			return -1;
		g->state = GUEST_WAITS;
	}
	if (g->state == GUEST_WAITS && g->share->has_header) {
		if (!g->share->proposed && propose(g) < 0)
			return -1;
		if (g->share->accepted && fits(g) < 0)
			return -1;
		if (g->share->accepted)
			g->state = GUEST_RUNS;
	}
	return 0;
}

void
guest_told(struct guest *g)
{
	if (g->state != GUEST_ENDS && go_on(g) < 0)
		guest_fail(g);
}

static void
event(void *arg, struct ystream *s)
{
	struct guest *g = arg;
	struct share *h = g->share;

	if (s->reset) {
		leave(g);
		return;
	}
	if (g->state == GUEST_ENDS) {
		size_t n;
		ystream_data(s, &n);
		ystream_take(s, n, now_of(g)); /* of no use any more */
		linger_out(g);
		return;
	}
	if (wire_push(&g->wire) < 0 || go_on(g) < 0) {
		guest_fail(g);
		return;
	}
	if (g->state == GUEST_RUNS)
		share_step(h);
}

static void
timed(void *arg)
{
	struct guest *g = arg;
	uint64_t idle = g->service->o->idle_ns;

	if (g->waits) {
		g->waits = !is_allowed(g, g->frame.n_rows);
		if (!g->waits && g->share)
			share_step(g->share);
		return;
	}
	if (idle == 0)
		return;
	if (g->under_way == 0 && !g->has_rows && now_of(g) - g->heard >= idle) {
		err_set(ERR_DATA, "nothing was sent for %llu s", (unsigned long long)(idle / NODE_SECOND));
		if (g->state == GUEST_ENDS)
			leave(g);
		else
			guest_fail(g);
		return;
	}
	loop_at(g->service->node->loop, &g->timer, now_of(g) + idle / 4);
}

void
guest_new(struct service *s, struct conn *c, struct ystream *stream, struct share *h)
{
	struct guest *g = mem_alloc(1, sizeof *g);
	struct hello hello = { .sequences = s->o->max_sequences, .frames = SHARE_DEPTH };

	if (!g) {
		ystream_free(stream);
		return;
	}
	g->service = s;
	g->conn = c;
	g->heard = g->allowed = now_of(g);
	g->allowance = 4 * (double)s->o->rows_a_second;
	g->timer = (struct loop_timer){ .call = timed, .arg = g };
	s->count.guests++;
	s->count.guests_now++;
	if (wire_begin(&g->wire, stream, conn_where(c)) < 0) {
		leave(g);
		return;
	}
	stream->event = event;
	stream->arg = g;
	tell(g, "stream-begin", "");
	share_join(h, g);
	if (s->o->idle_ns > 0)
		loop_at(s->node->loop, &g->timer, now_of(g) + s->o->idle_ns / 4);
	if (wire_put_hello(&g->wire, &hello) < 0 || wire_push(&g->wire) < 0 || go_on(g) < 0)
		guest_fail(g);
}
