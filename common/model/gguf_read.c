#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/gguf.h"
#include "model/tile.h"

enum {
	MIN_KEY = 8 + 1 + 4 + 1,              /* least bytes of a key with its value */
	MIN_TENSOR = 8 + 1 + 4 + 8 + 4 + 8,   /* least bytes of a tensor info */
	MIN_ALIGNMENT = 8,
};

/* The part of the file that is being read: [at, size). */
struct cursor {
	const char *path;
	const uint8_t *data;
	uint64_t at, size;
};

static int
fault(const struct cursor *c, uint64_t at, const char *what)
{
	return err_set(ERR_DATA, "%s: offset %" PRIu64 ": %s", c->path, at, what);
}

/* n bytes, or NULL with a reason when fewer are left. */
static const uint8_t *
take(struct cursor *c, uint64_t n)
{
	const uint8_t *p;

	if (n > c->size - c->at) {
		err_set(ERR_DATA, "%s: offset %" PRIu64 ": %" PRIu64 " bytes wanted, %" PRIu64 " left", c->path, c->at, n,
		    c->size - c->at);
		return NULL;
	}
	p = c->data + c->at;
	c->at += n;
	return p;
}

static int
take_u32(struct cursor *c, uint32_t *v)
{
	const uint8_t *p = take(c, 4);

	if (!p)
		return -1;
	memcpy(v, p, 4);
	return 0;
}

static int
take_u64(struct cursor *c, uint64_t *v)
{
	const uint8_t *p = take(c, 8);

	if (!p)
		return -1;
	memcpy(v, p, 8);
	return 0;
}

static int
take_string(struct cursor *c, uint64_t max, struct gguf_string *s)
{
	uint64_t at = c->at;

	if (take_u64(c, &s->len) < 0)
		return -1;
	if (s->len > max)
		return err_set(ERR_DATA, "%s: offset %" PRIu64 ": string of %" PRIu64 " bytes, at most %" PRIu64 " are allowed",
		    c->path, at, s->len, max);
	s->data = (const char *)take(c, s->len);
	return s->data ? 0 : -1;
}

/* Length of the UTF-8 character at p, which may be well-formed or not (0); controls are not. */
static size_t
character(const uint8_t *p, const uint8_t *end)
{
	size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;

	if (n == 0 || n > (size_t)(end - p) || *p < 0x20 || *p == 0x7f)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
	    (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static int
take_name(struct cursor *c, uint64_t max, struct gguf_string *s)
{
	uint64_t at = c->at;

	if (take_string(c, max, s) < 0)
		return -1;
	if (s->len == 0)
		return fault(c, at, "empty name");
	const uint8_t *p = (const uint8_t *)s->data, *end = p + s->len;
	while (p < end) {
		size_t n = character(p, end);
		if (n == 0)
			return fault(c, at, "name that is not UTF-8 or holds a control character");
		p += n;
	}
	return 0;
}

/* ---- keys ---- */

static const uint8_t kind_size[] = {
	[GGUF_U8] = 1, [GGUF_I8] = 1, [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4, [GGUF_F32] = 4,
	[GGUF_BOOL] = 1, [GGUF_STRING] = 0, [GGUF_ARRAY] = 0, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

static int
take_kind(struct cursor *c, enum gguf_kind *kind)
{
	uint64_t at = c->at;
	uint32_t v;

	if (take_u32(c, &v) < 0)
		return -1;
	if (v > GGUF_F64)
		return err_set(ERR_DATA, "%s: offset %" PRIu64 ": unknown type %" PRIu32 " of a value", c->path, at, v);
	*kind = (enum gguf_kind)v;
	return 0;
}

static int
take_values(struct cursor *c, enum gguf_kind kind, uint64_t n)
{
	struct gguf_string s;
	uint64_t at = c->at;
	const uint8_t *p;

	if (kind == GGUF_STRING) {
		for (uint64_t i = 0; i < n; i++)
			if (take_string(c, GGUF_MAX_STRING, &s) < 0)
				return -1;
		return 0;
	}
	if (!(p = take(c, n * kind_size[kind]))) /* n is at most GGUF_MAX_ARRAY */
		return -1;
	if (kind == GGUF_BOOL)
		for (uint64_t i = 0; i < n; i++)
			if (p[i] > 1)
				return fault(c, at + i, "boolean that is neither 0 nor 1");
	return 0;
}

static int
take_key(struct cursor *c, struct gguf_key *k)
{
	uint64_t at;

	if (take_name(c, GGUF_MAX_KEY, &k->name) < 0 || take_kind(c, &k->kind) < 0)
		return -1;
	k->item = k->kind;
	k->n = 1;
	at = c->at;
	if (k->kind == GGUF_ARRAY) {
		if (take_kind(c, &k->item) < 0 || take_u64(c, &k->n) < 0)
			return -1;
		if (k->item == GGUF_ARRAY)
			return fault(c, at, "array of arrays");
		if (k->n > GGUF_MAX_ARRAY)
			return err_set(ERR_DATA, "%s: offset %" PRIu64 ": array of %" PRIu64 " elements, at most %d are allowed",
			    c->path, at, k->n, GGUF_MAX_ARRAY);
	}
	at = c->at;
	k->data = c->data + at;
	if (take_values(c, k->item, k->n) < 0)
		return -1;
	k->size = c->at - at;
	return 0;
}

/* ---- tensors ---- */

static int
take_tensor(struct cursor *c, struct gguf_tensor *t)
{
	uint64_t at = c->at;

	if (take_name(c, GGUF_MAX_NAME - 1, &t->name) < 0 || take_u32(c, &t->n_dims) < 0)
		return -1;
	int len = (int)t->name.len;
	if (t->n_dims < 1 || t->n_dims > GGUF_MAX_DIMS)
		return err_set(ERR_DATA, "%s: offset %" PRIu64 ": tensor %.*s has %" PRIu32 " dimensions", c->path, at, len,
		    t->name.data, t->n_dims);
	for (uint32_t i = 0; i < GGUF_MAX_DIMS; i++) {
		t->ne[i] = 1;
		if (i < t->n_dims && take_u64(c, &t->ne[i]) < 0)
			return -1;
		if (t->ne[i] == 0 || t->ne[i] > INT64_MAX)
			return err_set(ERR_DATA, "%s: offset %" PRIu64 ": tensor %.*s has a dimension of %" PRIu64, c->path, at,
			    len, t->name.data, t->ne[i]);
	}
	if (take_u32(c, &t->type) < 0 || take_u64(c, &t->offset) < 0)
		return -1;
	if (!type_info(t->type))
		return err_set(ERR_DATA, "%s: offset %" PRIu64 ": tensor %.*s has the unknown type %" PRIu32, c->path, at, len,
		    t->name.data, t->type);
	if (!type_size(t->type, t->n_dims, t->ne, &t->size))
		return err_set(ERR_DATA, "%s: offset %" PRIu64 ": tensor %.*s has a shape that type %s can't have", c->path, at,
		    len, t->name.data, type_info(t->type)->name);
	return 0;
}

/* Gives each tensor its place in the file: they follow one another, each at a multiple of the alignment. */
static int
place_tensors(const struct cursor *c, struct gguf *g)
{
	uint64_t next = 0, end, pad = g->alignment - 1;

	for (uint64_t i = 0; i < g->n_tensors; i++) {
		struct gguf_tensor *t = &g->tensors[i];
		int len = (int)t->name.len;
		if (t->offset != next)
			return err_set(ERR_DATA, "%s: tensor %.*s begins at %" PRIu64 " of the data, %" PRIu64 " is expected",
			    c->path, len, t->name.data, t->offset, next);
		if (type_is_tiled(t->type) && g->alignment < TILE_ALIGNMENT)
			return err_set(ERR_DATA, "%s: tensor %.*s is interleaved, but general.alignment is %" PRIu64, c->path,
			    len, t->name.data, g->alignment);
		if (!mem_add(t->offset, g->data_offset, &t->offset) || !mem_add(t->offset, t->size, &end) || end > c->size)
			return err_set(ERR_DATA, "%s: tensor %.*s (%" PRIu64 " bytes at %" PRIu64 ") is not whole in the file",
			    c->path, len, t->name.data, t->size, t->offset);
		t->data = c->data + t->offset;
		next = ((end + pad) & ~pad) - g->data_offset;
	}
	if (c->size > g->data_offset + next)
		return fault(c, g->data_offset + next, "bytes behind the last tensor");
	return 0;
}

/* ---- order of names ---- */

static int
compare_keys(const void *a, const void *b, void *keys)
{
	const struct gguf_key *k = keys;

	return gguf_string_compare(k[*(const uint32_t *)a].name, k[*(const uint32_t *)b].name);
}

static int
compare_tensors(const void *a, const void *b, void *tensors)
{
	const struct gguf_tensor *t = tensors;

	return gguf_string_compare(t[*(const uint32_t *)a].name, t[*(const uint32_t *)b].name);
}

static uint32_t *
sorted(uint64_t n, int (*by)(const void *, const void *, void *), void *items)
{
	uint32_t *order = mem_alloc(n, sizeof *order);

	if (!order)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof *order, by, items);
	return order;
}

static int
sort_names(const struct cursor *c, struct gguf *g)
{
	g->key_order = sorted(g->n_keys, compare_keys, g->keys);
	g->tensor_order = sorted(g->n_tensors, compare_tensors, g->tensors);
	if (!g->key_order || !g->tensor_order)
		return -1;
	for (uint64_t i = 1; i < g->n_keys; i++)
		if (compare_keys(&g->key_order[i - 1], &g->key_order[i], g->keys) == 0) {
			struct gguf_string s = g->keys[g->key_order[i]].name;
			return err_set(ERR_DATA, "%s: the key %.*s stands there twice", c->path, (int)s.len, s.data);
		}
	for (uint64_t i = 1; i < g->n_tensors; i++)
		if (compare_tensors(&g->tensor_order[i - 1], &g->tensor_order[i], g->tensors) == 0) {
			struct gguf_string s = g->tensors[g->tensor_order[i]].name;
			return err_set(ERR_DATA, "%s: the tensor %.*s stands there twice", c->path, (int)s.len, s.data);
		}
	return 0;
}

/* ---- the file ---- */

static int
read_header(struct cursor *c, struct gguf *g)
{
	const uint8_t *magic = take(c, 4);

	if (!magic)
		return -1;
	if (memcmp(magic, "GGUF", 4) != 0)
		return fault(c, 0, "not a GGUF file");
	if (take_u32(c, &g->version) < 0)
		return -1;
	if (g->version == 2u << 24 || g->version == 3u << 24)
		return fault(c, 4, "GGUF with the other byte order, which is not supported");
	if (g->version < 2 || g->version > 3)
		return err_set(ERR_DATA, "%s: offset 4: GGUF version %" PRIu32 ", 2 and 3 are supported", c->path, g->version);
	if (take_u64(c, &g->n_tensors) < 0 || take_u64(c, &g->n_keys) < 0)
		return -1;
	if (g->n_tensors > GGUF_MAX_TENSORS || g->n_tensors > (c->size - c->at) / MIN_TENSOR)
		return err_set(ERR_DATA, "%s: offset 8: %" PRIu64 " tensors are too many", c->path, g->n_tensors);
	if (g->n_keys > GGUF_MAX_KEYS || g->n_keys > (c->size - c->at) / MIN_KEY)
		return err_set(ERR_DATA, "%s: offset 16: %" PRIu64 " keys are too many", c->path, g->n_keys);
	g->keys = mem_alloc(g->n_keys, sizeof *g->keys);
	g->tensors = mem_alloc(g->n_tensors, sizeof *g->tensors);
	return g->keys && g->tensors ? 0 : -1;
}

static int
read_alignment(struct gguf *g)
{
	const struct gguf_key *k = gguf_find(g, "general.alignment");
	uint32_t v;

	g->alignment = GGUF_ALIGNMENT;
	if (!k)
		return 0;
	if (k->kind != GGUF_U32)
		return err_set(ERR_DATA, "%s: general.alignment is no 32-bit number", g->path);
	memcpy(&v, k->data, sizeof v);
	if (v < MIN_ALIGNMENT || v > GGUF_MAX_ALIGNMENT || (v & (v - 1)) != 0)
		return err_set(ERR_DATA, "%s: general.alignment is %" PRIu32, g->path, v);
	g->alignment = v;
	return 0;
}

static int
read_all(struct gguf *g)
{
	struct cursor c = { g->path, g->map.data, 0, g->map.size };

	if (read_header(&c, g) < 0)
		return -1;
	for (uint64_t i = 0; i < g->n_keys; i++)
		if (take_key(&c, &g->keys[i]) < 0)
			return -1;
	for (uint64_t i = 0; i < g->n_tensors; i++)
		if (take_tensor(&c, &g->tensors[i]) < 0)
			return -1;
	if (sort_names(&c, g) < 0 || read_alignment(g) < 0)
		return -1;
	/* A file without tensors may end with its header, unpadded. */
	g->data_offset = (c.at + g->alignment - 1) & ~(g->alignment - 1);
	return place_tensors(&c, g);
}

struct gguf *
gguf_open_memory(const void *data, size_t size, const char *name)
{
	struct gguf *g = mem_alloc(1, sizeof *g);

	if (!g)
		return NULL;
	g->borrowed = true;
	g->map = (struct io_map){ data, size };
	if (!(g->path = mem_strdup(name)) || read_all(g) < 0) {
		gguf_free(g);
		return NULL;
	}
	return g;
}

static int64_t
nanoseconds(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct gguf_stamp
stamp_of(const struct stat *st)
{
	return (struct gguf_stamp){ st->st_dev, st->st_ino, (uint64_t)st->st_size, nanoseconds(st->st_mtim),
		nanoseconds(st->st_ctim) };
}

/* Maps a regular file and says which one it was. */
static int
map_file(struct io_map *m, struct gguf_stamp *stamp, const char *path)
{
	struct stat st = { 0 };
	int rc, fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO is refused, not waited for */

	if (fd < 0)
		return err_sys("%s", path);
	if (fstat(fd, &st) != 0)
		rc = err_sys("%s", path);
	else if (!S_ISREG(st.st_mode))
		rc = err_set(ERR_DATA, "%s: not a regular file", path);
	else
		rc = io_map_fd(m, fd, path);
	*stamp = stamp_of(&st);
	close(fd);
	return rc;
}

struct gguf *
gguf_open(const char *path)
{
	struct gguf_stamp stamp;
	struct io_map map;
	struct gguf *g;

	if (map_file(&map, &stamp, path) < 0)
		return NULL;
	g = gguf_open_memory(map.data, map.size, path);
	if (!g) {
		io_unmap(&map);
		return NULL;
	}
	g->borrowed = false;
	g->stamp = stamp;
	return g;
}

bool
gguf_unchanged(const struct gguf *g)
{
	struct gguf_stamp now;
	struct stat st;

	if (stat(g->path, &st) != 0)
		return false;
	now = stamp_of(&st);
	return now.device == g->stamp.device && now.inode == g->stamp.inode && now.size == g->stamp.size &&
	    now.modified == g->stamp.modified && now.changed == g->stamp.changed;
}

void
gguf_free(struct gguf *g)
{
	if (!g)
		return;
	if (!g->borrowed)
		io_unmap(&g->map);
	free(g->path);
	free(g->keys);
	free(g->tensors);
	free(g->key_order);
	free(g->tensor_order);
	free(g);
}
