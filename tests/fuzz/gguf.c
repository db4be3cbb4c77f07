/*
 * Any bytes as a GGUF file: opened, every key and tensor looked at, and, when it opens, taken as a model: hyper-parameters,
 * identities, plans to split it, and the check of those who compute it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/model.h"
#include "model/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t seen;

static void
must(int good)
{
	if (!good)
		abort();
}

static void
look_at_bytes(const uint8_t *p, uint64_t n)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += p[i];
	seen += sum;
}

static void
look_at_key(const struct gguf_key *k)
{
	uint64_t at = 0;

	look_at_bytes((const uint8_t *)k->name.data, k->name.len);
	look_at_bytes(k->data, k->size);
	for (uint64_t i = 0; k->kind == GGUF_ARRAY && k->item == GGUF_STRING && i < k->n; i++) {
		struct gguf_string s = gguf_next_string(k, &at);
		look_at_bytes((const uint8_t *)s.data, s.len);
	}
}

static void
look_at_all(const struct gguf *g)
{
	for (uint64_t i = 0; i < g->n_keys; i++)
		look_at_key(&g->keys[i]);
	for (uint64_t i = 0; i < g->n_tensors; i++) {
		const struct gguf_tensor *t = &g->tensors[i];
		must(type_info(t->type) != NULL);
		look_at_bytes((const uint8_t *)t->name.data, t->name.len);
		look_at_bytes(t->data, t->size);
	}
}

static void
as_model(const uint8_t *data, size_t size)
{
	struct split_plan plan;
	struct hash id;
	char path[64];
	const char *paths[] = { path };
	int fd = memfd_create("gguf", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct model *m = model_open(paths, 1);
	if (m) {
		model_vocab_id(m, &id);
		model_check_llama(m);
		if (split_even(&plan, m, 2) == 0)
			must(plan.n == 2 && plan.last[1] == m->layer_last);
		split_list(&plan, m, "0-1,2-3");
		split_size(&plan, m, 4096);
	}
	model_free(m);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gguf *g = gguf_open_memory(data, size, "input");

	if (!g)
		return 0;
	look_at_all(g);
	gguf_free(g);
	as_model(data, size);
	return 0;
}
