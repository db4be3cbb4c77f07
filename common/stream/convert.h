/* convert.h: rows of any element type to f32 and back. n is a multiple of 32 for q8_0. */
#ifndef MAI_STREAM_CONVERT_H
#define MAI_STREAM_CONVERT_H

#include "stream/stream.h"

void convert_to_f32(float *to, enum stream_dtype dtype, const void *from, size_t n);

/*
 * Rounds to nearest, ties to even. False when there is a value that q8_0 can't hold: not finite, or so large that the
 * block's scale is none in f16. What convert_to_f32 made of a q8_0 block that was quantised so comes back the same.
 */
bool convert_from_f32(void *to, enum stream_dtype dtype, const float *from, size_t n);

#endif
