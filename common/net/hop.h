/*
 * hop.h: a stage on other people's machines, as one that does not go away: a peer and its replicas, or several such, each of which
 * passes on to the next. What a sequence was sent is
 * kept until it ends; when the peer goes away or stalls, a replica is brought to where it was, and goes on. Since
 * the arithmetic is the same everywhere, so are the bits.
 */
#ifndef MAI_NET_HOP_H
#define MAI_NET_HOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/bill.h"
#include "net/chain.h"
#include "net/node.h"
#include "stream/stream.h"

enum {
	HOP_MAX_PEERS = 16,  /* a peer and its replicas */
	HOP_MAX_PLACES = CHAIN_PEERS, /* that rows go through */
};

struct hop_peers {
	struct multiaddr peer[HOP_MAX_PEERS];
	size_t n;
};

struct hop_options {
	enum stream_dtype wire;  /* of hidden states on the link: STREAM_F32 keeps the bits */
	bool compress;
	size_t journal;          /* bytes of rows that are kept in memory; more go to a file */
	double audit;            /* share of the sequences that a second replica computes too (audit.h); 0: none */
	const char *evidence;    /* folder for what is kept when answers differ */
	bool goes_on;            /* then with another replica; else the hop fails */
	const struct bill_options *bill; /* terms by which peers are paid; NULL: none is */
	const struct hop *not_as; /* peers are not used while this one uses them; NULL: all are */
	uint64_t timeout_ns;     /* how long it may take until a peer serves, at the beginning and when all have gone */
};

struct hop_calls {
	int (*header)(void *arg, const struct stream_header *h); /* of what it gives: once, before all frames */
	int (*frame)(void *arg, const struct frame *f);          /* FRAME_END among them. Each: 0, or -1: it has failed */
	void (*room)(void *arg);                                 /* it is not full any more */
	void (*failed)(void *arg);                               /* err_reason() says why; nothing comes after it */
	void *arg;
};

struct hop;

/*
 * Connects to all peers at once. Where there are several places, rows go from each to the next, and come back from the last (chain.h).
 * Options and calls are copied, the peers must stay. NULL with a reason.
 */
struct hop *hop_new(struct node *n, const struct hop_peers *place, size_t n_places, const struct hop_options *o, const struct hop_calls *c);
void hop_free(struct hop *h);

/* The header of what goes in; once, before all frames. 0 or -1. */
int hop_header(struct hop *h, const struct stream_header *head);

/* A frame, which is taken in whole. 0 or -1. */
int hop_send(struct hop *h, const struct frame *f);

/* Better not to send now: `room` is called later. */
bool hop_full(const struct hop *h);

#endif
