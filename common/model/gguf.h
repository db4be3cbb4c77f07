/*
 * gguf.h: the GGUF file format, versions 2 and 3 (read) and 3 (written).
 * Source: the ggml project, docs/gguf.md.
 *
 * A file is mapped, checked whole while it is opened (every count, length, offset and size against the file and the
 * limits below, with checked arithmetic) and then only looked at: strings, arrays and tensor data point into the map.
 */
#ifndef MAI_MODEL_GGUF_H
#define MAI_MODEL_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io.h"

enum {
	GGUF_MAX_TENSORS = 1 << 20,
	GGUF_MAX_KEYS = 1 << 16,
	GGUF_MAX_KEY = 1 << 16,  /* bytes of a key */
	GGUF_MAX_NAME = 64,      /* bytes of a tensor name, with the NUL others put behind it */
	GGUF_MAX_DIMS = 4,
	GGUF_MAX_ARRAY = 1 << 28,
	GGUF_MAX_STRING = 1 << 30,
	GGUF_MAX_ALIGNMENT = 1 << 16,
	GGUF_ALIGNMENT = 32,     /* when general.alignment is not given */
};

enum gguf_kind { /* types of metadata values */
	GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL,
	GGUF_STRING, GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64,
};

struct gguf_string {
	const char *data; /* not terminated */
	uint64_t len;
};

struct gguf_key {
	struct gguf_string name;
	enum gguf_kind kind;
	enum gguf_kind item; /* GGUF_ARRAY: kind of its elements (arrays of arrays are refused) */
	uint64_t n;          /* GGUF_ARRAY: number of elements; else 1 */
	const uint8_t *data; /* the value (of an array: its first element), as it lies in the file */
	uint64_t size;       /* its bytes */
};

struct gguf_tensor {
	struct gguf_string name;
	uint32_t type;               /* model/types.h */
	uint32_t n_dims;
	uint64_t ne[GGUF_MAX_DIMS];  /* ne[0] runs fastest; 1 beyond n_dims */
	uint64_t offset;             /* from the start of the file */
	uint64_t size;               /* bytes */
	const uint8_t *data;
};

/* Which file it was, as it was when it was opened: all 0 for one in memory. Times in nanoseconds. */
struct gguf_stamp {
	uint64_t device, inode, size;
	int64_t modified, changed;
};

struct gguf {
	char *path;
	struct io_map map;
	uint32_t version;
	uint64_t alignment;
	uint64_t data_offset;
	struct gguf_key *keys;
	uint64_t n_keys;
	struct gguf_tensor *tensors;
	uint64_t n_tensors;

	struct gguf_stamp stamp;

	/* private: the indices of keys and tensors in order of names; is the map not ours to unmap */
	uint32_t *key_order, *tensor_order;
	bool borrowed;
};

/*
 * NULL with a reason that names the file, the offset and the fault.
 *
 * Refused besides what doesn't fit: names that are empty, repeated, not UTF-8 or hold control characters; a boolean that is
 * neither 0 nor 1; tensors without elements, or whose data don't follow one another in the order of their
 * infos with only the padding between; bytes behind the last tensor's padding. Values that are strings may hold any bytes.
 */
struct gguf *gguf_open(const char *path);

/* The same of a file that lies in memory, which must stay there until gguf_free. `name` is for reasons. */
struct gguf *gguf_open_memory(const void *data, size_t size, const char *name);
void gguf_free(struct gguf *g);

/* Is the file at the path still the one that was opened, as it was then? */
bool gguf_unchanged(const struct gguf *g);

const struct gguf_key *gguf_find(const struct gguf *g, const char *key);
const struct gguf_tensor *gguf_tensor(const struct gguf *g, const char *name);
const struct gguf_tensor *gguf_tensor_named(const struct gguf *g, struct gguf_string name);

/*
 * Typed look-ups: 1 and *out set; 0 when the key is absent (*out untouched); -1 when it has another type or a value
 * that does not fit. Any integer kind serves for gguf_u64, f32 and f64 for gguf_f64.
 */
int gguf_get_u64(const struct gguf *g, const char *key, uint64_t *out);
int gguf_get_f64(const struct gguf *g, const char *key, double *out);
int gguf_get_bool(const struct gguf *g, const char *key, bool *out);
int gguf_get_string(const struct gguf *g, const char *key, struct gguf_string *out);

/* An array of `kind`: as above. */
int gguf_get_array(const struct gguf *g, const char *key, enum gguf_kind kind, const struct gguf_key **out);

/* Walks the strings of an array in order: *at is 0 first. The array was checked when the file was opened. */
struct gguf_string gguf_next_string(const struct gguf_key *array, uint64_t *at);

bool gguf_string_is(struct gguf_string s, const char *text);
bool gguf_string_cut(struct gguf_string *s, const char *end); /* does it end so, behind something? Then that is what is left */

/* The order of bytes, of two that begin alike the shorter one first: <0, 0, >0. */
int gguf_string_compare(struct gguf_string a, struct gguf_string b);

/* ---- writing ---- */

/*
 * Keys and tensors are added in order, then all is written: the header with every key and tensor info, then each
 * tensor's data, padded. Data pointers must live until gguf_write returns. Functions that return int: 0 or -1.
 */
struct gguf_writer;
struct gguf_writer *gguf_writer_new(void);
void gguf_writer_free(struct gguf_writer *w);
int gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t v);
int gguf_put_u64(struct gguf_writer *w, const char *key, uint64_t v);
int gguf_put_f32(struct gguf_writer *w, const char *key, float v);
int gguf_put_bool(struct gguf_writer *w, const char *key, bool v);
int gguf_put_string(struct gguf_writer *w, const char *key, const char *v);
int gguf_put_strings(struct gguf_writer *w, const char *key, const struct gguf_string *v, uint64_t n);
int gguf_put_array(struct gguf_writer *w, const char *key, enum gguf_kind item, const void *v, uint64_t n);
int gguf_put_key(struct gguf_writer *w, const struct gguf_key *key); /* a copy of a key that was read */
int gguf_put_tensor(struct gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims, const uint64_t *ne,
    const void *data, uint64_t size);
/* Instead of data that lies in memory: `fill` writes the tensor's bytes when its turn comes. `name` is the file's, for reasons. */
typedef int gguf_fill(void *arg, FILE *to, const char *name);
int gguf_put_tensor_fill(struct gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims, const uint64_t *ne,
    uint64_t size, gguf_fill *fill, void *arg);
int gguf_write(const struct gguf_writer *w, const char *path);
int gguf_write_file(const struct gguf_writer *w, FILE *to, const char *name); /* the same, to a file that is open */

#endif
