/*
 * hello.h: the first message each way on a stream of /mai/stream/1.0.0, before mai-stream(5) begins: its length as a uvarint,
 * then protobuf. Fields that are not known are passed over.
 */
#ifndef MAI_NET_HELLO_H
#define MAI_NET_HELLO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "stream/stream.h"

#define HELLO_PROTOCOL "/mai/stream/1.0.0"

enum { HELLO_VERSION = 1, HELLO_MAX = 4096 };

struct hello {
	/* Of whoever serves. */
	uint32_t sequences; /* that may be open */
	uint32_t frames;    /* frames of rows that may be under way */
	struct hash terms;  /* by which it is paid (bill.h); none: it is not */
	uint64_t credit;    /* rows that it computes before they are paid for */

	/* Of whoever dials. */
	enum stream_dtype back; /* the type in which hidden states are to come back */
	struct buf chain;       /* a signed chain (chain.h) that the stream is part of; empty: none */
	uint32_t place;         /* of whoever serves, in the chain, from 0 */
	bool forwarded;         /* the peer before in the chain sends this; else its client */
	struct hash salt;       /* of its choice, for receipts; none: it wants none */
};

/* Appends it, with its length. 0 or -1. */
int hello_pack(struct buf *to, const struct hello *h);

/* How many bytes it took; 0: more are needed; -1 with a reason. What it gives is to be freed where it took any. */
ssize_t hello_unpack(struct hello *h, const uint8_t *data, size_t n);
void hello_free(struct hello *h);

#endif
