#include "flow/link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "flow/link_impl.h"

void
link_receiver(struct link *l, link_take *take, void *arg)
{
	l->take = take;
	l->arg = arg;
}

const struct stream_header *
link_header(const struct link *l)
{
	return l->kind->header(l);
}

int
link_gives(const struct link *l, enum stream_kind kind, const char *what)
{
	const struct stream_header *h = link_header(l);

	if (h->kind != kind || h->dtype != STREAM_F32)
		return err_set(ERR_DATA, "the last stage does not give %s", what);
	return 0;
}

int
link_accepts(struct link *l, const struct stream_header *tokens, const char *name)
{
	return l->kind->accepts(l, tokens, name);
}

int
link_send(struct link *l, const struct frame *f)
{
	return l->kind->send(l, f);
}

int
link_wait(struct link *l, int fd, bool block, bool *readable)
{
	*readable = false;
	return l->kind->wait(l, fd, block, readable);
}

int
link_finish(struct link *l)
{
	return l->kind->finish(l);
}

unsigned
link_depth(const struct link *l)
{
	return l->depth;
}

void
link_free(struct link *l)
{
	if (l)
		l->kind->free(l);
}

int
link_poll(struct pollfd *p, unsigned n, int ms)
{
	p[n] = (struct pollfd){ .fd = STDOUT_FILENO };
	for (;;) {
		int ready = poll(p, n + 1, ms);
		if (ready < 0) {
			if (errno == EINTR)
				continue;
			return err_sys("poll");
		}
		if (p[n].revents & POLLERR)
			raise(SIGPIPE);
		for (unsigned i = 0; i < n; i++)
			if (p[i].revents)
				return 0;
		if (ready == 0)
			return 0;
		p[n].fd = -1;
	}
}

/* ---- a whole model in this process ---- */

struct local {
	struct link link;
	struct stage *stage;
	bool busy;            /* in stage_take */
	struct frame *later;  /* sent from within it: taken when it is through */
	size_t n, cap;
};

static const struct stream_header *
local_header(const struct link *l)
{
	return stage_header(((const struct local *)l)->stage);
}

static int
local_accepts(struct link *l, const struct stream_header *tokens, const char *name)
{
	return stage_accepts(((struct local *)l)->stage, tokens, name);
}

static int
send_later(struct local *l, const struct frame *f)
{
	if (mem_grow(&l->later, &l->cap, l->n + 1, sizeof *l->later) < 0)
		return -1;
	l->later[l->n++] = *f;
	return 0;
}

static int
local_send(struct link *link, const struct frame *f)
{
	struct local *l = (struct local *)link;
	int rc;

	if (l->busy)
		return send_later(l, f);
	l->busy = true;
	rc = stage_take(l->stage, f, link->take, link->arg);
	for (size_t i = 0; i < l->n && rc == 0; i++) {
		struct frame next = l->later[i]; /* the list may grow meanwhile */
		rc = stage_take(l->stage, &next, link->take, link->arg);
	}
	l->n = 0;
	l->busy = false;
	return rc;
}

static int
local_wait(struct link *l, int fd, bool block, bool *readable)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN } };

	(void)l;
	if (link_poll(p, 1, block && fd >= 0 ? -1 : 0) < 0)
		return -1;
	*readable = p[0].revents != 0;
	return 0;
}

static int
local_finish(struct link *l)
{
	(void)l;
	return 0;
}

static void
local_free(struct link *l)
{
	free(((struct local *)l)->later);
	free(l);
}

struct link *
link_local(struct stage *s)
{
	static const struct link_kind kind = { local_header, local_accepts, local_send, local_wait, local_finish, local_free };
	struct local *l = mem_alloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->stage = s;
	l->link = (struct link){ .kind = &kind, .depth = 1 };
	return &l->link;
}
