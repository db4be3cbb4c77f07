/*
 * edge.h: the end of a log that grows: of each level the tile that is not full, and the entries of the last bundle. What becomes
 * full, and what has changed, is gathered as files to be written.
 */
#ifndef MAI_LEDGER_EDGE_H
#define MAI_LEDGER_EDGE_H

#include "ledger/tlog.h"

struct edge {
	uint64_t size;
	unsigned n[TILE_LEVELS];
	struct hash hash[TILE_LEVELS][TILE_WIDTH];
	bool changed[TILE_LEVELS];
	struct buf bundle;        /* n[0] entries */
	struct edge_file {
		int level;
		uint64_t index;
		unsigned width;
		struct buf data;
	} *file;
	size_t n_files, cap;
};

/* That of a log as it was when it had so many entries, whose root is to be this. 0, or -1 with a reason. */
int edge_load(struct edge *e, struct tlog *l, uint64_t size, const struct hash *root);

/* Adds an entry; full tiles are gathered. 0 or -1. */
int edge_add(struct edge *e, const void *data, size_t n, const struct hash *leaf);

/* Gathers what is not full and has changed. 0 or -1. */
int edge_finish(struct edge *e);

struct hash edge_root(const struct edge *e);
void edge_drop_files(struct edge *e);
void edge_free(struct edge *e);

#endif
