#include "net/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/child.h"

#define TOO_LONG ((uint64_t)1000000000) /* for the status of a command whose output has ended */

#define FAREWELL (5 * TOO_LONG) /* for a command to end after its stream has */

struct worker {
	struct loop *loop;
	struct child child;
	const struct worker_calls *calls;
	void *arg;
	struct loop_fd to, from;
	struct loop_timer end;
	struct stream_reader *in;
	struct buf out;
	size_t sent;
	bool has_header, failed;
	bool retired;         /* nobody's any more: it frees itself */
};

static void
shut(struct worker *w, struct loop_fd *f)
{
	if (f->fd < 0)
		return;
	loop_remove(w->loop, f);
	close(f->fd);
	f->fd = -1;
}

void
worker_free(struct worker *w)
{
	if (!w)
		return;
	loop_cancel(&w->end);
	shut(w, &w->to);
	shut(w, &w->from);
	child_signal(&w->child, SIGTERM);
	child_forget(&w->child);
	stream_reader_free(w->in);
	buf_free(&w->out);
	free(w);
}

/* With the reason that is set. */
static void
fail(struct worker *w)
{
	w->failed = true;
	loop_cancel(&w->end);
	shut(w, &w->to);
	shut(w, &w->from);
	if (w->retired)
		worker_free(w);
	else
		w->calls->gone(w->arg);
}

/* Its output has ended in the middle of its stream. */
static void
tell_end(void *arg)
{
	struct worker *w = arg;
	int status = w->child.status;

	if (!w->child.ended)
		err_set(ERR_SYSTEM, "the command has ended its stream too early");
	else if (WIFSIGNALED(status))
		err_set(ERR_SYSTEM, "the command was killed by signal %d", WTERMSIG(status));
	else
		err_set(ERR_SYSTEM, "the command has ended with status %d", WEXITSTATUS(status));
	fail(w);
}

static void
gone(void *arg, struct child *c)
{
	struct worker *w = arg;

	(void)c;
	if (w->retired)
		worker_free(w);
	else if (w->from.fd < 0 && !w->failed)
		tell_end(w);
}

/* ---- what it gives ---- */

/* Headers and frames that are there: 0, or -1. */
static int
take_all(struct worker *w)
{
	struct stream_header h;
	struct frame f;
	int rc = 1;

	if (w->retired) {
		while ((rc = stream_take(w->in, &f)) > 0 && f.type != FRAME_END)
			;
		return rc < 0 ? -1 : 0;
	}
	if (!w->has_header) {
		if ((rc = stream_take_header(w->in, &h)) <= 0)
			return rc;
		w->has_header = true;
		if (w->calls->header(w->arg, &h) < 0)
			return -1;
	}
	while ((rc = stream_take(w->in, &f)) > 0) {
		if (f.type == FRAME_ERROR)
			return err_set(ERR_DATA, "%.*s", (int)f.text_len, f.text);
		if (w->calls->frame(w->arg, &f) < 0)
			return -1;
		if (f.type == FRAME_END)
			return 0;
	}
	return rc;
}

static void
from_ready(void *arg, unsigned what)
{
	struct worker *w = arg;
	int more = stream_fill(w->in);

	(void)what;
	if (more < 0 || (more > 0 && take_all(w) < 0)) {
		fail(w);
	} else if (more == 0) {
		shut(w, &w->from);
		if (w->child.ended)
			tell_end(w);
		else
			loop_at(w->loop, &w->end, loop_now(w->loop) + TOO_LONG);
	}
}

/* ---- what it takes ---- */

/* That it reads no more is told by the end of its output, which says why. */
static int
push(struct worker *w)
{
	while (w->to.fd >= 0 && w->sent < w->out.len) {
		ssize_t n = write(w->to.fd, w->out.data + w->sent, w->out.len - w->sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0) {
			shut(w, &w->to);
			break;
		}
		w->sent += (size_t)n; /* not negative */
	}
	if (w->to.fd < 0 || w->sent == w->out.len) {
		w->sent = w->out.len = 0;
	} else if (w->sent >= w->out.len / 2) {
		buf_shift(&w->out, w->sent);
		w->sent = 0;
	}
	if (w->retired && w->out.len == 0)
		shut(w, &w->to);
	return w->to.fd < 0 ? 0 : loop_want(w->loop, &w->to, w->out.len > 0 ? LOOP_WRITE : 0);
}

static void
to_ready(void *arg, unsigned what)
{
	struct worker *w = arg;

	if (w->out.len == 0 && what == (LOOP_READ | LOOP_WRITE))
		shut(w, &w->to);
	else if (push(w) < 0)
		fail(w);
}

int
worker_put_header(struct worker *w, const struct stream_header *h)
{
	return stream_encode_header(&w->out, h) < 0 ? -1 : push(w);
}

int
worker_put(struct worker *w, const struct frame *f)
{
	return stream_encode(&w->out, f, false) < 0 ? -1 : push(w);
}

static void
too_long(void *arg)
{
	worker_free(arg);
}

void
worker_retire(struct worker *w)
{
	if (!w->has_header) { /* it has nothing to lose */
		worker_free(w);
		return;
	}
	w->retired = true;
	w->end.call = too_long;
	loop_at(w->loop, &w->end, loop_now(w->loop) + FAREWELL);
	if (worker_put(w, &(struct frame){ .type = FRAME_END }) < 0)
		worker_free(w);
}

size_t
worker_backlog(const struct worker *w)
{
	return w->out.len - w->sent;
}

struct worker *
worker_start(struct loop *l, const struct worker_calls *calls, void *arg)
{
	struct worker *w = mem_alloc(1, sizeof *w);

	if (!w)
		return NULL;
	*w = (struct worker){ .loop = l, .calls = calls, .arg = arg, .to = { .fd = -1 }, .from = { .fd = -1 } };
	if (child_start(&w->child, gone, w) < 0) {
		worker_free(w);
		return NULL;
	}
	w->to = (struct loop_fd){ .fd = w->child.to, .ready = to_ready, .arg = w };
	w->from = (struct loop_fd){ .fd = w->child.from, .ready = from_ready, .arg = w };
	w->end = (struct loop_timer){ .call = tell_end, .arg = w };
	if (!(w->in = stream_reader_new(w->child.from, "the command")) || loop_want(l, &w->to, 0) < 0 || loop_want(l, &w->from, LOOP_READ) < 0) {
		worker_free(w);
		return NULL;
	}
	return w;
}
