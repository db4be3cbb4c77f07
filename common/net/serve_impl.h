/* serve_impl.h: what the files of a service share. */
#ifndef MAI_NET_SERVE_IMPL_H
#define MAI_NET_SERVE_IMPL_H

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
	bool closing;        /* its close has been sent on, of which these were the values: */
	uint32_t pos;
	enum close_reason reason;
};

enum {
	SHARE_DEPTH = 4,  /* frames under way to the command of a single guest */
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

enum guest_state { GUEST_HELLO, GUEST_WAITS, GUEST_RUNS, GUEST_ENDS };

struct guest {
	struct service *service;
	struct share *share;
	struct conn *conn;
	struct guest *next, **link;   /* of its share */
	struct wire wire;
	enum guest_state state;
	bool told_header, failed;
	struct stream_header header;  /* of what it sends */
	enum stream_dtype back;       /* in which hidden states go back */
	struct seqmap seqs;           /* by its own numbers: struct shared_seq */
	size_t n_open;                /* of them, those that it has not closed */
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
void guest_new(struct service *s, struct conn *c, struct ystream *stream, struct share *h);
void guest_told(struct guest *g);            /* the share's header or acceptance has changed: goes on */
void guest_fail(struct guest *g);            /* with the reason that is set: an error frame, and it is gone */
void guest_put(struct guest *g, const struct frame *f); /* where that fails, it is gone */
void guest_end(struct guest *g);             /* where its FRAME_END has come and all is answered, it is gone */
void guest_read(struct guest *g);            /* its frames: controls are sent on, one of rows waits in g->frame; it may be gone */

/* serve.c */
void service_left(struct service *s);        /* a guest has gone */

#endif
