/*
 * sink.h: where the frames of streams go: text lines, JSON lines, ids, a NumPy array, a stream again. And the sources
 * that feed them. mai-cat joins one source, a selection and one sink.
 *
 * A source calls header, then frame for each frame up to and with FRAME_END (or FRAME_ERROR), for one stream after
 * another. finish comes once, when all inputs have ended well; without it what was written is not complete. All return
 * 0, or -1 with a reason.
 */
#ifndef MAI_STREAM_SINK_H
#define MAI_STREAM_SINK_H

#include <stdio.h>

#include "stream/stream.h"

struct sink {
	int (*header)(struct sink *s, const struct stream_header *h);
	int (*frame)(struct sink *s, const struct frame *f);
	int (*finish)(struct sink *s);
	void (*free)(struct sink *s);
};
void sink_free(struct sink *s); /* NULL: nothing */
int sink_flush(FILE *out);      /* for those that write text */

/* ---- sinks. NULL: no memory. `out` stays the caller's; text is flushed after each frame. ---- */

struct sink *sink_lines(FILE *out); /* one line a header and frame, for people */
struct sink *sink_json(FILE *out);  /* one JSON object a line, see mai-cat(1); source_json reads it */
struct sink *sink_ids(FILE *out);   /* decimal token ids, one sequence a line in order of ordinals; holds what waits */

/* All rows in stream order as one NumPy array: float32 [rows][width], or uint32 [rows] of tokens where rows have no
 * data. Into a regular file at once; for anything else the rows wait in a temporary file until they are counted. */
struct sink *sink_npy(FILE *out);

/* A stream. */
struct sink *sink_stream(int fd, const char *name, bool compress);

/* ---- what stands before a sink; `to` is freed with it ---- */

/* Rows of each sequence, counted from 0, or from the end by negative numbers: first to last. */
struct row_range {
	int64_t first, last;
};

/* Sequences by id, closed intervals. */
struct seq_range {
	uint32_t first, last;
};

struct selection {
	struct seq_range *seq; /* all when n_seq is 0; freed by free() */
	size_t n_seq, cap_seq;
	struct row_range rows; /* { 0, -1 }: all */
};
int selection_parse_seq(struct selection *s, const char *list);  /* "0,4-7" */
int selection_parse_rows(struct selection *s, const char *range); /* "3", "-1", "0-9", "5-", "-3--1" */

/*
 * Passes on the selected rows and what concerns their sequences. Rows that are selected from the end wait until their
 * sequence ends, so many a sequence as the range reaches back. `s` must outlive it.
 */
struct sink *sink_select(const struct selection *s, struct sink *to);

/*
 * Replaces the data (or tokens, in a stream of tokens) of the selected rows by the rows of a NumPy array, in stream
 * order; finish fails when rows are left over. The range must count from the front. A row equal to the one in its place
 * keeps the bits it has, whatever the element type.
 */
struct sink *sink_replace(const struct selection *s, FILE *npy, const char *name, struct sink *to);

/* ---- sources: everything `fd` or `in` holds goes to the sink ---- */

int source_stream(int fd, const char *name, struct sink *to);
int source_json(FILE *in, const char *name, struct sink *to);

/* Lines of decimal ids: a stream of tokens, each line a sequence, all rows wanted. */
int source_ids(FILE *in, const char *name, struct sink *to);

#endif
