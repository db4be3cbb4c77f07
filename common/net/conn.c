#include "net/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/conn_impl.h"
#include "net/mss.h"
#include "net/secure.h"

static const char *const noise_name[] = { "/noise" };
static const char *const yamux_name[] = { "/yamux/1.0.0" };
enum { WHERE = MULTIADDR_TEXT, CONN_BUFFER = 2 * CONN_IN };
#define FINISH (2 * NODE_SECOND) /* the other side has so long to close too */

enum state { CONNECTING, CHOOSING_NOISE, SHAKING_HANDS, CHOOSING_YAMUX, READY };

struct conn {
	struct node *node;
	struct conn *next, **link;
	struct conn_owner owner;
	enum state state;
	bool initiator, incoming, is_socket, closing;
	bool stranger;               /* came in, and has not proved who it is */
	bool disowned;
	bool finishing, done;        /* it closes when all is sent; that has come about */
	char where[WHERE];
	char reason[512];
	int status;
	struct peerid expected;
	struct address *other;       /* of a name that was looked up: addresses that are tried where the first fail */
	size_t n_other;
	struct loop_fd in, out;      /* `in` does both where they are one */
	struct mss mss;
	struct secure secure;
	struct yamux *mux;
	struct buf plain, inner;     /* of the choice of yamux, inside the encryption: to send, and what came */
	struct buf get;              /* what came, from `got` on not yet opened */
	size_t got;
	struct buf put;              /* to be sent, from `sent` on */
	size_t sent;
	struct loop_timer timer;     /* of the handshake; then of pings */
	uint64_t heard, asked;       /* when something came the last time, and was asked for */
	uint64_t round_trip;
	uint32_t question;
	bool waits;                  /* for the answer to the question */
};

/* ---- what is known of it ---- */

struct node *
conn_node(const struct conn *c)
{
	return c->node;
}

const struct peerid *
conn_peer(const struct conn *c)
{
	return &c->secure.peer;
}

const struct buf *
conn_shown(const struct conn *c)
{
	return &c->secure.shown;
}

void
conn_nonce(const struct conn *c, const struct ystream *s, struct hash *to)
{
	uint8_t all[NOISE_HASH + 4];

	memcpy(all, c->secure.noise.h, NOISE_HASH);
	for (int i = 0; i < 4; i++)
		all[NOISE_HASH + i] = (uint8_t)(s->id >> 8 * i & 0xff);
	*to = hash_bytes(all, sizeof all);
}

int
conn_remote(const struct conn *c, struct multiaddr *a)
{
	struct sockaddr_storage to;
	socklen_t n = sizeof to;

	if (!c->is_socket || getpeername(c->in.fd, (struct sockaddr *)&to, &n) < 0)
		return err_set(ERR_DATA, "%s: no address of a network", c->where);
	if (address_to_multiaddr(a, &to, n) < 0)
		return -1;
	a->peer = c->secure.peer;
	return 0;
}

const char *
conn_where(const struct conn *c)
{
	return c->where;
}

uint64_t
conn_round_trip(const struct conn *c)
{
	return c->round_trip;
}

struct yamux *
conn_mux(const struct conn *c)
{
	return c->mux;
}

struct conn *
conn_next(const struct conn *c)
{
	return c->next;
}

/* ---- the end ---- */

/* It counts no more among those who have not proved who they are. */
static void
known(struct conn *c)
{
	c->node->n_strangers -= c->stranger;
	c->stranger = false;
}

void
conn_close(struct conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	c->status = err_status();
	snprintf(c->reason, sizeof c->reason, "%s", err_reason());
	loop_remove(c->node->loop, &c->in);
	loop_remove(c->node->loop, &c->out);
	loop_cancel(&c->timer);
	known(c);
}

void
conn_drop_stranger(struct node *n)
{
	struct conn *oldest = NULL;

	for (struct conn *c = n->first; c; c = c->next) /* the newest is first */
		if (c->stranger)
			oldest = c;
	if (oldest) {
		err_set(ERR_SYSTEM, "%s: too many who have not proved who they are", oldest->where);
		conn_close(oldest);
	}
}

void
conn_finish(struct conn *c)
{
	if (c->closing || c->finishing)
		return;
	c->finishing = true;
	loop_at(c->node->loop, &c->timer, loop_now(c->node->loop) + FINISH);
}

bool
conn_is_done(const struct conn *c)
{
	return c->done;
}

static void
finished(struct conn *c)
{
	c->done = true;
	err_set(ERR_SYSTEM, "%s: closed", c->where);
	conn_close(c);
}

/* All is sent: the other side is told that no more comes. */
static void
half_close(struct conn *c)
{
	if (c->is_socket) {
		shutdown(c->out.fd, SHUT_WR);
	} else if (c->out.fd != c->in.fd) {
		loop_remove(c->node->loop, &c->out);
		close(c->out.fd);
		c->out.fd = c->in.fd;
	}
}

void
conn_disown(struct conn *c)
{
	c->owner = (struct conn_owner){ 0 };
	c->disowned = true;
}

bool
conn_is_disowned(const struct conn *c)
{
	return c->disowned;
}

static void
put_away(struct conn *c)
{
	struct node *n = c->node;

	err_set(c->status, "%s", c->reason);
	yamux_free(c->mux);
	c->mux = NULL;
	if (n->told)
		n->told(n->arg, c, "closed", c->reason);
	err_set(c->status, "%s", c->reason);
	if (c->owner.closed)
		c->owner.closed(c->owner.arg, c);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	n->n_incoming -= c->incoming;
	loop_remove(n->loop, &c->in);
	loop_remove(n->loop, &c->out);
	loop_cancel(&c->timer);
	if (c->in.fd != c->out.fd)
		close(c->out.fd);
	if (c->in.fd >= 0)
		close(c->in.fd);
	free(c->other);
	secure_wipe(&c->secure);
	buf_free(&c->plain);
	buf_free(&c->inner);
	buf_free(&c->get);
	buf_free(&c->put);
	free(c);
}

/* ---- sending ---- */

static size_t
pending(const struct conn *c)
{
	return c->put.len - c->sent;
}

static void
set_wants(struct conn *c)
{
	unsigned reads = pending(c) < CONN_CHOKED && c->state != CONNECTING ? LOOP_READ : 0;
	unsigned writes = pending(c) > 0 || c->state == CONNECTING || (c->mux && yamux_waits(c->mux)) ? LOOP_WRITE : 0;
	int rc;

	if (c->closing)
		return;
	if (c->in.fd == c->out.fd)
		rc = loop_want(c->node->loop, &c->in, reads | writes);
	else
		rc = loop_want(c->node->loop, &c->in, reads) < 0 ? -1 : loop_want(c->node->loop, &c->out, writes);
	if (rc < 0)
		conn_close(c);
}

static ssize_t
write_some(struct conn *c)
{
	const uint8_t *from = c->put.data + c->sent;

	return c->is_socket ? send(c->out.fd, from, pending(c), MSG_NOSIGNAL | MSG_DONTWAIT) : write(c->out.fd, from, pending(c));
}

/* Sends what can be sent. */
static void
push(struct conn *c)
{
	if (c->state == READY && secure_flush(&c->secure, &c->put) < 0) {
		conn_close(c);
		return;
	}
	while (!c->closing && c->state != CONNECTING && pending(c) > 0) {
		ssize_t n = write_some(c);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0) {
			err_sys("%s", c->where);
			conn_close(c);
			return;
		}
		c->sent += (size_t)n; /* not negative */
	}
	if (pending(c) == 0) {
		c->sent = c->put.len = 0;
		if (c->finishing)
			half_close(c);
	} else if (c->sent > CONN_OUT) {
		buf_shift(&c->put, c->sent);
		c->sent = 0;
	}
	set_wants(c);
}

static int
write_plain(void *arg, const void *data, size_t n)
{
	struct conn *c = arg;

	return secure_put(&c->secure, &c->put, data, n);
}

static size_t
room(void *arg)
{
	const struct conn *c = arg;

	return pending(c) < CONN_OUT && !c->closing ? CONN_OUT - pending(c) : 0;
}

/* ---- being there ---- */

static void
pong(void *arg, uint32_t value)
{
	struct conn *c = arg;

	if (!c->waits || value != c->question)
		return;
	c->waits = false;
	c->round_trip = loop_now(c->node->loop) - c->asked;
	yamux_set_round_trip(c->mux, c->round_trip);
}

static void
ask(void *arg)
{
	struct conn *c = arg;
	struct node *n = c->node;
	uint64_t now = loop_now(n->loop);

	if (c->finishing) {
		finished(c);
	} else if (c->state != READY) {
		err_set(ERR_SYSTEM, "%s: no handshake within %.1f s", c->where, (double)n->handshake_ns / 1e9);
		conn_close(c);
	} else if (c->waits && c->heard < c->asked && now - c->asked >= n->silence_ns) {
		err_set(ERR_SYSTEM, "%s: silent for %.1f s", c->where, (double)(now - c->asked) / 1e9);
		conn_close(c);
	} else {
		if (!c->waits || c->heard >= c->asked) {
			c->waits = true;
			c->asked = now;
			if (yamux_ping(c->mux, ++c->question) < 0)
				conn_close(c);
		}
		if (!c->closing)
			loop_at(n->loop, &c->timer, now + n->ping_ns);
	}
}

static const struct yamux_calls calls = { write_plain, room, conn_stream_opened, pong };

/* The handshake is over, and yamux is agreed on. */
static int
begin_streams(struct conn *c)
{
	struct node *n = c->node;

	c->state = READY;
	if (!(c->mux = yamux_new(c->initiator, &calls, c)))
		return -1;
	loop_cancel(&c->timer);
	if (n->ping_ns > 0)
		ask(c);
	if (n->told)
		n->told(n->arg, c, "connected", "");
	if (c->owner.ready)
		c->owner.ready(c->owner.arg, c);
	return 0;
}

/* ---- what comes in ---- */

/* Each takes a part of data: how many bytes; 0: more are needed; -1. */

static ssize_t
choose_noise(struct conn *c, const uint8_t *data, size_t n)
{
	size_t used;
	int rc = mss_take(&c->mss, data, n, &used, &c->put);

	if (rc < 0)
		return -1;
	if (rc > 0) {
		c->state = SHAKING_HANDS;
		if (secure_begin(&c->secure, c->initiator, c->node->key, &c->expected, &c->put) < 0)
			return -1;
		c->secure.shows = c->initiator ? c->node->shows : NULL;
	}
	return (ssize_t)used; /* <= n */
}

/* An mss message of this side, inside the encryption. */
static int
put_plain(struct conn *c)
{
	int rc = secure_put(&c->secure, &c->put, c->plain.data, c->plain.len) < 0 ? -1 : secure_flush(&c->secure, &c->put);

	c->plain.len = 0;
	return rc;
}

/* Is there a place for one more, and for one more of this peer? */
static bool
has_place(const struct conn *c)
{
	size_t all = 0, same = 0;

	for (const struct conn *k = c->node->first; k; k = k->next) {
		bool in = k != c && k->incoming && !k->stranger && !k->closing;
		all += in;
		same += in && peerid_equal(&k->secure.peer, &c->secure.peer);
	}
	return all < c->node->max_conns && same < c->node->max_peer_conns;
}

static int
handshake_over(struct conn *c)
{
	struct node *n = c->node;

	if (c->incoming && n->allows && n->allows(n->arg, c) < 0)
		return -1;
	if (c->incoming && !has_place(c))
		return err_set(ERR_SYSTEM, "too many connections");
	known(c);
	if (c->secure.muxer)
		return begin_streams(c);
	c->state = CHOOSING_YAMUX;
	return mss_begin(&c->mss, c->initiator, yamux_name, 1, &c->plain) < 0 ? -1 : put_plain(c);
}

static ssize_t
shake_hands(struct conn *c, const uint8_t *data, size_t n)
{
	ssize_t used = secure_handshake(&c->secure, data, n, &c->put);

	return used > 0 && c->secure.done && handshake_over(c) < 0 ? -1 : used;
}

/* Bytes inside the encryption. */
static int
take_plain(struct conn *c, const uint8_t *plain, size_t n)
{
	size_t used = 0;
	int rc;

	if (c->state == READY)
		return yamux_take(c->mux, plain, n);
	if (buf_add(&c->inner, plain, n) < 0)
		return -1;
	rc = mss_take(&c->mss, c->inner.data, c->inner.len, &used, &c->plain);
	if (rc < 0 || put_plain(c) < 0)
		return -1;
	buf_shift(&c->inner, used);
	if (rc == 0)
		return 0;
	return begin_streams(c) < 0 ? -1 : yamux_take(c->mux, c->inner.data, c->inner.len);
}

static ssize_t
open_message(struct conn *c, uint8_t *data, size_t n)
{
	uint8_t *plain;
	size_t n_plain;
	ssize_t used = secure_open(&c->secure, data, n, &plain, &n_plain);

	return used > 0 && take_plain(c, plain, n_plain) < 0 ? -1 : used;
}

static void
take_all(struct conn *c)
{
	while (!c->closing) {
		uint8_t *data = c->get.data + c->got;
		size_t n = c->get.len - c->got;
		ssize_t used = n == 0 ? 0 : c->state == CHOOSING_NOISE ? choose_noise(c, data, n) :
		    c->state == SHAKING_HANDS ? shake_hands(c, data, n) : open_message(c, data, n);
		if (used < 0) {
			err_wrap("%s", c->where);
			conn_close(c);
		}
		if (used <= 0)
			break;
		c->got += (size_t)used; /* positive */
	}
}

/* Room for a read. What is left of a message is moved only when the end of the buffer is near. */
static int
make_room(struct conn *c)
{
	if (c->got == c->get.len) {
		c->got = c->get.len = 0;
	} else if (c->get.cap - c->get.len < CONN_IN) {
		buf_shift(&c->get, c->got);
		c->got = 0;
	}
	return buf_reserve(&c->get, c->get.cap == 0 ? CONN_BUFFER : CONN_IN);
}

static void
pull(struct conn *c)
{
	ssize_t n;

	if (make_room(c) < 0) {
		conn_close(c);
		return;
	}
	n = c->is_socket ? recv(c->in.fd, c->get.data + c->get.len, CONN_IN, MSG_DONTWAIT) :
	    read(c->in.fd, c->get.data + c->get.len, CONN_IN);
	if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n <= 0 && c->finishing) {
		finished(c);
		return;
	}
	if (n <= 0) {
		if (n < 0)
			err_sys("%s", c->where);
		else
			err_set(ERR_SYSTEM, "%s: the peer has closed the connection", c->where);
		conn_close(c);
		return;
	}
	c->get.len += (size_t)n; /* positive */
	c->heard = loop_now(c->node->loop);
	take_all(c);
}

/* ---- the beginning ---- */

/* Connects to the next address that takes it. -1 with the last reason. */
static int
connect_next(struct conn *c)
{
	int fd = -1, rc = -1;

	while (rc < 0 && c->n_other > 0)
		rc = address_connect(&c->other[--c->n_other], c->node->bursts, &fd);
	c->in.fd = c->out.fd = fd;
	return rc < 0 ? err_wrap("%s", c->where) : 0;
}

static void
connected(struct conn *c)
{
	int error = 0;
	socklen_t n = sizeof error;

	if (getsockopt(c->in.fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0) {
		c->state = CHOOSING_NOISE;
		return;
	}
	errno = error;
	err_sys("%s: cannot connect", c->where);
	if (c->n_other > 0) {
		loop_remove(c->node->loop, &c->in);
		close(c->in.fd);
		if (connect_next(c) == 0)
			return;
	}
	conn_close(c);
}

static void
ready(void *arg, unsigned what)
{
	struct conn *c = arg;

	if (c->state == CONNECTING) {
		connected(c);
		return;
	}
	if (what & LOOP_READ && pending(c) < CONN_CHOKED)
		pull(c);
	if (!c->closing && c->mux && room(c) > 0)
		yamux_room(c->mux);
}

struct conn *
conn_make(struct node *n, int in, int out, const struct conn_start *start, const struct conn_owner *owner)
{
	struct conn *c = mem_alloc(1, sizeof *c);
	struct stat s;

	if (!c)
		goto fail;
	*c = (struct conn){ .node = n, .owner = *owner, .state = start->connecting ? CONNECTING : CHOOSING_NOISE,
		.initiator = start->initiator, .incoming = start->incoming, .expected = start->expected,
		.in = { .fd = in, .ready = ready }, .out = { .fd = out, .ready = ready }, .timer = { .call = ask } };
	c->in.arg = c->out.arg = c->timer.arg = c;
	c->is_socket = fstat(in, &s) == 0 && S_ISSOCK(s.st_mode) && in == out;
	snprintf(c->where, sizeof c->where, "%s", start->where);
	if (mss_begin(&c->mss, c->initiator, noise_name, 1, &c->put) < 0)
		goto fail;
	c->next = n->first;
	c->link = &n->first;
	if (n->first)
		n->first->link = &c->next;
	n->first = c;
	n->n_incoming += c->incoming;
	c->stranger = c->incoming;
	n->n_strangers += c->stranger;
	loop_at(n->loop, &c->timer, loop_now(n->loop) + n->handshake_ns);
	set_wants(c);
	return c;
fail:
	if (in != out)
		close(out);
	close(in);
	if (c)
		buf_free(&c->put);
	free(c);
	return NULL;
}

struct conn *
conn_new(struct node *n, int in, int out, bool initiator, const struct peerid *expected, const char *where,
    const struct conn_owner *owner)
{
	struct conn_start start = { .initiator = initiator, .incoming = !initiator, .where = where };

	if (expected)
		start.expected = *expected;
	return conn_make(n, in, out, &start, owner);
}

struct conn *
conn_dial(struct node *n, const struct multiaddr *a, const struct conn_owner *owner)
{
	struct address found[ADDRESS_MAX], *other;
	char where[MULTIADDR_TEXT];
	struct conn_start start = { .initiator = true, .connecting = true, .expected = a->peer, .where = multiaddr_text(a, where) };
	struct conn *c;
	int count = address_find(found, a), fd = -1, rc = -1, at = 0;

	while (at < count && (rc = address_connect(&found[at++], n->bursts, &fd)) < 0)
		;
	if (rc < 0) {
		err_wrap("%s", where);
		return NULL;
	}
	if (!(c = conn_make(n, fd, fd, &start, owner)))
		return NULL;
	if (at < count && (other = mem_alloc((size_t)(count - at), sizeof *other))) {
		for (int i = count; i-- > at;)
			other[c->n_other++] = found[i];
		c->other = other;
	}
	return c;
}

/* ---- all of them, before the loop sleeps ---- */

void
conn_push_all(struct node *n)
{
	struct conn *next;

	for (struct conn *c = n->first; c; c = next) {
		next = c->next;
		if (!c->closing)
			push(c);
	}
	for (struct conn *c = n->first; c; c = next) {
		next = c->next;
		if (c->closing)
			put_away(c);
	}
}
