#include "net/exec.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "net/child.h"
#include "net/pump.h"

struct exec {
	struct node *node;
	size_t most, most_of_peer, n;
	struct run *first;
};

struct run {
	struct exec *exec;
	struct peerid peer;
	struct child child;
	struct pump *pump; /* NULL: the stream is gone */
	struct run *next, **link;
};

static void
run_free(struct run *r)
{
	pump_free(r->pump);
	child_forget(&r->child);
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	r->exec->n--;
	free(r);
}

/* The stream has ended. A command whose peer went away early is told so. */
static void
pumped(void *arg, enum pump_end how)
{
	struct run *r = arg;

	r->pump = NULL;
	if (how != PUMP_DONE)
		child_signal(&r->child, SIGHUP);
	if (r->child.ended)
		run_free(r);
}

static void
gone(void *arg, struct child *c)
{
	struct run *r = arg;

	(void)c;
	if (!r->pump)
		run_free(r);
}

/* Is there a place for one more, and for one more of this peer? */
static bool
has_place(const struct exec *e, const struct peerid *peer)
{
	size_t same = 0;

	for (const struct run *r = e->first; r; r = r->next)
		same += peerid_equal(&r->peer, peer);
	return e->n < e->most && same < e->most_of_peer;
}

static void
accepted(void *arg, struct conn *conn, struct ystream *s)
{
	struct exec *e = arg;
	struct run *r = has_place(e, conn_peer(conn)) ? mem_alloc(1, sizeof *r) : NULL;

	if (!r || child_start(&r->child, gone, r) < 0) {
		if (r)
			msg_error("%s", err_reason());
		free(r);
		ystream_free(s);
		return;
	}
	r->exec = e;
	r->peer = *conn_peer(conn);
	r->next = e->first;
	r->link = &e->first;
	if (e->first)
		e->first->link = &r->next;
	e->first = r;
	e->n++;
	r->pump = pump_new(e->node->loop, s, r->child.from, r->child.to, &(struct pump_owner){ pumped, r, false });
	if (r->pump)
		return;
	close(r->child.from);
	close(r->child.to);
	ystream_free(s);
	child_signal(&r->child, SIGKILL);
}

struct exec *
exec_new(struct node *n, const char *protocol, size_t most, size_t most_of_peer)
{
	struct exec *e = mem_alloc(1, sizeof *e);

	if (!e)
		return NULL;
	*e = (struct exec){ .node = n, .most = most, .most_of_peer = most_of_peer };
	if (node_serve(n, protocol, accepted, e) < 0) {
		free(e);
		return NULL;
	}
	return e;
}

void
exec_free(struct exec *e)
{
	if (!e)
		return;
	while (e->first) {
		child_signal(&e->first->child, SIGTERM);
		run_free(e->first);
	}
	free(e);
}
