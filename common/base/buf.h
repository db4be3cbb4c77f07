/* buf.h: a growing string of bytes. A zeroed struct is an empty one; buf_free leaves it so. */
#ifndef MAI_BASE_BUF_H
#define MAI_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
};

/* All return 0, or -1 with a reason when there is no memory. */
int buf_reserve(struct buf *b, size_t more); /* room for `more` bytes behind len */
int buf_add(struct buf *b, const void *data, size_t n);
int buf_addc(struct buf *b, uint8_t c);
int buf_zero(struct buf *b, size_t n);       /* n zero bytes */
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first n bytes. */
void buf_shift(struct buf *b, size_t n);
void buf_free(struct buf *b);

#endif
