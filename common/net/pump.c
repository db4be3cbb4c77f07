#include "net/pump.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

enum { CHUNK = 2 * YAMUX_FRAME }; /* whole frames: a rest of a few bytes would cost as much as one */

struct pump {
	struct loop *loop;
	struct ystream *stream;
	struct pump_owner owner;
	struct loop_fd from, to; /* fd -1: its direction has ended */
	bool drops;              /* nobody reads `to` any more */
	uint8_t chunk[CHUNK];
};

static void
shut(struct pump *p, struct loop_fd *f)
{
	if (f->fd < 0)
		return;
	loop_remove(p->loop, f);
	close(f->fd);
	f->fd = -1;
}

void
pump_free(struct pump *p)
{
	if (!p)
		return;
	shut(p, &p->from);
	shut(p, &p->to);
	ystream_free(p->stream);
	free(p);
}

static void
end(struct pump *p, enum pump_end how)
{
	struct pump_owner owner = p->owner;

	pump_free(p);
	owner.done(owner.arg, how);
}

/* ---- to the peer. Each returns false when the pump has ended. ---- */

/* One chunk: 1; 0: none now, or the end; -1. */
static int
read_chunk(struct pump *p)
{
	size_t room = ystream_room(p->stream);
	ssize_t n;

	if (room == 0)
		return 0;
	n = read(p->from.fd, p->chunk, room < CHUNK ? room : CHUNK);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK ? 0 : err_sys("cannot read");
	if (n == 0) {
		shut(p, &p->from);
		return ystream_finish(p->stream);
	}
	return ystream_send(p->stream, p->chunk, (size_t)n) < 0 ? -1 : 1;
}

static bool
send_more(struct pump *p)
{
	int rc = 1;

	for (int i = 0; rc > 0 && i < 4 && p->from.fd >= 0; i++)
		rc = read_chunk(p);
	if (rc >= 0 && p->from.fd >= 0)
		rc = loop_want(p->loop, &p->from, ystream_room(p->stream) > 0 ? LOOP_READ : 0);
	if (rc < 0)
		end(p, PUMP_FAILED);
	return rc >= 0;
}

/* ---- from the peer ---- */

/* How much of it was written or dropped; -1. */
static ssize_t
write_chunk(struct pump *p, const uint8_t *data, size_t n)
{
	ssize_t got = p->drops ? (ssize_t)n : write(p->to.fd, data, n); /* n <= a window */

	if (got >= 0)
		return got;
	if (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)
		return 0;
	if (errno != EPIPE)
		return err_sys("cannot write");
	p->drops = true;
	loop_remove(p->loop, &p->to);
	return (ssize_t)n; /* as above */
}

static bool
write_more(struct pump *p)
{
	size_t n;
	const uint8_t *data;
	ssize_t got = 1;

	if (ystream_take(p->stream, 0, loop_now(p->loop)) < 0) /* what was written directly */
		got = -1;
	while ((data = ystream_data(p->stream, &n)) && n > 0 && got > 0) {
		got = write_chunk(p, data, n);
		if (got > 0 && ystream_take(p->stream, (size_t)got, loop_now(p->loop)) < 0)
			got = -1;
	}
	if (got >= 0 && n == 0 && p->stream->ended)
		shut(p, &p->to);
	else if (got >= 0 && p->to.fd >= 0 && !p->drops && loop_want(p->loop, &p->to, n > 0 ? LOOP_WRITE : 0) < 0)
		got = -1;
	if (got < 0)
		end(p, PUMP_FAILED);
	return got >= 0;
}

/* What needs no keeping. A failure comes again when the rest is written. */
static size_t
direct(void *arg, const uint8_t *data, size_t n)
{
	struct pump *p = arg;
	ssize_t got = p->to.fd >= 0 ? write_chunk(p, data, n) : 0;

	return got > 0 ? (size_t)got : 0;
}

static void
both(struct pump *p)
{
	if (p->stream->reset) {
		if (p->stream->mux) /* else the connection has gone, which has its reason */
			err_set(ERR_SYSTEM, "the peer has reset the stream");
		end(p, PUMP_RESET);
		return;
	}
	if ((p->to.fd >= 0 && !write_more(p)) || (p->from.fd >= 0 && !send_more(p)))
		return;
	if (p->to.fd < 0 && p->from.fd < 0)
		end(p, PUMP_DONE);
}

static void
event(void *arg, struct ystream *s)
{
	(void)s;
	both(arg);
}

static void
from_ready(void *arg, unsigned what)
{
	(void)what;
	both(arg);
}

static void
to_ready(void *arg, unsigned what)
{
	struct pump *p = arg;
	size_t n;

	ystream_data(p->stream, &n);
	if (n == 0 && what == (LOOP_READ | LOOP_WRITE)) { /* its reader has gone: told although nothing is wanted */
		if (p->owner.die_of_pipe)
			raise(SIGPIPE);
		p->drops = true;
		loop_remove(p->loop, &p->to);
	}
	both(p);
}

struct pump *
pump_new(struct loop *l, struct ystream *s, int from, int to, const struct pump_owner *owner)
{
	struct pump *p = mem_alloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->loop = l;
	p->stream = s;
	p->owner = *owner;
	p->from = (struct loop_fd){ .fd = from, .ready = from_ready, .arg = p };
	p->to = (struct loop_fd){ .fd = to, .ready = to_ready, .arg = p };
	if (loop_want(l, &p->from, LOOP_READ) < 0 || loop_want(l, &p->to, 0) < 0) {
		loop_remove(l, &p->from);
		loop_remove(l, &p->to);
		free(p);
		return NULL;
	}
	s->event = event;
	s->direct = direct;
	s->arg = p;
	return p;
}
