/* vectors.h: the test vectors of others, which are in ../shared/vectors or $MAI_SHARED/vectors, and bytes in hexadecimal. */
#ifndef MAI_TESTS_VECTORS_H
#define MAI_TESTS_VECTORS_H

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "tap.h"

/* The path of a file of vectors; NULL, and a check that is skipped, where it is absent. */
static inline const char *
vectors_path(const char *name)
{
	static char path[512];
	const char *shared = getenv("MAI_SHARED") ? getenv("MAI_SHARED") : "../shared";

	snprintf(path, sizeof path, "%s/vectors/%s", shared, name);
	if (access(path, R_OK) == 0)
		return path;
	tap_skip(name, "the shared data is absent");
	return NULL;
}

/* A file of JSON; NULL, and a check, where there is none. */
static inline json_t *
vectors_json(const char *name)
{
	const char *path = vectors_path(name);
	json_error_t error;
	json_t *j = path ? json_load_file(path, JSON_ALLOW_NUL, &error) : NULL;

	if (path && !j)
		tap_ok(false, "%s is read: %s", name, error.text);
	return j;
}

/* The text of a key of an object, or "". */
static inline const char *
vectors_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* The bytes of a text in hexadecimal, to be freed; there is memory even for none. */
static inline struct buf
hex(const char *text)
{
	struct buf b = { 0 };

	if (buf_reserve(&b, strlen(text) / 2 + 1) < 0 ||
	    sodium_hex2bin(b.data, b.cap, text, strlen(text), NULL, &b.len, NULL) != 0)
		abort();
	return b;
}

/* n bytes of a text in hexadecimal. Is it n bytes? */
static inline bool
hex_to(uint8_t *to, size_t n, const char *text)
{
	size_t len;

	return strlen(text) == 2 * n && sodium_hex2bin(to, n, text, 2 * n, NULL, &len, NULL) == 0 && len == n;
}

static inline bool
is_hex(const uint8_t *bytes, size_t n, const char *text)
{
	struct buf b = hex(text);
	bool same = b.len == n && (n == 0 || memcmp(b.data, bytes, n) == 0);

	buf_free(&b);
	return same;
}

#endif
