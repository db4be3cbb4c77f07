/* attach.h: joins two descriptors to a stream of a peer, under any protocol: plain bytes both ways. */
#ifndef MAI_NET_ATTACH_H
#define MAI_NET_ATTACH_H

#include "net/node.h"

/*
 * Connects, opens a stream of `protocol`, and runs the node's loop until both directions have ended. in and out are closed; where
 * nobody reads `out` the process dies of SIGPIPE. 0, or -1 with a reason.
 */
int attach_run(struct node *n, const struct multiaddr *peer, const char *protocol, int in, int out);

/* Connects, asks a peer what it says of itself, and prints it. 0 or -1. */
int attach_identify(struct node *n, const struct multiaddr *peer, bool json);

#endif
