/*
 * blocks.h: weights as blocks of 32 quants with one f16 scale before them, as GGML has them.
 *
 * A quant is kept as a code of few bits; its value is a small whole number, and the weight is that times the scale.
 *
 *	q8_0    32 signed bytes
 *	q4_0    4 bits, less 8; the first 16 are the low halves of 16 bytes, the others their high halves
 *	iq4_nl  4 bits, in the same places; values come from a table that is denser around zero
 *	q5_0    5 bits, less 16; the highest bits first, as 32 bits, then the others as in q4_0
 */
#ifndef MAI_MODEL_BLOCKS_H
#define MAI_MODEL_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLOCKS_SIZE = 32 };

/* Is the plain type one of those above? */
bool blocks_has(uint32_t type);

/* Codes of a block, of q8_0 with 128 added; and a block from its scale's two bytes and its codes. */
void blocks_codes(uint8_t code[BLOCKS_SIZE], uint32_t type, const uint8_t *block);
void blocks_put(uint8_t *block, uint32_t type, const uint8_t scale[2], const uint8_t code[BLOCKS_SIZE]);

/* The value of a code. */
int blocks_value(uint32_t type, uint8_t code);

/* The values of 4-bit codes of iq4_nl. */
extern const int8_t blocks_iq4[16];

/* n weights, a multiple of 32. */
void blocks_to_f32(float *to, uint32_t type, const void *from, size_t n);

#endif
