/*
 * inorder.h: rows of results, written sequence after sequence in the order of the input, whatever order they come in.
 */
#ifndef MAI_FLOW_INORDER_H
#define MAI_FLOW_INORDER_H

#include "stream/stream.h"

struct inorder;

/* Writes the header at once. Rows have `h->width` f32 elements. NULL with a reason. */
struct inorder *inorder_new(int fd, const char *name, const struct stream_header *h);
void inorder_free(struct inorder *o);

/* A row of the sequence with that number; numbers count from 0 without a gap. The sequence id given out is the number. */
int inorder_row(struct inorder *o, uint64_t number, uint32_t pos, uint32_t token, const float *data);

/* No more rows of it will come. */
int inorder_close(struct inorder *o, uint64_t number, uint64_t ordinal, enum close_reason reason, uint32_t end);

/* All sequences were closed: FRAME_END. */
int inorder_end(struct inorder *o);

#endif
