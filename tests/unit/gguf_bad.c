/* Every malformed GGUF file is refused, with a reason that names the file and the fault. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "gguf_bytes.h"
#include "tap.h"

/* ---- the files ---- */

static void
magic(struct buf *b, const char *m, uint32_t version)
{
	bytes(b, m, 4);
	u32(b, version);
	u64(b, 0);
	u64(b, 0);
}
static void wrong_magic(struct buf *b) { magic(b, "GGML", 3); }
static void swapped_magic(struct buf *b) { magic(b, "FUGG", 3); }
static void version_0(struct buf *b) { magic(b, "GGUF", 0); }
static void version_1(struct buf *b) { magic(b, "GGUF", 1); }
static void version_4(struct buf *b) { magic(b, "GGUF", 4); }
static void version_swapped(struct buf *b) { magic(b, "GGUF", 0x03000000); }
static void empty(struct buf *b) { (void)b; }

static void
counts(struct buf *b, uint64_t n_tensors, uint64_t n_keys)
{
	header(b, n_tensors, n_keys);
	data(b, 4096);
}
static void tensors_minus_1(struct buf *b) { counts(b, UINT64_MAX, 0); }
static void tensors_2_63(struct buf *b) { counts(b, 1ull << 63, 0); }
static void tensors_wrap(struct buf *b) { counts(b, SIZE_MAX / sizeof(struct gguf_tensor) + 1, 0); }
static void tensors_beyond(struct buf *b) { counts(b, 4104 / 33 + 1, 0); }
static void keys_minus_1(struct buf *b) { counts(b, 0, UINT64_MAX); }
static void keys_2_63(struct buf *b) { counts(b, 0, 1ull << 63); }
static void keys_wrap(struct buf *b) { counts(b, 0, SIZE_MAX / sizeof(struct gguf_key) + 1); }
static void keys_beyond(struct buf *b) { counts(b, 0, 4104 / 14 + 1); }

static void
key_length(struct buf *b, uint64_t n)
{
	header(b, 0, 1);
	u64(b, n);
	data(b, 64);
}
static void key_length_0(struct buf *b) { key_length(b, 0); }
static void key_length_max(struct buf *b) { key_length(b, UINT64_MAX); }
static void key_length_long(struct buf *b) { key_length(b, GGUF_MAX_KEY + 1); }
static void key_length_beyond(struct buf *b) { key_length(b, 1000); }

static void
key_twice(struct buf *b)
{
	header(b, 0, 3);
	key_u32(b, "a.b", 1);
	key_u32(b, "a.c", 1);
	key_u32(b, "a.b", 2);
}

static void
key_name(struct buf *b, const char *name, size_t n)
{
	header(b, 0, 1);
	u64(b, n);
	bytes(b, name, n);
	u32(b, GGUF_U32);
	u32(b, 1);
}
static void key_nul(struct buf *b) { key_name(b, "a\0b", 3); }
static void key_newline(struct buf *b) { key_name(b, "a\nb", 3); }
static void key_latin1(struct buf *b) { key_name(b, "a\xe9z", 3); }
static void key_overlong(struct buf *b) { key_name(b, "a\xc0\xaf", 3); }
static void key_surrogate(struct buf *b) { key_name(b, "\xed\xa0\x80", 3); }

static void
value_type(struct buf *b, uint32_t type)
{
	header(b, 0, 1);
	string(b, "a");
	u32(b, type);
	data(b, 64);
}
static void type_13(struct buf *b) { value_type(b, 13); }
static void type_255(struct buf *b) { value_type(b, 255); }
static void type_minus_1(struct buf *b) { value_type(b, UINT32_MAX); }

static void
boolean(struct buf *b)
{
	header(b, 0, 1);
	string(b, "a");
	u32(b, GGUF_BOOL);
	bytes(b, "\2", 1);
}

static void
booleans(struct buf *b)
{
	header(b, 0, 1);
	array(b, "a", GGUF_BOOL, 4);
	bytes(b, "\0\1\1\xff", 4);
}

static void
any_array(struct buf *b, uint32_t item, uint64_t n)
{
	header(b, 0, 1);
	array(b, "a", item, n);
	data(b, 64);
}
static void array_type_13(struct buf *b) { any_array(b, 13, 1); }
static void array_2_61(struct buf *b) { any_array(b, GGUF_U64, 1ull << 61); }
static void array_2_30(struct buf *b) { any_array(b, GGUF_U8, (1ull << 30) + 1); }
static void array_max(struct buf *b) { any_array(b, GGUF_STRING, UINT64_MAX); }
static void array_beyond(struct buf *b) { any_array(b, GGUF_U32, 1000); }
static void array_strings_beyond(struct buf *b) { any_array(b, GGUF_STRING, 1000); }

static void
array_of_arrays(struct buf *b)
{
	any_array(b, GGUF_ARRAY, 1);
}

static void
arrays_nested_deep(struct buf *b)
{
	header(b, 0, 1);
	string(b, "a");
	u32(b, GGUF_ARRAY);
	for (int i = 0; i < 100000; i++) {
		u32(b, GGUF_ARRAY);
		u64(b, 1);
	}
}

static void
string_length(struct buf *b, uint64_t n)
{
	header(b, 0, 1);
	string(b, "a");
	u32(b, GGUF_STRING);
	u64(b, n);
	data(b, 64);
}
static void string_2_30(struct buf *b) { string_length(b, (1ull << 30) + 1); }
static void string_max(struct buf *b) { string_length(b, UINT64_MAX); }
static void string_beyond(struct buf *b) { string_length(b, 100); }

static void
token_2_31(struct buf *b)
{
	header(b, 0, 1);
	array(b, "tokenizer.ggml.tokens", GGUF_STRING, 2);
	string(b, "a");
	u64(b, (1ull << 31) + 1);
	data(b, 64);
}

static void
alignment(struct buf *b, uint32_t v)
{
	header(b, 0, 1);
	key_u32(b, "general.alignment", v);
}
static void alignment_0(struct buf *b) { alignment(b, 0); }
static void alignment_3(struct buf *b) { alignment(b, 3); }
static void alignment_4(struct buf *b) { alignment(b, 4); }
static void alignment_13(struct buf *b) { alignment(b, 13); }
static void alignment_2_31(struct buf *b) { alignment(b, 1u << 31); }

static void
alignment_text(struct buf *b)
{
	header(b, 0, 1);
	key_string(b, "general.alignment", "32");
}

static void
alignment_u64(struct buf *b)
{
	header(b, 0, 1);
	string(b, "general.alignment");
	u32(b, GGUF_U64);
	u64(b, 32);
}

static void
alignment_twice(struct buf *b)
{
	header(b, 0, 2);
	key_u32(b, "general.alignment", 32);
	key_u32(b, "general.alignment", 64);
}

static void
tensor_name(struct buf *b, size_t n)
{
	char name[256] = "";

	memset(name, 'x', n);
	header(b, 1, 0);
	info(b, name, 8, 0, 0, 0);
	data(b, 32);
}
static void name_64(struct buf *b) { tensor_name(b, 64); }
static void name_200(struct buf *b) { tensor_name(b, 200); }
static void name_0(struct buf *b) { tensor_name(b, 0); }

static void
name_twice(struct buf *b)
{
	header(b, 3, 0);
	info(b, "t", 8, 0, 0, 0);
	info(b, "s", 8, 0, 0, 32);
	info(b, "t", 8, 0, 0, 64);
	data(b, 96);
}

static void
dimensions(struct buf *b, uint32_t n)
{
	header(b, 1, 0);
	string(b, "t");
	u32(b, n);
	for (uint32_t i = 0; i < 8; i++)
		u64(b, 1);
	data(b, 64);
}
static void dims_0(struct buf *b) { dimensions(b, 0); }
static void dims_5(struct buf *b) { dimensions(b, 5); }
static void dims_max(struct buf *b) { dimensions(b, UINT32_MAX); }

static void
shape(struct buf *b, uint64_t ne0, uint64_t ne1, uint32_t type)
{
	header(b, 1, 0);
	string(b, "t");
	u32(b, 2);
	u64(b, ne0);
	u64(b, ne1);
	u32(b, type);
	u64(b, 0);
	data(b, 4096);
}
static void ne_0(struct buf *b) { shape(b, 0, 4, 0); }
static void ne_0_second(struct buf *b) { shape(b, 4, 0, 0); }
static void ne_minus_1(struct buf *b) { shape(b, UINT64_MAX, 1, 0); }
static void ne_max(struct buf *b) { shape(b, INT64_MAX, 1, 0); }
static void product_max(struct buf *b) { shape(b, INT64_MAX, 2, 24); }
static void product_wraps(struct buf *b) { shape(b, (1ull << 42) + 1, 1ull << 22, 24); }
static void product_negative(struct buf *b) { shape(b, 1ull << 32, 1ull << 31, 24); }
static void bytes_wrap(struct buf *b) { shape(b, 1ull << 61, 1, 28); }
static void rows_short(struct buf *b) { shape(b, 33, 2, 8); }
static void rows_short_k(struct buf *b) { shape(b, 128, 2, 12); }
static void removed_4(struct buf *b) { shape(b, 32, 1, 4); }
static void removed_31(struct buf *b) { shape(b, 32, 1, 31); }
static void removed_38(struct buf *b) { shape(b, 32, 1, 38); }
static void type_63(struct buf *b) { shape(b, 32, 1, 63); }
static void type_999(struct buf *b) { shape(b, 32, 1, 999); }
static void type_1009(struct buf *b) { shape(b, 32, 16, 1009); }
static void type_max(struct buf *b) { shape(b, 32, 1, UINT32_MAX); }
static void tiled_unaligned(struct buf *b) { shape(b, 4, 16, 1000); }

static void
tiled_vector(struct buf *b)
{
	header(b, 1, 1);
	key_u32(b, "general.alignment", 64);
	info(b, "t", 64, 0, 1000, 0);
	pad(b, 64);
	data(b, 4096);
}

static void
offsets(struct buf *b, uint64_t first, uint64_t second)
{
	header(b, 2, 0);
	info(b, "s", 8, 0, 0, first);
	info(b, "t", 16, 0, 0, second);
	data(b, 96);
}
static void offset_unaligned(struct buf *b) { offsets(b, 0, 33); }
static void offset_before(struct buf *b) { offsets(b, 64, 0); }
static void offset_overlaps(struct buf *b) { offsets(b, 0, 0); }
static void offset_gap(struct buf *b) { offsets(b, 0, 64); }
static void offset_beyond(struct buf *b) { offsets(b, 0, 4096); }
static void offset_wraps(struct buf *b) { offsets(b, UINT64_MAX - 31, 0); }

static void
sizes_wrap(struct buf *b)
{
	/* The first ends at 2^63 - 2^32, so that the second ends beyond 2^63 */
	header(b, 2, 0);
	info(b, "s", (1ull << 63) - (1ull << 32), 0, 24, 0);
	info(b, "t", 1ull << 33, 0, 24, (1ull << 63) - (1ull << 32));
	data(b, 96);
}

static void
one_byte_short(struct buf *b)
{
	offsets(b, 0, 32);
	b->len--;
}

static void
trailing(struct buf *b)
{
	offsets(b, 0, 32);
	bytes(b, "x", 1);
}

static void
claims_1_tb(struct buf *b)
{
	header(b, 1, 0);
	info(b, "t", 1ull << 40, 0, 24, 0);
	data(b, 96);
}

static const struct {
	void (*make)(struct buf *b);
	const char *what, *reason;
} bad[] = {
	{ empty, "an empty file", "offset 0" },
	{ wrong_magic, "another magic", "not a GGUF" },
	{ swapped_magic, "a magic with the other byte order", "not a GGUF" },
	{ version_0, "version 0", "version 0" },
	{ version_1, "version 1", "version 1" },
	{ version_4, "version 4", "version 4" },
	{ version_swapped, "version 3 with the other byte order", "byte order" },
	{ tensors_minus_1, "-1 tensors", "tensors are too many" },
	{ tensors_2_63, "2^63 tensors", "tensors are too many" },
	{ tensors_wrap, "tensors whose table wraps", "tensors are too many" },
	{ tensors_beyond, "more tensors than bytes for them", "tensors are too many" },
	{ keys_minus_1, "-1 keys", "keys are too many" },
	{ keys_2_63, "2^63 keys", "keys are too many" },
	{ keys_wrap, "keys whose table wraps", "keys are too many" },
	{ keys_beyond, "more keys than bytes for them", "keys are too many" },
	{ key_length_0, "a key of length 0", "empty name" },
	{ key_length_max, "a key of length 2^64-1", "string of" },
	{ key_length_long, "a key over the limit", "string of" },
	{ key_length_beyond, "a key beyond the file", "wanted" },
	{ key_twice, "a key twice", "a.b stands there twice" },
	{ key_nul, "a key with NUL", "control" },
	{ key_newline, "a key with a newline", "control" },
	{ key_latin1, "a key in Latin-1", "not UTF-8" },
	{ key_overlong, "a key with an overlong form", "not UTF-8" },
	{ key_surrogate, "a key with a surrogate", "not UTF-8" },
	{ type_13, "a value of type 13", "unknown type 13" },
	{ type_255, "a value of type 255", "unknown type 255" },
	{ type_minus_1, "a value of type -1", "unknown type 4294967295" },
	{ boolean, "a boolean of 2", "boolean" },
	{ booleans, "an array with a boolean of 255", "boolean" },
	{ array_type_13, "an array of type 13", "unknown type 13" },
	{ array_of_arrays, "an array of arrays", "array of arrays" },
	{ arrays_nested_deep, "arrays nested 100000 deep", "array of arrays" },
	{ array_2_61, "an array of 2^61 u64", "array of 2305843009213693952" },
	{ array_2_30, "an array of 2^30+1", "array of 1073741825" },
	{ array_max, "an array of 2^64-1 strings", "array of" },
	{ array_beyond, "an array beyond the file", "wanted" },
	{ array_strings_beyond, "an array of strings beyond the file", "wanted" },
	{ string_2_30, "a string of 2^30+1", "string of 1073741825" },
	{ string_max, "a string of 2^64-1", "string of" },
	{ string_beyond, "a string beyond the file", "wanted" },
	{ token_2_31, "a token text over 2^31", "string of 2147483649" },
	{ alignment_0, "alignment 0", "alignment is 0" },
	{ alignment_3, "alignment 3", "alignment is 3" },
	{ alignment_4, "alignment 4", "alignment is 4" },
	{ alignment_13, "alignment 13", "alignment is 13" },
	{ alignment_2_31, "alignment 2^31", "alignment is 2147483648" },
	{ alignment_text, "an alignment that is a string", "alignment is no" },
	{ alignment_u64, "an alignment of 64 bits", "alignment is no" },
	{ alignment_twice, "alignment twice", "twice" },
	{ name_64, "a tensor name of 64 bytes", "string of 64" },
	{ name_200, "a tensor name of 200 bytes", "string of 200" },
	{ name_0, "an empty tensor name", "empty name" },
	{ name_twice, "a tensor name twice", "t stands there twice" },
	{ dims_0, "0 dimensions", "0 dimensions" },
	{ dims_5, "5 dimensions", "5 dimensions" },
	{ dims_max, "2^32-1 dimensions", "4294967295 dimensions" },
	{ ne_0, "no columns", "dimension of 0" },
	{ ne_0_second, "no rows", "dimension of 0" },
	{ ne_minus_1, "-1 columns", "dimension of" },
	{ ne_max, "2^63-1 columns", "shape" },
	{ product_max, "(2^63-1) x 2", "shape" },
	{ product_wraps, "(2^42+1) x 2^22, which wraps to a small number", "shape" },
	{ product_negative, "2^32 x 2^31, which wraps to a negative number", "shape" },
	{ bytes_wrap, "bytes that wrap", "shape" },
	{ rows_short, "33 columns of Q8_0", "shape that type Q8_0" },
	{ rows_short_k, "128 columns of Q4_K", "shape that type Q4_K" },
	{ removed_4, "the removed type 4", "unknown type 4" },
	{ removed_31, "the removed type 31", "unknown type 31" },
	{ removed_38, "the removed type 38", "unknown type 38" },
	{ type_63, "type 63", "unknown type 63" },
	{ type_999, "type 999", "unknown type 999" },
	{ type_1009, "type 1009, which has no interleaved form", "unknown type 1009" },
	{ type_max, "type 2^32-1", "unknown type 4294967295" },
	{ tiled_unaligned, "an interleaved tensor at a multiple of 32", "general.alignment is 32" },
	{ tiled_vector, "an interleaved vector", "shape" },
	{ offset_unaligned, "an offset that is not aligned", "32 is expected" },
	{ offset_before, "data in another order than infos", "0 is expected" },
	{ offset_overlaps, "data that overlap", "32 is expected" },
	{ offset_gap, "data with a gap", "32 is expected" },
	{ offset_beyond, "an offset beyond the end", "32 is expected" },
	{ offset_wraps, "an offset that wraps", "0 is expected" },
	{ sizes_wrap, "sizes whose sum wraps", "not whole" },
	{ one_byte_short, "data one byte short", "not whole" },
	{ trailing, "a trailing byte", "behind the last tensor" },
	{ claims_1_tb, "a small file that claims 1 TB", "not whole" },
};

/* ---- how they are opened ---- */

static char path[64];

static struct gguf *
open_bytes(const struct buf *b)
{
	FILE *f = fopen(path, "wb");

	if (!f || (b->len && fwrite(b->data, 1, b->len, f) != b->len) || fclose(f) != 0)
		abort();
	return gguf_open(path);
}

static void
check_refused(void)
{
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buf b = { 0 };
		bad[i].make(&b);
		struct gguf *g = open_bytes(&b);
		tap_ok(!g && err_status() == ERR_DATA && strncmp(err_reason(), path, strlen(path)) == 0 &&
		    strstr(err_reason(), bad[i].reason), "%s: %s", bad[i].what, g ? "TAKEN" : err_reason() + strlen(path) + 2);
		gguf_free(g);
		buf_free(&b);
	}
}

/* A file with a value of every kind, and two tensors. */
static void
whole(struct buf *b)
{
	static const uint8_t size[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

	header(b, 2, 24);
	for (uint32_t kind = 0; kind <= GGUF_F64; kind++) {
		char name[32];
		if (kind == GGUF_ARRAY || kind == GGUF_STRING)
			continue;
		snprintf(name, sizeof name, "one.%u", kind);
		string(b, name);
		u32(b, kind);
		bytes(b, "\1\0\0\0\0\0\0\0", size[kind]);
		snprintf(name, sizeof name, "two.%u", kind);
		array(b, name, kind, 2);
		bytes(b, "\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 2u * size[kind]);
	}
	key_string(b, "string", "text");
	array(b, "strings", GGUF_STRING, 3);
	string(b, "");
	string(b, "one");
	string(b, "two");
	info(b, "s", 8, 0, 0, 0);
	info(b, "t", 32, 2, 8, 32);
	data(b, 32 + 68);
}

static void
check_cuts(void)
{
	struct buf b = { 0 };
	size_t refused = 0;
	struct gguf *g;

	whole(&b);
	for (size_t n = 0; n < b.len; n++) {
		/* a copy of just n bytes, so that a sanitizer sees what is read behind it */
		uint8_t *cut = malloc(n ? n : 1);
		if (!cut)
			abort();
		memcpy(cut, b.data, n);
		g = gguf_open_memory(cut, n, "cut");
		refused += g == NULL;
		gguf_free(g);
		free(cut);
	}
	tap_ok(refused == b.len, "cut at each of its %zu bytes, the file is refused", b.len);
	g = gguf_open_memory(b.data, b.len, "whole");
	tap_ok(g != NULL, "whole, it is taken: %s", g ? "yes" : err_reason());
	gguf_free(g);
	data(&b, 0);
	g = gguf_open_memory(b.data, b.len, "padded");
	tap_ok(g != NULL, "with its last padding too");
	gguf_free(g);
	buf_free(&b);
}

/* What is odd but sound: values of strings may hold any bytes. */
static void
check_odd(void)
{
	struct buf b = { 0 };
	struct gguf_string s = { "", 0 };

	header(&b, 0, 2);
	string(&b, "bytes");
	u32(&b, GGUF_STRING);
	u64(&b, 4);
	bytes(&b, "a\0\xff\n", 4);
	key_string(&b, "schl\xc3\xbcssel", "");
	struct gguf *g = open_bytes(&b);
	tap_ok(g && gguf_get_string(g, "bytes", &s) == 1 && s.len == 4 && memcmp(s.data, "a\0\xff\n", 4) == 0,
	    "a string with NUL and ill-formed UTF-8 comes as it is");
	tap_ok(g && gguf_get_string(g, "schl\xc3\xbcssel", &s) == 1 && s.len == 0, "a key may be UTF-8, a string empty");
	gguf_free(g);
	buf_free(&b);
}

/* Whether a file of that size can be mapped at all: an emulator refuses what the system under it would give. */
static bool
can_be_mapped(size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);

	close(fd);
	return p != MAP_FAILED && munmap(p, n) == 0;
}

/* A sparse file is as large as it says: it is taken, and neither read nor copied. */
static void
check_sparse(void)
{
	const uint64_t tera = 1ull << 40;
	struct buf b = { 0 };
	struct gguf *g;

	header(&b, 1, 0);
	info(&b, "t", tera, 0, 24, 0);
	data(&b, 0);
	gguf_free(open_bytes(&b));
	if (truncate(path, (off_t)(b.len + tera)) != 0) {
		tap_skip("a sparse file of 1 TB is opened", "the file system has no files of 1 TB");
	} else if (!can_be_mapped(b.len + tera)) {
		tap_ok(!gguf_open(path) && err_status() == ERR_SYSTEM, "a file that can't be mapped is the system's fault");
		buf_free(&b);
		return;
	} else {
		g = gguf_open(path);
		tap_ok(g && g->tensors[0].size == tera, "a sparse file of 1 TB is opened: %s", g ? "yes" : err_reason());
		gguf_free(g);
	}
	if (truncate(path, (off_t)(b.len + tera - 1)) == 0)
		tap_ok(!gguf_open(path) && strstr(err_reason(), "not whole"), "a byte shorter, it is refused");
	buf_free(&b);
}

static void
check_system(void)
{
	tap_ok(!gguf_open("/nonexistent/x.gguf") && err_status() == ERR_SYSTEM, "no file: %s", err_reason());
	tap_ok(!gguf_open("/") && err_status() == ERR_DATA, "a folder: %s", err_reason());
	unlink(path);
	if (mkfifo(path, 0600) == 0)
		tap_ok(!gguf_open(path) && err_status() == ERR_DATA, "a FIFO is not waited for: %s", err_reason());
}

int
main(void)
{
	char dir[] = "/tmp/mai-gguf-XXXXXX";

	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof path, "%s/bad.gguf", dir);
	check_refused();
	check_cuts();
	check_odd();
	check_sparse();
	check_system();
	unlink(path);
	rmdir(dir);
	return tap_done();
}
