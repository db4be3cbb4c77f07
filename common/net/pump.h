/*
 * pump.h: joins a stream to two descriptors: what can be read from one goes to the peer, what comes from the peer is written
 * to the other.
 */
#ifndef MAI_NET_PUMP_H
#define MAI_NET_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"
#include "net/yamux.h"

struct pump;

/* How it went. */
enum pump_end {
	PUMP_DONE,   /* both sides have come to their ends */
	PUMP_RESET,  /* the stream was reset: err_reason() may say more */
	PUMP_FAILED, /* a descriptor failed: err_reason() */
};

struct pump_owner {
	void (*done)(void *arg, enum pump_end how); /* the pump is gone, and the stream; descriptors are closed */
	void *arg;
	bool die_of_pipe; /* `to` is stdout: when its reader goes, die of SIGPIPE at once; else what comes is dropped */
};

/*
 * `from` and `to` are closed by it (stdin and stdout too), each as its direction ends. They must not block. The stream is its own from now on.
 * NULL with a reason, and nothing is taken.
 */
struct pump *pump_new(struct loop *l, struct ystream *s, int from, int to, const struct pump_owner *owner);

/* Ends it at once, without a call of done. */
void pump_free(struct pump *p);

#endif
