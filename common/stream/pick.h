/*
 * pick.h: which rows of a stream a selection means, one after another. Private to stream/.
 *
 * Rows of a sequence are counted from 0 as they come; a cut takes those behind its position back.
 */
#ifndef MAI_STREAM_PICK_H
#define MAI_STREAM_PICK_H

#include "stream/seqmap.h"
#include "stream/sink.h"

struct pick_seq {
	uint64_t count; /* rows so far */
	uint32_t first; /* position of the first */

	/* Rows that wait, from `head` on, for select.c: entries of one size. */
	struct buf wait;
	size_t head;
};

struct picks {
	const struct selection *selection;
	struct seqmap seqs; /* those of which a row came */
};

bool pick_has_seq(const struct selection *s, uint32_t seq);

/* The sequence of a row, which is counted; NULL: no memory. Its number is count - 1 afterwards. */
struct pick_seq *pick_row(struct picks *p, const struct row *r);

void pick_cut(struct picks *p, uint32_t seq, uint32_t pos);
void pick_close(struct picks *p, uint32_t seq);
void pick_reset(struct picks *p);

#endif
