/* block.h: rows of a journal, as many as came in a frame, held as long as anybody needs one of them; in memory or in a file. */
#ifndef MAI_NET_BLOCK_H
#define MAI_NET_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "stream/stream.h"

struct blocks {
	size_t limit, used; /* bytes of data in memory */
	int fd;             /* -1: no file yet */
	off_t end;
	size_t filed;       /* blocks in the file */
};

struct block {
	unsigned holders;
	uint32_t n;
	size_t row_bytes;
	uint8_t *data;   /* NULL: none, or it lies in the file */
	off_t at;
	struct row row[]; /* n */
};

void blocks_init(struct blocks *s, size_t limit);
void blocks_free(struct blocks *s);

/* The rows of a frame, held once. NULL with a reason. */
struct block *block_new(struct blocks *s, const struct frame *f);
struct block *block_hold(struct block *b);
void block_release(struct blocks *s, struct block *b); /* NULL: nothing */

/* The data of row i. 0 or -1. */
int block_copy(const struct blocks *s, const struct block *b, uint32_t i, void *to);

#endif
