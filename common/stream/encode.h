/* encode.h: a frame as a list of pieces, ready to be copied together or written with writev. Private to stream/. */
#ifndef MAI_STREAM_ENCODE_H
#define MAI_STREAM_ENCODE_H

#include <sys/uio.h>

#include "stream/wire.h"

enum { PIECES = 5 }; /* head, row table, its padding, data, padding */

struct pieces {
	struct iovec io[PIECES]; /* empty ones have no bytes */
	uint8_t head[STREAM_FRAME_SIZE];
	struct buf made; /* payloads that are packed or compressed first */
};

/* The pieces point into f and into p itself, which must not move. Returns 0 or -1; freed by pieces_free either way. */
int pieces_of_frame(struct pieces *p, const struct frame *f, bool compress);
void pieces_free(struct pieces *p);

#endif
