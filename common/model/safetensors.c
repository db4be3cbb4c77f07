#include "model/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

enum { LENGTH = 8 }; /* bytes in front of the header */

static const struct {
	const char *name;
	uint32_t bits;
} dtypes[] = {
	{ "F32", 32 }, { "F16", 16 }, { "BF16", 16 }, { "F64", 64 }, { "I64", 64 }, { "I32", 32 }, { "I16", 16 }, { "I8", 8 },
	{ "U64", 64 }, { "U32", 32 }, { "U16", 16 }, { "U8", 8 }, { "BOOL", 8 }, { "C64", 64 }, { "F8_E4M3", 8 }, { "F8_E5M2", 8 },
	{ "F8_E8M0", 8 }, { "F6_E2M3", 6 }, { "F6_E3M2", 6 }, { "F4", 4 },
};

static int
fault(const struct safetensors *s, const struct safetensor *t, const char *what)
{
	return err_set(ERR_DATA, "%s: tensor %.200s: %s", s->path, t->name, what);
}

static bool
count(const json_t *v, uint64_t *to)
{
	*to = (uint64_t)json_integer_value(v); /* not negative where true is returned */
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

/* ---- a tensor ---- */

static int
read_dtype(const struct safetensors *s, struct safetensor *t, const json_t *dtype)
{
	t->dtype = json_string_value(dtype);
	for (size_t i = 0; t->dtype && i < sizeof dtypes / sizeof *dtypes; i++)
		if (strcmp(t->dtype, dtypes[i].name) == 0) {
			t->bits = dtypes[i].bits;
			return 0;
		}
	return fault(s, t, "its dtype is none that is known");
}

static int
read_shape(const struct safetensors *s, struct safetensor *t, const json_t *shape)
{
	if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_MAX_DIMS)
		return fault(s, t, "its shape is no list of at most 8 numbers");
	t->n = 1;
	t->n_dims = (uint32_t)json_array_size(shape); /* at most 8 */
	for (uint32_t i = 0; i < SAFETENSORS_MAX_DIMS; i++) {
		t->shape[i] = 1;
		if (i < t->n_dims && !count(json_array_get(shape, i), &t->shape[i]))
			return fault(s, t, "its shape has what is no whole number");
		if (!mem_mul(t->n, t->shape[i], &t->n))
			return fault(s, t, "its shape has too many elements");
	}
	return 0;
}

/* Offsets count from the end of the header. */
static int
read_offsets(const struct safetensors *s, struct safetensor *t, const json_t *offsets, uint64_t data)
{
	uint64_t begin, end, bits;

	if (json_array_size(offsets) != 2 || !count(json_array_get(offsets, 0), &begin) || !count(json_array_get(offsets, 1), &end) || begin > end)
		return fault(s, t, "its data_offsets are not a begin and an end");
	if (!mem_mul(t->n, t->bits, &bits) || bits % 8 != 0 || bits / 8 != end - begin)
		return err_set(ERR_DATA, "%s: tensor %.200s: %" PRIu64 " bytes don't fit its type %s and its shape", s->path, t->name, end - begin,
		    t->dtype);
	if (end > s->map.size - data)
		return err_set(ERR_DATA, "%s: tensor %.200s ends at offset %" PRIu64 " of the data, which are %" PRIu64 " bytes", s->path, t->name, end,
		    s->map.size - data);
	t->offset = data + begin;
	t->size = end - begin;
	t->data = s->map.data + t->offset;
	return 0;
}

static bool
is_printable(const char *name)
{
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return *name != '\0';
}

static int
read_tensor(struct safetensors *s, const char *name, const json_t *o, uint64_t data)
{
	struct safetensor *t = &s->tensors[s->n];

	t->name = name;
	if (!is_printable(name))
		return err_set(ERR_DATA, "%s: tensor %zu has a name that is empty, or has control characters", s->path, s->n);
	if (read_dtype(s, t, json_object_get(o, "dtype")) < 0 || read_shape(s, t, json_object_get(o, "shape")) < 0 ||
	    read_offsets(s, t, json_object_get(o, "data_offsets"), data) < 0)
		return -1;
	s->n++;
	return 0;
}

/* ---- the file ---- */

static int
check_metadata(const struct safetensors *s, json_t *metadata)
{
	const char *key;
	json_t *v;

	if (!json_is_object(metadata))
		return err_set(ERR_DATA, "%s: __metadata__ is no object", s->path);
	json_object_foreach(metadata, key, v)
		if (!json_is_string(v))
			return err_set(ERR_DATA, "%s: __metadata__ has what is no text", s->path);
	return 0;
}

static int
by_offset(const void *a, const void *b)
{
	const struct safetensor *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (x->size > y->size) - (x->size < y->size);
}

/* All bytes behind the header belong to one tensor each. */
static int
check_order(struct safetensors *s, uint64_t data)
{
	uint64_t at = data;

	if (s->n > 0)
		qsort(s->tensors, s->n, sizeof *s->tensors, by_offset);
	for (size_t i = 0; i < s->n; i++) {
		const struct safetensor *t = &s->tensors[i];
		if (t->offset != at)
			return err_set(ERR_DATA, "%s: tensor %.200s begins at offset %" PRIu64 ", the one before it ends at %" PRIu64, s->path, t->name,
			    t->offset, at);
		at += t->size;
	}
	if (at != s->map.size)
		return err_set(ERR_DATA, "%s: the tensors end at offset %" PRIu64 ", the file has %zu bytes", s->path, at, s->map.size);
	return 0;
}

static int
read_header(struct safetensors *s, uint64_t data)
{
	const char *key;
	json_t *v;

	if (!(s->tensors = mem_alloc(json_object_size(s->header), sizeof *s->tensors)))
		return -1;
	json_object_foreach(s->header, key, v) {
		bool metadata = strcmp(key, "__metadata__") == 0;
		if ((metadata ? check_metadata(s, v) : read_tensor(s, key, v, data)) < 0)
			return -1;
	}
	return check_order(s, data);
}

static int
load(struct safetensors *s)
{
	uint64_t n;
	json_error_t e;

	if (s->map.size < LENGTH)
		return err_set(ERR_DATA, "%s: %zu bytes, which is too short for safetensors", s->path, s->map.size);
	memcpy(&n, s->map.data, LENGTH);
	if (n > SAFETENSORS_MAX_HEADER || n > s->map.size - LENGTH)
		return err_set(ERR_DATA, "%s: not safetensors: a header of %" PRIu64 " bytes, where %zu are left and %d allowed", s->path, n,
		    s->map.size - LENGTH, SAFETENSORS_MAX_HEADER);
	/* The map holds bytes; the header is text. */
	s->header = json_loadb((const char *)s->map.data + LENGTH, n, JSON_REJECT_DUPLICATES, &e);
	if (!s->header)
		return err_set(ERR_DATA, "%s: offset %d: the header: %.200s", s->path, LENGTH + e.position, e.text);
	if (!json_is_object(s->header))
		return err_set(ERR_DATA, "%s: the header is no object", s->path);
	return read_header(s, LENGTH + n);
}

static struct safetensors *
opened(struct safetensors *s)
{
	if (s && load(s) == 0)
		return s;
	safetensors_free(s);
	return NULL;
}

struct safetensors *
safetensors_open(const char *path)
{
	struct safetensors *s = mem_alloc(1, sizeof *s);

	if (s && (!(s->path = mem_strdup(path)) || io_map(&s->map, path) < 0)) {
		safetensors_free(s);
		return NULL;
	}
	return opened(s);
}

struct safetensors *
safetensors_open_memory(const void *data, size_t size, const char *name)
{
	struct safetensors *s = mem_alloc(1, sizeof *s);

	if (s) {
		s->borrowed = true;
		s->map = (struct io_map){ data, size };
		if (!(s->path = mem_strdup(name))) {
			safetensors_free(s);
			return NULL;
		}
	}
	return opened(s);
}

void
safetensors_free(struct safetensors *s)
{
	if (!s)
		return;
	if (!s->borrowed)
		io_unmap(&s->map);
	json_decref(s->header);
	free(s->tensors);
	free(s->path);
	free(s);
}
