#include "model/id.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/parallel.h"
#include "model/plain.h"

/* ---- canonical bytes ---- */

static void
put(crypto_hash_sha256_state *s, const void *data, uint64_t n)
{
	crypto_hash_sha256_update(s, data, n);
}

static void
put_u32(crypto_hash_sha256_state *s, uint32_t v)
{
	put(s, &v, sizeof v);
}

static void
put_u64(crypto_hash_sha256_state *s, uint64_t v)
{
	put(s, &v, sizeof v);
}

static void
put_string(crypto_hash_sha256_state *s, struct gguf_string v)
{
	put_u64(s, v.len);
	put(s, v.data, v.len);
}

/* A key as it lies in a GGUF file of version 3. */
static void
put_key(crypto_hash_sha256_state *s, const struct gguf_key *k)
{
	put_string(s, k->name);
	put_u32(s, k->kind);
	if (k->kind == GGUF_ARRAY) {
		put_u32(s, k->item);
		put_u64(s, k->n);
	}
	put(s, k->data, k->size);
}

bool
id_has_prefix(struct gguf_string name, const char *prefix)
{
	size_t n = strlen(prefix);

	return name.len >= n && memcmp(name.data, prefix, n) == 0;
}

bool
id_is_vocab_key(struct gguf_string name)
{
	return id_has_prefix(name, "tokenizer.") && !id_has_prefix(name, "tokenizer.chat_template");
}

bool
id_is_hparam(struct gguf_string name, const char *arch)
{
	return id_has_prefix(name, arch) && name.len > strlen(arch) && name.data[strlen(arch)] == '.';
}

struct hash
id_of(const struct gguf *g, const char *arch, const struct tensor_list *l, const struct hash *plain)
{
	static const char title[] = "mai model 1\n";
	crypto_hash_sha256_state s;
	struct hash id;
	uint64_t n = 0;

	crypto_hash_sha256_init(&s);
	put(&s, title, sizeof title - 1);
	put_string(&s, (struct gguf_string){ arch, strlen(arch) });
	for (uint64_t i = 0; i < g->n_keys; i++)
		n += id_is_hparam(g->keys[i].name, arch);
	put_u64(&s, n);
	for (uint64_t i = 0; i < g->n_keys; i++)
		if (id_is_hparam(g->keys[g->key_order[i]].name, arch))
			put_key(&s, &g->keys[g->key_order[i]]);
	put_u64(&s, l->n);
	for (uint64_t i = 0; i < l->n; i++) {
		const struct gguf_tensor *t = l->at[i].t;
		put_string(&s, t->name);
		put_u32(&s, plain_type(t));
		put_u32(&s, t->n_dims);
		put(&s, t->ne, t->n_dims * sizeof *t->ne);
		put(&s, plain[i].bytes, HASH_SIZE);
	}
	crypto_hash_sha256_final(&s, id.bytes);
	return id;
}

static struct hash
vocab_id_of(const struct gguf *g)
{
	static const char title[] = "mai vocabulary 1\n";
	crypto_hash_sha256_state s;
	struct hash id;
	uint64_t n = 0;

	crypto_hash_sha256_init(&s);
	put(&s, title, sizeof title - 1);
	for (uint64_t i = 0; i < g->n_keys; i++)
		n += id_is_vocab_key(g->keys[i].name);
	put_u64(&s, n);
	for (uint64_t i = 0; i < g->n_keys; i++)
		if (id_is_vocab_key(g->keys[g->key_order[i]].name))
			put_key(&s, &g->keys[g->key_order[i]]);
	crypto_hash_sha256_final(&s, id.bytes);
	return id;
}

/* ---- hashing tensors ---- */

struct hashing {
	const struct model *m; /* whom progress is told */
	const struct tensor_list *l;
	struct hash *plain;
	void *space[PARALLEL_THREADS];
	uint64_t total; /* bytes */
	atomic_uint_fast64_t done;
};

struct one {
	crypto_hash_sha256_state s;
	struct hashing *h;
	int thread;
};

static int
hash_piece(void *arg, const void *data, size_t n)
{
	struct one *o = arg;
	const struct model *m = o->h->m;
	uint64_t done;

	crypto_hash_sha256_update(&o->s, data, n);
	done = atomic_fetch_add(&o->h->done, n) + n;
	if (o->thread == 0 && m->progress)
		m->progress(m->progress_arg, "hashing", done, o->h->total);
	return 0;
}

static void
hash_tensor(void *arg, uint64_t i, int thread)
{
	struct hashing *h = arg;
	struct one o = { .h = h, .thread = thread };

	crypto_hash_sha256_init(&o.s);
	plain_each(&h->l->at[i], h->space[thread], hash_piece, &o); /* hash_piece never stops it */
	crypto_hash_sha256_final(&o.s, h->plain[i].bytes);
}

/* The SHA-256 of each tensor's plain bytes. */
static int
hash_list(const struct model *m, const struct tensor_list *l, struct hash *plain)
{
	struct hashing h = { .m = m, .l = l, .plain = plain };
	uint64_t space = 0;
	int n, rc = -1;

	for (uint64_t i = 0; i < l->n; i++) {
		uint64_t s = plain_space(l->at[i].t);
		space = s > space ? s : space;
		h.total += plain_size(l->at[i].t);
	}
	for (n = 0; n < PARALLEL_THREADS; n++)
		if (!(h.space[n] = mem_alloc64(space, 1)))
			goto done;
	parallel(l->n, hash_tensor, &h);
	rc = 0;
done:
	while (n-- > 0)
		free(h.space[n]);
	return rc;
}

/* ---- identities ---- */

static int
compute_model_id(const struct model *m, struct hash *id)
{
	struct tensor_list l = { 0 };
	struct hash *plain = NULL;
	int rc = -1;

	if (list_tensors(&l, m) < 0)
		return -1;
	list_by_name(&l);
	plain = mem_alloc(l.n, sizeof *plain);
	if (plain && hash_list(m, &l, plain) == 0) {
		*id = id_of(m->files[0], m->hp.arch, &l, plain);
		rc = 0;
	}
	free(plain);
	list_free(&l);
	return rc;
}

int
id_is_stated(const struct model *m, const struct hash *id)
{
	if (hash_is_none(&m->stated_model_id) || hash_equal(id, &m->stated_model_id))
		return 0;
	return err_set(ERR_DATA, "%s: what the shards hold is not the model that they state", m->files[0]->path);
}

int
id_check(const struct model *m)
{
	struct hash id;

	if (hash_is_none(&m->stated_model_id))
		return 0;
	return compute_model_id(m, &id) < 0 ? -1 : id_is_stated(m, &id);
}

int
model_id(const struct model *m, struct hash *id)
{
	const struct gguf *g = m->files[0];

	if (!hash_is_none(&m->stated_model_id)) {
		*id = m->stated_model_id;
		return 0;
	}
	if (id_cache_get(g, id))
		return 0;
	if (compute_model_id(m, id) < 0)
		return -1;
	id_cache_put(g, id);
	return 0;
}

bool
model_id_known(const struct model *m, struct hash *id)
{
	*id = m->stated_model_id;
	return !hash_is_none(id) || id_cache_get(m->files[0], id);
}

int
model_vocab_id(const struct model *m, struct hash *id)
{
	bool stated = !hash_is_none(&m->stated_model_id);

	*id = m->stated_vocab_id;
	for (uint32_t i = 0; i < m->n_files; i++) {
		const struct gguf *g = m->files[i];
		if (!gguf_find(g, "tokenizer.ggml.model"))
			continue;
		*id = vocab_id_of(g);
		if (stated && !hash_equal(id, &m->stated_vocab_id))
			return err_set(ERR_DATA, "%s: the vocabulary is not the one that the shard states", g->path);
	}
	return 0;
}
