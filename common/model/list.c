#include "model/list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static int
by_name(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return gguf_string_compare(x->t->name, y->t->name);
}

static int
by_index(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

/* The places in the model that a shard states for its tensors. */
static int
stated_places(const struct gguf *g, uint64_t count, const struct gguf_key **places)
{
	int rc = gguf_get_array(g, SHARD_KEY_TENSOR_INDEX, GGUF_U32, places);

	if (rc < 0)
		return -1;
	if (rc == 0 || (*places)->n != g->n_tensors)
		return err_set(ERR_DATA, "%s: %s does not say the place of each tensor", g->path, SHARD_KEY_TENSOR_INDEX);
	for (uint64_t i = 0; i < g->n_tensors; i++) {
		uint32_t v;
		memcpy(&v, (*places)->data + i * sizeof v, sizeof v);
		if (v >= count)
			return err_set(ERR_DATA, "%s: %s holds %" PRIu32 ", but the model has %" PRIu64 " tensors", g->path,
			    SHARD_KEY_TENSOR_INDEX, v, count);
	}
	return 0;
}

/* Adds a file's tensors behind those listed, but for one that the list's first file has too. */
static int
add_file(struct tensor_list *l, const struct model *m, const struct gguf *g)
{
	const struct gguf_key *places = NULL;
	uint64_t count;
	int rc = gguf_get_u64(g, SHARD_KEY_TENSOR_COUNT, &count);

	if (rc < 0)
		return -1;
	if (rc == 0)
		count = g->n_tensors;
	if (count > GGUF_MAX_TENSORS)
		return err_set(ERR_DATA, "%s: the key %s is %" PRIu64, g->path, SHARD_KEY_TENSOR_COUNT, count);
	if (gguf_find(g, SHARD_KEY_VERSION) && stated_places(g, count, &places) < 0)
		return -1;
	if (g != m->files[0] && count != l->count)
		return err_set(ERR_DATA, "%s: %s is not that of %s", g->path, SHARD_KEY_TENSOR_COUNT, m->files[0]->path);
	l->count = count;
	for (uint64_t i = 0; i < g->n_tensors; i++) {
		struct place p = { .t = &g->tensors[i], .g = g, .index = (uint32_t)i };
		if (places)
			memcpy(&p.index, places->data + i * sizeof p.index, sizeof p.index);
		if (g == m->files[0] || !gguf_tensor_named(m->files[0], p.t->name))
			l->at[l->n++] = p;
	}
	return 0;
}

/* Neither a name nor a place occurs twice. */
static int
check_unique(struct tensor_list *l, const struct model *m)
{
	list_by_name(l);
	for (uint64_t i = 1; i < l->n; i++)
		if (by_name(&l->at[i - 1], &l->at[i]) == 0)
			return err_set(ERR_DATA, "%s: tensor %.*s is in %s too", l->at[i].g->path, (int)l->at[i].t->name.len,
			    l->at[i].t->name.data, l->at[i - 1].g->path);
	qsort(l->at, l->n, sizeof *l->at, by_index);
	for (uint64_t i = 1; i < l->n; i++)
		if (l->at[i - 1].index == l->at[i].index)
			return err_set(ERR_DATA, "%s: two tensors have the place %" PRIu32, m->files[0]->path, l->at[i].index);
	return 0;
}

int
list_tensors(struct tensor_list *l, const struct model *m)
{
	uint64_t most = 0;

	*l = (struct tensor_list){ 0 };
	for (uint32_t i = 0; i < m->n_files; i++)
		most += m->files[i]->n_tensors; /* at most 2^9 times 2^20 */
	if (!(l->at = mem_alloc(most, sizeof *l->at)))
		return -1;
	for (uint32_t i = 0; i < m->n_files; i++)
		if (add_file(l, m, m->files[i]) < 0)
			goto fail;
	if (check_unique(l, m) < 0)
		goto fail;
	return 0;
fail:
	list_free(l);
	return -1;
}

void
list_by_name(struct tensor_list *l)
{
	qsort(l->at, l->n, sizeof *l->at, by_name);
}

void
list_free(struct tensor_list *l)
{
	free(l->at);
	*l = (struct tensor_list){ 0 };
}
