/*
 * append.h: lines of JSON into a log: read as they come, checked on several threads, written in batches. A batch ends when no more
 * has come, so that whoever sends one record and waits is answered.
 */
#ifndef MAI_LEDGER_APPEND_H
#define MAI_LEDGER_APPEND_H

#include "compute/pool.h"
#include "ledger/tlog_write.h"

struct append {
	struct tlog_writer *log;
	struct pool *pool;
	/* For each line, on some thread, once its record is in the log for good; new: it was not there before. 0, or -1 with a reason: then it ends. */
	int (*told)(void *arg, uint64_t index, const struct hash *id, bool new);
	int (*told_all)(void *arg); /* of a batch: whoever waits is to hear it now */
	void *arg;
};

/*
 * All lines of a descriptor; `name` is for reasons. Empty lines are passed over. Ends at the first line that is no record: -1 with a reason that
 * names it, and all before it are in the log.
 */
int append_lines(const struct append *a, int fd, const char *name);

#endif
