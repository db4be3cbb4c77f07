/*
 * q8_codes.h: the quants of a block of a tile made what q8_0 has, 512 unsigned bytes with 128 added (inside compute only). So one product
 * serves all types of blocks; loops are plain, for the compiler to make vectors of.
 */
#ifndef MAI_COMPUTE_Q8_CODES_H
#define MAI_COMPUTE_Q8_CODES_H

#include <stddef.h>
#include <stdint.h>

#include "model/blocks.h"
#include "model/tile.h"

enum { Q8_CODES = 512, Q8_HALF = Q8_CODES / 2, Q8_PLANE = Q8_CODES / 8 };

static inline void
q8_halves(uint8_t to[Q8_CODES], const uint8_t *from, uint8_t more)
{
	for (size_t i = 0; i < Q8_HALF; i++) {
		to[i] = (uint8_t)((from[i] & 15) + more);          /* < 256 */
		to[Q8_HALF + i] = (uint8_t)((from[i] >> 4) + more); /* < 256 */
	}
}

static inline void
q8_plane(uint8_t to[Q8_CODES], const uint8_t *high)
{
	for (size_t bit = 0; bit < 8; bit++)
		for (size_t i = 0; i < Q8_PLANE; i++)
			to[bit * Q8_PLANE + i] = (uint8_t)(to[bit * Q8_PLANE + i] + ((high[i] >> bit & 1) << 4)); /* < 256 */
}

/* Where they are then: of q8_0 where they were. */
static inline const uint8_t *
q8_codes(uint8_t to[Q8_CODES], uint32_t type, const uint8_t *from)
{
	switch (type) {
	case TYPE_Q8_0:
		return from;
	case TYPE_Q4_0:
		q8_halves(to, from, 128 - 8);
		break;
	case TYPE_Q5_0:
		q8_halves(to, from, 128 - 16);
		q8_plane(to, from + Q8_HALF);
		break;
	default:
		q8_halves(to, from, 0);
		for (size_t i = 0; i < Q8_CODES; i++)
			to[i] = (uint8_t)(blocks_iq4[to[i]] + 128); /* -127 to 113 */
	}
	return to;
}

#endif
