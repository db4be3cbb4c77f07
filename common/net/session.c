#include "net/session.h"

#include <sodium.h>
#include <stdio.h>

#include "base/err.h"
#include "base/msg.h"

#define FIRST_PAUSE (NODE_SECOND / 10)
#define LAST_PAUSE (5 * NODE_SECOND)
enum { AT_ONCE = 1 << 20 };

static uint64_t
now_of(const struct session *s)
{
	return loop_now(s->hop->node->loop);
}

static void
drop_stream(struct session *s)
{
	struct conn *c = s->conn;

	wire_end(&s->wire);
	s->conn = NULL;
	if (c) {
		conn_disown(c);
		conn_close(c);
	}
}

void
session_stop(struct session *s)
{
	loop_cancel(&s->again);
	drop_stream(s);
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

static void
lose(struct session *s, bool for_ever)
{
	bool was_ready = s->state == SESSION_READY;
	char where[MULTIADDR_TEXT];

	if (s->state == SESSION_DOWN || s->state == SESSION_DONE)
		return;
	msg_info("%s: %s", multiaddr_text(&s->peer, where), err_reason());
	s->refusals = for_ever ? SESSION_REFUSALS : err_status() == ERR_DATA && !was_ready ? s->refusals + 1 : 0;
	s->hop->status = err_status();
	snprintf(s->hop->reason, sizeof s->hop->reason, "%s", err_reason());
	drop_stream(s);
	s->state = SESSION_DOWN;
	s->skip = 0;
	if (s->refusals < SESSION_REFUSALS)
		try_again(s);
	hop_lost(s->hop, s, was_ready);
}

void
session_lost(struct session *s)
{
	lose(s, false);
}

void
session_refuse(struct session *s)
{
	lose(s, true);
}

/* ---- frames ---- */

int
session_prove(struct session *s)
{
	struct stream_header h = s->hop->input;

	if (h.kind == STREAM_HIDDEN)
		h.dtype = s->hop->o.wire;
	s->state = SESSION_PROVES;
	if (wire_put_header(&s->wire, &h) < 0 || wire_put(&s->wire, &(struct frame){ .type = FRAME_ROWS }) < 0)
		return -1;
	return wire_push(&s->wire);
}

static int
take_header(struct session *s)
{
	int rc = stream_take_header(s->wire.in, &s->header);

	if (rc <= 0)
		return rc;
	if (hop_heard(s->hop, s) < 0)
		return -1;
	s->state = SESSION_WAITS;
	return s->hop->has_input ? session_prove(s) : 0;
}

/* A frame of the peer's: 0 or -1. */
static int
take_frame(struct session *s, const struct frame *f)
{
	if (f->type == FRAME_ERROR)
		return err_set(ERR_DATA, "%.*s", (int)f->text_len, f->text);
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

/* All that has come. A frame may lead to the end of the session, or the hop. */
static int
take_all(struct session *s)
{
	struct frame f;
	size_t n;
	int rc;

	do {
		if (wire_pull(&s->wire, AT_ONCE, now_of(s)) < 0)
			return -1;
		if (s->state == SESSION_HEARS && s->wire.heard && take_header(s) < 0)
			return -1;
		while (s->state > SESSION_HEARS && (rc = stream_take(s->wire.in, &f)) != 0) {
			if (rc < 0 || take_frame(s, &f) < 0)
				return -1;
			if (s->state == SESSION_DOWN || s->state == SESSION_DONE || s->hop->failed)
				return 0;
		}
		ystream_data(s->wire.stream, &n);
	} while (n > 0 && s->wire.heard);
	if (s->wire.stream->ended)
		return err_set(ERR_SYSTEM, "the peer has ended the stream");
	return 0;
}

static void
event(void *arg, struct ystream *stream)
{
	struct session *s = arg;
	bool was_full = hop_full(s->hop);

	if (s->state == SESSION_DONE)
		return;
	if (stream->reset) {
		if (stream->mux)
			err_set(ERR_SYSTEM, "the peer has reset the stream");
		session_lost(s);
		return;
	}
	if (take_all(s) < 0 || (s->state != SESSION_DOWN && s->state != SESSION_DONE && wire_push(&s->wire) < 0)) {
		session_lost(s);
		return;
	}
	if (was_full && !s->hop->failed && !hop_full(s->hop))
		s->hop->calls.room(s->hop->calls.arg);
}

/* ---- the way there ---- */

static void
opened(void *arg, struct ystream *stream)
{
	struct session *s = arg;
	char where[MULTIADDR_TEXT];
	struct hello hello = { .back = s->hop->o.wire };

	if (s->state != SESSION_OPENS) { /* the connection has gone meanwhile */
		ystream_free(stream);
		return;
	}
	if (!stream || wire_begin(&s->wire, stream, multiaddr_text(&s->peer, where)) < 0) {
		session_lost(s);
		return;
	}
	stream->event = event;
	stream->arg = s;
	s->wire.compress = s->hop->o.compress;
	s->state = SESSION_HEARS;
	if (wire_put_hello(&s->wire, &hello) < 0 || wire_push(&s->wire) < 0)
		session_lost(s);
	else
		event(s, stream);
}

static void
ready(void *arg, struct conn *c)
{
	struct session *s = arg;

	s->state = SESSION_OPENS;
	if (conn_open(c, HELLO_PROTOCOL, opened, s) < 0)
		session_lost(s);
}

static void
closed(void *arg, struct conn *c)
{
	struct session *s = arg;

	(void)c;
	s->conn = NULL;
	session_lost(s);
}

void
session_start(struct session *s)
{
	s->state = SESSION_CONNECTS;
	if (!(s->conn = conn_dial(s->hop->node, &s->peer, &(struct conn_owner){ ready, closed, s })))
		session_lost(s);
}
