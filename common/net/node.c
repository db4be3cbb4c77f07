#include "net/node.h"

#include "base/err.h"
#include "net/conn_impl.h"
#include "net/identify.h"

static void
before_sleep(void *arg)
{
	struct node *n = arg;

	conn_push_all(n);
	if (n->finished && !n->first) {
		void (*finished)(void *arg) = n->finished;
		n->finished = NULL;
		finished(n->finished_arg);
	}
}

/* The protocol /ipfs/ping/1.0.0: what comes goes back. */
static void
ping_event(void *arg, struct ystream *s)
{
	size_t n;
	const uint8_t *data = ystream_data(s, &n);
	int64_t sent = s->reset ? 0 : ystream_send(s, data, n);

	if (sent > 0)
		ystream_take(s, (size_t)sent, loop_now(((struct node *)arg)->loop));
	if (s->reset || sent < 0 || (s->ended && (size_t)sent == n)) {
		ystream_finish(s);
		ystream_free(s);
	}
}

static void
ping_accept(void *arg, struct conn *c, struct ystream *s)
{
	(void)c;
	s->event = ping_event;
	s->arg = arg;
	ping_event(arg, s);
}

int
node_init(struct node *n, struct loop *l, const struct key *key)
{
	*n = (struct node){ .loop = l, .key = key, .max_conns = 1024, .max_strangers = 256, .max_peer_conns = 64, .handshake_ns = 10 * NODE_SECOND, .ping_ns = 2 * NODE_SECOND,
		.silence_ns = 10 * NODE_SECOND };
	loop_before_sleep(l, before_sleep, n);
	return node_serve(n, "/ipfs/ping/1.0.0", ping_accept, n) < 0 ? -1 : identify_serve(n);
}

void
node_free(struct node *n)
{
	n->told = NULL;
	for (struct conn *c = n->first; c; c = conn_next(c)) {
		err_set(ERR_SYSTEM, "closed");
		conn_close(c);
	}
	conn_push_all(n);
}

void
node_finish(struct node *n, void (*done)(void *arg), void *arg)
{
	n->finished = done;
	n->finished_arg = arg;
	for (struct conn *c = n->first; c; c = conn_next(c))
		conn_finish(c);
}

int
node_serve(struct node *n, const char *name, void (*accept)(void *arg, struct conn *c, struct ystream *s), void *arg)
{
	if (n->n_protocols == NODE_MAX_PROTOCOLS)
		return err_set(ERR_USAGE, "more than %d protocols", NODE_MAX_PROTOCOLS);
	n->protocol[n->n_protocols++] = (struct protocol){ name, accept, arg };
	return 0;
}
