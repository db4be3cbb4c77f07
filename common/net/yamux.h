/*
 * yamux.h: many streams over one connection (hashicorp/yamux, as libp2p uses it). Nothing here reads or writes a
 * descriptor: bytes that came are given to yamux_take, bytes to send go to `write`.
 *
 * Each stream has a window each way: so much may be sent before the other side has taken what came. The window that this
 * side grants grows with what the connection can carry in a round trip.
 */
#ifndef MAI_NET_YAMUX_H
#define MAI_NET_YAMUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	YAMUX_HEADER = 12,
	YAMUX_WINDOW = 1 << 18,          /* of each stream at first, each way */
	YAMUX_MAX_WINDOW = 1 << 24,      /* that this side grants a stream */
	YAMUX_MAX_WINDOWS = 1 << 26,     /* of all streams of a connection together: they grow no further; new ones have their first beside it */
	YAMUX_MAX_STREAMS = 256,         /* that the other side may have open; more are refused */
	YAMUX_MAX_UNACKNOWLEDGED = 256,  /* that this side opens before the other has answered */
	YAMUX_FRAME = 65507,             /* bytes of data in a frame: with its header it fits a message of Noise */
};

struct yamux;

/* What a stream's owner may look at. */
struct ystream {
	struct yamux *mux;
	uint32_t id;
	bool ended;        /* the other side sends no more: what is in `in` is the rest */
	bool finished;     /* this side sends no more */
	bool reset;        /* dead, by either side, or as the connection is */

	/*
	 * Where it is set, data that comes while nothing waits is shown to it first: how many bytes it has taken, before which it
	 * need not be kept. It must not free the stream.
	 */
	size_t (*direct)(void *arg, const uint8_t *data, size_t n);

	/* Called when data came, when more can be sent, at the end, and at a reset. It may free the stream. */
	void (*event)(void *arg, struct ystream *s);
	void *arg;

	/* Private to yamux.c. */
	struct buf in;
	size_t taken;      /* of in, from the front */
	uint32_t granted;  /* bytes that may still come */
	uint32_t window;   /* what is granted at most */
	uint32_t credit;   /* that may be sent */
	bool opening;      /* SYN not yet acknowledged */
	bool full;         /* its owner wanted to send and could not */
	uint64_t updated;  /* when it was granted more */
	struct ystream *next;
};

struct yamux_calls {
	/* Bytes for the other side, to be kept until they are sent. 0 or -1, passed on. */
	int (*write)(void *arg, const void *data, size_t n);

	/* How many bytes more may be written now: what is beyond waits in its owner's hands. */
	size_t (*room)(void *arg);

	/* The other side has opened a stream: set its event and arg, or ystream_free it. */
	void (*opened)(void *arg, struct ystream *s);

	/* The answer to yamux_ping. */
	void (*pong)(void *arg, uint32_t value);
};

/* `calls` must outlive it. NULL with a reason. */
struct yamux *yamux_new(bool initiator, const struct yamux_calls *calls, void *arg);

/* Resets all streams that are owned, without a word to the other side; their owners are told, and must free them. */
void yamux_free(struct yamux *y);

/* Bytes from the other side. 0, or -1 with a reason: the connection must end (the other side has been told, as far as possible). */
int yamux_take(struct yamux *y, const uint8_t *data, size_t n);

/* Tells owners that wait to send, now that there is room. */
void yamux_room(struct yamux *y);
bool yamux_waits(const struct yamux *y); /* is there one that waits and could send now? */

/* Both directions of a round trip, in nanoseconds, as last measured: windows grow by it. */
void yamux_set_round_trip(struct yamux *y, uint64_t ns);

int yamux_ping(struct yamux *y, uint32_t value);
int yamux_go_away(struct yamux *y); /* no new streams, please; 0 or -1 */
bool yamux_gone_away(const struct yamux *y); /* the other side has said so */
size_t yamux_streams(const struct yamux *y);
void *yamux_arg(const struct yamux *y);

/* Opens a stream. NULL with a reason. */
struct ystream *ystream_open(struct yamux *y);

/* What has come and is not taken yet, n bytes. */
const uint8_t *ystream_data(const struct ystream *s, size_t *n);

bool ystream_is_empty(const struct ystream *s); /* nothing has come that is not taken */

/* Takes n of these bytes; the other side may send as many more. 0 or -1. */
int ystream_take(struct ystream *s, size_t n, uint64_t now);

/* Sends as much of it as there is window and room: how many bytes, or -1. When less than all, an event comes later. */
int64_t ystream_send(struct ystream *s, const void *data, size_t n);
size_t ystream_room(struct ystream *s); /* how much ystream_send takes in one call; where that is 0 an event comes later */

int ystream_finish(struct ystream *s); /* no more will be sent */

/* Gives it up: what is not at its end on both sides is reset. NULL: nothing. */
void ystream_free(struct ystream *s);

#endif
