/*
 * q8_order.h: the order in which a product of several tokens goes through a matrix of blocks, and how what comes next is asked for (inside
 * compute only).
 *
 * A stretch is a few parts of a tile, or of two side by side: short enough for what is made of it to stay in the first-level cache while all
 * tokens pass, some at a time. Meanwhile each of these steps asks for a share of the next one, so that memory has all of the time.
 */
#ifndef MAI_COMPUTE_Q8_ORDER_H
#define MAI_COMPUTE_Q8_ORDER_H

#include "compute/kernel_sets.h"
#include "compute/q8_ready.h"
#include "compute/q8_rows.h"

/* Of the tiles from `first` to `last`, which is not among them. */
struct q8_order {
	size_t first, last;
	size_t beside; /* tiles side by side, where so many are left */
	size_t parts;  /* of a row */
	size_t span;   /* parts that are gone through for all tiles before those that follow */
};

struct q8_stretch {
	size_t begin; /* where its span begins */
	size_t tile, tiles, part, parts;
};

/* From a part on. Its parts are whole blocks, but for the last of a row. */
static inline struct q8_stretch
q8_stretch_at(const struct q8_order *o, size_t begin, size_t tile, size_t part)
{
	return (struct q8_stretch){
		.begin = begin, .tile = tile, .tiles = o->last - tile < o->beside ? 1 : o->beside,
		.part = part, .parts = o->parts - part < Q8_PARTS ? o->parts - part : Q8_PARTS,
	};
}

/* The last one is followed by the tile behind all. */
static inline struct q8_stretch
q8_stretch_after(const struct q8_order *o, struct q8_stretch s)
{
	size_t part = s.part + s.parts, tile = s.tile + s.tiles, begin = s.begin + o->span;

	if (part < begin && part < o->parts)
		return q8_stretch_at(o, s.begin, s.tile, part);
	if (tile == o->last && begin < o->parts)
		return q8_stretch_at(o, begin, o->first, begin);
	return q8_stretch_at(o, s.begin, tile, s.begin);
}

/* Codes of the next stretch: those that are not asked for yet, of its first tile. */
struct q8_next {
	const uint8_t *codes, *end;
	size_t tile_bytes; /* from tile to tile */
	size_t share;      /* bytes of a part that a step asks for, 0 when there are no more */
};

static inline struct q8_next
q8_next_of(const struct q8_matrix *m, struct q8_stretch next, size_t steps)
{
	const uint8_t *codes = q8_codes_at(m, next.tile, next.part);

	return (struct q8_next){
		.codes = codes, .end = codes + next.parts * m->part_bytes, .tile_bytes = m->parts * m->part_bytes,
		.share = (m->part_bytes / steps + 63) / 64 * 64,
	};
}

/* With part i of the stretch in hand. */
static inline __attribute__((always_inline)) void
q8_next_ask(const struct q8_next *n, size_t i, int tiles)
{
	for (int t = 0; t < tiles; t++)
		kernel_prefetch(n->codes + (size_t)t * n->tile_bytes + i * n->share, n->share);
}

/* After a step through `parts` parts. */
static inline void
q8_next_asked(struct q8_next *n, size_t parts)
{
	n->codes += parts * n->share;
	if (n->codes >= n->end)
		n->share = 0;
}

#endif
