/*
 * proto.h: the little of Protocol Buffers that messages of libp2p and models of SentencePiece take: fields that are varints or bytes.
 * Of those of fixed width the bytes are given.
 */
#ifndef MAI_BASE_PROTO_H
#define MAI_BASE_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* What is left to read of a message. */
struct proto {
	const uint8_t *at;
	size_t n;
};

struct proto_field {
	uint32_t number;
	bool is_bytes;      /* else a number; neither where the width is fixed, with `is_fixed` set */
	bool is_fixed;
	uint64_t value;     /* a number */
	struct proto bytes; /* of those, and of fixed width (4 or 8); points into the message */
};

/* The next field: 1; 0 at the end; -1 with a reason. */
int proto_next(struct proto *p, struct proto_field *f);

/* Append a field. 0 or -1. */
int proto_put(struct buf *to, uint32_t number, const void *bytes, size_t n);
int proto_put_number(struct buf *to, uint32_t number, uint64_t value);

#endif
