/*
 * multiaddr.h: where a peer is reached and who it must be, as libp2p writes it (multiformats/multiaddr):
 *
 *	/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW...    /ip6/::1/tcp/4001    /dns/example.org/tcp/4001
 *	/unix/run/mai.sock                          (to the end, but for a /p2p/...)
 *
 * Of all that a multiaddr may say, these forms are taken; others are refused by name.
 */
#ifndef MAI_NET_MULTIADDR_H
#define MAI_NET_MULTIADDR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/peerid.h"

enum multiaddr_host { MULTIADDR_IP4, MULTIADDR_IP6, MULTIADDR_DNS, MULTIADDR_DNS4, MULTIADDR_DNS6, MULTIADDR_UNIX };

enum {
	MULTIADDR_NAME = 254,      /* of a host, or the path of a socket (which the system limits to 107), with a NUL */
	MULTIADDR_TEXT = 400,      /* with a NUL */
};

struct multiaddr {
	enum multiaddr_host host;
	uint8_t ip[16];            /* IP4: 4 bytes */
	char name[MULTIADDR_NAME]; /* DNS, UNIX */
	uint16_t port;             /* of TCP; not with UNIX */
	struct peerid peer;        /* n is 0: none is stated */
};

/* All return 0, or -1 with a reason. */
int multiaddr_parse(struct multiaddr *a, const char *text);
int multiaddr_unpack(struct multiaddr *a, const uint8_t *bytes, size_t n);
int multiaddr_pack(struct buf *to, const struct multiaddr *a); /* appends */

/* Returns `to`. */
char *multiaddr_text(const struct multiaddr *a, char to[MULTIADDR_TEXT]);

#endif
