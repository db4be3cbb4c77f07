#include "model/adapter.h"

#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/opt.h"
#include "model/tile.h"
#include "model/types.h"

#define SUFFIX_A ".lora_a"
#define SUFFIX_B ".lora_b"

static const struct gguf *
file_of(const struct adapter *a)
{
	return a->file->files[0];
}

static int
refuse(const struct adapter *a, struct gguf_string name, const char *why)
{
	return err_set(ERR_DATA, "%s: tensor %.*s %s", file_of(a)->path, (int)name.len, name.data, why);
}

/* ---- keys ---- */

/* Refuses a file whose `key` is not `value`. */
static int
check_kind(const struct gguf *g, const char *key, const char *value)
{
	struct gguf_string s = { "", 0 };

	if (gguf_get_string(g, key, &s) < 0)
		return -1;
	return gguf_string_is(s, value) ? 0 : err_set(ERR_DATA, "%s: no adapter: its %s is not \"%s\"", g->path, key, value);
}

static int
read_keys(struct adapter *a, const struct model *m)
{
	const struct gguf *g = file_of(a);
	double alpha = 0;

	if (!hash_is_none(&a->file->stated_model_id))
		return err_set(ERR_DATA, "%s: a shard, no adapter", g->path);
	if (check_kind(g, "general.type", "adapter") < 0 || check_kind(g, "adapter.type", "lora") < 0 ||
	    gguf_get_f64(g, "adapter.lora.alpha", &alpha) < 0)
		return -1;
	if (strcmp(a->file->hp.arch, m->hp.arch) != 0)
		return err_set(ERR_DATA, "%s: an adapter of the architecture %s, the model's is %s", g->path,
		    a->file->hp.arch, m->hp.arch);
	if (gguf_find(g, "adapter.alora.invocation_tokens"))
		return err_set(ERR_DATA, "%s: an adapter that applies only behind certain tokens can't be applied", g->path);
	a->alpha = (float)alpha;
	return isfinite(a->alpha) ? 0 : err_set(ERR_DATA, "%s: adapter.lora.alpha is no finite number", g->path);
}

/* ---- pairs ---- */

static const struct gguf_tensor *
other_half(const struct adapter *a, const char *base, const char *suffix)
{
	char name[GGUF_MAX_NAME + sizeof SUFFIX_A];

	snprintf(name, sizeof name, "%s%s", base, suffix);
	return gguf_tensor(file_of(a), name);
}

/* Does another part of the model have the matrix? */
static bool
is_elsewhere(const struct model *m, const char *base)
{
	int64_t layer = model_layer((struct gguf_string){ base, strlen(base) });

	if (layer >= 0)
		return layer < m->hp.n_layers && (layer < m->layer_first || layer >= m->layer_last);
	return strcmp(base, "output.weight") == 0 && !m->has_head;
}

static int
find_shape(const struct adapter *a, const struct model *m, const struct adapter_pair *p, uint64_t *cols, uint64_t *rows)
{
	const struct gguf_tensor *t = model_tensor(m, p->base);

	if (strcmp(p->base, "token_embd.weight") == 0)
		return refuse(a, p->a->name, "is for the embedding, to which no adapter can be applied");
	if (model_vectors(p->base) || (t ? t->n_dims != 2 : !is_elsewhere(m, p->base) || !model_matrix(m, p->base, cols, rows)))
		return refuse(a, p->a->name, "is for none of the model's matrices");
	if (t) {
		*cols = t->ne[0];
		*rows = t->ne[1];
	}
	return 0;
}

static int
check_half(const struct adapter *a, const struct gguf_tensor *t, uint64_t cols, uint64_t rows)
{
	const char *path = file_of(a)->path;

	if (type_is_tiled(t->type) || !tile_supports(t->type))
		return err_set(ERR_DATA, "%s: tensor %.*s is of type %s, which can't be computed", path, (int)t->name.len,
		    t->name.data, type_info(t->type)->name);
	if (t->ne[0] != cols || t->ne[1] != rows || t->ne[2] != 1 || t->ne[3] != 1)
		return err_set(ERR_DATA, "%s: tensor %.*s is %" PRIu64 " x %" PRIu64 ", wanted is %" PRIu64 " x %" PRIu64,
		    path, (int)t->name.len, t->name.data, t->ne[0], t->ne[1], cols, rows);
	return 0;
}

static int
check_pair(const struct adapter *a, const struct model *m, struct adapter_pair *p)
{
	uint64_t cols = 0, rows = 0, rank = p->a->ne[1];

	if (find_shape(a, m, p, &cols, &rows) < 0)
		return -1;
	if (rank > ADAPTER_MAX_RANK)
		return err_set(ERR_DATA, "%s: tensor %.*s has rank %" PRIu64 ", at most %d is allowed", file_of(a)->path,
		    (int)p->a->name.len, p->a->name.data, rank, ADAPTER_MAX_RANK);
	if (check_half(a, p->a, cols, rank) < 0 || check_half(a, p->b, rank, rows) < 0)
		return -1;
	p->rank = (uint32_t)rank;
	p->scale = a->scale;
	if (a->alpha != 0) {
		p->scale *= a->alpha;
		p->scale /= (float)rank;
	}
	return isfinite(p->scale) ? 0 : refuse(a, p->a->name, "has a scale that is no finite number");
}

/* Each tensor is half of a pair. The pairs come in the order of their first halves. */
static int
read_pairs(struct adapter *a, const struct model *m)
{
	const struct gguf *g = file_of(a);

	if (g->n_tensors == 0)
		return err_set(ERR_DATA, "%s: an adapter without tensors", g->path);
	if (!(a->pairs = mem_alloc(g->n_tensors, sizeof *a->pairs)))
		return -1;
	for (uint64_t i = 0; i < g->n_tensors; i++) {
		const struct gguf_tensor *t = &g->tensors[i];
		struct adapter_pair *p = &a->pairs[a->n_pairs];
		struct gguf_string base = t->name;
		bool is_a = gguf_string_cut(&base, SUFFIX_A);
		if (!is_a && !gguf_string_cut(&base, SUFFIX_B))
			return refuse(a, t->name, "is neither a " SUFFIX_A " nor a " SUFFIX_B);
		snprintf(p->base, sizeof p->base, "%.*s", (int)base.len, base.data); /* shorter than GGUF_MAX_NAME */
		const struct gguf_tensor *other = other_half(a, p->base, is_a ? SUFFIX_B : SUFFIX_A);
		if (!other)
			return refuse(a, t->name, is_a ? "has no " SUFFIX_B : "has no " SUFFIX_A);
		if (!is_a)
			continue;
		p->a = t;
		p->b = other;
		if (check_pair(a, m, p) < 0)
			return -1;
		a->n_pairs++;
	}
	return 0;
}

/* ---- one adapter ---- */

struct adapter *
adapter_open(const char *path, float scale, const struct model *m)
{
	struct adapter *a = mem_alloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->scale = scale;
	if (!(a->file = model_open(&path, 1)) || read_keys(a, m) < 0 || read_pairs(a, m) < 0) {
		adapter_free(a);
		return NULL;
	}
	return a;
}

void
adapter_free(struct adapter *a)
{
	if (!a)
		return;
	free(a->pairs);
	model_free(a->file);
	free(a);
}

const struct adapter_pair *
adapter_find(const struct adapter *a, const char *base)
{
	for (uint64_t i = 0; i < a->n_pairs; i++)
		if (strcmp(a->pairs[i].base, base) == 0)
			return &a->pairs[i];
	return NULL;
}

/* ---- several ---- */

static int
open_named(struct adapter_list *l, const char *name, const struct model *m)
{
	struct adapter *a = NULL;
	char *path;
	double x;

	if (opt_file_number(name, &path, &x) < 0)
		return -1;
	if (isfinite((float)x))
		a = adapter_open(path, (float)x, m);
	else
		err_set(ERR_USAGE, "%s: the scale is no finite number", name);
	free(path);
	if (!a)
		return -1;
	if (a->scale == 0)
		adapter_free(a);
	else
		l->at[l->n++] = a;
	return 0;
}

int
adapters_open(struct adapter_list *l, const char *const *names, size_t n, const struct model *m)
{
	*l = (struct adapter_list){ 0 };
	if (!(l->at = mem_alloc(n, sizeof *l->at)))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (open_named(l, names[i], m) < 0) {
			adapters_free(l);
			return -1;
		}
	return 0;
}

void
adapters_free(struct adapter_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		adapter_free(l->at[i]);
	free(l->at);
	*l = (struct adapter_list){ 0 };
}

int
adapters_id(const struct adapter_list *l, struct hash *id)
{
	static const char title[] = "mai adapters 1\n";
	crypto_hash_sha256_state s;
	struct hash one;

	crypto_hash_sha256_init(&s);
	crypto_hash_sha256_update(&s, (const uint8_t *)title, sizeof title - 1);
	for (size_t i = 0; i < l->n; i++) {
		const struct adapter *a = l->at[i];
		const float numbers[] = { a->alpha, a->scale };
		if (model_id(a->file, &one) < 0)
			return -1;
		crypto_hash_sha256_update(&s, one.bytes, HASH_SIZE);
		crypto_hash_sha256_update(&s, (const uint8_t *)numbers, sizeof numbers);
	}
	crypto_hash_sha256_final(&s, id->bytes);
	return 0;
}
