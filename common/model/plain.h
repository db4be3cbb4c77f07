/* plain.h: the bytes of a tensor, plain or interleaved, in pieces of bounded size. */
#ifndef MAI_MODEL_PLAIN_H
#define MAI_MODEL_PLAIN_H

#include "model/list.h"

enum { PLAIN_PIECE = 4 << 20 }; /* bytes of a piece, or one row or tile where that is larger */

/* Takes the next n bytes of a tensor, which are whole rows where it lies plain. 0, or -1 to stop. */
typedef int plain_sink(void *arg, const void *data, size_t n);

/* The type of the plain form, and its size. */
uint32_t plain_type(const struct gguf_tensor *t);
uint64_t plain_size(const struct gguf_tensor *t);

/* Bytes of work space that the functions below need for this tensor. */
uint64_t plain_space(const struct gguf_tensor *t);
uint64_t tiled_space(const struct gguf_tensor *t);

/* All plain bytes of a tensor in order, whichever way it lies in its file. 0 or -1. */
int plain_each(const struct place *p, void *space, plain_sink *sink, void *arg);

/* All bytes of the interleaved form of a tensor that lies plain and whose type has one (model/tile.h). 0 or -1. */
int tiled_each(const struct place *p, void *space, plain_sink *sink, void *arg);

/* All bytes as they lie. 0 or -1. */
int stored_each(const struct place *p, plain_sink *sink, void *arg);

/* Where matrix i begins, of a tensor of 3 dimensions, which has several. */
const uint8_t *stored_matrix(const struct gguf_tensor *t, uint64_t i);

#endif
