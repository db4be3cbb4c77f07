/* Files of safetensors: what a sound one says, and that every malformed one is refused for its fault. */
#include "model/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "tap.h"

/* A file of this header and n zero bytes of data. */
static struct safetensors *
open_text(struct buf *file, const char *header, size_t n)
{
	uint64_t length = strlen(header);

	file->len = 0;
	if (buf_add(file, &length, sizeof length) < 0 || buf_add(file, header, length) < 0 || buf_zero(file, n) < 0)
		abort();
	return safetensors_open_memory(file->data, file->len, "test");
}

static void
test_sound(void)
{
	struct buf file = { 0 };
	struct safetensors *s = open_text(&file,
	    "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[4,16]},"
	    "\"none\":{\"dtype\":\"U8\",\"shape\":[0,7],\"data_offsets\":[16,16]},\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
	    "\"codes\":{\"dtype\":\"F4\",\"shape\":[2,1],\"data_offsets\":[16,17]}}    ", 17);

	if (tap_ok(s && s->n == 4, "four tensors, in whatever order they are named: %s", s ? "" : err_reason())) {
		const struct safetensor *a = &s->tensors[0], *b = &s->tensors[1];
		tap_ok(strcmp(a->name, "a") == 0 && a->n_dims == 0 && a->n == 1 && a->bits == 32 && a->size == 4, "a number is one element");
		tap_ok(strcmp(b->name, "b") == 0 && b->n_dims == 2 && b->shape[0] == 2 && b->shape[1] == 3 && b->shape[2] == 1 && b->n == 6 &&
		    strcmp(b->dtype, "BF16") == 0 && b->size == 12 && b->data == a->data + 4 && b->offset == a->offset + 4, "a matrix has its shape and place");
		tap_ok(s->tensors[2].n == 0 && s->tensors[2].size == 0 && s->tensors[3].size == 1, "no elements are no bytes; two of 4 bits are one");
	}
	safetensors_free(s);
	s = open_text(&file, "{}", 0);
	tap_ok(s && s->n == 0, "a file of no tensors");
	safetensors_free(s);
	buf_free(&file);
}

#define T(shape, offsets) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

/* Each with 8 bytes of data. */
static const struct {
	const char *header, *reason;
} bad[] = {
	{ "", "the header" },
	{ "{", "the header" },
	{ "[]", "no object" },
	{ "{\"a\":" T("[2]", "[0,8]") "} x", "the header" },
	{ "{\"a\":" T("[1]", "[0,4]") ",\"a\":" T("[1]", "[4,8]") "}", "the header" },
	{ "{\"\":" T("[2]", "[0,8]") "}", "name" },
	{ "{\"a\\n\":" T("[2]", "[0,8]") "}", "name" },
	{ "{\"a\":1}", "dtype" },
	{ "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype" },
	{ "{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype" },
	{ "{\"a\":{\"dtype\":\"f32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype" },
	{ "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "shape" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "data_offsets" },
	{ "{\"a\":" T("2", "[0,8]") "}", "shape" },
	{ "{\"a\":" T("[2.0]", "[0,8]") "}", "whole number" },
	{ "{\"a\":" T("[-2]", "[0,8]") "}", "whole number" },
	{ "{\"a\":" T("[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", "shape" },
	{ "{\"a\":" T("[4294967296,4294967296]", "[0,8]") "}", "too many" },
	{ "{\"a\":" T("[4611686018427387906]", "[0,8]") "}", "don't fit" },
	{ "{\"a\":" T("[2]", "[8,0]") "}", "data_offsets" },
	{ "{\"a\":" T("[2]", "[-8,0]") "}", "data_offsets" },
	{ "{\"a\":" T("[2]", "[0,8,8]") "}", "data_offsets" },
	{ "{\"a\":" T("[2]", "[0]") "}", "data_offsets" },
	{ "{\"a\":" T("[2]", "[0,4]") "}", "don't fit" },
	{ "{\"a\":" T("[3]", "[0,12]") "}", "ends at" },
	{ "{\"a\":" T("[2]", "[4,12]") "}", "ends at" },
	{ "{\"a\":" T("[2]", "[9223372036854775800,9223372036854775807]") "}", "don't fit" },
	{ "{\"a\":" T("[1]", "[4,8]") "}", "begins at" },
	{ "{\"a\":" T("[1]", "[0,4]") "}", "the file has" },
	{ "{}", "the file has" },
	{ "{\"a\":" T("[2]", "[0,8]") ",\"b\":" T("[1]", "[4,8]") "}", "begins at" },
	{ "{\"a\":" T("[2]", "[0,8]") ",\"b\":" T("[2]", "[0,8]") "}", "begins at" },
	{ "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", "don't fit" },
	{ "{\"__metadata__\":1}", "__metadata__" },
	{ "{\"__metadata__\":{\"a\":1}}", "no text" },
};

static void
test_bad(void)
{
	static const char sound[] = "{\"a\":" T("[2]", "[0,8]") "}";
	struct buf file = { 0 };
	uint64_t length;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct safetensors *s = open_text(&file, bad[i].header, 8);
		tap_ok(!s && err_status() == ERR_DATA && strncmp(err_reason(), "test: ", 6) == 0 && strstr(err_reason(), bad[i].reason), "%s: %s",
		    bad[i].header, s ? "taken" : err_reason());
		safetensors_free(s);
	}
	for (size_t n = 0; n < sizeof sound + 7 + 8; n++) {
		safetensors_free(open_text(&file, sound, 8));
		struct safetensors *s = safetensors_open_memory(file.data, n, "test");
		if (s && tap_ok(false, "cut after %zu bytes", n))
			break;
		safetensors_free(s);
	}
	length = (uint64_t)SAFETENSORS_MAX_HEADER + 1;
	memcpy(file.data, &length, sizeof length);
	tap_ok(!safetensors_open_memory(file.data, file.len, "test") && strstr(err_reason(), "100000000 allowed"), "a header that is too long");
	buf_free(&file);
}

int
main(void)
{
	test_sound();
	test_bad();
	return tap_done();
}
