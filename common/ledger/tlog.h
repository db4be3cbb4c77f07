/*
 * tlog.h: an append-only log in a folder, as C2SP tlog-tiles has it: tiles (tile.h), a signed checkpoint (checkpoint.h), and beside
 * them the log's verifier key in the file "key". All of it is plain files, which any web server or rsync hands on; who has the
 * key and an older checkpoint sees when it was changed.
 */
#ifndef MAI_LEDGER_TLOG_H
#define MAI_LEDGER_TLOG_H

#include "ledger/checkpoint.h"
#include "ledger/tile.h"

enum { TLOG_CACHE = 64 }; /* tiles that are kept in memory */

struct tlog {
	char *path;
	int folder;
	struct note_key key;
	struct buf note;          /* the checkpoint as it is in the file */
	struct checkpoint at;
	struct tlog_tile {
		int level;
		unsigned width;       /* 0: none */
		uint64_t index;
		struct hash hash[TILE_WIDTH];
	} *cache;
	unsigned next;            /* place in the cache that is used again */
	struct buf bundle;        /* the last entries that were read, and where they begin */
	uint64_t bundle_index;
	uint32_t entry[TILE_WIDTH + 1];
	unsigned n_entries;
};

/* Makes a log of no entries in a folder, which is made where there is none. 0, or -1 with a reason. */
int tlog_init(const char *path, const char *origin, const struct key *secret);

/*
 * Opens one that is there; `key`: the verifier key that must have signed it, or NULL for the one in the folder. 0, or -1 with a reason; tlog_close
 * is right in any case.
 */
int tlog_open(struct tlog *l, const char *path, const struct note_key *key);
void tlog_close(struct tlog *l);

/* Reads the checkpoint again, and whatever has been appended since is seen. 0, or -1 with a reason, where it is damaged or shorter. */
int tlog_refresh(struct tlog *l);

/* merkle_get of the log (arg) as it is in its tiles: what they hold is to be compared with a root. */
int tlog_node(void *arg, unsigned height, uint64_t index, struct hash *to);

/* Entry `index`, until the next call. 0, or -1 with a reason. That it is the entry of its leaf is for the caller to check. */
int tlog_entry(struct tlog *l, uint64_t index, const uint8_t **data, size_t *n);

/* The hash of an entry's leaf, as its tile has it. 0, or -1 with a reason. */
int tlog_leaf(struct tlog *l, uint64_t index, struct hash *to);

/*
 * All of it: each entry's hash against its leaf, the tree of all leaves against all tiles and the checkpoint. `tell` is called for each entry, in
 * order. 0, or -1 with a reason that names the file.
 */
int tlog_verify(struct tlog *l, int (*tell)(void *arg, uint64_t index, const uint8_t *data, size_t n), void *arg);

#endif
