/* A peer's stream at a node that serves: what it sends is checked and counted before the command sees any of it. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "net/serve_impl.h"

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

void
guest_leave(struct guest *g)
{
	struct service *s = g->service;

	if (g->state != GUEST_HELLO)
		tell(g, "stream-end", g->state == GUEST_ENDS ? g->failed ? "failed" : "done" : "gone");
	if (g->share)
		share_leave(g);
	forward_end(g, g->state == GUEST_ENDS && !g->failed);
	*g->own = g->other;
	if (g->other)
		g->other->own = g->own;
	loop_cancel(&g->timer);
	s->count.bytes_in += g->wire.bytes_in;
	s->count.bytes_out += g->wire.bytes_out;
	wire_end(&g->wire);
	rows_free(&g->space);
	if (capability_note(s->o->usage, &g->capability, g->rows) < 0)
		msg_error("%s", err_reason());
	capability_free(&g->capability);
	if (g->bill && bill_unpaid(g->bill) > 0)
		tell(g, "unpaid", "rows that no voucher covers");
	bill_free(g->bill);
	free(g);
	s->count.guests_now--;
	service_left(s);
}

static int
push_all(struct guest *g)
{
	return wire_push(&g->wire) < 0 || (g->out != &g->wire && g->out->stream && wire_push(g->out) < 0) ? -1 : 0;
}

/* What is left to send is sent, in GUEST_ENDS, before it goes. */
static void
linger_out(struct guest *g)
{
	if (push_all(g) < 0 || g->wire.stream->reset) {
		guest_leave(g);
	} else if (wire_backlog(&g->wire) == 0 && wire_backlog(g->out) == 0) {
		ystream_finish(g->wire.stream);
		if (g->out->stream)
			ystream_finish(g->out->stream);
		guest_leave(g);
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
	forward_fail(g, &f);
	g->state = GUEST_ENDS;
	if (wire_put_fault(&g->wire, g->told_header, &f) < 0)
		guest_leave(g);
	else
		linger_out(g);
}

void
guest_end(struct guest *g)
{
	const struct frame end = { .type = FRAME_END };

	if (!g->done || g->under_way > 0 || g->has_rows || g->n_seqs > 0 || g->state != GUEST_RUNS)
		return;
	share_leave(g);
	g->state = GUEST_ENDS;
	if (wire_put(&g->wire, &end) < 0 || (g->out != &g->wire && wire_put(g->out, &end) < 0))
		guest_leave(g);
	else
		linger_out(g);
}

/* ---- to the guest ---- */

static int
put_receipt(void *guest, const struct frame *f)
{
	struct guest *g = guest;

	return wire_put(&g->wire, f);
}

static int
issue(struct guest *g)
{
	return g->bill ? bill_issue(g->bill, put_receipt, g) : 0;
}

void
guest_put(struct guest *g, const struct frame *f)
{
	const struct stream_header *h = &g->share->header;
	const struct frame *own = rows_convert(&g->space, f, h->width, STREAM_F32, h->kind == STREAM_HIDDEN ? g->wire.hello.back : STREAM_F32);
	struct row row[STREAM_MAX_ROWS];
	struct frame space;

	if (own && g->out != &g->wire) /* the next is a stage that neither embeds nor, by what it gets from here, samples */
		own = journal_strip(&space, row, own, (struct strip){ .tokens = true, .sampling = true });
	if (!own || (g->bill && bill_came(g->bill, own) < 0) || wire_put(g->out, own) < 0 || issue(g) < 0 || wire_push(g->out) < 0)
		guest_fail(g);
}

/* ---- what it sends ---- */

/* A number of the command's for one of its sequences. NULL with a reason. */
static struct shared_seq *
new_seq(struct guest *g, uint32_t seq)
{
	struct share *h = g->share;
	struct shared_seq *q = mem_alloc(1, sizeof *q);

	if (!q)
		return NULL;
	while (seqmap_get(&h->seqs, h->next_id))
		h->next_id++;
	*q = (struct shared_seq){ .guest = g, .seq = seq, .id = h->next_id++ };
	if (seqmap_put(&h->seqs, q->id, q) < 0) {
		free(q);
		return NULL;
	}
	g->n_seqs++;
	g->service->count.sequences_now++;
	return q;
}

/* NULL with a reason. */
static struct shared_seq *
open_seq(struct guest *g, uint32_t seq)
{
	struct shared_seq *q;

	if (seqmap_get(&g->seqs, seq)) {
		err_set(ERR_DATA, "sequence %u is opened twice", seq);
		return NULL;
	}
	if (g->seqs.n >= g->service->o->max_sequences) {
		err_set(ERR_DATA, "more than %u sequences", (unsigned)g->service->o->max_sequences);
		return NULL;
	}
	if (!(q = new_seq(g, seq)) || seqmap_put(&g->seqs, seq, q) < 0)
		return NULL;
	g->service->count.sequences++;
	return q;
}

/*
 * A control frame, under the command's numbers. Where a stage before has closed its sequence, its source says on until it hears of that: the
 * command passes such a frame on. 0 or -1.
 */
static int
send_on(struct guest *g, const struct frame *f)
{
	struct frame own = *f;
	bool opens = f->type == FRAME_OPEN || f->type == FRAME_FORK;
	struct shared_seq *q = opens ? open_seq(g, f->seq) : seqmap_get(&g->seqs, f->seq);
	const struct shared_seq *parent = f->type == FRAME_FORK ? seqmap_get(&g->seqs, (uint32_t)f->value) : NULL;
	bool stray = !q && !opens;

	if (stray)
		q = new_seq(g, f->seq);
	if (!q)
		return -1;
	q->stray = stray;
	own.seq = q->id;
	if (f->type == FRAME_FORK) /* of itself: of none, which the command closes */
		own.value = parent ? parent->id : q->id;
	if (f->type == FRAME_CLOSE) {
		seqmap_remove(&g->seqs, f->seq);
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
		if (!seqmap_get(&g->seqs, f->rows[i].seq))
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
	return g->n_seqs >= 2 * (size_t)g->service->o->max_sequences;
}

static int
next_frame(struct guest *g, struct frame *f)
{
	return g->forward ? forward_take(g, f) : stream_take(g->wire.in, f);
}

static int
pull(struct guest *g)
{
	return g->forward ? forward_pull(g) : wire_pull(&g->wire, GUEST_AT_ONCE, now_of(g));
}

/* Bytes that have come and are not read. */
static size_t
unread(struct guest *g)
{
	size_t n;

	if (g->forward)
		return forward_unread(g);
	ystream_data(g->wire.stream, &n);
	return n;
}

/* What it sends is counted, what it pays is taken. */
static int
count(struct guest *g, const struct frame *f)
{
	if (f->type == FRAME_VOUCHER)
		return g->bill ? bill_paid(g->bill, f) : err_set(ERR_DATA, "a voucher that nobody wants");
	if (!g->bill || f->type == FRAME_END)
		return 0;
	if (bill_sent(g->bill, f) < 0 || bill_check_credit(g->bill) < 0)
		return -1;
	return f->type != FRAME_CLOSE ? 0 : issue(g) < 0 ? -1 : wire_push(&g->wire);
}

/* Frames that are there: 1: one of rows waits; 0: more is needed; -1. */
static int
take_frames(struct guest *g)
{
	struct frame f;
	int rc = 0;

	while (!g->has_rows && !g->done && !is_crowded(g) && (rc = next_frame(g, &f)) > 0) {
		g->heard = now_of(g);
		if (f.type == FRAME_ERROR)
			return err_set(ERR_DATA, "%.*s", (int)f.text_len, f.text);
		if ((f.type == FRAME_ROWS && check_rows(g, &f) < 0) || count(g, &f) < 0)
			return -1;
		if (f.type == FRAME_VOUCHER)
			continue;
		if (f.type == FRAME_END) {
			g->done = true;
		} else if (f.type == FRAME_ROWS) {
			if (capability_spend(g->service->o->usage, &g->capability, f.n_rows) < 0)
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
	size_t before;
	int rc;

	if (g->waits || is_crowded(g))
		return;
	do {
		before = unread(g);
		rc = take_frames(g);
		if (rc == 0 && !g->done)
			rc = pull(g) < 0 ? -1 : take_frames(g);
	} while (rc == 0 && !g->done && !is_crowded(g) && unread(g) < before);
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

int
guest_put_header(struct guest *g, struct wire *to)
{
	struct stream_header h = g->share->header;

	if (h.kind == STREAM_HIDDEN)
		h.dtype = g->wire.hello.back;
	return wire_put_header(to, &h) < 0 ? -1 : wire_push(to);
}

static int
tell_header(struct guest *g)
{
	if (g->told_header || !g->share->has_header)
		return 0;
	g->told_header = true;
	return guest_put_header(g, &g->wire);
}

/* Will the client pay? */
static int
wants_bill(const struct serve_options *o, const struct hello *h)
{
	char hex[HASH_HEX];

	if (hash_is_none(&h->salt))
		return err_set(ERR_DATA, "the peer works by the terms %s (--terms)", hash_to_hex(&o->bill->terms[0], hex));
	return h->chain.len > 0 ? err_set(ERR_DATA, "the node gives no receipts in a chain") : 0;
}

/* Its rows, and those that go back, are known. */
static int
begin_bill(struct guest *g)
{
	const struct bill_options *o = g->service->o->bill;
	struct meter_about a = { .terms = o->terms[0], .in = g->header, .out = g->share->header };
	const uint8_t *client = peerid_key(conn_peer(g->conn));

	if (!client)
		return err_set(ERR_DATA, "a client whose key is not Ed25519");
	memcpy(a.node, o->key->public.bytes, KEY_PUBLIC);
	memcpy(a.client, client, KEY_PUBLIC);
	memcpy(a.salt, g->wire.hello.salt.bytes, METER_SALT);
	conn_nonce(g->conn, g->wire.stream, &a.nonce);
	if (a.out.kind == STREAM_HIDDEN)
		a.out.dtype = g->wire.hello.back;
	return (g->bill = bill_new(o, &a, o->credit)) ? 0 : -1;
}

/* Its first message has come: it gets a command, or, as the peer before another guest, is that one's. 1: it is gone; 0; -1. */
static int
arrive(struct guest *g)
{
	const struct serve_options *o = g->service->o;
	const struct hello *h = &g->wire.hello;
	struct share *share;

	if (h->chain.len > 0 && !o->direct)
		return err_set(ERR_DATA, "the node passes nothing on (mai-send -l --direct)");
	if (h->chain.len > 0 && h->forwarded)
		return forward_join(g) < 0 ? -1 : 1;
	if (o->admit(o->arg, g->conn, &g->capability) < 0 || (o->bill && wants_bill(o, h) < 0))
		return -1;
	if ((h->chain.len > 0 && forward_begin(g) < 0) || !(share = service_share(g->service)))
		return -1;
	share_join(share, g);
	g->state = GUEST_HEADER;
	tell(g, "stream-begin", "");
	if (o->idle_ns > 0)
		loop_at(g->service->node->loop, &g->timer, now_of(g) + o->idle_ns / 4);
	else
		loop_cancel(&g->timer);
	return 0;
}

/* The header of what it sends: 1: it is there; 0; -1. */
static int
take_header(struct guest *g)
{
	int rc;

	if (g->forward)
		return forward_header(g);
	if (wire_pull(&g->wire, STREAM_HEADER_SIZE, now_of(g)) < 0)
		return -1;
	rc = stream_take_header(g->wire.in, &g->header);
	if (rc == 0 && g->wire.stream->ended && ystream_is_empty(g->wire.stream))
		return err_set(ERR_DATA, "a stream without a header");
	return rc;
}

/* Of its rows, or of those that come back; a node that has all of a model states none. */
static const struct hash *
model_of(const struct guest *g)
{
	return hash_is_none(&g->header.model_id) ? &g->share->header.model_id : &g->header.model_id;
}

/* Through its states as far as it gets. 1: it is gone; 0; -1. */
static int
go_on(struct guest *g)
{
	int rc;

	if (g->state == GUEST_HELLO) {
		if (wire_pull(&g->wire, 0, now_of(g)) < 0)
			return -1;
		if (!g->wire.heard)
			return 0;
		if ((rc = arrive(g)) != 0)
			return rc;
	}
	if (tell_header(g) < 0)
		return -1;
	if (g->state == GUEST_HEADER) {
		if ((rc = take_header(g)) <= 0)
			return rc;
		g->state = GUEST_WAITS;
		if (g->forward && forward_dial(g) < 0)
			return -1;
	}
	if (g->state == GUEST_WAITS && g->share->has_header) {
		if (capability_fits(&g->capability, model_of(g)) < 0)
			return -1;
		if (!g->share->proposed && propose(g) < 0)
			return -1;
		if (g->share->accepted && fits(g) < 0)
			return -1;
		if (!g->share->accepted)
			return 0;
		if (g->forward && (rc = forward_ready(g)) <= 0)
			return rc;
		if (g->service->o->bill && begin_bill(g) < 0)
			return -1;
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

void
guest_turn(struct guest *g)
{
	int rc;

	if (g->state == GUEST_ENDS) {
		linger_out(g);
		return;
	}
	rc = push_all(g) < 0 ? -1 : go_on(g);
	if (rc < 0)
		guest_fail(g);
	else if (rc == 0 && g->state == GUEST_RUNS)
		share_step(g->share);
}

static void
event(void *arg, struct ystream *s)
{
	struct guest *g = arg;
	size_t n;

	if (s->reset) {
		guest_leave(g);
		return;
	}
	if (g->state == GUEST_ENDS) {
		ystream_data(s, &n);
		ystream_take(s, n, now_of(g)); /* of no use any more */
	}
	guest_turn(g);
}

static void
timed(void *arg)
{
	struct guest *g = arg;
	uint64_t idle = g->service->o->idle_ns;

	if (g->state == GUEST_HELLO) {
		err_set(ERR_DATA, "no first message in time");
		guest_fail(g);
		return;
	}
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
			guest_leave(g);
		else
			guest_fail(g);
		return;
	}
	loop_at(g->service->node->loop, &g->timer, now_of(g) + idle / 4);
}

void
guest_new(struct service *s, struct conn *c, struct ystream *stream)
{
	struct guest *g = mem_alloc(1, sizeof *g);
	struct hello hello = { .sequences = s->o->max_sequences, .frames = SHARE_DEPTH };

	if (s->o->bill) {
		hello.terms = s->o->bill->terms[0];
		hello.credit = s->o->bill->credit;
	}
	if (!g) {
		ystream_free(stream);
		return;
	}
	g->service = s;
	g->conn = c;
	g->in = g->out = &g->wire;
	g->heard = g->allowed = now_of(g);
	g->allowance = 4 * (double)s->o->rows_a_second;
	g->timer = (struct loop_timer){ .call = timed, .arg = g };
	g->other = s->guests;
	g->own = &s->guests;
	if (s->guests)
		s->guests->own = &g->other;
	s->guests = g;
	s->count.guests++;
	s->count.guests_now++;
	loop_at(s->node->loop, &g->timer, now_of(g) + s->node->handshake_ns);
	if (wire_begin(&g->wire, stream, conn_where(c)) < 0) {
		guest_leave(g);
		return;
	}
	stream->event = event;
	stream->arg = g;
	if (wire_put_hello(&g->wire, &hello) < 0 || wire_push(&g->wire) < 0) {
		guest_fail(g);
		return;
	}
	guest_turn(g);
}
