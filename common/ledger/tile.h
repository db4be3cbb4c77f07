/*
 * tile.h: where a log keeps its hashes and entries (C2SP tlog-tiles), as files below one folder:
 *
 *	tile/L/N        the hashes of 256 nodes of height 8 L, from number 256 N on, 32 bytes each
 *	tile/entries/N  256 entries: of each its length in two bytes, big endian, and its bytes
 *
 * N is in groups of three digits, all but the last behind an 'x' ("x001/x234/067"). One that is not full yet has ".p/W" behind it, W being how
 * many are in it; another with more of them is another file.
 */
#ifndef MAI_LEDGER_TILE_H
#define MAI_LEDGER_TILE_H

#include <stdint.h>

enum {
	TILE_HEIGHT = 8,
	TILE_WIDTH = 1 << TILE_HEIGHT,
	TILE_LEVELS = 8,     /* 2^64 leaves have no more */
	TILE_ENTRIES = -1,   /* in place of a level */
	TILE_PATH = 64,
};

/* The path of a tile of `width` hashes or entries, below the log's folder. Returns `to`. */
char *tile_path(char to[TILE_PATH], int level, uint64_t index, unsigned width);

/* How many are in tile `index` of a log of `size` entries: 0 to 256. */
unsigned tile_width(int level, uint64_t index, uint64_t size);

#endif
