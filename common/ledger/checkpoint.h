/*
 * checkpoint.h: the state of a log, signed (C2SP tlog-checkpoint): a note whose lines are the log's name, its number of entries, and
 * the root of their tree. And proofs that stand for themselves (C2SP tlog-proof): an entry's number, its proof of inclusion, and a
 * checkpoint.
 */
#ifndef MAI_LEDGER_CHECKPOINT_H
#define MAI_LEDGER_CHECKPOINT_H

#include "ledger/merkle.h"
#include "ledger/note.h"

struct checkpoint {
	char origin[NOTE_NAME];
	uint64_t size;
	struct hash root;
};

/* The text of a note, with its last newline. 0, or -1 with a reason. Extension lines are passed over. */
int checkpoint_parse(struct checkpoint *c, const char *text, size_t n);
int checkpoint_add(struct buf *to, const struct checkpoint *c); /* appends it. 0 or -1 */

/* A whole note, which the log's key must have signed, whose name must be the origin. 0, or -1 with a reason. */
int checkpoint_open(struct checkpoint *c, struct note *t, const char *data, size_t n, const struct note_key *log);

enum { PROOF_MAX = 1 << 17, PROOF_EXTRA = 4096 };

struct proof_file {
	uint64_t index;
	struct hash proof[MERKLE_PROOF];
	size_t n;
	const char *checkpoint;   /* a note, in the data */
	size_t n_checkpoint;
};

/* 0, or -1 with a reason. An "extra" line must be base64, and is passed over. */
int proof_file_parse(struct proof_file *p, const char *data, size_t n);
int proof_file_add(struct buf *to, const struct proof_file *p); /* appends it. 0 or -1 */

#endif
