#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/gguf.h"
#include "model/types.h"

struct put {
	char name[GGUF_MAX_NAME];
	uint32_t type, n_dims;
	uint64_t ne[GGUF_MAX_DIMS];
	const void *data; /* or NULL, and fill */
	uint64_t size;
	gguf_fill *fill;
	void *arg;
};

struct gguf_writer {
	struct buf keys; /* packed */
	uint64_t n_keys, alignment;
	struct put *tensors;
	size_t n_tensors, cap;
};

struct gguf_writer *
gguf_writer_new(void)
{
	struct gguf_writer *w = mem_alloc(1, sizeof *w);

	if (w)
		w->alignment = GGUF_ALIGNMENT;
	return w;
}

void
gguf_writer_free(struct gguf_writer *w)
{
	if (!w)
		return;
	buf_free(&w->keys);
	free(w->tensors);
	free(w);
}

/* ---- packing ---- */

static int
add_u32(struct buf *b, uint32_t v)
{
	return buf_add(b, &v, sizeof v);
}

static int
add_u64(struct buf *b, uint64_t v)
{
	return buf_add(b, &v, sizeof v);
}

static int
add_string(struct buf *b, const char *data, uint64_t n)
{
	return add_u64(b, n) < 0 ? -1 : buf_add(b, data, n);
}

static int
add_name(struct gguf_writer *w, const char *name, uint64_t n, enum gguf_kind kind)
{
	w->n_keys++;
	return add_string(&w->keys, name, n) < 0 ? -1 : add_u32(&w->keys, kind);
}

static int
add_array(struct gguf_writer *w, const char *name, enum gguf_kind item, uint64_t n)
{
	if (add_name(w, name, strlen(name), GGUF_ARRAY) < 0 || add_u32(&w->keys, item) < 0)
		return -1;
	return add_u64(&w->keys, n);
}

/* ---- keys ---- */

int
gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t v)
{
	if (strcmp(key, "general.alignment") == 0)
		w->alignment = v;
	return add_name(w, key, strlen(key), GGUF_U32) < 0 ? -1 : add_u32(&w->keys, v);
}

int
gguf_put_u64(struct gguf_writer *w, const char *key, uint64_t v)
{
	return add_name(w, key, strlen(key), GGUF_U64) < 0 ? -1 : add_u64(&w->keys, v);
}

int
gguf_put_f32(struct gguf_writer *w, const char *key, float v)
{
	return add_name(w, key, strlen(key), GGUF_F32) < 0 ? -1 : buf_add(&w->keys, &v, sizeof v);
}

int
gguf_put_bool(struct gguf_writer *w, const char *key, bool v)
{
	return add_name(w, key, strlen(key), GGUF_BOOL) < 0 ? -1 : buf_addc(&w->keys, v);
}

int
gguf_put_string(struct gguf_writer *w, const char *key, const char *v)
{
	return add_name(w, key, strlen(key), GGUF_STRING) < 0 ? -1 : add_string(&w->keys, v, strlen(v));
}

int
gguf_put_strings(struct gguf_writer *w, const char *key, const struct gguf_string *v, uint64_t n)
{
	if (add_array(w, key, GGUF_STRING, n) < 0)
		return -1;
	for (uint64_t i = 0; i < n; i++)
		if (add_string(&w->keys, v[i].data, v[i].len) < 0)
			return -1;
	return 0;
}

int
gguf_put_array(struct gguf_writer *w, const char *key, enum gguf_kind item, const void *v, uint64_t n)
{
	static const uint8_t size[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 }; /* by enum gguf_kind */
	uint64_t bytes;

	if (item == GGUF_STRING || item == GGUF_ARRAY || !mem_mul(n, size[item], &bytes))
		return err_set(ERR_DATA, "%s: an array that can't be written", key);
	return add_array(w, key, item, n) < 0 ? -1 : buf_add(&w->keys, v, bytes);
}

int
gguf_put_key(struct gguf_writer *w, const struct gguf_key *key)
{
	uint32_t v;

	if (gguf_string_is(key->name, "general.alignment") && key->kind == GGUF_U32) {
		memcpy(&v, key->data, sizeof v);
		w->alignment = v;
	}
	if (add_name(w, key->name.data, key->name.len, key->kind) < 0)
		return -1;
	if (key->kind == GGUF_ARRAY && (add_u32(&w->keys, key->item) < 0 || add_u64(&w->keys, key->n) < 0))
		return -1;
	return buf_add(&w->keys, key->data, key->size);
}

/* ---- tensors ---- */

static int
put(struct gguf_writer *w, const char *name, const struct put *tensor, const uint64_t *ne)
{
	uint64_t size, n = strlen(name);
	struct put *t;

	if (n == 0 || n >= GGUF_MAX_NAME || tensor->n_dims < 1 || tensor->n_dims > GGUF_MAX_DIMS)
		return err_set(ERR_DATA, "tensor %s: its name or its number of dimensions can't be written", name);
	if (!type_size(tensor->type, tensor->n_dims, ne, &size) || size != tensor->size)
		return err_set(ERR_DATA, "tensor %s: %" PRIu64 " bytes don't fit its type and shape", name, tensor->size);
	if (mem_grow(&w->tensors, &w->cap, w->n_tensors + 1, sizeof *w->tensors) < 0)
		return -1;
	t = &w->tensors[w->n_tensors++];
	*t = *tensor;
	memcpy(t->name, name, n + 1);
	memcpy(t->ne, ne, tensor->n_dims * sizeof *ne);
	return 0;
}

int
gguf_put_tensor(struct gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims, const uint64_t *ne,
    const void *data, uint64_t size)
{
	return put(w, name, &(struct put){ .type = type, .n_dims = n_dims, .data = data, .size = size }, ne);
}

int
gguf_put_tensor_fill(struct gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims, const uint64_t *ne,
    uint64_t size, gguf_fill *fill, void *arg)
{
	return put(w, name, &(struct put){ .type = type, .n_dims = n_dims, .size = size, .fill = fill, .arg = arg }, ne);
}

/* ---- the file ---- */

static int
add_info(struct buf *b, const struct put *t, uint64_t offset)
{
	if (add_string(b, t->name, strlen(t->name)) < 0 || add_u32(b, t->n_dims) < 0 ||
	    buf_add(b, t->ne, t->n_dims * sizeof *t->ne) < 0)
		return -1;
	return add_u32(b, t->type) < 0 ? -1 : add_u64(b, offset);
}

/* Everything before the data, padded. */
static int
pack_header(struct buf *b, const struct gguf_writer *w)
{
	uint64_t offset = 0, end;

	if (buf_add(b, "GGUF\3\0\0", 8) < 0 || add_u64(b, w->n_tensors) < 0 || add_u64(b, w->n_keys) < 0 ||
	    buf_add(b, w->keys.data, w->keys.len) < 0)
		return -1;
	for (size_t i = 0; i < w->n_tensors; i++) {
		if (add_info(b, &w->tensors[i], offset) < 0)
			return -1;
		if (!mem_add(offset, w->tensors[i].size, &offset) || !mem_round_up(offset, w->alignment, &offset))
			return err_set(ERR_DATA, "the tensors are too large for a file");
	}
	return mem_round_up(b->len, w->alignment, &end) ? buf_zero(b, end - b->len) : -1;
}

static int
write_tensor(FILE *to, const struct put *t, uint64_t alignment, const char *path)
{
	static const uint8_t zeros[GGUF_MAX_ALIGNMENT];
	uint64_t pad = (alignment - t->size % alignment) % alignment;
	off_t before = ftello(to);
	struct stat st;
	/* A pipe has no position to compare, and that of a device need not move. */
	bool counted = before >= 0 && !(fstat(fileno(to), &st) == 0 && S_ISCHR(st.st_mode));

	if (t->fill) {
		if (t->fill(t->arg, to, path) < 0)
			return -1;
	} else if (fwrite(t->data, 1, t->size, to) != t->size) {
		return err_sys("%s", path);
	}
	/* Short data would shift all that follows. */
	if (counted && ftello(to) - before != (off_t)t->size)
		return err_set(ERR_DATA, "%s: tensor %s was not written whole", path, t->name);
	return fwrite(zeros, 1, pad, to) == pad ? 0 : err_sys("%s", path);
}

int
gguf_write_file(const struct gguf_writer *w, FILE *to, const char *name)
{
	struct buf header = { 0 };
	int rc = -1;

	if (w->alignment == 0 || w->alignment > GGUF_MAX_ALIGNMENT || (w->alignment & (w->alignment - 1)) != 0)
		return err_set(ERR_DATA, "%s: general.alignment is %" PRIu64, name, w->alignment);
	if (pack_header(&header, w) < 0)
		goto done;
	if (fwrite(header.data, 1, header.len, to) != header.len) {
		err_sys("%s", name);
		goto done;
	}
	for (size_t i = 0; i < w->n_tensors; i++)
		if (write_tensor(to, &w->tensors[i], w->alignment, name) < 0)
			goto done;
	rc = 0;
done:
	buf_free(&header);
	return rc;
}

int
gguf_write(const struct gguf_writer *w, const char *path)
{
	struct io_out out = { 0 };

	if (io_out_open(&out, path) < 0)
		return -1;
	if (gguf_write_file(w, out.file, path) < 0) {
		io_out_abort(&out);
		return -1;
	}
	return io_out_commit(&out);
}
