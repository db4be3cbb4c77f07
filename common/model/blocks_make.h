/*
 * blocks_make.h: floats made blocks of few bits, each with the bytes that llama-quantize gives them.
 *
 * q4_0, q5_0   the scale takes the value of the largest magnitude to the lowest code
 * q4_1, q5_1   the codes divide the span from the least value to the largest
 * q4_k, q5_k   for each 32, of some scales and least values the pair with the least squared error, weighed by size; then 6 bits of each
 * q6_k         for each 16, of some scales the one with the least squared error, weighed by squares; then 8 bits of each
 *
 * Where it is known how much the columns count (model/imatrix.h), errors are weighed by that, of all but q6_k by sizes too; the first four
 * are searched like the others then, and so are the 6 bits.
 */
#ifndef MAI_MODEL_BLOCKS_MAKE_H
#define MAI_MODEL_BLOCKS_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One of the types above? */
bool blocks_makes(uint32_t type);

/*
 * n finite values, whole blocks. `by`: how much the error of each of them counts, no number below zero; NULL: one as much as another.
 * With it, what is around a value counts too, so n is a row. False: a scale is too large for f16.
 */
bool blocks_make(uint8_t *to, uint32_t type, const float *x, const float *by, size_t n);

#endif
