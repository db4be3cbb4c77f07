/*
 * journal.h: what a stage was sent for sequences that are still open, so that another can be brought to where it was.
 *
 * A stage answers each frame by one, in order (a frame of rows by one of rows, another by itself), and may close sequences by
 * itself between. So frames that were sent wait in a queue until they come back; then what they say becomes part of what is known
 * of their sequences. A replay is what is known, and then the queue.
 *
 * Rows whose data is beyond a limit of memory lie in a file that has no name.
 */
#ifndef MAI_NET_JOURNAL_H
#define MAI_NET_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/stream.h"

struct journal;

/* What a stage is not to see: token ids where it does not embed; those and sampling settings where it does not sample. */
struct strip {
	bool tokens, sampling;
};

/* `memory`: bytes of rows that are kept in memory. NULL with a reason. */
struct journal *journal_new(size_t memory);
void journal_free(struct journal *j);

/* A frame that goes to the stage, with the elements that it goes with, but nothing stripped. 0, or -1 with a reason. */
int journal_sent(struct journal *j, const struct frame *f);

/* How a frame that came fits what was sent. */
enum journal_fit {
	JOURNAL_ANSWER,  /* the answer to the frame that waited longest */
	JOURNAL_CLOSE,   /* a close by the stage itself */
	JOURNAL_KNOWN,   /* likewise, of a sequence that one has closed before: of no use */
	JOURNAL_WRONG,   /* none of both: err_reason() says why */
	JOURNAL_FAILED,  /* no memory, or the file: likewise */
};

/*
 * A frame that came from the stage. Rows must be rows of the frame that they answer, in its order: of the same sequence and position,
 * or of the position behind it where `sampled`. *out is what is to be passed on, with what was stripped put back; it points into f
 * and into the journal, until its next call.
 */
enum journal_fit journal_came(struct journal *j, const struct frame *f, bool sampled, struct frame *out);

/*
 * Gives all that brings a new stage to where the old one was, by calls of emit; of the answers, those to the first *known frames are
 * known already. A call that returns -1 ends it.
 */
int journal_replay(struct journal *j, struct strip strip, int (*emit)(void *arg, const struct frame *f), void *arg, size_t *known);

/* The frame without what is stripped; into space where anything is. */
const struct frame *journal_strip(struct frame *space, struct row row[STREAM_MAX_ROWS], const struct frame *f, struct strip strip);

/* Frames that wait for their answers; frames of rows among them. */
size_t journal_queued(const struct journal *j);
size_t journal_waiting(const struct journal *j);
uint32_t journal_oldest(const struct journal *j); /* rows of the one that waits longest */
uint64_t journal_rows(const struct journal *j); /* rows that are known */

#endif
