#include "stream/stream.h"

#include <string.h>

static const char *const kinds[] = {
	[STREAM_TOKENS] = "tokens",
	[STREAM_HIDDEN] = "hidden",
	[STREAM_LOGITS] = "logits",
	[STREAM_SCORES] = "scores",
	[STREAM_EMBEDDINGS] = "embeddings",
};

static const char *const dtypes[] = {
	[STREAM_F32] = "f32",
	[STREAM_F16] = "f16",
	[STREAM_Q8_0] = "q8_0",
	[STREAM_BF16] = "bf16",
};

static const char *const types[] = {
	[FRAME_ROWS] = "rows",
	[FRAME_OPEN] = "open",
	[FRAME_PROMPT_END] = "prompt-end",
	[FRAME_FORK] = "fork",
	[FRAME_CUT] = "cut",
	[FRAME_CLOSE] = "close",
	[FRAME_ERROR] = "error",
	[FRAME_END] = "end",
	[FRAME_RECEIPT] = "receipt",
	[FRAME_VOUCHER] = "voucher",
};

static const char *const reasons[] = {
	[CLOSE_STOP] = "stop",
	[CLOSE_LENGTH] = "length",
	[CLOSE_CONTEXT] = "context",
	[CLOSE_MEMORY] = "memory",
	[CLOSE_REFUSED] = "refused",
	[CLOSE_ERROR] = "error",
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *
name_of(const char *const *names, size_t n, size_t i)
{
	return i < n ? names[i] : NULL;
}

/* The number of a name, or n. */
static size_t
number_of(const char *const *names, size_t n, const char *name)
{
	size_t i = 0;

	while (i < n && !(names[i] && strcmp(names[i], name) == 0))
		i++;
	return i;
}

const char *
stream_kind_name(enum stream_kind k)
{
	return name_of(kinds, COUNT(kinds), k);
}

const char *
stream_dtype_name(enum stream_dtype d)
{
	return name_of(dtypes, COUNT(dtypes), d);
}

const char *
frame_type_name(enum frame_type t)
{
	return name_of(types, COUNT(types), t);
}

const char *
close_reason_name(enum close_reason r)
{
	return name_of(reasons, COUNT(reasons), r);
}

bool
stream_kind_named(const char *name, enum stream_kind *k)
{
	*k = (enum stream_kind)number_of(kinds, COUNT(kinds), name);
	return *k < COUNT(kinds);
}

bool
stream_dtype_named(const char *name, enum stream_dtype *d)
{
	*d = (enum stream_dtype)number_of(dtypes, COUNT(dtypes), name);
	return *d < COUNT(dtypes);
}

bool
frame_type_named(const char *name, enum frame_type *t)
{
	*t = (enum frame_type)number_of(types, COUNT(types), name);
	return *t < COUNT(types);
}

bool
close_reason_named(const char *name, enum close_reason *r)
{
	*r = (enum close_reason)number_of(reasons, COUNT(reasons), name);
	return *r < COUNT(reasons);
}

uint64_t
stream_row_bytes(enum stream_dtype dtype, uint32_t width)
{
	switch (dtype) {
	case STREAM_F32:
		return (uint64_t)width * 4;
	case STREAM_F16:
	case STREAM_BF16:
		return (uint64_t)width * 2;
	case STREAM_Q8_0:
		return width % STREAM_Q8_BLOCK == 0 ? (uint64_t)width / STREAM_Q8_BLOCK * STREAM_Q8_BYTES : 0;
	}
	return 0;
}
