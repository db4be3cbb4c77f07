/* relay.h: a pipeline's streams through a chain of hops: descriptor in, peers, descriptor out. */
#ifndef MAI_NET_RELAY_H
#define MAI_NET_RELAY_H

#include "net/hop.h"

enum { RELAY_MAX_HOPS = 32 };

/* The peers of one hop. */
struct relay_peers {
	struct multiaddr peer[HOP_MAX_PEERS];
	size_t n;
};

/* "PEER[,REPLICA...]", each a multiaddr or a name in the address book at `book`. 0, or -1 with a reason. */
int relay_parse(struct relay_peers *to, const char *text, const char *book);

/*
 * Runs until all streams of `in` have come out. The header of what the last hop gives is written before anything is read. Dies of
 * SIGPIPE when the reader of `out` has gone. 0, or -1 with a reason, of which the reader of `out` is told as well.
 */
int relay_run(struct node *n, const struct relay_peers *hops, size_t n_hops, const struct hop_options *o, int in, int out);

#endif
