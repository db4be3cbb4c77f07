/* wire.h: a mai stream each way over a stream of yamux: a hello, a header, frames. */
#ifndef MAI_NET_WIRE_H
#define MAI_NET_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/hello.h"
#include "net/yamux.h"
#include "stream/stream.h"

struct wire {
	struct ystream *stream;
	struct stream_reader *in;
	struct buf out;    /* to be sent, from `sent` on */
	size_t sent;
	bool heard;        /* the other's hello has come */
	struct hello hello; /* it */
	bool compress;     /* frames, where that makes them smaller */
	uint64_t bytes_in, bytes_out;
};

/* Takes over the stream, whose event the caller sets. `name` is for reasons. 0 or -1. */
int wire_begin(struct wire *w, struct ystream *s, const char *name);
void wire_end(struct wire *w); /* frees the stream too; a zeroed struct: nothing */

/* For the other side; kept until it can be sent. 0 or -1. */
int wire_put_hello(struct wire *w, const struct hello *h);
int wire_put_header(struct wire *w, const struct stream_header *h);
int wire_put(struct wire *w, const struct frame *f);

/* An error frame; where no header went before it (`begun`), behind one that says nothing. 0 or -1. */
int wire_put_fault(struct wire *w, bool begun, const struct frame *why);

/* Sends what can be sent. 0 or -1. */
int wire_push(struct wire *w);
size_t wire_backlog(const struct wire *w); /* bytes that are still to be sent */

/* Gives what came to the reader, up to about `most` bytes, and to the hello. 0 or -1. Then stream_take_* of w->in. */
int wire_pull(struct wire *w, size_t most, uint64_t now);

#endif
