/* address.h: multiaddrs as the system's socket addresses. */
#ifndef MAI_NET_ADDRESS_H
#define MAI_NET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net/multiaddr.h"

enum { ADDRESS_MAX = 8 }; /* that a name is resolved to */

struct address {
	struct sockaddr_storage to;
	socklen_t n;
};

/* The addresses of a multiaddr; a name is looked up, which may take as long as the resolver takes. How many, or -1 with a reason. */
int address_find(struct address to[ADDRESS_MAX], const struct multiaddr *a);

/* IPv4, IPv6 or Unix; others give -1. */
int address_to_multiaddr(struct multiaddr *a, const struct sockaddr_storage *from, socklen_t n);

/*
 * A socket that listens at it, not blocking; a Unix socket that nobody listens at any more is replaced. `bursts` over its connections
 * are not spread over time. -1 with a reason.
 */
int address_listen(const struct multiaddr *a, bool bursts);

/* A socket that is being connected, not blocking: 0 when it is or may yet be, else -1 with a reason. */
int address_connect(const struct address *a, bool bursts, int *fd);

#endif
