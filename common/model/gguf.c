#include "model/gguf.h"

#include <string.h>

#include "base/err.h"

bool
gguf_string_is(struct gguf_string s, const char *text)
{
	size_t n = strlen(text);

	return s.len == n && memcmp(s.data, text, n) == 0;
}

bool
gguf_string_cut(struct gguf_string *s, const char *end)
{
	const size_t n = strlen(end);

	if (s->len <= n || memcmp(s->data + s->len - n, end, n) != 0)
		return false;
	s->len -= n;
	return true;
}

int
gguf_string_compare(struct gguf_string a, struct gguf_string b)
{
	int c = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

const struct gguf_key *
gguf_find(const struct gguf *g, const char *key)
{
	struct gguf_string wanted = { key, strlen(key) };
	uint64_t low = 0, high = g->n_keys;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		const struct gguf_key *k = &g->keys[g->key_order[mid]];
		int c = gguf_string_compare(k->name, wanted);
		if (c == 0)
			return k;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct gguf_tensor *
gguf_tensor_named(const struct gguf *g, struct gguf_string name)
{
	uint64_t low = 0, high = g->n_tensors;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		const struct gguf_tensor *t = &g->tensors[g->tensor_order[mid]];
		int c = gguf_string_compare(t->name, name);
		if (c == 0)
			return t;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct gguf_tensor *
gguf_tensor(const struct gguf *g, const char *name)
{
	return gguf_tensor_named(g, (struct gguf_string){ name, strlen(name) });
}

static int
mismatch(const struct gguf *g, const char *key, const char *wanted)
{
	return err_set(ERR_DATA, "%s: the key %s is no %s", g->path, key, wanted);
}

/* A value of an integer kind, sign-extended; false for another kind. */
static bool
integer(const struct gguf_key *k, int64_t *v)
{
	union {
		uint8_t u8;
		int8_t i8;
		uint16_t u16;
		int16_t i16;
		uint32_t u32;
		int32_t i32;
		int64_t i64;
	} u;

	if (k->kind == GGUF_STRING || k->kind == GGUF_ARRAY)
		return false;
	memcpy(&u, k->data, k->size);
	switch (k->kind) {
	case GGUF_U8:
		*v = u.u8;
		return true;
	case GGUF_I8:
		*v = u.i8;
		return true;
	case GGUF_U16:
		*v = u.u16;
		return true;
	case GGUF_I16:
		*v = u.i16;
		return true;
	case GGUF_U32:
		*v = u.u32;
		return true;
	case GGUF_I32:
		*v = u.i32;
		return true;
	case GGUF_U64:
	case GGUF_I64:
		*v = u.i64;
		return true;
	default:
		return false;
	}
}

int
gguf_get_u64(const struct gguf *g, const char *key, uint64_t *out)
{
	const struct gguf_key *k = gguf_find(g, key);
	int64_t v;

	if (!k)
		return 0;
	if (!integer(k, &v))
		return mismatch(g, key, "integer");
	if (v < 0 && k->kind != GGUF_U64)
		return err_set(ERR_DATA, "%s: the key %s is %lld", g->path, key, (long long)v);
	*out = (uint64_t)v;
	return 1;
}

int
gguf_get_f64(const struct gguf *g, const char *key, double *out)
{
	const struct gguf_key *k = gguf_find(g, key);
	float f;

	if (!k)
		return 0;
	if (k->kind == GGUF_F64) {
		memcpy(out, k->data, sizeof *out);
		return 1;
	}
	if (k->kind != GGUF_F32)
		return mismatch(g, key, "floating-point number");
	memcpy(&f, k->data, sizeof f);
	*out = (double)f;
	return 1;
}

int
gguf_get_bool(const struct gguf *g, const char *key, bool *out)
{
	const struct gguf_key *k = gguf_find(g, key);

	if (!k)
		return 0;
	if (k->kind != GGUF_BOOL)
		return mismatch(g, key, "boolean");
	*out = *k->data;
	return 1;
}

int
gguf_get_string(const struct gguf *g, const char *key, struct gguf_string *out)
{
	const struct gguf_key *k = gguf_find(g, key);
	uint64_t at = 0;

	if (!k)
		return 0;
	if (k->kind != GGUF_STRING)
		return mismatch(g, key, "string");
	*out = gguf_next_string(k, &at);
	return 1;
}

int
gguf_get_array(const struct gguf *g, const char *key, enum gguf_kind kind, const struct gguf_key **out)
{
	const struct gguf_key *k = gguf_find(g, key);

	if (!k)
		return 0;
	if (k->kind != GGUF_ARRAY || k->item != kind)
		return mismatch(g, key, "array of the right type");
	*out = k;
	return 1;
}

struct gguf_string
gguf_next_string(const struct gguf_key *array, uint64_t *at)
{
	struct gguf_string s;

	memcpy(&s.len, array->data + *at, sizeof s.len);
	s.data = (const char *)array->data + *at + sizeof s.len;
	*at += sizeof s.len + s.len;
	return s;
}
