/* tlog_impl.h: what the files of a log share. */
#ifndef MAI_LEDGER_TLOG_IMPL_H
#define MAI_LEDGER_TLOG_IMPL_H

#include "ledger/tlog.h"
#include "ledger/record.h"

#define TLOG_KEY "key"
#define TLOG_CHECKPOINT "checkpoint"

enum { TLOG_BUNDLE = TILE_WIDTH * (2 + RECORD_MAX) }; /* bytes of a tile of entries */

/* Opens the folder, and reads the key where none is given, but not the checkpoint. 0, or -1 with a reason. */
int tlog_open_folder(struct tlog *l, const char *path, const struct note_key *key);

/* A file below the folder, into `to`, which is emptied. 0, or -1 with a reason (and errno, where it can't be opened). */
int tlog_read_file(const struct tlog *l, const char *name, size_t most, struct buf *to);

/* The checkpoint as it is in its file now. 0, or -1 with a reason. */
int tlog_read_checkpoint(const struct tlog *l, struct buf *note, struct checkpoint *at);

/* Takes another checkpoint, and the note that it is in. */
void tlog_set(struct tlog *l, struct buf *note, const struct checkpoint *now);

/* The root of n nodes, a power of two, at most 256. */
struct hash tlog_fold(const struct hash *hash, unsigned n);

/* As tlog_verify, but for the tiles that have only entries before `from`. */
int tlog_verify_from(struct tlog *l, uint64_t from, int (*tell)(void *arg, uint64_t index, const uint8_t *data, size_t n), void *arg);

#endif
