#include "ledger/tile.h"

#include <stdio.h>

char *
tile_path(char to[TILE_PATH], int level, uint64_t index, unsigned width)
{
	char group[8][8];
	int n = level == TILE_ENTRIES ? snprintf(to, TILE_PATH, "tile/entries") : snprintf(to, TILE_PATH, "tile/%d", level), groups = 0;

	do {
		snprintf(group[groups], sizeof *group, "%s%03u", groups ? "x" : "", (unsigned)(index % 1000));
		groups++;
		index /= 1000;
	} while (index > 0 && groups < 8);
	while (groups > 0)
		n += snprintf(to + n, TILE_PATH - (size_t)n, "/%s", group[--groups]); /* at most 15 + 8 * 5 + 6 characters */
	if (width < TILE_WIDTH)
		snprintf(to + n, TILE_PATH - (size_t)n, ".p/%u", width);
	return to;
}

unsigned
tile_width(int level, uint64_t index, uint64_t size)
{
	uint64_t nodes = level == TILE_ENTRIES ? size : size >> TILE_HEIGHT * level, first = index * TILE_WIDTH;

	return nodes <= first ? 0 : nodes - first >= TILE_WIDTH ? TILE_WIDTH : (unsigned)(nodes - first);
}
