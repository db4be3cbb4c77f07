/* serve_impl.h: what the files of a service share. */
#ifndef MAI_NET_SERVE_IMPL_H
#define MAI_NET_SERVE_IMPL_H

#include "net/chain.h"
#include "net/journal.h"
#include "net/rows.h"
#include "net/serve.h"
#include "net/wire.h"
#include "net/worker.h"
#include "stream/seqmap.h"

struct guest;

/* A sequence of a guest, as the command knows it. */
struct shared_seq {
	struct guest *guest; /* NULL: it has gone */
	uint32_t seq, id;    /* its number there, and here */
	bool stray;          /* it was closed before: the number is for one frame, and its answer */
	bool closing;        /* its close has been sent on, of which these were the values: */
	uint32_t pos;
	enum close_reason reason;
};

enum {
	SHARE_DEPTH = 4,  /* frames under way to the command of a single guest */
	GUEST_AT_ONCE = 1 << 18, /* bytes of a guest that are looked at in one turn */
};

/* A frame of rows under way to the command, made of one frame each of some guests. */
struct batch {
	struct part {
		struct guest *guest; /* NULL: it has gone */
		uint32_t hops;
	} *part;
	size_t n, cap;
	uint64_t sent;       /* when */
};

/* A command and its guests. */
struct share {
	struct service *service;
	struct share *next, **link;
	struct worker *worker;
	bool retired, failed;         /* takes no more guests */
	bool has_header;              /* of what the command gives */
	struct stream_header header;
	bool proposed, accepted;      /* `takes` was sent to the command; it has answered */
	struct stream_header takes;
	struct guest *first;
	size_t n_guests;
	struct seqmap seqs;           /* by the command's numbers: struct shared_seq */
	uint32_t next_id;
	struct batch batch[SHARE_DEPTH]; /* under way, a ring */
	unsigned first_batch, n_batches;
	uint64_t took;                /* how long the last batch was under way */
	uint64_t idle_since;          /* when the last batch came back */
	struct loop_timer linger, reap;
	struct rows space;            /* the rows of a batch */
	bool stepping;
};

enum guest_state {
	GUEST_HELLO,  /* its first message has not come, and it has no share */
	GUEST_HEADER, /* waits for the header of what it sends */
	GUEST_WAITS,  /* for the command, and the next peer, to take that */
	GUEST_RUNS,
	GUEST_ENDS,   /* what is left is sent to it */
};

/* A guest's place in a chain (chain.h): its rows come from the peer before, or go to the next, or both. */
struct forward {
	struct chain chain;
	size_t place;
	struct wire before, after;    /* each without a stream: not there yet, or where the guest itself is what it would be */
	struct conn *next;            /* of `after` */
	struct journal *merge;        /* at the last place: what the guest has sent, to be put back into what comes from the peer before */
	bool merges, said_all;        /* its header has come; its end */
};

struct guest {
	struct service *service;
	struct guest *other, **own;   /* of its service */
	struct share *share;          /* NULL: none yet, or none any more */
	struct forward *forward;      /* NULL: its rows come from it and go back to it */
	struct conn *conn;
	struct capability capability; /* within which it is served */
	struct bill *bill;            /* NULL: it does not pay */
	struct guest *next, **link;   /* of its share */
	struct wire wire;
	struct wire *in, *out;        /* where its rows come from and go to: `wire`, or as its place in a chain is; in is NULL: not there yet */
	enum guest_state state;
	bool told_header, failed;
	struct stream_header header;  /* of what it sends */
	struct seqmap seqs;           /* that it has not closed, by its own numbers: struct shared_seq */
	size_t n_seqs;                /* with those that the command has not answered the close of */
	bool has_rows;                /* `frame` waits for the next batch; it lies in the reader */
	struct frame frame;
	unsigned under_way;           /* frames of rows that have not come back */
	bool done;                    /* its FRAME_END has come */
	bool waits;                   /* its rate does not allow the frame that waits yet */
	bool active;                  /* it was in the last batch, and is likely to be in the next */
	uint64_t rows;                /* that came */
	uint64_t heard;
	double allowance;             /* rows it may send at once */
	uint64_t allowed;             /* when that was reckoned */
	struct loop_timer timer;      /* idle, or rate */
	struct rows space;
};

struct service {
	struct node *node;
	const struct serve_options *o;
	struct share *first;
	struct guest *guests;
	struct serve_count count;
	bool draining;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* share.c */
struct share *share_new(struct service *s); /* NULL with a reason */
void share_free(struct share *h);            /* its guests fail with the reason that is set */
void share_join(struct share *h, struct guest *g);
void share_leave(struct guest *g);           /* its sequences are closed; the share ends later, if nobody is left */
int share_propose(struct share *h, const struct stream_header *takes); /* to the command. 0 or -1 */
void share_step(struct share *h);            /* moves what can be moved */

/* guest.c */
void guest_new(struct service *s, struct conn *c, struct ystream *stream);
void guest_turn(struct guest *g);            /* something has come for it, or can be sent; it may be gone */
void guest_leave(struct guest *g);           /* at once */
int guest_put_header(struct guest *g, struct wire *to); /* of what its share gives, as it goes over links. 0 or -1 */
void guest_told(struct guest *g);            /* the share's header or acceptance has changed: goes on */
void guest_fail(struct guest *g);            /* with the reason that is set: an error frame, and it is gone */
void guest_put(struct guest *g, const struct frame *f); /* where that fails, it is gone */
void guest_end(struct guest *g);             /* where its FRAME_END has come and all is answered, it is gone */
void guest_read(struct guest *g);            /* its frames: controls are sent on, one of rows waits in g->frame; it may be gone */

/* forward.c */
int forward_begin(struct guest *g);          /* its first message names a chain. 0 or -1 */
int forward_join(struct guest *g);           /* it is the peer before another guest, which gets its stream: then it is gone. 0 or -1 */
int forward_dial(struct guest *g);           /* the next peer, where there is one. 0 or -1 */
void forward_end(struct guest *g, bool well); /* gives up both streams; well: what was written still goes out */
void forward_fail(struct guest *g, const struct frame *why); /* likewise, and tells the peer before, whose client may hear it first */
bool forward_expects(const struct guest *g, const struct peerid *p); /* as the peer before, which has not come yet */
int forward_ready(struct guest *g);          /* rows may go out, the next has the header: 1; 0: not yet; -1 */
int forward_header(struct guest *g);         /* of what it sends: 1: g->header is there; 0: not yet; -1 */
int forward_pull(struct guest *g);           /* gives what came to the readers. 0 or -1 */
int forward_take(struct guest *g, struct frame *f); /* the next frame: 1, 0, -1 */
size_t forward_unread(struct guest *g);      /* bytes that have come and are not read */

/* serve.c */
struct share *service_share(struct service *s); /* that a new guest gets. NULL with a reason */
void service_left(struct service *s);        /* a guest has gone */

#endif
