/* Guests in a chain: where their rows come from and go to. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/serve_impl.h"

enum { MERGE_MOST = 1024 }; /* frames of a guest that may wait for those of the peer before */

static uint64_t
now_of(const struct guest *g)
{
	return loop_now(g->service->node->loop);
}

static bool
is_last(const struct forward *w)
{
	return w->place + 1 == w->chain.n;
}

/* The chain of its first message, in which this node must be at the place that it names. 0 or -1. */
static int
read_chain(struct chain *c, const struct guest *g)
{
	const struct hello *h = &g->wire.hello;
	struct peerid own = peerid_of_key(g->service->node->key->public.bytes);

	if (chain_unpack(c, h->chain.data, h->chain.len) < 0)
		return -1;
	if (h->place >= c->n || !peerid_equal(&c->peer[h->place].peer, &own))
		return err_set(ERR_DATA, "a chain that the node is not part of");
	return 0;
}

int
forward_begin(struct guest *g)
{
	struct forward *w = mem_alloc(1, sizeof *w);
	struct peerid client;

	if (!w)
		return -1;
	g->forward = w;
	w->place = g->wire.hello.place;
	if (read_chain(&w->chain, g) < 0)
		return -1;
	client = peerid_of_key(w->chain.client);
	if (!peerid_equal(&client, conn_peer(g->conn)))
		return err_set(ERR_DATA, "a chain of another client");
	if (w->place > 0)
		g->in = NULL;
	if (!is_last(w))
		g->out = &w->after;
	return is_last(w) && !(w->merge = journal_new(0)) ? -1 : 0;
}

void
forward_end(struct guest *g, bool well)
{
	struct forward *w = g->forward;

	if (!w)
		return;
	g->forward = NULL;
	g->in = g->out = &g->wire;
	wire_end(&w->before);
	wire_end(&w->after);
	if (w->next) {
		conn_disown(w->next);
		if (well)
			conn_finish(w->next);
		else
			conn_close(w->next);
	}
	journal_free(w->merge);
	free(w);
}

/* Where it can't be told, it hears of a reset. */
void
forward_fail(struct guest *g, const struct frame *why)
{
	struct wire *before = g->forward ? &g->forward->before : NULL;

	if (before && before->stream && wire_put_fault(before, false, why) == 0)
		wire_push(before);
	forward_end(g, false);
}

/* ---- the peer before ---- */

bool
forward_expects(const struct guest *g, const struct peerid *p)
{
	const struct forward *w = g->forward;

	return w && !g->in && peerid_equal(&w->chain.peer[w->place - 1].peer, p);
}

/* What it says at the end of its stream is read before its end counts. */
static void
before_event(void *arg, struct ystream *s)
{
	(void)s;
	guest_turn(arg);
}

/* The guest that waits for the peer before, in this chain at this place. */
static struct guest *
who_waits(struct service *s, const struct chain *c, size_t place, const struct peerid *before)
{
	for (struct guest *g = s->guests; g; g = g->other)
		if (forward_expects(g, before) && g->forward->place == place &&
		    memcmp(g->forward->chain.number, c->number, CHAIN_NUMBER) == 0 && memcmp(g->forward->chain.client, c->client, KEY_PUBLIC) == 0)
			return g;
	return NULL;
}

int
forward_join(struct guest *g)
{
	struct chain c;
	struct guest *to;

	if (read_chain(&c, g) < 0)
		return -1;
	if (!(to = who_waits(g->service, &c, g->wire.hello.place, conn_peer(g->conn))))
		return err_set(ERR_DATA, "no client has a chain here that this peer is part of");
	to->forward->before = g->wire;
	to->forward->before.stream->event = before_event;
	to->forward->before.stream->arg = to;
	to->in = &to->forward->before;
	g->wire = (struct wire){ 0 };
	guest_leave(g);
	guest_turn(to);
	return 0;
}

/* ---- the next peer ---- */

/* It has nothing to say but why it fails. */
static int
hear_next(struct guest *g)
{
	struct wire *after = &g->forward->after;
	struct stream_header h;
	struct frame f;
	int rc;

	if (wire_pull(after, GUEST_AT_ONCE, now_of(g)) < 0)
		return -1;
	if (!after->heard || (rc = stream_take_header(after->in, &h)) == 0)
		return 0;
	if (rc > 0 && (rc = stream_take(after->in, &f)) > 0 && f.type == FRAME_ERROR)
		return err_set(ERR_DATA, "%.*s", (int)f.text_len, f.text);
	return rc == 0 ? 0 : rc < 0 ? -1 : err_set(ERR_DATA, "sends rows back");
}

static void
fail_next(struct guest *g)
{
	char where[MULTIADDR_TEXT];

	err_wrap("the next peer, %s", multiaddr_text(&g->forward->chain.peer[g->forward->place + 1], where));
	guest_fail(g);
}

static void
after_event(void *arg, struct ystream *s)
{
	struct guest *g = arg;

	if (g->state != GUEST_ENDS && hear_next(g) < 0) {
		fail_next(g);
	} else if (s->reset && g->state != GUEST_ENDS) {
		if (s->mux)
			err_set(ERR_SYSTEM, "has reset the stream");
		fail_next(g);
	} else {
		if (s->reset) /* it has heard the end */
			wire_end(&g->forward->after);
		guest_turn(g);
	}
}

static void
next_opened(void *arg, struct ystream *stream)
{
	struct guest *g = arg;
	struct forward *w = g->forward;
	struct hello hello = { .back = g->wire.hello.back, .chain = g->wire.hello.chain, .place = (uint32_t)w->place + 1, .forwarded = true }; /* < CHAIN_PEERS */

	if (!stream || wire_begin(&w->after, stream, conn_where(w->next)) < 0 || wire_put_hello(&w->after, &hello) < 0 || wire_push(&w->after) < 0) {
		fail_next(g);
		return;
	}
	stream->event = after_event;
	stream->arg = g;
	after_event(g, stream);
}

static void
next_ready(void *arg, struct conn *c)
{
	if (conn_open(c, HELLO_PROTOCOL, next_opened, arg) < 0)
		fail_next(arg);
}

static void
next_closed(void *arg, struct conn *c)
{
	struct guest *g = arg;

	(void)c;
	g->forward->next = NULL;
	if (g->state == GUEST_ENDS)
		guest_leave(g);
	else
		fail_next(g);
}

int
forward_dial(struct guest *g)
{
	struct forward *w = g->forward;

	if (is_last(w))
		return 0;
	w->next = conn_dial(g->service->node, &w->chain.peer[w->place + 1], &(struct conn_owner){ next_ready, next_closed, g });
	return w->next ? 0 : err_wrap("the next peer");
}

int
forward_ready(struct guest *g)
{
	struct forward *w = g->forward;

	if (is_last(w))
		return 1;
	if (!w->after.stream)
		return 0;
	return guest_put_header(g, &w->after) < 0 ? -1 : 1;
}

/* ---- rows ---- */

/* Its own stream to the last place: tokens, that are put back into what the peer before sends. */
static int
own_header(struct guest *g)
{
	struct forward *w = g->forward;
	struct stream_header h;
	int rc;

	if (!w->merge || w->merges)
		return 0;
	if (wire_pull(&g->wire, STREAM_HEADER_SIZE, now_of(g)) < 0 || (rc = stream_take_header(g->wire.in, &h)) < 0)
		return -1;
	if (rc > 0 && h.kind != STREAM_TOKENS)
		return err_set(ERR_DATA, "%s for the last peer of a chain, which takes them from the one before", stream_kind_name(h.kind));
	w->merges = rc > 0;
	return 0;
}

int
forward_header(struct guest *g)
{
	struct wire *in = g->in;
	int rc;

	if (own_header(g) < 0)
		return -1;
	if (!in)
		return 0;
	if (wire_pull(in, STREAM_HEADER_SIZE, now_of(g)) < 0 || (rc = stream_take_header(in->in, &g->header)) < 0)
		return -1;
	if (rc == 0 && (in->stream->ended || in->stream->reset) && ystream_is_empty(in->stream))
		return err_set(ERR_SYSTEM, "the peer before has ended its stream");
	return rc;
}

int
forward_pull(struct guest *g)
{
	struct forward *w = g->forward;
	struct wire *in = g->in;

	if (own_header(g) < 0)
		return -1;
	if (w->merges && !w->said_all && journal_queued(w->merge) < MERGE_MOST && wire_pull(&g->wire, GUEST_AT_ONCE, now_of(g)) < 0)
		return -1;
	/* at the last place, what it has said may wait for what the guest says */
	if (in->stream->reset && ystream_is_empty(in->stream) && !(w->merge && journal_queued(w->merge) == 0))
		return err_set(ERR_SYSTEM, "the peer before has reset its stream");
	return wire_pull(in, GUEST_AT_ONCE, now_of(g));
}

size_t
forward_unread(struct guest *g)
{
	size_t n, own;

	ystream_data(g->in->stream, &n);
	ystream_data(g->wire.stream, &own);
	return n + (g->forward->merge && !g->forward->said_all ? own : 0);
}

/* What the guest has sent goes to the journal, in which it waits for the rows of the peer before. */
static int
take_own(struct guest *g)
{
	struct forward *w = g->forward;
	struct frame f;
	int rc = 0;

	while (w->merges && !w->said_all && journal_queued(w->merge) < MERGE_MOST && (rc = stream_take(g->wire.in, &f)) > 0) {
		if (journal_sent(w->merge, &f) < 0)
			return -1;
		w->said_all = f.type == FRAME_END;
	}
	return rc < 0 ? -1 : 0;
}

int
forward_take(struct guest *g, struct frame *f)
{
	struct forward *w = g->forward;
	struct frame came;
	int rc;

	if (!w->merge)
		return stream_take(g->in->in, f);
	if (take_own(g) < 0)
		return -1;
	if (journal_queued(w->merge) == 0 && stream_next(g->in->in) != FRAME_CLOSE) /* which may be a stage's own */
		return 0;
	if ((rc = stream_take(g->in->in, &came)) <= 0)
		return rc;
	if (came.type == FRAME_ERROR) {
		*f = came;
		return 1;
	}
	switch (journal_came(w->merge, &came, false, f)) {
	case JOURNAL_ANSWER:
	case JOURNAL_CLOSE:
	case JOURNAL_KNOWN:
		return 1;
	default:
		return err_wrap("the peer before");
	}
}
