/*
 * node.h: what all connections of a process share: its key, what it speaks, whom it lets in, and limits.
 */
#ifndef MAI_NET_NODE_H
#define MAI_NET_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "net/multiaddr.h"
#include "net/yamux.h"
#include "trust/key.h"

struct conn;

/* A protocol that others may open a stream of. The stream's event and arg are to be set, or it is to be freed. */
struct protocol {
	const char *name; /* "/mai/stream/1.0.0" */
	void (*accept)(void *arg, struct conn *c, struct ystream *s);
	void *arg;
};

enum {
	NODE_MAX_PROTOCOLS = 8,
	NODE_MAX_ADDRESSES = 8, /* that it listens on */
};
#define NODE_SECOND ((uint64_t)1000000000)

struct node {
	struct loop *loop;
	const struct key *key;
	const struct buf *shows;    /* a capability that is shown to whomever it connects to (net/capability.h); NULL: none */
	struct protocol protocol[NODE_MAX_PROTOCOLS];
	size_t n_protocols;
	struct multiaddr address[NODE_MAX_ADDRESSES];
	size_t n_addresses;

	/* Set before use. */
	int (*allows)(void *arg, const struct conn *c); /* connections that come in, once they have proved who they are; 0, or -1 with a
	                                                   reason; NULL: all */
	void (*told)(void *arg, struct conn *c, const char *event, const char *reason); /* for a log: "connected", "closed"; NULL: not told */
	void *arg;
	bool bursts;                /* its streams carry frames, which are not to be spread over time */
	size_t max_conns;           /* that came in and have proved who they are; those beyond are closed */
	size_t max_strangers;       /* that came in and have not yet; another one makes the oldest go */
	size_t max_peer_conns;      /* of one peer, that came in */
	uint64_t handshake_ns;      /* for the handshake, and for the choice of a protocol on a stream */
	uint64_t ping_ns;           /* a connection is asked so often whether the other side is there; 0: never */
	uint64_t silence_ns;        /* and closed when nothing came for so long after a question */

	/* Private. */
	void (*finished)(void *arg);
	void *finished_arg;
	struct conn *first;
	size_t n_incoming, n_strangers;
};

/* Default limits, and the protocols that all nodes serve: identify and ping. Registers itself with the loop. 0 or -1. */
int node_init(struct node *n, struct loop *l, const struct key *key);

/* Closes all connections. */
void node_free(struct node *n);

/* Ends all connections once what was written is sent (conn_finish), and calls `done` when there is none any more. */
void node_finish(struct node *n, void (*done)(void *arg), void *arg);

/* Before connections are made. 0 or -1. */
int node_serve(struct node *n, const char *name, void (*accept)(void *arg, struct conn *c, struct ystream *s), void *arg);

#endif
