/*
 * identify.h: the protocol /ipfs/id/1.0.0 (libp2p specs, identify): who a peer is, where it listens, what it speaks. The
 * side that opens the stream only reads.
 */
#ifndef MAI_NET_IDENTIFY_H
#define MAI_NET_IDENTIFY_H

#include "net/conn.h"

#define IDENTIFY_PROTOCOL "/ipfs/id/1.0.0"

enum {
	IDENTIFY_MAX = 1 << 16,      /* bytes of a message */
	IDENTIFY_MAX_PROTOCOLS = 64, /* of a peer, that are kept */
	IDENTIFY_MAX_TEXT = 256,     /* bytes of a name, with a NUL */
};

struct identity {
	struct peerid peer;
	char agent[IDENTIFY_MAX_TEXT], version[IDENTIFY_MAX_TEXT];
	struct multiaddr address[NODE_MAX_ADDRESSES], observed; /* observed.host and port: how the peer sees this side */
	bool has_observed;
	size_t n_addresses;
	char protocol[IDENTIFY_MAX_PROTOCOLS][IDENTIFY_MAX_TEXT];
	size_t n_protocols;
};

/* A message of this node for a connection; appended. And one that came: fields that can't be used are passed over. 0 or -1. */
int identify_pack(struct buf *to, const struct node *n, const struct conn *c);
int identify_unpack(struct identity *id, const uint8_t *data, size_t n);

/* Answers those who ask. 0 or -1. */
int identify_serve(struct node *n);

/* Asks. `heard` gets NULL with a reason when there is no answer. 0 or -1. */
int identify_ask(struct conn *c, void (*heard)(void *arg, const struct identity *id), void *arg);

#endif
