#include "model/model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

int64_t
model_layer(struct gguf_string name)
{
	static const char prefix[] = "blk.";
	uint64_t at = sizeof prefix - 1;
	int64_t n = 0;

	if (name.len <= at || memcmp(name.data, prefix, at) != 0)
		return -1;
	for (; at < name.len && name.data[at] >= '0' && name.data[at] <= '9'; at++) {
		n = n * 10 + (name.data[at] - '0');
		if (n > UINT32_MAX)
			return -1;
	}
	return at > sizeof prefix - 1 && at < name.len && name.data[at] == '.' ? n : -1;
}

/* ---- what one file states ---- */

struct part {
	struct gguf *g;
	struct hparams hp;
	bool is_shard;
	uint32_t first, last; /* layers */
	struct hash model_id, vocab_id;
};

static int
wanted_u32(const struct gguf *g, const char *key, uint64_t max, uint32_t *to)
{
	uint64_t v;
	int rc = gguf_get_u64(g, key, &v);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(ERR_DATA, "%s: a shard without the key %s", g->path, key);
	if (v > max)
		return err_set(ERR_DATA, "%s: the key %s is %" PRIu64, g->path, key, v);
	*to = (uint32_t)v;
	return 0;
}

/* 1 and *id set; 0 when it is absent. */
static int
stated_id(const struct gguf *g, const char *key, struct hash *id)
{
	struct gguf_string s;
	int rc = gguf_get_string(g, key, &s);

	if (rc == 1 && !hash_from_hex(id, s.data, s.len))
		return err_set(ERR_DATA, "%s: the key %s is no SHA-256", g->path, key);
	return rc;
}

static int
read_shard(struct part *p)
{
	const struct gguf *g = p->g;
	uint32_t version, layers;
	int rc;

	if (wanted_u32(g, SHARD_KEY_VERSION, UINT32_MAX, &version) < 0)
		return -1;
	if (version != SHARD_VERSION)
		return err_set(ERR_DATA, "%s: a shard of version %" PRIu32 ", %d is supported", g->path, version, SHARD_VERSION);
	if (wanted_u32(g, SHARD_KEY_LAYERS, MODEL_MAX_LAYERS, &layers) < 0 ||
	    wanted_u32(g, SHARD_KEY_LAYER_FIRST, layers, &p->first) < 0 ||
	    wanted_u32(g, SHARD_KEY_LAYER_LAST, layers, &p->last) < 0)
		return -1;
	if (p->hp.n_layers > layers)
		return err_set(ERR_DATA, "%s: %s is %" PRIu32 ", but the model has %" PRIu32 " layers", g->path,
		    SHARD_KEY_LAYERS, layers, p->hp.n_layers);
	p->hp.n_layers = layers;
	if (p->first > p->last || (p->first == p->last && layers != 0))
		return err_set(ERR_DATA, "%s: a shard of layers %" PRIu32 " to %" PRIu32, g->path, p->first, p->last);
	if ((rc = stated_id(g, SHARD_KEY_MODEL_ID, &p->model_id)) < 0)
		return -1;
	if (rc == 0)
		return err_set(ERR_DATA, "%s: a shard without the key %s", g->path, SHARD_KEY_MODEL_ID);
	return stated_id(g, SHARD_KEY_VOCAB_ID, &p->vocab_id) < 0 ? -1 : 0;
}

/* A tensor of a layer that the file does not have would be looked up, or counted, for nothing. */
static int
check_layers(const struct part *p)
{
	for (uint64_t i = 0; i < p->g->n_tensors; i++) {
		struct gguf_string name = p->g->tensors[i].name;
		int64_t layer = model_layer(name);
		if (layer >= 0 && (layer < p->first || layer >= p->last))
			return err_set(ERR_DATA, "%s: tensor %.*s lies outside of layers %" PRIu32 " to %" PRIu32, p->g->path,
			    (int)name.len, name.data, p->first, p->last);
	}
	return 0;
}

/* The parts into which other programs cut a file hold tensors in no order of layers. */
static int
refuse_part(const struct gguf *g)
{
	uint64_t count = 1;

	if (gguf_get_u64(g, "split.count", &count) < 0)
		return -1;
	if (count > 1)
		return err_set(ERR_DATA, "%s: one of %" PRIu64 " parts of a GGUF file; merge them first (llama-gguf-split --merge)",
		    g->path, count);
	return 0;
}

static int
read_part(struct part *p, const char *path)
{
	if (!(p->g = gguf_open(path)) || refuse_part(p->g) < 0 || hparams_read(&p->hp, p->g) < 0)
		return -1;
	p->is_shard = gguf_find(p->g, SHARD_KEY_VERSION) != NULL;
	p->last = p->hp.n_layers;
	if (p->is_shard && read_shard(p) < 0)
		return -1;
	return check_layers(p);
}

/* ---- several files ---- */

static int
compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* Does b come next behind a? */
static int
follows(const struct part *a, const struct part *b)
{
	const char *path = b->g->path;

	if (!a->is_shard || !b->is_shard)
		return err_set(ERR_DATA, "%s: not a shard, so it can't be used together with others",
		    a->is_shard ? path : a->g->path);
	if (!hash_equal(&a->model_id, &b->model_id) || !hash_equal(&a->vocab_id, &b->vocab_id) ||
	    strcmp(a->hp.arch, b->hp.arch) != 0 || a->hp.n_layers != b->hp.n_layers || a->hp.n_vocab != b->hp.n_vocab)
		return err_set(ERR_DATA, "%s: of another model than %s", path, a->g->path);
	if (a->last != b->first)
		return err_set(ERR_DATA, "%s: begins with layer %" PRIu32 ", but %s ends before layer %" PRIu32, path, b->first,
		    a->g->path, a->last);
	return 0;
}

/* A tensor that stands in two files (the embedding of a tied model, what every layer needs) is the same in both. */
static int
check_twins(const struct part *a, const struct part *b)
{
	for (uint64_t i = 0; i < b->g->n_tensors; i++) {
		const struct gguf_tensor *t = &b->g->tensors[i], *twin = gguf_tensor_named(a->g, t->name);
		if (twin && memcmp(twin->ne, t->ne, sizeof t->ne) != 0)
			return err_set(ERR_DATA, "%s: tensor %.*s has another shape than in %s", b->g->path,
			    (int)t->name.len, t->name.data, a->g->path);
	}
	return 0;
}

static int
check_parts(const struct part *p, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (follows(&p[i - 1], &p[i]) < 0 || check_twins(&p[0], &p[i]) < 0)
			return -1;
	return 0;
}

static struct model *
assemble(struct part *p, uint32_t n)
{
	struct model *m = mem_alloc(1, sizeof *m);

	if (!m || !(m->files = mem_alloc(n, sizeof *m->files))) {
		free(m);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++) {
		m->files[i] = p[i].g;
		p[i].g = NULL;
	}
	m->n_files = n;
	m->hp = p[0].hp;
	m->layer_first = p[0].first;
	m->layer_last = p[n - 1].last;
	m->has_embedding = m->layer_first == 0;
	m->has_head = m->layer_last == m->hp.n_layers;
	m->stated_model_id = p[0].model_id;
	m->stated_vocab_id = p[0].vocab_id;
	return m;
}

static struct model *
open_files(const char *const *paths, uint32_t n)
{
	struct model *m = NULL;
	struct part *parts;
	uint32_t i;

	if (n < 1 || n > MODEL_MAX_LAYERS) {
		err_set(ERR_USAGE, "%" PRIu32 " files, 1 to %d make a model", n, MODEL_MAX_LAYERS);
		return NULL;
	}
	if (!(parts = mem_alloc(n, sizeof *parts)))
		return NULL;
	for (i = 0; i < n; i++)
		if (read_part(&parts[i], paths[i]) < 0)
			goto done;
	qsort(parts, n, sizeof *parts, compare_parts);
	if (check_parts(parts, n) == 0)
		m = assemble(parts, n);
done:
	for (i = 0; i < n; i++)
		gguf_free(parts[i].g);
	free(parts);
	return m;
}

/* ---- a manifest ---- */

/* Are the shards those that the manifest states? */
static int
check_manifest(const struct model *m, const struct manifest *mf, const char *path)
{
	if (!hash_equal(&m->stated_model_id, &mf->model_id) || !hash_equal(&m->stated_vocab_id, &mf->vocab_id))
		return err_set(ERR_DATA, "%s: its identities are not those of %s", path, m->files[0]->path);
	if (m->layer_first != 0 || m->layer_last != m->hp.n_layers || m->hp.n_layers != mf->last[mf->n - 1])
		return err_set(ERR_DATA, "%s: its layers are not those of its shards", path);
	return 0;
}

static struct model *
open_manifest(const char *path)
{
	struct manifest mf;
	struct model *m;

	if (manifest_read(&mf, path) < 0)
		return NULL;
	m = open_files((const char *const *)mf.paths, mf.n);
	if (m && check_manifest(m, &mf, path) < 0) {
		model_free(m);
		m = NULL;
	}
	manifest_free(&mf);
	return m;
}

struct model *
model_open(const char *const *paths, uint32_t n)
{
	return n == 1 && manifest_is(paths[0]) ? open_manifest(paths[0]) : open_files(paths, n);
}

void
model_free(struct model *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->n_files; i++)
		gguf_free(m->files[i]);
	free(m->files);
	free(m);
}

const struct gguf_tensor *
model_tensor(const struct model *m, const char *name)
{
	const struct gguf_tensor *t = NULL;

	for (uint32_t i = 0; i < m->n_files && !t; i++)
		t = gguf_tensor(m->files[i], name);
	return t;
}

const struct gguf_tensor *
model_output(const struct model *m)
{
	const struct gguf *last = m->files[m->n_files - 1];
	const struct gguf_tensor *t;

	if (!m->has_head)
		return NULL;
	t = gguf_tensor(last, "output.weight");
	return t ? t : gguf_tensor(last, "token_embd.weight");
}

const struct gguf *
model_vocab_file(const struct model *m)
{
	for (uint32_t i = m->n_files; i-- > 0;)
		if (gguf_find(m->files[i], "tokenizer.ggml.model"))
			return m->files[i];
	return NULL;
}
