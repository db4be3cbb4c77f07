/* relay.h: a pipeline's streams through a chain of hops: descriptor in, peers, descriptor out. */
#ifndef MAI_NET_RELAY_H
#define MAI_NET_RELAY_H

#include "net/hop.h"

/* "PEER[,REPLICA...]", each a multiaddr or a name in the address book at `book`. 0, or -1 with a reason. */
int relay_parse(struct hop_peers *to, const char *text, const char *book);

/*
 * Through each of the places in turn: as hops of their own, or, `direct`, as one hop, whose peers pass on to each other. At most
 * HOP_MAX_PLACES, which stay. Runs until all streams of `in` have come out. The header of what the last hop gives is written before anything is read. Dies of
 * SIGPIPE when the reader of `out` has gone. 0, or -1 with a reason, of which the reader of `out` is told as well.
 */
int relay_run(struct node *n, const struct hop_peers *place, size_t n_places, bool direct, const struct hop_options *o, int in, int out);

#endif
