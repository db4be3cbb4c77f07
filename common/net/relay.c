#include "net/relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/book.h"
#include "net/fd.h"

enum { BACKLOG = 1 << 23 }; /* bytes that wait for `out` before no more is read */

struct relay;

struct link_of { /* a hop, in its chain */
	struct relay *relay;
	size_t i;
	struct hop *hop;
};

struct relay {
	struct node *node;
	const struct hop_peers *place;
	size_t places;      /* of each hop */
	const struct hop_options *o;
	struct link_of link[HOP_MAX_PLACES];
	size_t n;
	struct stream_reader *in;
	struct loop_fd from, to;
	struct loop_timer later;
	struct buf out;
	size_t sent;
	bool in_stream;     /* its header has come, its end has not */
	bool out_stream;    /* a header was written whose stream has not ended */
	bool read_all;      /* `in` has ended */
	bool any;           /* a stream has come */
	bool over;
	int rc;
};

static int begin_stream(struct relay *r);

static void
over(struct relay *r, int rc)
{
	if (r->over)
		return;
	r->over = true;
	r->rc = rc;
	loop_stop(r->node->loop);
}

/* ---- out ---- */

static int
push(struct relay *r)
{
	while (r->sent < r->out.len) {
		ssize_t n = write(r->to.fd, r->out.data + r->sent, r->out.len - r->sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0)
			return err_sys("stdout");
		r->sent += (size_t)n; /* not negative */
	}
	if (r->sent == r->out.len) {
		r->sent = r->out.len = 0;
	} else if (r->sent >= r->out.len / 2) {
		buf_shift(&r->out, r->sent);
		r->sent = 0;
	}
	return loop_want(r->node->loop, &r->to, r->out.len > 0 ? LOOP_WRITE : 0);
}

static bool
is_full(const struct relay *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (hop_full(r->link[i].hop))
			return true;
	return r->out.len - r->sent >= BACKLOG;
}

/* ---- in ---- */

/* What is there goes to the first hop. 0, or -1. */
static int
take_in(struct relay *r)
{
	struct stream_header h;
	struct frame f;
	int rc = 1;

	while (rc > 0 && !r->over) {
		if (!r->in_stream) {
			/* of a stream that follows another: when that has come out */
			if (r->any && r->out_stream)
				return 0;
			if ((rc = stream_take_header(r->in, &h)) <= 0)
				return rc;
			if (r->any && begin_stream(r) < 0)
				return -1;
			r->any = r->in_stream = true;
			rc = hop_header(r->link[0].hop, &h) < 0 ? -1 : 1;
		} else if (is_full(r)) {
			return 0;
		} else if ((rc = stream_take(r->in, &f)) > 0) {
			if (f.type == FRAME_ERROR)
				return err_set(ERR_DATA, "%.*s", (int)f.text_len, f.text);
			r->in_stream = f.type != FRAME_END;
			rc = hop_send(r->link[0].hop, &f) < 0 ? -1 : 1;
		}
	}
	return rc < 0 ? -1 : 0;
}

/* All has come in and gone out: is that the end? */
static void
settle(struct relay *r)
{
	if (r->over || !r->read_all || r->in_stream || r->out.len > 0)
		return;
	if (!r->any) {
		stream_cut(r->in);
		over(r, -1);
	} else if (!r->out_stream) {
		over(r, 0);
	}
}

static void
step(struct relay *r)
{
	int rc = take_in(r);

	if (rc == 0 && r->in_stream && r->read_all && !r->over && !is_full(r))
		rc = stream_cut(r->in);
	if (rc == 0)
		rc = push(r);
	if (rc == 0)
		rc = loop_want(r->node->loop, &r->from, r->read_all || (r->in_stream && is_full(r)) ? 0 : LOOP_READ);
	if (rc < 0)
		over(r, -1);
	settle(r);
}

static void
from_ready(void *arg, unsigned what)
{
	struct relay *r = arg;
	int more;

	(void)what;
	if (r->read_all)
		return;
	if ((more = stream_fill(r->in)) < 0) {
		over(r, -1);
		return;
	}
	if (more == 0) {
		r->read_all = true;
		loop_remove(r->node->loop, &r->from);
	}
	step(r);
}

static void
to_ready(void *arg, unsigned what)
{
	struct relay *r = arg;

	if (r->out.len == 0 && what == (LOOP_READ | LOOP_WRITE))
		raise(SIGPIPE);
	step(r);
}

/* ---- hops ---- */

static int
header(void *arg, const struct stream_header *h)
{
	struct link_of *l = arg;
	struct relay *r = l->relay;

	if (l->i + 1 < r->n)
		return hop_header(r->link[l->i + 1].hop, h);
	r->out_stream = true;
	return stream_encode_header(&r->out, h) < 0 ? -1 : push(r);
}

static void step_later(struct relay *r);

static int
frame(void *arg, const struct frame *f)
{
	struct link_of *l = arg;
	struct relay *r = l->relay;

	if (l->i + 1 < r->n)
		return hop_send(r->link[l->i + 1].hop, f);
	if (f->type == FRAME_END)
		r->out_stream = false;
	if (stream_encode(&r->out, f, false) < 0 || push(r) < 0)
		return -1;
	if (f->type == FRAME_END)
		step_later(r);
	return 0;
}

/* Not from within what a hop calls: a stream's end may end hops. */
static void
step_later(struct relay *r)
{
	loop_at(r->node->loop, &r->later, 0);
}

static void
room(void *arg)
{
	step_later(((struct link_of *)arg)->relay);
}

static void
later(void *arg)
{
	step(arg);
}

static void
failed(void *arg)
{
	over(((struct link_of *)arg)->relay, -1);
}

static void
end_hops(struct relay *r)
{
	for (size_t i = 0; i < r->n; i++) {
		hop_free(r->link[i].hop);
		r->link[i].hop = NULL;
	}
}

/* The hops of a stream: from the last to the first, since each gives its header to the next. */
static int
begin_stream(struct relay *r)
{
	end_hops(r);
	for (size_t i = r->n; i-- > 0;) {
		struct link_of *l = &r->link[i];
		*l = (struct link_of){ .relay = r, .i = i };
		l->hop = hop_new(r->node, &r->place[i * r->places], r->places, r->o, &(struct hop_calls){ header, frame, room, failed, l });
		if (!l->hop)
			return -1;
	}
	return 0;
}

/* ---- all of it ---- */

/* The reader of `out` is told why, within the stream that it reads; there is nothing else to do any more. */
static void
tell(struct relay *r)
{
	char reason[512];
	struct frame f = { .type = FRAME_ERROR, .text = reason };
	struct pollfd p = { .fd = r->to.fd, .events = POLLOUT };
	int status = err_status();

	f.text_len = (uint32_t)snprintf(reason, sizeof reason, "%s", err_reason()); /* a line */
	if (f.text_len >= sizeof reason)
		f.text_len = sizeof reason - 1;
	if ((r->out_stream || stream_encode_header(&r->out, &(struct stream_header){ .kind = STREAM_TOKENS }) == 0) &&
	    stream_encode(&r->out, &f, false) == 0)
		while (push(r) == 0 && r->out.len > 0 && poll(&p, 1, -1) >= 0)
			;
	err_set(status, "%s", reason);
}

int
relay_parse(struct hop_peers *to, const char *text, const char *book)
{
	char *all = mem_strdup(text), *next = all, *one;
	int rc = all ? 0 : -1;

	to->n = 0;
	while (rc == 0 && (one = strsep(&next, ","))) {
		if (to->n == HOP_MAX_PEERS)
			rc = err_set(ERR_USAGE, "a peer has at most %d replicas", HOP_MAX_PEERS - 1);
		else
			rc = book_find(&to->peer[to->n++], one, book);
	}
	free(all);
	return rc;
}

int
relay_run(struct node *n, const struct hop_peers *place, size_t n_places, bool direct, const struct hop_options *o, int in, int out)
{
	struct relay *r = mem_alloc(1, sizeof *r);
	int rc = -1;

	if (!r)
		return -1;
	*r = (struct relay){ .node = n, .place = place, .places = direct ? n_places : 1, .o = o, .n = direct ? 1 : n_places };
	if (fd_nonblocking(in) < 0 || fd_nonblocking(out) < 0 || !(r->in = stream_reader_new(in, "stdin")))
		goto end;
	r->later = (struct loop_timer){ .call = later, .arg = r };
	r->from = (struct loop_fd){ .fd = in, .ready = from_ready, .arg = r };
	r->to = (struct loop_fd){ .fd = out, .ready = to_ready, .arg = r };
	if (begin_stream(r) < 0 || loop_want(n->loop, &r->from, LOOP_READ) < 0 || loop_want(n->loop, &r->to, 0) < 0 || loop_run(n->loop) < 0)
		goto end;
	if ((rc = r->rc) < 0)
		tell(r);
end:
	loop_remove(n->loop, &r->from);
	loop_remove(n->loop, &r->to);
	loop_cancel(&r->later);
	end_hops(r);
	stream_reader_free(r->in);
	buf_free(&r->out);
	free(r);
	return rc;
}
