/*
 * journal.h: the batch that is being written, in one file: the checkpoint before it and the one behind it, as notes, and its entries.
 *
 *	"maijrnl1"; the lengths of the two notes and of the entries, and their number, 4 bytes each, little endian; both notes; of each
 *	entry its length in two bytes, big endian, and its bytes; the XXH3 of all before it, 8 bytes, little endian
 */
#ifndef MAI_LEDGER_JOURNAL_H
#define MAI_LEDGER_JOURNAL_H

#include "ledger/tlog.h"

#define JOURNAL_FILE "journal"

struct journal_entries {
	struct buf before, after; /* notes */
	struct buf data;          /* entries with their lengths */
	uint32_t n;
};

/* Replaces the journal, once all that is in the file system is on the disk: tiles of the batch before too. 0, or -1 with a reason. */
int journal_put(const struct tlog *l, const struct journal_entries *j);

/* 1; 0: there is none, or one that was cut short, which no batch depends on; -1 with a reason. */
int journal_get(const struct tlog *l, struct journal_entries *j);
void journal_entries_free(struct journal_entries *j);

#endif
