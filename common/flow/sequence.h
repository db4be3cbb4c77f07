/*
 * sequence.h: a sequence as a driver has it: the tokens of its text, and what of them is on the link.
 *
 * Positions of the text and on the link are the same until a full context makes the driver leave part of the text out.
 */
#ifndef MAI_FLOW_SEQUENCE_H
#define MAI_FLOW_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Positions on the link, and of them those of the prompt. */
uint32_t sequence_length(const struct sequence *s);
uint32_t sequence_prompt(const struct sequence *s);

/* Where a position on the link is in the text. */
uint32_t sequence_in_text(const struct sequence *s, uint32_t pos);

#endif
