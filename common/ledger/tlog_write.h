/*
 * tlog_write.h: appends to a log. Several processes may: a lock in the folder lets one in at a time, and each goes on where the
 * other was.
 *
 * A batch is written to the file "journal" first, together with the checkpoint that it leads to; then come its tiles, then the checkpoint's file.
 * Who is killed in between, or loses power, is repaired from the journal, which stays until the next batch's is safe: so what is
 * committed stays committed, whatever part of the last batch's files has reached the disk.
 */
#ifndef MAI_LEDGER_TLOG_WRITE_H
#define MAI_LEDGER_TLOG_WRITE_H

#include "ledger/tlog.h"

enum {
	TLOG_BATCH = 1 << 15,       /* entries of a batch, at most */
	TLOG_BATCH_BYTES = 1 << 26,
};

struct tlog_writer;

/* Opens a log, which `secret` must be the key of, for appending. NULL with a reason. */
struct tlog_writer *tlog_writer_new(const char *path, const struct key *secret);
void tlog_writer_free(struct tlog_writer *w);

/* Waits for its turn, and sees what others have appended. 0, or -1 with a reason. */
int tlog_begin(struct tlog_writer *w);

/*
 * Puts an entry of at most RECORD_MAX bytes, whose leaf has this hash, at the end of the batch: its index; that of the same entry, where it is in the log
 * or the batch already, with *new false. -1 with a reason.
 */
int64_t tlog_add(struct tlog_writer *w, const void *data, size_t n, const struct hash *leaf, bool *new);

/* Writes the batch, which may be empty, and ends the turn: when it returns 0, the entries are in the log for good. 0, or -1 with a reason. */
int tlog_commit(struct tlog_writer *w);

const struct tlog *tlog_of(const struct tlog_writer *w);

/* Completes a batch whose writer has not. Needs no key. 0, or -1 with a reason. */
int tlog_recover(const char *path);

#endif
