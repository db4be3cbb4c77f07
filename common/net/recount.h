/*
 * recount.h: a recorded stream (net/bill.h), computed again by a command, and counted as node and client have (net/meter.h): what a
 * receipt should have said.
 */
#ifndef MAI_NET_RECOUNT_H
#define MAI_NET_RECOUNT_H

#include <sys/types.h>

#include "net/meter.h"
#include "net/rows.h"

struct recount_salt {
	uint64_t sequence;
	struct hash salt;
};

struct recount {
	struct meter *meter;
	struct stream_header in, out;    /* as they were on the link */
	struct stream_reader *record, *answer;
	int fd_record, fd_answer;
	pid_t pid;
	struct rows space;
	const struct recount_salt *salt; /* of the sequences in their order; NULL: the stream's salt gives them */
	size_t n_salts, used;
	bool ended;
};

/*
 * Starts `sh -c COMMAND` over the stream that begins at `offset` of a file. `a` has all but the headers, and the stream's salt where
 * `salt` is NULL. `wire`: the type of hidden states on the link, where only they come back. 0, or -1 with a reason; recount_end in any case.
 */
int recount_begin(struct recount *r, const char *path, off_t offset, const char *command, const struct meter_about *a, enum stream_dtype wire,
    const struct recount_salt *salt, size_t n_salts);

/* One more frame of rows, and its answer: 1; 0: that was all; -1 with a reason. */
int recount_step(struct recount *r);
void recount_end(struct recount *r);

#endif
