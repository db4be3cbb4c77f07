#include "net/session.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"

#define FIRST_PAUSE (NODE_SECOND / 10)
#define LAST_PAUSE (5 * NODE_SECOND)
enum { AT_ONCE = 1 << 20 };

static uint64_t
now_of(const struct session *s)
{
	return loop_now(s->hop->node->loop);
}

/* ---- what is known of it ---- */

static size_t
place_of(const struct link *l)
{
	return (size_t)(l - l->session->link); /* not negative */
}

static const struct multiaddr *
peer_of(const struct link *l)
{
	return &l->session->hop->place[place_of(l)].peer[l->choice];
}

static struct link *
last_of(struct session *s)
{
	return &s->link[s->hop->n_places - 1];
}

static bool
is_last(const struct link *l)
{
	return place_of(l) + 1 == l->session->hop->n_places;
}

const struct stream_header *
session_header(const struct session *s)
{
	return &s->link[s->hop->n_places - 1].header;
}

uint64_t
session_round_trip(const struct session *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->hop->n_places; i++)
		sum += s->link[i].conn ? conn_round_trip(s->link[i].conn) : 0;
	return sum;
}

uint32_t
session_sequences(const struct session *s)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < s->hop->n_places; i++)
		if (s->link[i].wire.hello.sequences < least)
			least = s->link[i].wire.hello.sequences;
	return least;
}

char *
session_name(const struct session *s, char to[SESSION_NAME])
{
	char where[MULTIADDR_TEXT];

	snprintf(to, SESSION_NAME, "%s%s", s->hop->n_places > 1 ? "the chain from " : "", multiaddr_text(peer_of(&s->link[0]), where));
	return to;
}

/* ---- the end ---- */

static void
drop_link(struct link *l)
{
	struct conn *c = l->conn;

	wire_end(&l->wire);
	bill_free(l->bill);
	l->bill = NULL;
	buf_free(&l->held);
	free(l->frame);
	l->frame = NULL;
	l->n_held = l->cap_held = 0;
	l->released = 0;
	l->conn = NULL;
	l->begun = l->over = l->end_waits = false;
	if (c) {
		conn_disown(c);
		conn_close(c);
	}
}

static void
drop_links(struct session *s)
{
	for (size_t i = 0; i < s->hop->n_places; i++)
		drop_link(&s->link[i]);
}

void
session_stop(struct session *s)
{
	loop_cancel(&s->again);
	drop_links(s);
	s->state = SESSION_DOWN;
}

/* Twice as long each time, up to a limit, and by chance between half of it and all: many clients don't come back as one. */
static void
try_again(struct session *s)
{
	uint64_t pause = FIRST_PAUSE << (s->failures < 7 ? s->failures : 7);

	if (pause > LAST_PAUSE)
		pause = LAST_PAUSE;
	pause = pause / 2 + randombytes_uniform((uint32_t)(pause / 2000)) * (uint64_t)1000; /* < 2^32 */
	s->failures++;
	loop_at(s->hop->node->loop, &s->again, now_of(s) + pause);
}

void
session_hurry(struct session *s)
{
	if (s->state != SESSION_DOWN || s->refusals >= SESSION_REFUSALS)
		return;
	s->failures = 0;
	loop_at(s->hop->node->loop, &s->again, now_of(s));
}

/*
 * In a chain the next try is with a replica of the peer that failed; or, as a fault also comes to light at the peer beside it, of
 * any. A session with one place is one peer's.
 */
static void
choose_another(struct session *s, const struct link *culprit)
{
	const struct hop *h = s->hop;
	size_t i = culprit && s->failures % 2 == 0 ? place_of(culprit) : randombytes_uniform((uint32_t)h->n_places); /* <= HOP_MAX_PLACES */

	if (h->n_places > 1)
		s->link[i].choice = (s->link[i].choice + 1) % h->place[i].n;
}

/* `culprit`: NULL: it is not known who. */
static void
lose(struct session *s, const struct link *culprit, bool for_ever)
{
	bool was_ready = s->state == SESSION_READY;
	/* what peers of a chain say of each other may be the network's fault, and pass */
	bool refused = err_status() == ERR_DATA && s->state < (s->hop->n_places > 1 ? SESSION_PROVES : SESSION_READY);
	char where[SESSION_NAME];

	if (s->state == SESSION_DOWN || s->state == SESSION_DONE)
		return;
	msg_info("%s: %s", culprit ? multiaddr_text(peer_of(culprit), where) : session_name(s, where), err_reason());
	s->refusals = for_ever ? SESSION_REFUSALS : refused ? s->refusals + 1 : 0;
	s->hop->status = err_status();
	snprintf(s->hop->reason, sizeof s->hop->reason, "%s", err_reason());
	drop_links(s);
	choose_another(s, culprit);
	s->state = SESSION_DOWN;
	s->skip = 0;
	if (s->refusals < SESSION_REFUSALS)
		try_again(s);
	hop_lost(s->hop, s, was_ready);
}

void
session_lost(struct session *s)
{
	lose(s, NULL, false);
}

void
session_refuse(struct session *s)
{
	lose(s, NULL, true);
}

/* ---- frames to peers ---- */

int
session_push(struct session *s)
{
	struct link *first = &s->link[0], *last = last_of(s);

	return wire_push(&first->wire) < 0 || (last != first && wire_push(&last->wire) < 0) ? -1 : 0;
}

size_t
session_backlog(const struct session *s)
{
	return wire_backlog(&s->link[0].wire) + s->link[0].held.len;
}

/* Those that the peer's credit allows now. */
static int
release(struct link *l)
{
	size_t used = 0, i = 0;

	for (; i < l->n_held && bill_allows(l->bill, l->released, l->frame[i].rows); i++) {
		used = l->frame[i].end;
		l->released += l->frame[i].rows;
	}
	if (i == 0)
		return 0;
	if (buf_add(&l->wire.out, l->held.data, used) < 0)
		return -1;
	buf_shift(&l->held, used);
	l->n_held -= i;
	memmove(l->frame, l->frame + i, l->n_held * sizeof *l->frame);
	for (i = 0; i < l->n_held; i++)
		l->frame[i].end -= used;
	return 0;
}

/* To a peer that is paid: counted, and behind what waits for its credit. */
static int
put_counted(struct link *l, const struct frame *f)
{
	uint32_t rows = f->type == FRAME_ROWS ? f->n_rows : 0;

	if (f->type == FRAME_END && !bill_is_done(l->bill)) {
		l->end_waits = true;
		return 0;
	}
	if (bill_sent(l->bill, f) < 0 || mem_grow(&l->frame, &l->cap_held, l->n_held + 1, sizeof *l->frame) < 0 ||
	    stream_encode(&l->held, f, l->wire.compress) < 0)
		return -1;
	l->frame[l->n_held++] = (struct held){ l->held.len, rows };
	return release(l);
}

/* The end, if it waits and all is in receipts. */
static int
put_end(struct link *l)
{
	if (!l->end_waits || !bill_is_done(l->bill))
		return 0;
	l->end_waits = false;
	return put_counted(l, &(struct frame){ .type = FRAME_END });
}

static int
put(struct link *l, const struct frame *f)
{
	return l->bill ? put_counted(l, f) : wire_put(&l->wire, f);
}

/* The last of a chain gets rows from the peer before it, and from here what that one has not seen. */
static int
put_beside(struct session *s, const struct frame *f)
{
	struct frame space, beside = *f;

	beside.data = NULL;
	beside.row_bytes = 0;
	return wire_put(&last_of(s)->wire, journal_strip(&space, s->hop->row, &beside, s->hop->last));
}

int
session_put(struct session *s, const struct frame *f)
{
	struct frame space;

	if (s->hop->n_places == 1)
		return put(&s->link[0], journal_strip(&space, s->hop->row, f, s->hop->last));
	return put_beside(s, f) < 0 ? -1 : wire_put(&s->link[0].wire, journal_strip(&space, s->hop->row, f, s->hop->first));
}

static int
begin_bill(struct link *l, const struct stream_header *in)
{
	const struct bill_options *o = l->session->hop->o.bill;
	struct meter_about a = { .terms = l->wire.hello.terms, .in = *in, .out = l->header };
	const uint8_t *node = peerid_key(conn_peer(l->conn));

	if (!node)
		return err_set(ERR_DATA, "a node whose key is not Ed25519");
	memcpy(a.node, node, KEY_PUBLIC);
	memcpy(a.client, o->key->public.bytes, KEY_PUBLIC);
	memcpy(a.salt, l->salt.bytes, METER_SALT);
	conn_nonce(l->conn, l->wire.stream, &a.nonce);
	if (l->wire.hello.credit < BILL_CREDIT)
		return err_set(ERR_DATA, "the peer's credit is %llu rows; at least %d are needed", (unsigned long long)l->wire.hello.credit, BILL_CREDIT);
	return (l->bill = bill_new(o, &a, l->wire.hello.credit)) ? 0 : -1;
}

int
session_prove(struct session *s)
{
	struct stream_header h = s->hop->input, beside = { .kind = STREAM_TOKENS, .vocab_id = h.vocab_id };
	const struct frame empty = { .type = FRAME_ROWS };

	if (h.kind == STREAM_HIDDEN)
		h.dtype = s->hop->o.wire;
	s->state = SESSION_PROVES;
	if (!hash_is_none(&s->link[0].wire.hello.terms) && begin_bill(&s->link[0], &h) < 0)
		return -1;
	if (s->hop->n_places > 1 && (wire_put_header(&last_of(s)->wire, &beside) < 0 || wire_put(&last_of(s)->wire, &empty) < 0))
		return -1;
	if (wire_put_header(&s->link[0].wire, &h) < 0 || put(&s->link[0], &empty) < 0)
		return -1;
	return session_push(s);
}

/* ---- frames from peers ---- */

/* A peer that fails before it knows what it gives says why behind a header that says nothing. */
static bool
is_blank(const struct stream_header *h)
{
	return h->kind == STREAM_TOKENS && hash_is_none(&h->vocab_id) && hash_is_none(&h->model_id);
}

/* Do both sides mean the same by its work? */
static int
check_terms(const struct link *l)
{
	const struct bill_options *o = l->session->hop->o.bill;
	const struct hash *terms = &l->wire.hello.terms;
	char hex[HASH_HEX];

	if (hash_is_none(terms))
		return o && l->session->hop->n_places == 1 ? err_set(ERR_DATA, "the peer gives no receipts") : 0;
	for (size_t i = 0; o && i < o->n_terms; i++)
		if (hash_equal(&o->terms[i], terms))
			return 0;
	return err_set(ERR_DATA, "the peer works by the terms %s (--terms)", hash_to_hex(terms, hex));
}

/* Its header has come: with the last one, all know of the chain, and may be sent rows. */
static int
heard(struct session *s, struct link *l)
{
	l->begun = true;
	if (is_blank(&l->header))
		return 0;
	if (check_terms(l) < 0 || (is_last(l) && hop_heard(s->hop, s) < 0))
		return -1;
	for (size_t i = 0; i < s->hop->n_places; i++)
		if (!s->link[i].begun || is_blank(&s->link[i].header))
			return 0;
	s->state = SESSION_WAITS;
	return s->hop->has_input ? session_prove(s) : 0;
}

/* A frame of a peer that is not the last. */
static int
take_word(struct link *l, const struct frame *f)
{
	if (f->type != FRAME_END)
		return err_set(ERR_DATA, "a frame of %s from the middle of a chain", frame_type_name(f->type));
	l->over = true;
	return 0;
}

/* It is answered by a voucher, which may let more go; with the last one the stream can end. */
static int
take_receipt(struct link *l, const struct frame *f)
{
	struct frame voucher;

	if (bill_receipt(l->bill, f, &voucher) < 0 || wire_put(&l->wire, &voucher) < 0 || release(l) < 0)
		return -1;
	return put_end(l);
}

/* A frame of a peer's: 0 or -1. */
static int
take_frame(struct session *s, struct link *l, const struct frame *f)
{
	if (f->type == FRAME_ERROR)
		return err_set(ERR_DATA, "%.*s", (int)f->text_len, f->text);
	if (f->type == FRAME_RECEIPT)
		return l->bill ? take_receipt(l, f) : err_set(ERR_DATA, "a receipt for what is not paid");
	if (l->bill && (bill_came(l->bill, f) < 0 || put_end(l) < 0))
		return -1;
	if (!is_last(l))
		return take_word(l, f);
	if (s->state == SESSION_READY) {
		if (f->type == FRAME_END && s == s->hop->active)
			s->state = SESSION_DONE;
		return hop_came(s->hop, s, f);
	}
	if (s->state != SESSION_PROVES || f->type != FRAME_ROWS || f->n_rows > 0)
		return err_set(ERR_DATA, "a frame of %s before anything was sent", frame_type_name(f->type));
	s->state = SESSION_READY;
	s->failures = s->refusals = 0;
	hop_ready(s->hop, s);
	return 0;
}

static bool
is_over(const struct session *s)
{
	return s->state == SESSION_DOWN || s->state == SESSION_DONE || s->hop->failed;
}

/* Frames that are there. */
static int
take_frames(struct session *s, struct link *l)
{
	struct frame f;
	int rc;

	if (!l->begun && l->wire.heard && s->state == SESSION_HEARS) {
		if ((rc = stream_take_header(l->wire.in, &l->header)) <= 0)
			return rc;
		if (heard(s, l) < 0)
			return -1;
	}
	while (l->begun && !l->over && (rc = stream_take(l->wire.in, &f)) != 0) {
		if (rc < 0 || take_frame(s, l, &f) < 0)
			return -1;
		if (is_over(s))
			return 0;
	}
	return 0;
}

/* All that has come. A frame may lead to the end of the session, or the hop. */
static int
take_all(struct session *s, struct link *l)
{
	size_t n;

	do {
		if (wire_pull(&l->wire, AT_ONCE, now_of(s)) < 0 || take_frames(s, l) < 0)
			return -1;
		if (is_over(s))
			return 0;
		ystream_data(l->wire.stream, &n);
	} while (n > 0 && l->wire.heard);
	if (l->wire.stream->ended && !l->over)
		return err_set(ERR_SYSTEM, "the peer has ended the stream");
	return 0;
}

static void
event(void *arg, struct ystream *stream)
{
	struct link *l = arg;
	struct session *s = l->session;
	bool was_full = hop_full(s->hop);

	if (s->state == SESSION_DONE || s->state == SESSION_CONNECTS || (stream->reset && l->over))
		return;
	if (stream->reset) {
		if (stream->mux)
			err_set(ERR_SYSTEM, "the peer has reset the stream");
		lose(s, l, false);
		return;
	}
	if (take_all(s, l) < 0 || (!is_over(s) && wire_push(&l->wire) < 0)) {
		lose(s, l, false);
		return;
	}
	if (was_full && !s->hop->failed && !hop_full(s->hop))
		s->hop->calls.room(s->hop->calls.arg);
}

/* ---- the way there ---- */

/* The client's word for the chain that the connections make. */
static int
make_chain(const struct session *s, struct buf *to)
{
	struct chain c = { .n = s->hop->n_places };

	randombytes_buf(c.number, sizeof c.number);
	for (size_t i = 0; i < c.n; i++)
		if (conn_remote(s->link[i].conn, &c.peer[i]) < 0)
			return -1;
	return chain_pack(to, &c, s->hop->node->key);
}

/* All streams are there: each peer is told what it is to do. */
static int
greet(struct session *s)
{
	struct hello hello = { .back = s->hop->o.wire };
	int rc;

	if (s->hop->o.bill)
		randombytes_buf(hello.salt.bytes, HASH_SIZE);
	s->link[0].salt = hello.salt;
	rc = s->hop->n_places > 1 ? make_chain(s, &hello.chain) : 0;
	s->state = SESSION_HEARS;
	for (size_t i = 0; rc == 0 && i < s->hop->n_places; i++) {
		hello.place = (uint32_t)i; /* < HOP_MAX_PLACES */
		rc = wire_put_hello(&s->link[i].wire, &hello) < 0 ? -1 : wire_push(&s->link[i].wire);
	}
	hello_free(&hello);
	return rc;
}

static void
opened(void *arg, struct ystream *stream)
{
	struct link *l = arg;
	struct session *s = l->session;
	char where[MULTIADDR_TEXT];

	if (s->state != SESSION_CONNECTS) { /* another connection has gone meanwhile */
		ystream_free(stream);
		return;
	}
	if (!stream || wire_begin(&l->wire, stream, multiaddr_text(peer_of(l), where)) < 0) {
		lose(s, l, false);
		return;
	}
	stream->event = event;
	stream->arg = l;
	l->wire.compress = s->hop->o.compress;
	for (size_t i = 0; i < s->hop->n_places; i++)
		if (!s->link[i].wire.stream)
			return;
	if (greet(s) < 0)
		lose(s, NULL, false);
	for (size_t i = 0; i < s->hop->n_places && s->state >= SESSION_HEARS; i++)
		event(&s->link[i], s->link[i].wire.stream);
}

static void
ready(void *arg, struct conn *c)
{
	struct link *l = arg;

	if (conn_open(c, HELLO_PROTOCOL, opened, l) < 0)
		lose(l->session, l, false);
}

static void
closed(void *arg, struct conn *c)
{
	struct link *l = arg;

	(void)c;
	l->conn = NULL;
	if (!l->over)
		lose(l->session, l, false);
}

void
session_start(struct session *s)
{
	s->state = SESSION_CONNECTS;
	for (size_t i = 0; i < s->hop->n_places && s->state == SESSION_CONNECTS; i++) {
		struct link *l = &s->link[i];
		if (!(l->conn = conn_dial(s->hop->node, peer_of(l), &(struct conn_owner){ ready, closed, l })))
			lose(s, l, false);
	}
}
