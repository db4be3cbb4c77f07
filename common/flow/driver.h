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
#include "flow/sequence.h"
#include "stream/stream.h"

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
	bool recurrent;          /* the stages keep states (compute/kv.h): only all of what is loaded can be shared. Where that is not known the stages refuse other forks */
	struct open open;        /* settings and stop texts of each sequence; its ordinal is filled in */
};

/*
 * Runs until the client has no more sequences and all have closed. 0, or -1 with the first cause; a fault of `next` or `fill`
 * ends what comes in, and is returned when all before it is done.
 */
int driver_run(struct link *l, const struct driver_client *c, const struct driver_options *o);

#endif
