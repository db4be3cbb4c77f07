/* The choice of a protocol on a stream, before the stream is its owner's. */
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/conn_impl.h"
#include "net/mss.h"

struct choice {
	struct conn *conn;
	struct ystream *stream;
	struct mss mss;
	const char *name[NODE_MAX_PROTOCOLS];
	struct loop_timer timer;
	void (*agreed)(void *arg, struct ystream *s); /* of a stream that this side opened */
	void *arg;
};

/* Nothing is agreed on; the reason is set. */
static void
give_up(struct choice *c)
{
	loop_cancel(&c->timer);
	ystream_free(c->stream);
	if (c->agreed && !conn_is_disowned(c->conn))
		c->agreed(c->arg, NULL);
	free(c);
}

static void
too_late(void *arg)
{
	err_set(ERR_SYSTEM, "no protocol was agreed on in time");
	give_up(arg);
}

static int
send_all(struct choice *c, const struct buf *out)
{
	if (out->len > 0 && ystream_send(c->stream, out->data, out->len) != (int64_t)out->len)
		return err_set(ERR_DATA, "no room for the choice of a protocol");
	return 0;
}

static void
settled(struct choice *c)
{
	struct node *n = conn_node(c->conn);
	struct ystream *s = c->stream;
	const struct protocol *p = &n->protocol[c->mss.at];

	loop_cancel(&c->timer);
	s->event = NULL;
	if (c->agreed)
		c->agreed(c->arg, s);
	else
		p->accept(p->arg, c->conn, s);
	free(c);
}

static void
event(void *arg, struct ystream *s)
{
	struct choice *c = arg;
	struct buf out = { 0 };
	size_t n, used;
	const uint8_t *data = ystream_data(s, &n);
	int rc;

	if (s->reset) {
		err_set(ERR_SYSTEM, "the peer has reset the stream");
		give_up(c);
		return;
	}
	rc = n > 0 ? mss_take(&c->mss, data, n, &used, &out) : 0;
	if (n > 0 && rc >= 0 && (send_all(c, &out) < 0 || ystream_take(s, used, loop_now(conn_node(c->conn)->loop)) < 0))
		rc = -1;
	if (rc == 0 && s->ended)
		rc = err_set(ERR_DATA, "the peer has ended the stream without a protocol");
	buf_free(&out);
	if (rc < 0)
		give_up(c);
	else if (rc > 0)
		settled(c);
}

static struct choice *
begin(struct conn *conn, struct ystream *s, bool initiator)
{
	struct choice *c = mem_alloc(1, sizeof *c);
	struct node *n = conn_node(conn);

	if (!c)
		return NULL;
	*c = (struct choice){ .conn = conn, .stream = s, .timer = { .call = too_late, .arg = c } };
	s->event = event;
	s->arg = c;
	loop_at(n->loop, &c->timer, loop_now(n->loop) + n->handshake_ns);
	for (size_t i = 0; !initiator && i < n->n_protocols; i++)
		c->name[i] = n->protocol[i].name;
	return c;
}

void
conn_stream_opened(void *arg, struct ystream *s)
{
	struct conn *conn = arg;
	struct choice *c = begin(conn, s, false);
	struct buf out = { 0 };

	if (!c) {
		ystream_free(s);
		return;
	}
	if (mss_begin(&c->mss, false, c->name, conn_node(conn)->n_protocols, &out) < 0 || send_all(c, &out) < 0)
		give_up(c);
	buf_free(&out);
}

int
conn_open(struct conn *conn, const char *protocol, void (*agreed)(void *arg, struct ystream *s), void *arg)
{
	struct ystream *s = ystream_open(conn_mux(conn));
	struct choice *c = s ? begin(conn, s, true) : NULL;
	struct buf out = { 0 };
	int rc = -1;

	if (c) {
		c->name[0] = protocol;
		if (mss_begin(&c->mss, true, c->name, 1, &out) == 0 && send_all(c, &out) == 0)
			rc = 0;
	}
	buf_free(&out);
	if (rc < 0) {
		if (c)
			give_up(c);
		else
			ystream_free(s);
		return -1;
	}
	c->agreed = agreed;
	c->arg = arg;
	return 0;
}
