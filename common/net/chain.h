/*
 * chain.h: the word of a client that its rows may go from one peer to the next without coming back in between: who it is,
 * and the peers in their order. The client signs it; each peer gets it from the client itself, and the peer before shows it
 * again. Protobuf, inside the first message of a stream (hello.h).
 */
#ifndef MAI_NET_CHAIN_H
#define MAI_NET_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/multiaddr.h"
#include "trust/key.h"

enum {
	CHAIN_NUMBER = 32, /* bytes by chance: no other chain has them */
	CHAIN_PEERS = 32,  /* at most */
};

struct chain {
	uint8_t number[CHAIN_NUMBER];
	uint8_t client[KEY_PUBLIC];
	struct multiaddr peer[CHAIN_PEERS]; /* each IPv4 or IPv6, and with its PeerId, of an Ed25519 key */
	size_t n;                           /* 2 or more */
};

/* Appends it, signed by the key of its client. 0 or -1. */
int chain_pack(struct buf *to, const struct chain *c, const struct key *client);

/* 0; -1 with a reason, also where the client that it names has not signed it. */
int chain_unpack(struct chain *c, const uint8_t *data, size_t n);

#endif
