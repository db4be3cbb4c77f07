/* conn_impl.h: what the files of a connection share. */
#ifndef MAI_NET_CONN_IMPL_H
#define MAI_NET_CONN_IMPL_H

#include "net/conn.h"

struct conn_start {
	bool initiator, incoming, connecting;
	struct peerid expected; /* n is 0: anybody */
	const char *where;
};
struct conn *conn_make(struct node *n, int in, int out, const struct conn_start *start, const struct conn_owner *owner);

bool conn_is_disowned(const struct conn *c);
struct conn *conn_next(const struct conn *c); /* of its node's list */

/* Closes the oldest connection that came in and has not proved who it is. */
void conn_drop_stranger(struct node *n);

/* Sends what all connections have gathered, and puts away those that are closing. */
void conn_push_all(struct node *n);

/* negotiate.c: for a mux whose other side opens a stream. */
void conn_stream_opened(void *arg, struct ystream *s);

#endif
