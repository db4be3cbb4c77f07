/* The GGUF reader and writer: every kind of value, look-ups, copies of real files byte for byte. */
#include <dirent.h>
#include <stdio.h>

#include "base/err.h"
#include "base/io.h"
#include "gguf_bytes.h"
#include "model/types.h"
#include "tap.h"

static char dir[] = "/tmp/mai-gguf-XXXXXX";

static const char *
in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

/* ---- look-ups ---- */

static void
add_integer(struct buf *b, const char *name, uint32_t kind, int64_t v, size_t size)
{
	string(b, name);
	u32(b, kind);
	bytes(b, &v, size);
}

static void
check_integers(void)
{
	static const struct {
		const char *name;
		uint32_t kind;
		int64_t v;
		size_t size;
		bool fits;
	} k[] = {
		{ "u8", GGUF_U8, 0xfe, 1, true }, { "i8", GGUF_I8, 0x7f, 1, true }, { "i8-", GGUF_I8, -2, 1, false },
		{ "u16", GGUF_U16, 0xfffe, 2, true }, { "i16", GGUF_I16, 0x7fff, 2, true }, { "i16-", GGUF_I16, -2, 2, false },
		{ "u32", GGUF_U32, 0xfffffffe, 4, true }, { "i32", GGUF_I32, 0x7fffffff, 4, true },
		{ "i32-", GGUF_I32, -2, 4, false }, { "u64", GGUF_U64, -2, 8, true }, { "i64", GGUF_I64, INT64_MAX, 8, true },
		{ "i64-", GGUF_I64, -2, 8, false },
	};
	enum { N = sizeof k / sizeof *k };
	struct buf b = { 0 };
	uint64_t v;

	header(&b, 0, N);
	for (int i = 0; i < N; i++)
		add_integer(&b, k[i].name, k[i].kind, k[i].v, k[i].size);
	struct gguf *g = gguf_open_memory(b.data, b.len, "integers");
	for (int i = 0; g && i < N; i++) {
		int rc = gguf_get_u64(g, k[i].name, &v);
		tap_ok(k[i].fits ? rc == 1 && v == (uint64_t)k[i].v : rc == -1, "%s as u64: %s", k[i].name,
		    rc == 1 ? "comes" : err_reason());
	}
	v = 7;
	tap_ok(g && gguf_get_u64(g, "u9", &v) == 0 && v == 7, "an absent key gives 0 and leaves the value");
	gguf_free(g);
	buf_free(&b);
}

static void
check_typed(void)
{
	static const float f = 1.5f;
	static const double d = -2.25;
	struct buf b = { 0 };
	struct gguf_string s;
	const struct gguf_key *k;
	double v = 0;
	bool yes = false;
	uint64_t n;

	header(&b, 0, 5);
	string(&b, "f32");
	u32(&b, GGUF_F32);
	bytes(&b, &f, sizeof f);
	string(&b, "f64");
	u32(&b, GGUF_F64);
	bytes(&b, &d, sizeof d);
	string(&b, "bool");
	u32(&b, GGUF_BOOL);
	bytes(&b, "\1", 1);
	key_string(&b, "string", "text");
	array(&b, "array", GGUF_I32, 2);
	u32(&b, 1);
	u32(&b, 2);
	struct gguf *g = gguf_open_memory(b.data, b.len, "typed");
	if (!g)
		abort();
	tap_ok(gguf_get_f64(g, "f32", &v) == 1 && v == 1.5, "an f32 as f64");
	tap_ok(gguf_get_f64(g, "f64", &v) == 1 && v == -2.25, "an f64 as f64");
	tap_ok(gguf_get_bool(g, "bool", &yes) == 1 && yes, "a boolean");
	tap_ok(gguf_get_string(g, "string", &s) == 1 && gguf_string_is(s, "text") && !gguf_string_is(s, "tex"), "a string");
	tap_ok(gguf_get_array(g, "array", GGUF_I32, &k) == 1 && k->n == 2 && k->size == 8, "an array");
	tap_ok(gguf_get_u64(g, "f32", &n) == -1 && gguf_get_u64(g, "array", &n) == -1 && gguf_get_u64(g, "bool", &n) == -1,
	    "what is no integer gives none");
	tap_ok(gguf_get_f64(g, "string", &v) == -1 && gguf_get_bool(g, "f32", &yes) == -1 &&
	    gguf_get_string(g, "array", &s) == -1, "nor do others give what they are not");
	tap_ok(gguf_get_array(g, "array", GGUF_U32, &k) == -1 && gguf_get_array(g, "string", GGUF_STRING, &k) == -1,
	    "an array has its own type of elements");
	gguf_free(g);
	buf_free(&b);
}

/* Names that begin alike, in no order. */
static void
check_names(void)
{
	static const char *const names[] = { "b", "ab", "a", "aa", "abc", "\xc3\xa9", "B", "a.b", "a-b" };
	enum { N = sizeof names / sizeof *names };
	struct buf b = { 0 };
	int found = 0;

	header(&b, N, N);
	for (uint32_t i = 0; i < N; i++)
		key_u32(&b, names[i], i);
	for (uint32_t i = 0; i < N; i++)
		info(&b, names[i], i + 1, 0, 0, i < 8 ? i * 32 : 8 * 32);
	data(&b, 8 * 32 + 36);
	struct gguf *g = gguf_open_memory(b.data, b.len, "names");
	for (uint32_t i = 0; g && i < N; i++) {
		const struct gguf_tensor *t = gguf_tensor(g, names[i]);
		uint64_t v;
		found += gguf_get_u64(g, names[i], &v) == 1 && v == i && t && t->ne[0] == i + 1;
	}
	tap_ok(found == N, "each of %d names is found", N);
	tap_ok(g && !gguf_tensor(g, "") && !gguf_tensor(g, "abcd") && !gguf_find(g, "zz") && !gguf_find(g, "A"), "others are not");
	gguf_free(g);
	buf_free(&b);
}

/* ---- the writer ---- */

/* By the format's description, not by the writer. */
static void
by_hand(struct buf *b)
{
	header(b, 2, 7);
	key_u32(b, "general.alignment", 64);
	string(b, "f");
	u32(b, GGUF_F32);
	bytes(b, "\0\0\xc0\x3f", 4);
	string(b, "b");
	u32(b, GGUF_BOOL);
	bytes(b, "\1", 1);
	key_string(b, "s", "text");
	array(b, "ss", GGUF_STRING, 2);
	string(b, "x");
	string(b, "");
	array(b, "u", GGUF_U16, 3);
	bytes(b, "\1\0\2\0\3\0", 6);
	array(b, "none", GGUF_STRING, 0);
	info(b, "one", 3, 0, TYPE_F32, 0);
	info(b, "two", 2, 2, TYPE_F16, 64);
	pad(b, 64);
	bytes(b, "abcdefghijkl", 12);
	pad(b, 64);
	bytes(b, "ABCDEFGH", 8);
	pad(b, 64);
}

static int
fill(void *arg, FILE *to, const char *name)
{
	(void)name;
	return fputs(arg, to) < 0 ? -1 : 0;
}

static struct gguf_writer *
by_writer(const char *two)
{
	static char text[16];
	const struct gguf_string ss[] = { { "x", 1 }, { "", 0 } };
	const uint16_t u[] = { 1, 2, 3 };
	struct gguf_writer *w = gguf_writer_new();

	snprintf(text, sizeof text, "%s", two);
	if (!w || gguf_put_u32(w, "general.alignment", 64) < 0 || gguf_put_f32(w, "f", 1.5f) < 0 ||
	    gguf_put_bool(w, "b", true) < 0 || gguf_put_string(w, "s", "text") < 0 || gguf_put_strings(w, "ss", ss, 2) < 0 ||
	    gguf_put_array(w, "u", GGUF_U16, u, 3) < 0 || gguf_put_strings(w, "none", NULL, 0) < 0 ||
	    gguf_put_tensor(w, "one", TYPE_F32, 1, (const uint64_t[]){ 3 }, "abcdefghijkl", 12) < 0 ||
	    gguf_put_tensor_fill(w, "two", TYPE_F16, 2, (const uint64_t[]){ 2, 2 }, 8, fill, text) < 0)
		abort();
	return w;
}

static bool
same_file(const char *path, const void *bytes, size_t n)
{
	struct io_map m;
	bool same = io_map(&m, path) == 0 && m.size == n && memcmp(m.data, bytes, n) == 0;

	io_unmap(&m);
	return same;
}

static void
check_writer(void)
{
	struct buf b = { 0 };
	struct gguf_writer *w = by_writer("ABCDEFGH");

	by_hand(&b);
	tap_ok(gguf_write(w, in_dir("w.gguf")) == 0 && same_file(in_dir("w.gguf"), b.data, b.len),
	    "what is written is what the format says");
	gguf_writer_free(w);
	w = by_writer("ABCD");
	tap_ok(gguf_write(w, in_dir("short.gguf")) < 0 && access(in_dir("short.gguf"), F_OK) != 0,
	    "a tensor that is filled short makes no file: %s", err_reason());
	gguf_writer_free(w);
	w = gguf_writer_new();
	tap_ok(gguf_put_tensor(w, "t", TYPE_F32, 1, (const uint64_t[]){ 3 }, "", 11) < 0, "a wrong size is refused: %s",
	    err_reason());
	tap_ok(gguf_put_tensor(w, "t", 4, 1, (const uint64_t[]){ 3 }, "", 12) < 0, "a removed type is refused: %s", err_reason());
	tap_ok(gguf_put_tensor(w, "", TYPE_F32, 1, (const uint64_t[]){ 3 }, "", 12) < 0, "an empty name is refused");
	gguf_put_u32(w, "general.alignment", 48);
	tap_ok(gguf_write(w, in_dir("short.gguf")) < 0, "an alignment of 48 is refused: %s", err_reason());
	gguf_writer_free(w);
	unlink(in_dir("w.gguf"));
	buf_free(&b);
}

static void
check_version_2(void)
{
	struct buf b = { 0 };

	by_hand(&b);
	b.data[4] = 2;
	struct gguf *g = gguf_open_memory(b.data, b.len, "v2");
	tap_ok(g && g->version == 2 && gguf_tensor(g, "two")->size == 8, "version 2 is read");
	gguf_free(g);
	buf_free(&b);
}

/* ---- copies of real files ---- */

static bool
copy(const struct gguf *g, const char *to)
{
	struct gguf_writer *w = gguf_writer_new();
	bool good = w != NULL;

	for (uint64_t i = 0; good && i < g->n_keys; i++)
		good = gguf_put_key(w, &g->keys[i]) == 0;
	for (uint64_t i = 0; good && i < g->n_tensors; i++) {
		const struct gguf_tensor *t = &g->tensors[i];
		char name[GGUF_MAX_NAME] = "";
		memcpy(name, t->name.data, t->name.len);
		good = gguf_put_tensor(w, name, t->type, t->n_dims, t->ne, t->data, t->size) == 0;
	}
	good = good && gguf_write(w, to) == 0;
	gguf_writer_free(w);
	return good;
}

static bool
copies_same(const char *path)
{
	struct gguf *g = gguf_open(path);
	/* A file without tensors may end before the padding that the writer makes. */
	struct io_map m = { 0 };
	bool same = g && copy(g, in_dir("copy.gguf")) && io_map(&m, in_dir("copy.gguf")) == 0 && m.size >= g->map.size &&
	    m.size - g->map.size < g->alignment && memcmp(m.data, g->map.data, g->map.size) == 0;

	io_unmap(&m);
	gguf_free(g);
	unlink(in_dir("copy.gguf"));
	return same;
}

static void
check_shared(const char *folder, int least)
{
	const char *shared = getenv("MAI_SHARED") ? getenv("MAI_SHARED") : "../shared";
	char path[512];
	int n = 0;

	snprintf(path, sizeof path, "%s/%s", shared, folder);
	DIR *d = opendir(path);
	if (!d) {
		tap_skip("copies of real files are the same", "the shared data is absent");
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		size_t len = strlen(e->d_name);
		if (len < 5 || strcmp(e->d_name + len - 5, ".gguf") != 0)
			continue;
		snprintf(path, sizeof path, "%s/%s/%s", shared, folder, e->d_name);
		n++;
		if (!copies_same(path))
			tap_ok(false, "a copy of %s is the same: %s", e->d_name, err_reason());
	}
	closedir(d);
	tap_ok(n >= least, "copies of %d files of %s were compared", n, folder);
}

/* ---- types ---- */

static void
check_types(void)
{
	/* Sizes of blocks as ggml-common.h asserts them. */
	static const struct {
		uint32_t type, block, bytes;
		const char *name;
	} known[] = {
		{ 0, 1, 4, "F32" }, { 1, 1, 2, "F16" }, { 2, 32, 18, "Q4_0" }, { 3, 32, 20, "Q4_1" }, { 6, 32, 22, "Q5_0" },
		{ 7, 32, 24, "Q5_1" }, { 8, 32, 34, "Q8_0" }, { 9, 32, 36, "Q8_1" }, { 10, 256, 84, "Q2_K" },
		{ 11, 256, 110, "Q3_K" }, { 12, 256, 144, "Q4_K" }, { 13, 256, 176, "Q5_K" }, { 14, 256, 210, "Q6_K" },
		{ 15, 256, 292, "Q8_K" }, { 24, 1, 1, "I8" }, { 27, 1, 8, "I64" }, { 28, 1, 8, "F64" }, { 30, 1, 2, "BF16" },
		{ 34, 256, 54, "TQ1_0" }, { 35, 256, 66, "TQ2_0" }, { 39, 32, 17, "MXFP4" }, { 40, 64, 36, "NVFP4" },
		{ 1000, 1, 4, "F32_X16" }, { 1008, 32, 34, "Q8_0_X16" },
	};
	static const uint32_t unknown[] = { 4, 5, 31, 32, 33, 36, 37, 38, 43, 63, 64, 999, 1009, 1031, UINT32_MAX };
	int right = 0, refused = 0;
	uint64_t size;

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		const struct type_info *t = type_info(known[i].type);
		right += t && t->block == known[i].block && t->block_bytes == known[i].bytes && strcmp(t->name, known[i].name) == 0;
	}
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		refused += type_info(unknown[i]) == NULL;
	tap_ok(right == sizeof known / sizeof *known, "types have their names and block sizes");
	tap_ok(refused == sizeof unknown / sizeof *unknown, "removed and unknown types are refused");
	tap_ok(type_size(TYPE_X16 + TYPE_Q8_0, 2, (const uint64_t[]){ 64, 17 }, &size) && size == 2 * 2 * (512 + 32),
	    "an interleaved matrix of 17 rows has two tiles");
	tap_ok(type_size(TYPE_X16 + TYPE_MXFP4, 3, (const uint64_t[]){ 32, 16, 3 }, &size) && size == 3 * (256 + 64),
	    "each of three begins at a multiple of 64");
	tap_ok(!type_size(TYPE_X16 + TYPE_F32, 3, (const uint64_t[]){ 4, 16, UINT64_MAX / 256 + 2 }, &size), "more than there is room for are refused");
	tap_ok(!type_size(TYPE_X16 + TYPE_F32, 4, (const uint64_t[]){ 4, 16, 2, 2 }, &size), "four dimensions are not interleaved");
}

int
main(void)
{
	if (!mkdtemp(dir))
		abort();
	check_integers();
	check_typed();
	check_names();
	check_writer();
	check_version_2();
	check_types();
	check_shared("models/arch", 40);
	check_shared("models", 1);
	check_shared("tokenizers/gguf", 5);
	rmdir(dir);
	return tap_done();
}
