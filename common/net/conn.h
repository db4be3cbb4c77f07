/*
 * conn.h: a connection to a peer: the bytes of a socket, encrypted, split into streams, on each of which both sides agree
 * on a protocol.
 */
#ifndef MAI_NET_CONN_H
#define MAI_NET_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "net/node.h"

enum {
	CONN_IN = 1 << 20,   /* bytes that are read at once */
	CONN_OUT = 1 << 19,  /* bytes that wait to be sent before streams must wait */
	CONN_CHOKED = 1 << 20, /* and before nothing more is read: what is answered must be read by the other side */
};

/* What the owner of a connection hears. After `closed` it is gone; err_reason() says why. Either may be NULL. */
struct conn_owner {
	void (*ready)(void *arg, struct conn *c);
	void (*closed)(void *arg, struct conn *c);
	void *arg;
};

/*
 * Over descriptors that are open and not blocking, which it takes over (`in` and `out` may be one). `expected`: NULL, or who
 * the peer must be. `where` is for messages. NULL with a reason; nothing is called then, and the descriptors are closed.
 */
struct conn *conn_new(struct node *n, int in, int out, bool initiator, const struct peerid *expected, const char *where,
    const struct conn_owner *owner);

/* Connects to an address, without waiting. NULL with a reason. */
struct conn *conn_dial(struct node *n, const struct multiaddr *a, const struct conn_owner *owner);

/* Closes it: its streams are reset and its owner is told, with the reason that is set, before the loop sleeps. */
void conn_close(struct conn *c);

/*
 * The same once all that was written is sent and the other side has closed too, or did not within a few seconds: `closed` comes
 * with a reason that conn_is_done knows.
 */
void conn_finish(struct conn *c);
bool conn_is_done(const struct conn *c);

/* Its owner is not told any more, nor are those who wait for a stream of it. */
void conn_disown(struct conn *c);

/*
 * Opens a stream and agrees on a protocol. `agreed` gets the stream, or NULL with a reason. 0; -1 with a reason, and `agreed`
 * is not called.
 */
int conn_open(struct conn *c, const char *protocol, void (*agreed)(void *arg, struct ystream *s), void *arg);

struct node *conn_node(const struct conn *c);
const struct peerid *conn_peer(const struct conn *c);
const struct buf *conn_shown(const struct conn *c); /* the capability that the peer has shown, as it came; empty: none */
int conn_remote(const struct conn *c, struct multiaddr *a); /* where the peer is, and who. 0, or -1 with a reason */
const char *conn_where(const struct conn *c);
void conn_nonce(const struct conn *c, const struct ystream *s, struct hash *to); /* what names a stream of it: both sides know it, and neither chooses it */
uint64_t conn_round_trip(const struct conn *c); /* of the last ping, in nanoseconds; 0: not known yet */
struct yamux *conn_mux(const struct conn *c);   /* NULL before it is ready */

#endif
