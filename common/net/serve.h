/*
 * serve.h: serves /mai/stream/1.0.0 by the keeper's command, which takes a mai stream and gives one.
 *
 * A peer's stream (a guest) has a command of its own, or, shared, all guests have one: their sequences get other numbers,
 * rows of many guests go to the command in one frame, so that weights are read once for all, and each guest gets back only its
 * own rows. Each holds at most one frame that waits and one that is under way; what more it sends waits at its end.
 */
#ifndef MAI_NET_SERVE_H
#define MAI_NET_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/bill.h"
#include "net/capability.h"
#include "net/conn.h"

struct service;

struct serve_options {
	bool shared;
	bool direct;            /* passes rows on to other nodes, where a client asks for it (chain.h) */
	int (*admit)(void *arg, const struct conn *c, struct capability *to); /* who may have rows computed, and within what limits: others
	                                                                         come in only as peers of a chain. 0, or -1 with a reason */
	struct capability_usage *usage;
	const struct bill_options *bill; /* NULL: work costs nothing */
	size_t max_guests;      /* at a time */
	size_t max_peer_guests; /* of one peer */
	uint32_t max_sequences; /* of a guest */
	uint64_t idle_ns;       /* a guest that sends nothing and waits for nothing is ended; 0: never */
	void (*told)(void *arg, const struct conn *c, const char *event, const char *reason, uint64_t rows); /* for a log; NULL: not told */
	void *arg;
	uint64_t rows_a_second; /* of a guest, as a mean over some seconds; 0: any */
};

struct serve_count {
	uint64_t guests, guests_now, sequences, sequences_now, rows_in, rows_out, frames, batches, bytes_in, bytes_out, refused;
};

/* `o` must outlive it. NULL with a reason. */
struct service *serve_new(struct node *n, const struct serve_options *o);
void serve_free(struct service *s);

/* Is it the peer before in a chain of a client that is there? It may come in then. */
bool serve_expects(const struct service *s, const struct peerid *p);

/* Guests that come from now on get a command that is started anew; those that are there keep theirs. */
void serve_renew(struct service *s);

/* Takes no more guests; calls `done` when the last has gone. */
void serve_drain(struct service *s, void (*done)(void *arg), void *arg);

const struct serve_count *serve_counts(const struct service *s);

#endif
