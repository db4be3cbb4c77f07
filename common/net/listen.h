/* listen.h: sockets at which peers arrive. */
#ifndef MAI_NET_LISTEN_H
#define MAI_NET_LISTEN_H

#include "net/conn.h"

struct listener;

/*
 * Listens at an address (port 0: one that is free); the address as it is in fact goes to the node's. A Unix socket that nobody
 * listens at any more is replaced. NULL with a reason.
 */
struct listener *listen_new(struct node *n, const struct multiaddr *a, const struct conn_owner *owner);
void listen_free(struct listener *l);

#endif
