/*
 * q8_packed.h: codes taken from where they lie in their planes (model/tile.h), a vector of Q8_LANES rows by 4 k at a time (inside compute
 * only). One token takes all of them so: written down as bytes in between, small ones would cost more than what is done with them.
 */
#ifndef MAI_COMPUTE_Q8_PACKED_H
#define MAI_COMPUTE_Q8_PACKED_H

#include <stdint.h>

#include "compute/kernel_sets.h"
#include "model/tile.h"

typedef uint16_t q_words __attribute__((vector_size(4 * Q8_LANES)));

/* Of one plane of `bits`, from its first byte of these lanes on: group `four`, put where its codes begin at bit `up`. */
static inline __attribute__((always_inline)) q_words
q8_plane(const uint8_t *from, int four, int bits, int up)
{
	q_words w;
	int down = four / bits * bits - up;

	__builtin_memcpy(&w, from + 64 * (four % bits), sizeof w);
	w = down > 0 ? w >> down : w << -down;
	return w & (uint16_t)(0x101 * (((1 << bits) - 1) << up)); /* 16 bits */
}

static inline __attribute__((always_inline)) int
q8_low_bits(int bits)
{
	return bits == 8 ? 8 : bits <= 3 ? 2 : 4;
}

/*
 * A part's codes are going to be read, for one token. The processor's own prefetch is best, but ends at each page, and wants lines that follow
 * each other: it is led to the next page, and two planes, which are read by turns, are asked for in order: at once where
 * little is done with them, else some bytes ahead.
 */
static inline __attribute__((always_inline)) void
q8_prefetch(const uint8_t *codes, int bits, size_t ahead)
{
	enum { PAGE = 4096 };
	const size_t bytes = (size_t)(TILE_CODES / 8 * bits);

	if (bits > q8_low_bits(bits))
		kernel_prefetch(codes + ahead, bytes);
	if ((uintptr_t)codes % PAGE < bytes)
		__builtin_prefetch(codes + PAGE);
}

/* Of codes of `bits`, in one plane or two. */
static inline __attribute__((always_inline)) q_words
q8_packed(const uint8_t *from, int four, int bits)
{
	const int low = q8_low_bits(bits);
	q_words codes = q8_plane(from, four, low, 0);

	return bits == low ? codes : codes | q8_plane(from + 64 * low, four, bits - low, low);
}

#endif
