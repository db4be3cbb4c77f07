/* gguf_bytes.h: GGUF files put together byte by byte, as no writer would. */
#ifndef MAI_TESTS_GGUF_BYTES_H
#define MAI_TESTS_GGUF_BYTES_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "model/gguf.h"

static inline void
u32(struct buf *b, uint32_t v)
{
	if (buf_add(b, &v, sizeof v) < 0)
		abort();
}

static inline void
u64(struct buf *b, uint64_t v)
{
	if (buf_add(b, &v, sizeof v) < 0)
		abort();
}

static inline void
bytes(struct buf *b, const void *p, size_t n)
{
	if (buf_add(b, p, n) < 0)
		abort();
}

static inline void
string(struct buf *b, const char *s)
{
	u64(b, strlen(s));
	bytes(b, s, strlen(s));
}

static inline void
header(struct buf *b, uint64_t n_tensors, uint64_t n_keys)
{
	bytes(b, "GGUF", 4);
	u32(b, 3);
	u64(b, n_tensors);
	u64(b, n_keys);
}

static inline void
key_u32(struct buf *b, const char *name, uint32_t v)
{
	string(b, name);
	u32(b, GGUF_U32);
	u32(b, v);
}

static inline void
key_string(struct buf *b, const char *name, const char *v)
{
	string(b, name);
	u32(b, GGUF_STRING);
	string(b, v);
}

static inline void
array(struct buf *b, const char *name, uint32_t item, uint64_t n)
{
	string(b, name);
	u32(b, GGUF_ARRAY);
	u32(b, item);
	u64(b, n);
}

/* A tensor of one or two dimensions (b 0: one). */
static inline void
info(struct buf *b, const char *name, uint64_t ne0, uint64_t ne1, uint32_t type, uint64_t offset)
{
	string(b, name);
	u32(b, ne1 ? 2 : 1);
	u64(b, ne0);
	if (ne1)
		u64(b, ne1);
	u32(b, type);
	u64(b, offset);
}

static inline void
pad(struct buf *b, size_t to)
{
	while (b->len % to)
		if (buf_addc(b, 0) < 0)
			abort();
}

static inline void
data(struct buf *b, size_t n)
{
	pad(b, GGUF_ALIGNMENT);
	if (buf_zero(b, n) < 0)
		abort();
}

#endif
