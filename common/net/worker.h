/* worker.h: a command that takes a mai stream and gives one: mai-run with a shard. */
#ifndef MAI_NET_WORKER_H
#define MAI_NET_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "net/loop.h"
#include "stream/stream.h"

struct worker;

struct worker_calls {
	int (*header)(void *arg, const struct stream_header *h); /* of what it gives; before all frames. 0, or -1: it is ended */
	int (*frame)(void *arg, const struct frame *f);          /* FRAME_END among them; likewise */
	void (*gone)(void *arg);                                 /* it has ended or was ended: err_reason(). Free it */
};

/* `calls` must outlive it. NULL with a reason. */
struct worker *worker_start(struct loop *l, const struct worker_calls *calls, void *arg);

/* Ends it, without a call of `gone`. NULL: nothing. */
void worker_free(struct worker *w);

/* Ends its stream, and gives it up: it has some seconds to end by itself. */
void worker_retire(struct worker *w);

/* Kept until they can be written. 0 or -1. */
int worker_put_header(struct worker *w, const struct stream_header *h);
int worker_put(struct worker *w, const struct frame *f);
size_t worker_backlog(const struct worker *w);

#endif
