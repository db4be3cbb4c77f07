/*
 * quantize.h: weights from one element type to another, by way of f32: a row, or whole blocks of one.
 *
 * Types are the plain ones that mai computes (model/types.h): of blocks n is a multiple of a block's weights. Into f32, f16, bf16, q8_0 and
 * those of model/blocks_make.h.
 * The 16-bit types round to nearest, ties to even, without flushing of denormals. q8_0 has the bits of ggml's
 * quantize_row_q8_0_ref, so that a tensor is the one that llama-quantize makes: d = amax/127, kept as f16, and each quant is
 * x times 1/d, where d is the f32, rounded to nearest, halves away from zero. (Rows of a stream round otherwise:
 * stream/convert.h.)
 */
#ifndef MAI_MODEL_QUANTIZE_H
#define MAI_MODEL_QUANTIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The type of a name such as "q8_0", in small letters or large; false for another name. */
bool quantize_type(const char *name, uint32_t *type);

/* Can weights of this type be made from f32 and back, and what was made stays? f32, f16, bf16 and q8_0 can. */
bool quantize_makes(uint32_t type);

/* `from` is aligned to an element, of q8_0 to 2 bytes. */
void quantize_to_f32(float *to, uint32_t type, const void *from, size_t n);

bool quantize_is_finite(const float *x, size_t n); /* all of them */

/*
 * False when there is a value that the type can't hold: one that is not finite, or that would be infinite in f16 or bf16, or
 * that gives its block such a scale. What quantize_to_f32 gave comes back as it was (of q8_0: where the f16 is not 0, and
 * a quant of the block is 127 or -127, as one is in each that was quantised so).
 */
bool quantize_from_f32(void *to, uint32_t type, const float *from, size_t n);

/* The same of a row, where errors count by column as `by` says (model/blocks_make.h); to types that are not made there it is nothing. */
bool quantize_row(void *to, uint32_t type, const float *from, const float *by, size_t n);

#endif
