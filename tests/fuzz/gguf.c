/*
 * Any bytes as a GGUF file, a shard, a manifest, an adapter or an importance matrix, also of itself: opened in memory, where a sanitizer sees its end, then as a file
 * by all that looks at models. What is taken can be looked up by its own names, hashed, and written again to the same bytes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/msg.h"
#include "model/finite.h"
#include "model/id.h"
#include "model/imatrix.h"
#include "model/info.h"
#include "model/merge.h"
#include "model/mixture.h"
#include "model/plain.h"
#include "model/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t seen;

/* Every value and every tensor is where it says. */
static void
look_up(const struct gguf *g)
{
	for (uint64_t i = 0; i < g->n_keys; i++) {
		const struct gguf_key *k = &g->keys[i];
		uint64_t at = 0;
		if (k->item == GGUF_STRING)
			for (uint64_t n = 0; n < k->n; n++) {
				struct gguf_string s = gguf_next_string(k, &at);
				if (s.len)
					seen ^= (uint8_t)(s.data[0] ^ s.data[s.len - 1]);
			}
		else if (k->size)
			seen ^= k->data[0] ^ k->data[k->size - 1];
		if (k->item == GGUF_STRING && at != k->size)
			abort();
	}
	for (uint64_t i = 0; i < g->n_tensors; i++) {
		const struct gguf_tensor *t = &g->tensors[i];
		seen ^= t->data[0] ^ t->data[t->size - 1];
		if (gguf_tensor_named(g, t->name) != t)
			abort();
	}
}

/* Written again, it is the same but for the version and the last padding. */
static void
copy(const struct gguf *g)
{
	struct gguf_writer *w = gguf_writer_new();
	char *bytes = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&bytes, &n);

	if (!w || !f)
		abort();
	for (uint64_t i = 0; i < g->n_keys; i++)
		if (gguf_put_key(w, &g->keys[i]) < 0)
			abort();
	for (uint64_t i = 0; i < g->n_tensors; i++) {
		const struct gguf_tensor *t = &g->tensors[i];
		char name[GGUF_MAX_NAME] = "";
		memcpy(name, t->name.data, t->name.len);
		if (gguf_put_tensor(w, name, t->type, t->n_dims, t->ne, t->data, t->size) < 0)
			abort();
	}
	if (gguf_write_file(w, f, "copy") < 0 || fclose(f) != 0)
		abort();
	/* Padding is not compared: the reader lets it be anything. */
	struct gguf *again = gguf_open_memory(bytes, n, "copy");
	if (!again || again->n_keys != g->n_keys || again->n_tensors != g->n_tensors || again->data_offset != g->data_offset)
		abort();
	for (uint64_t i = 0; i < g->n_keys; i++)
		if (again->keys[i].size != g->keys[i].size || memcmp(again->keys[i].data, g->keys[i].data, g->keys[i].size) != 0)
			abort();
	for (uint64_t i = 0; i < g->n_tensors; i++)
		if (memcmp(again->tensors[i].data, g->tensors[i].data, g->tensors[i].size) != 0)
			abort();
	gguf_free(again);
	gguf_writer_free(w);
	free(bytes);
}

static int
drop(void *arg, const void *bytes, size_t n)
{
	(void)bytes;
	*(uint64_t *)arg += n;
	return 0;
}

/* A tensor gives as many plain bytes as it says, and as many interleaved. */
static void
walk_tensor(const struct place *p)
{
	uint64_t n = 0, tiled;
	void *space = malloc(plain_space(p->t) + 1);

	if (!space || plain_each(p, space, drop, &n) < 0 || n != plain_size(p->t))
		abort();
	free(space);
	if (type_is_tiled(p->t->type) || !type_size(TYPE_X16 + p->t->type, p->t->n_dims, p->t->ne, &tiled))
		return;
	n = 0;
	if (!(space = malloc(tiled_space(p->t))) || tiled_each(p, space, drop, &n) < 0 || n != tiled)
		abort();
	free(space);
}

static void
walk(const struct model *m)
{
	struct tensor_list l;

	if (list_tensors(&l, m) < 0)
		return;
	for (uint64_t i = 0; i < l.n; i++)
		walk_tensor(&l.at[i]);
	list_free(&l);
}

/* Whatever is read can be written in another form, or is refused. */
static void
write_anew(struct model *m)
{
	static const char to[] = "/dev/null";
	const struct merge_models twice = { .at = (struct model *[]){ m, m }, .weight = (double[]){ 1, 2 }, .n = 2 };
	struct imatrix *im;

	msg_level(-1); /* rows that are no multiple of 32 are no news */
	shard_join(m, to);
	shard_quantize(m, mixture_find("f32"), NULL, to);
	shard_quantize(m, mixture_find("q8_0"), NULL, to);
	shard_quantize(m, mixture_find("q4_k_m"), NULL, to);
	if ((im = imatrix_open(m->files[0]->path, m))) {
		shard_quantize(m, mixture_find("q4_0"), im, to);
		shard_quantize(m, mixture_find("q5_k_m"), im, to);
	}
	imatrix_free(im);
	merge_mean(&twice, to);
	msg_level(1);
}

static void
look_at_model(const char *path)
{
	struct model *m = model_open(&path, 1);
	struct split_plan plan;
	struct hash id;
	char hex[HASH_HEX];

	if (!m)
		return;
	walk(m);
	json_decref(model_info(m, false));
	if (model_id(m, &id) == 0)
		hash_to_hex(&id, hex);
	if (model_check(m) == 0)
		model_finite(m);
	write_anew(m);
	split_even(&plan, m, 2);
	split_list(&plan, m, "0-1,2-3");
	if (split_size(&plan, m, 1 << 16) == 0 && plan.last[plan.n - 1] != m->hp.n_layers)
		abort();
	model_free(m);
}

/* Beside a model of which nothing is here, so that any of its matrices has its shape from the hyper-parameters. */
static void
look_at_adapter(const char *path)
{
	static const struct model base = { .layer_first = 2, .layer_last = 2, .hp = { .arch = "llama", .n_layers = 2, .dim = 32,
	    .n_heads = 2, .n_kv_heads = 1, .head_dim = 16, .ffn = 32, .n_vocab = 8 } };
	struct adapter *a = adapter_open(path, 0.5f, &base);

	for (uint64_t i = 0; a && i < a->n_pairs; i++) {
		const struct adapter_pair *p = adapter_find(a, a->pairs[i].base);
		if (!p || p->a->ne[1] != p->rank || p->b->ne[0] != p->rank)
			abort();
		seen ^= p->a->data[p->a->size - 1] ^ p->b->data[p->b->size - 1];
	}
	adapter_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gguf *g = gguf_open_memory(data, size, "input");
	struct hparams hp;
	char path[64];
	int fd;

	if (g) {
		look_up(g);
		copy(g);
		hparams_read(&hp, g);
	}
	gguf_free(g);
	setenv("XDG_CACHE_HOME", "/nonexistent", 1);
	fd = memfd_create("gguf", MFD_CLOEXEC);
	if (fd < 0 || io_write(fd, data, size, "gguf") < 0)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	look_at_model(path);
	look_at_adapter(path);
	close(fd);
	return 0;
}
