/*
 * session.h: a way through one peer of each place of a hop, from the connections on until it serves. Private to hop.c and session.c.
 *
 * There is one place, or, where peers pass rows on to each other, several: rows go to the first and come back from the last, which
 * gets from here what the others are not to see. Those between get nothing but the chain, and tell of faults.
 */
#ifndef MAI_NET_SESSION_H
#define MAI_NET_SESSION_H

#include "net/audit.h"
#include "net/conn.h"
#include "net/journal.h"
#include "net/rows.h"
#include "net/hop.h"
#include "net/wire.h"

enum { SESSION_REFUSALS = 3 }; /* after so many it is not tried any more */

enum session_state {
	SESSION_DOWN,      /* not connected; tries again at a time */
	SESSION_CONNECTS,  /* and opens streams */
	SESSION_HEARS,     /* waits for all peers' hellos and headers */
	SESSION_WAITS,     /* for the header of what goes in */
	SESSION_PROVES,    /* the header was sent, and a frame without rows that must come back */
	SESSION_READY,     /* serves, or could */
	SESSION_DONE,      /* the end of its stream has come */
};

/* To the peer at one place. */
struct link {
	struct session *session;
	size_t choice;               /* which of the peers of the place */
	struct conn *conn;
	struct wire wire;
	bool begun;                  /* the peer's header has come */
	bool over;                   /* the peer's part is done, in the middle of a chain */
	struct stream_header header; /* of what the peer gives */
	struct hash salt;            /* for receipts */
	struct bill *bill;           /* NULL: the peer is not paid */
	struct buf held;             /* frames that wait for its credit */
	struct held {
		size_t end;              /* of it in there */
		uint32_t rows;
	} *frame;
	size_t n_held, cap_held;
	uint64_t released;           /* rows that were sent */
	bool end_waits;              /* the stream's end, for the last receipt */
};

struct session {
	struct hop *hop;
	struct link link[HOP_MAX_PLACES];
	enum session_state state;
	struct loop_timer again;
	unsigned failures, refusals; /* in a row; those that were not the network's */
	size_t skip;                 /* answers to come that are known already */
};

struct hop {
	struct node *node;
	struct hop_options o;
	struct hop_calls calls;
	const struct hop_peers *place;
	size_t n_places;
	struct session session[HOP_MAX_PEERS];
	size_t n;
	struct session *active;
	struct session *liar;               /* whom the audit has found out */
	struct loop_timer leave;            /* him */
	struct journal *journal;
	struct audit *audit;                /* NULL: none */
	bool held_end;                      /* FRAME_END waits until all is compared */
	struct strip first, last;           /* what peers at these places don't see */
	bool has_header, has_input;
	struct stream_header header, input; /* of what it gives (f32), of what comes in */
	bool failed;
	char reason[512];                   /* why a peer was lost the last time */
	int status;
	struct rows out, in;                /* space for frames that are converted */
	struct row row[STREAM_MAX_ROWS];
	struct loop_timer deadline;         /* until a peer serves */
	struct loop_timer stall;            /* until rows come back */
	uint64_t progress;                  /* when rows came back the last time, or were sent to an idle peer */
	unsigned fruitless;                 /* peers lost since something new came back */
	size_t opened;                      /* sequences that were begun and not closed */
	double small_ns, row_ns;            /* what a frame of few rows takes at most; what a row of a large frame does */
	uint32_t oldest_rows;
	uint64_t activated;                 /* when the peer that serves began to */
};

/* session.c */
void session_start(struct session *s);                  /* connects */
void session_hurry(struct session *s);                  /* where it waits to try again, it does so at once */
void session_stop(struct session *s);                   /* closes, without trying again */
void session_lost(struct session *s);                   /* with the reason that is set: down, and tries again later */
void session_refuse(struct session *s);                 /* likewise, for ever */
int session_prove(struct session *s);                   /* the header of what goes in is known. 0 or -1 */
int session_put(struct session *s, const struct frame *f); /* to be sent; whole, but without what peers don't see. 0 or -1 */
int session_push(struct session *s);                    /* sends what can be sent. 0 or -1 */
size_t session_backlog(const struct session *s);        /* bytes that are still to be sent */
uint32_t session_sequences(const struct session *s);    /* that its peers take at a time */
uint64_t session_round_trip(const struct session *s);   /* through all its peers, in nanoseconds; 0: not known */
const struct stream_header *session_header(const struct session *s); /* of what it gives */
enum { SESSION_NAME = 2 * MULTIADDR_TEXT };
char *session_name(const struct session *s, char to[SESSION_NAME]); /* for messages; returns `to` */

/* hop.c, called by sessions */
int hop_heard(struct hop *h, struct session *s);        /* its header has come: 0, or -1 where it is another than the hop's */
void hop_ready(struct hop *h, struct session *s);
int hop_came(struct hop *h, struct session *s, const struct frame *f); /* from a ready session. 0, or -1: of no use */
void hop_lost(struct hop *h, struct session *s, bool was_ready);

#endif
