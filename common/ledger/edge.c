#include "ledger/edge.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "ledger/tlog_impl.h"

/* ---- loading ---- */

static int
load_entries(struct edge *e, struct tlog *l)
{
	uint64_t first = e->size - e->n[0];
	const uint8_t *data;
	size_t n;

	for (uint64_t i = first; i < e->size; i++) {
		if (tlog_entry(l, i, &data, &n) < 0)
			return -1;
		struct hash leaf = merkle_leaf(data, n);
		const uint8_t length[] = { (uint8_t)(n >> 8), (uint8_t)(n & 0xff) };
		if (!hash_equal(&leaf, &e->hash[0][i - first]))
			return err_set(ERR_DATA, "%s: entry %llu is not the one of its hash", l->path, (unsigned long long)i);
		if (buf_add(&e->bundle, length, sizeof length) < 0 || buf_add(&e->bundle, data, n) < 0)
			return -1;
	}
	return 0;
}

int
edge_load(struct edge *e, struct tlog *l, uint64_t size, const struct hash *root)
{
	struct hash is;

	edge_free(e);
	e->size = size;
	for (int level = 0; level < TILE_LEVELS; level++) {
		uint64_t nodes = size >> TILE_HEIGHT * level;
		e->n[level] = (unsigned)(nodes % TILE_WIDTH);
		for (unsigned i = 0; i < e->n[level]; i++)
			if (tlog_node(l, (unsigned)level * TILE_HEIGHT, nodes - e->n[level] + i, &e->hash[level][i]) < 0)
				return -1;
	}
	is = edge_root(e);
	if (!hash_equal(&is, root))
		return err_set(ERR_DATA, "%s: the tiles of its end are not those of its checkpoint", l->path);
	return load_entries(e, l);
}

/* ---- growing ---- */

static int
gather(struct edge *e, int level, uint64_t index, unsigned width, const void *data, size_t n)
{
	struct edge_file *f;

	if (mem_grow(&e->file, &e->cap, e->n_files + 1, sizeof *e->file) < 0)
		return -1;
	f = &e->file[e->n_files++];
	*f = (struct edge_file){ .level = level, .index = index, .width = width };
	return buf_add(&f->data, data, n);
}

static int
gather_tile(struct edge *e, int level)
{
	uint64_t index = (e->size >> TILE_HEIGHT * level) / TILE_WIDTH - (e->n[level] == TILE_WIDTH);

	e->changed[level] = false;
	return gather(e, level, index, e->n[level], e->hash[level], e->n[level] * sizeof **e->hash);
}

static int
gather_bundle(struct edge *e)
{
	return gather(e, TILE_ENTRIES, e->size / TILE_WIDTH - (e->n[0] == TILE_WIDTH), e->n[0], e->bundle.data, e->bundle.len);
}

int
edge_add(struct edge *e, const void *data, size_t n, const struct hash *leaf)
{
	const uint8_t length[] = { (uint8_t)(n >> 8), (uint8_t)(n & 0xff) };
	struct hash h = *leaf;

	if (buf_add(&e->bundle, length, sizeof length) < 0 || buf_add(&e->bundle, data, n) < 0)
		return -1;
	e->size++;
	for (int level = 0; level < TILE_LEVELS; level++) {
		e->hash[level][e->n[level]++] = h;
		e->changed[level] = true;
		if (e->n[level] < TILE_WIDTH)
			return 0;
		if ((level == 0 && gather_bundle(e) < 0) || gather_tile(e, level) < 0)
			return -1;
		if (level == 0)
			e->bundle.len = 0;
		h = tlog_fold(e->hash[level], TILE_WIDTH);
		e->n[level] = 0;
	}
	return 0;
}

int
edge_finish(struct edge *e)
{
	if (e->n[0] > 0 && e->changed[0] && gather_bundle(e) < 0)
		return -1;
	for (int level = 0; level < TILE_LEVELS; level++)
		if (e->n[level] > 0 && e->changed[level] && gather_tile(e, level) < 0)
			return -1;
	return 0;
}

/* The subtrees of the levels, from the smallest, which is the last, to the largest. */
struct hash
edge_root(const struct edge *e)
{
	struct hash root = merkle_empty(), part;
	bool any = false;

	for (int level = 0; level < TILE_LEVELS; level++)
		for (unsigned left = e->n[level], n; left > 0; left -= n) {
			n = left & -left;
			part = tlog_fold(&e->hash[level][left - n], n);
			root = any ? merkle_node(&part, &root) : part;
			any = true;
		}
	return root;
}

void
edge_drop_files(struct edge *e)
{
	while (e->n_files > 0)
		buf_free(&e->file[--e->n_files].data);
}

void
edge_free(struct edge *e)
{
	edge_drop_files(e);
	free(e->file);
	buf_free(&e->bundle);
	*e = (struct edge){ 0 };
}
