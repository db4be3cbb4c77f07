/*
 * driver.h: many sequences through a link at once.
 *
 * Sequences come from a client, take a slot when one is free, and go in frames of rows (prompts in chunks, one row for each that is
 * generating) of which as many are under way as keep all stages at work, and no more: that bounds what piles up anywhere.
 * A sequence that finds no KV memory beside others waits until one of them has ended, or all have left, and is then sent again.
 *
 * A sequence that outgrows the context may go on without part of what it has: the driver then sends what is left as a new one. Positions
 * of the text and on the link differ from there on; the client sees those of the text.
 *
 * Of prompts that begin alike the stages compute what is common once: a sequence waits until another has sent those positions, and begins
 * as a fork of it; or of a state that the stages were given.
 */
#ifndef MAI_FLOW_DRIVER_H
#define MAI_FLOW_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/draft.h"
#include "flow/link.h"
#include "stream/stream.h"

struct sequence {
	uint64_t ordinal;   /* draws depend on it: what the input calls it */
	uint64_t number;    /* counts the sequences of the input, from 0 without a gap */
	uint32_t *token;    /* the prompt, and behind it what was generated */
	size_t n, cap;
	uint32_t n_prompt;
	uint64_t text_bytes; /* of the prompt's text, 0 if not known */
	uint32_t want_from, want_to; /* prompt positions [from, to) whose output is wanted; not for generation */
	enum close_reason reason; /* when closed */
	uint32_t end;             /* the output ends before this position */
	uint32_t closed_at;       /* the position that the stage which closed it did not take */
	uint32_t shown;           /* a client may note here what it has given on */

	/* The driver's own. */
	uint32_t id;        /* on the link: a new one each time the sequence is sent */
	uint32_t sent;      /* rows, without drafts: positions on the link */
	uint32_t drafts;    /* rows sent behind these, which guess what will come */
	uint32_t taken;     /* positions below have given their row: sent again, they give it no second time */
	uint32_t keep, dropped; /* of its text the tokens [keep, keep + dropped) are not on the link */
	uint32_t shifts;    /* how often some were dropped */
	uint32_t shared;    /* positions that a fork gave it */
	uint32_t donor;     /* the sequence that it shares, or waits to share, `shared` positions with; its own id: none */
	bool begun;         /* FRAME_OPEN or FRAME_FORK was sent */
	bool apart;         /* it failed as a fork, and is to be sent whole */
	bool told_end;      /* FRAME_PROMPT_END was sent */
	bool told_close;
	bool alone;         /* no other has been on the link since it was sent */
	struct sequence *next;
};

struct sequence *sequence_new(void); /* NULL with a reason */
void sequence_free(struct sequence *s);
int sequence_add(struct sequence *s, uint32_t token);

/* What a client does. The driver frees a sequence after `closed`. All return 0 or -1. */
struct driver_client {
	void *arg;
	int fd; /* becomes readable when `fill` can go on; -1: never */
	/* The next sequence: 1; 0: none yet, `fill` first; -1. *ended: none will come any more. */
	int (*next)(void *arg, struct sequence **s, bool *ended);
	int (*fill)(void *arg);
	int (*opened)(void *arg, struct sequence *s); /* may be NULL */
	/* A wanted row. Generation: `r` is the new token, which is in s->token already. Else `data` is its output. */
	int (*row)(void *arg, struct sequence *s, const struct row *r, const float *data);
	int (*closed)(void *arg, struct sequence *s);
	int (*flush)(void *arg); /* after all rows of a frame; may be NULL */
};

struct driver_options {
	unsigned slots;          /* sequences at once */
	bool generate;
	int64_t n_new;           /* tokens to generate for each; -1: until the end of the text */
	uint32_t frame_rows;     /* at most in a frame */
	struct drafter *draft;   /* guesses tokens to be generated, which go out with those before them; NULL: none */
	bool shift;              /* when a context is full, drop half of what stands behind the first `keep` tokens (-1: the prompt), and go on; */
	int64_t keep;            /* not with drafts, mirostat or a grammar, which look back on all that was generated */
	const uint32_t *loaded;  /* tokens of the state that the stages were given (STREAM_LOADED); for generation */
	uint32_t n_loaded;
	struct open open;        /* settings and stop texts of each sequence; its ordinal is filled in */
};

/*
 * Runs until the client has no more sequences and all have closed. 0, or -1 with the first cause; a fault of `next` or `fill`
 * ends what comes in, and is returned when all before it is done.
 */
int driver_run(struct link *l, const struct driver_client *c, const struct driver_options *o);

#endif
