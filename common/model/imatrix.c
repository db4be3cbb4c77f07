#include "model/imatrix.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "model/types.h"

#define MOST_INPUTS 0x1p53f

struct imatrix {
	struct gguf *g;
	uint32_t entries;
	uint64_t chunks;
};

/* The two tensors of a name. */
struct entry {
	const struct gguf_tensor *sums, *counts;
};

/* ---- looking up ---- */

/* The names of the two. One that is too long for a file is found nowhere, and not written. */
struct names {
	char sums[GGUF_MAX_NAME + sizeof IMATRIX_SUMS], counts[GGUF_MAX_NAME + sizeof IMATRIX_COUNTS];
};

static struct names
names_of(struct gguf_string name)
{
	struct names n;

	snprintf(n.sums, sizeof n.sums, "%.*s" IMATRIX_SUMS, (int)name.len, name.data); /* shorter than GGUF_MAX_NAME */
	snprintf(n.counts, sizeof n.counts, "%.*s" IMATRIX_COUNTS, (int)name.len, name.data);
	return n;
}

static struct entry
entry_of(const struct gguf *g, struct gguf_string name)
{
	struct names n = names_of(name);

	return (struct entry){ gguf_tensor(g, n.sums), gguf_tensor(g, n.counts) };
}

static uint64_t
values(const struct gguf_tensor *t)
{
	return t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]; /* they are in the file */
}

/* Of f32: GGUF aligns tensors to 8 bytes and more. */
static const float *
floats(const struct gguf_tensor *t)
{
	return (const float *)(const void *)t->data;
}

bool
imatrix_columns(const struct imatrix *im, const struct gguf_tensor *t, uint64_t number, float *to)
{
	struct entry e = entry_of(im->g, t->name);

	if (!e.sums || !to)
		return e.sums;
	const float *sum = floats(e.sums) + number * t->ne[0];
	/* to the nearest, halves up */
	float n = (float)(int64_t)((double)floats(e.counts)[values(e.counts) > 1 ? number : 0] + 0.5);
	for (uint64_t i = 0; i < t->ne[0]; i++)
		to[i] = n > 0 ? sum[i] / n : 1;
	return true;
}

/* ---- opening ---- */

static int
check_values(const struct gguf *g, const struct gguf_tensor *t, float most)
{
	const float *x = floats(t);

	for (uint64_t i = 0; i < values(t); i++)
		if (!(x[i] >= 0 && x[i] <= most))
			return err_set(ERR_DATA, "%s: tensor %.*s: value %" PRIu64 " is %g", g->path, (int)t->name.len, t->name.data, i, (double)x[i]);
	return 0;
}

static int
check_entry(const struct gguf *g, struct gguf_string name)
{
	struct entry e = entry_of(g, name);

	if (!e.sums || !e.counts)
		return err_set(ERR_DATA, "%s: of %.*s there is no %s", g->path, (int)name.len, name.data, e.sums ? IMATRIX_COUNTS : IMATRIX_SUMS);
	if (e.sums->type != TYPE_F32 || e.counts->type != TYPE_F32)
		return err_set(ERR_DATA, "%s: what there is of %.*s is not F32", g->path, (int)name.len, name.data);
	return check_values(g, e.sums, 0x1.fffffep127f) < 0 ? -1 : check_values(g, e.counts, MOST_INPUTS);
}

static int
check_sizes(const struct gguf *g, const struct gguf_tensor *t)
{
	struct entry e = entry_of(g, t->name);
	uint64_t sums = values(e.sums), counts = values(e.counts), matrices = t->ne[2] * t->ne[3];

	if (sums != t->ne[0] * matrices)
		return err_set(ERR_DATA, "%s: of %.*s there are %" PRIu64 " sums; the model has %" PRIu64 " columns", g->path, (int)t->name.len,
		    t->name.data, sums, t->ne[0] * matrices);
	if (counts != 1 && counts != matrices)
		return err_set(ERR_DATA, "%s: of %.*s there are %" PRIu64 " counts for %" PRIu64 " matrices", g->path, (int)t->name.len, t->name.data,
		    counts, matrices);
	return 0;
}

static const struct gguf_tensor *
of_model(const struct model *m, struct gguf_string name)
{
	char whole[GGUF_MAX_NAME] = "";

	memcpy(whole, name.data, name.len); /* shorter */
	return model_tensor(m, whole);
}

/* Each entry, by either of its tensors. */
static int
check_entries(struct imatrix *im, const struct model *m)
{
	const struct gguf *g = im->g;
	struct gguf_string other = { 0 };
	uint32_t others = 0;

	for (uint64_t i = 0; i < g->n_tensors; i++) {
		struct gguf_string name = g->tensors[i].name;
		bool is_sums = gguf_string_cut(&name, IMATRIX_SUMS);
		if (!is_sums && !gguf_string_cut(&name, IMATRIX_COUNTS))
			continue;
		if (check_entry(g, name) < 0)
			return -1;
		if (!is_sums)
			continue;
		const struct gguf_tensor *t = of_model(m, name);
		if (t && check_sizes(g, t) < 0)
			return -1;
		im->entries++;
		if (!t && others++ == 0)
			other = name;
	}
	if (im->entries == others)
		return err_set(ERR_DATA, "%s: has nothing of a tensor of %s", g->path, m->files[0]->path);
	if (others)
		msg_warn("%s: %" PRIu32 " of %" PRIu32 " entries are of no tensor of the model, %.*s the first", g->path, others, im->entries, (int)other.len,
		    other.data);
	return 0;
}

static int
read_file(struct imatrix *im, const char *path, const struct model *m)
{
	struct gguf_string type;

	if (!(im->g = gguf_open(path)))
		return -1;
	if (gguf_get_string(im->g, IMATRIX_KEY_TYPE, &type) != 1 || !gguf_string_is(type, IMATRIX_TYPE))
		return err_set(ERR_DATA, "%s: not an importance matrix", path);
	if (gguf_get_u64(im->g, IMATRIX_KEY_CHUNKS, &im->chunks) < 0)
		return -1;
	return check_entries(im, m);
}

struct imatrix *
imatrix_open(const char *path, const struct model *m)
{
	struct imatrix *im = mem_alloc(1, sizeof *im);

	if (im && read_file(im, path, m) == 0)
		return im;
	imatrix_free(im);
	return NULL;
}

void
imatrix_free(struct imatrix *im)
{
	if (!im)
		return;
	gguf_free(im->g);
	free(im);
}

/* ---- what a model tells of it ---- */

static int
put_cut(struct gguf_writer *w, const char *key, const char *text, uint64_t n)
{
	char cut[128]; /* llama.cpp's size of such values */

	snprintf(cut, sizeof cut, "%.*s", n < sizeof cut ? (int)n : (int)sizeof cut, text);
	return gguf_put_string(w, key, cut);
}

int
imatrix_put_keys(const struct imatrix *im, struct gguf_writer *w)
{
	const struct gguf_key *datasets;
	uint64_t at = 0;
	int rc = gguf_get_array(im->g, IMATRIX_KEY_DATASETS, GGUF_STRING, &datasets);

	if (rc < 0 || put_cut(w, IMATRIX_KEY_MADE "file", im->g->path, strlen(im->g->path)) < 0)
		return -1;
	if (rc && datasets->n > 0) {
		struct gguf_string first = gguf_next_string(datasets, &at);
		if (put_cut(w, IMATRIX_KEY_MADE "dataset", first.data, first.len) < 0)
			return -1;
	}
	if (gguf_put_u32(w, IMATRIX_KEY_MADE "entries_count", im->entries) < 0)
		return -1;
	return im->chunks > 0 ? gguf_put_u32(w, IMATRIX_KEY_MADE "chunks_count", (uint32_t)im->chunks) : 0;
}

/* ---- writing ---- */

int
imatrix_put_text(struct gguf_writer *w, uint64_t chunks, uint32_t chunk_size)
{
	if (gguf_put_string(w, IMATRIX_KEY_TYPE, IMATRIX_TYPE) < 0 || gguf_put_strings(w, IMATRIX_KEY_DATASETS, NULL, 0) < 0)
		return -1;
	return gguf_put_u32(w, IMATRIX_KEY_CHUNKS, (uint32_t)chunks) < 0 ? -1 : gguf_put_u32(w, IMATRIX_KEY_CHUNK_SIZE, chunk_size);
}

/* One row for each count. Like GGML's, a tensor of one row has one dimension. */
static int
put(struct gguf_writer *w, const char *name, const float *x, uint64_t n, uint64_t rows)
{
	const uint64_t ne[] = { n / rows, rows };

	return gguf_put_tensor(w, name, TYPE_F32, rows > 1 ? 2 : 1, ne, x, n * sizeof *x);
}

int
imatrix_put(struct gguf_writer *w, struct gguf_string name, const float *sums, uint64_t n, const float *counts, uint64_t n_counts)
{
	struct names names = names_of(name);

	return put(w, names.sums, sums, n, n_counts) < 0 ? -1 : put(w, names.counts, counts, n_counts, n_counts);
}
