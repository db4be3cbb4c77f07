/*
 * blocks_make.h: floats made blocks of few bits, each with the bytes that llama-quantize gives them.
 *
 * q4_0, q5_0   the scale takes the value of the largest magnitude to the lowest code
 * q5_1         the codes divide the span from the least value to the largest
 * q4_k, q5_k   for each 32, of some scales and least values the pair with the least squared error, weighed by size; then 6 bits of each
 * q6_k         for each 16, of some scales the one with the least squared error, weighed by squares; then 8 bits of each
 */
#ifndef MAI_MODEL_BLOCKS_MAKE_H
#define MAI_MODEL_BLOCKS_MAKE_H

#include <stdbool.h>
#include <stdint.h>

/* One of the types above? */
bool blocks_makes(uint32_t type);

/* One block of finite values. False: its scale is too large for f16. */
bool blocks_make(uint8_t *block, uint32_t type, const float *x);

#endif
