#include "net/serve.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/serve_impl.h"

struct share *
service_share(struct service *s)
{
	for (struct share *h = s->first; h && s->o->shared; h = h->next)
		if (!h->retired)
			return h;
	return share_new(s);
}

static size_t
guests_of(const struct service *s, const struct peerid *p)
{
	size_t n = 0;

	for (const struct guest *g = s->guests; g; g = g->other)
		n += peerid_equal(conn_peer(g->conn), p);
	return n;
}

static void
accept_guest(void *arg, struct conn *c, struct ystream *stream)
{
	struct service *s = arg;

	if (s->draining || s->count.guests_now >= s->o->max_guests || guests_of(s, conn_peer(c)) >= s->o->max_peer_guests) {
		s->count.refused++;
		ystream_free(stream);
	} else {
		guest_new(s, c, stream);
	}
}

struct service *
serve_new(struct node *n, const struct serve_options *o)
{
	struct service *s = mem_alloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->node = n;
	s->o = o;
	if (node_serve(n, HELLO_PROTOCOL, accept_guest, s) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

void
serve_free(struct service *s)
{
	if (!s)
		return;
	s->drained = NULL;
	if (s->guests) /* whoever ends the service may have a reason of his own */
		err_set(ERR_SYSTEM, "the node ends");
	while (s->first)
		share_free(s->first);
	while (s->guests)
		guest_leave(s->guests);
	free(s);
}

bool
serve_expects(const struct service *s, const struct peerid *p)
{
	for (const struct guest *g = s->guests; g; g = g->other)
		if (forward_expects(g, p))
			return true;
	return false;
}

void
serve_renew(struct service *s)
{
	struct share *next;

	for (struct share *h = s->first; h; h = next) {
		next = h->next;
		h->retired = true;
		if (h->n_guests == 0)
			loop_at(s->node->loop, &h->reap, 0);
	}
}

void
service_left(struct service *s)
{
	if (s->draining && s->count.guests_now == 0 && s->drained)
		s->drained(s->drained_arg);
}

void
serve_drain(struct service *s, void (*done)(void *arg), void *arg)
{
	s->draining = true;
	s->drained = done;
	s->drained_arg = arg;
	service_left(s);
}

const struct serve_count *
serve_counts(const struct service *s)
{
	return &s->count;
}
