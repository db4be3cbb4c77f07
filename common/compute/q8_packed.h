/*
 * q8_packed.h: codes of 2 to 6 bits taken from where they lie in their planes (model/tile.h), a vector of Q8_LANES rows by 4 k at a
 * time (inside compute only). One token alone takes them so: written down in between they would cost more than what is done with them.
 */
#ifndef MAI_COMPUTE_Q8_PACKED_H
#define MAI_COMPUTE_Q8_PACKED_H

#include <stdint.h>

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

/* Of codes of `bits`, in one plane or two. */
static inline __attribute__((always_inline)) q_words
q8_packed(const uint8_t *from, int four, int bits)
{
	const int low = bits <= 3 ? 2 : 4;
	q_words codes = q8_plane(from, four, low, 0);

	return bits == low ? codes : codes | q8_plane(from + 64 * low, four, bits - low, low);
}

#endif
