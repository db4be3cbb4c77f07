/* How layers are dealt out to shards. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/plain.h"
#include "model/shard.h"
#include "model/types.h"

enum {
	INFO_BYTES = 160,   /* most that the header says of a tensor, its padding and its place included */
	HEADER_BYTES = 1024 /* most that the keys of a shard take */
};

/* Bytes of each layer, the ends counted with the first and the last, and of what every shard has. */
struct weights {
	uint64_t layer[MODEL_MAX_LAYERS];
	uint64_t every, vocab;
	uint32_t n;
};

/* The larger of a tensor's two forms. */
static uint64_t
most_bytes(const struct gguf_tensor *t)
{
	uint64_t plain = plain_size(t), tiled = 0;

	type_size(TYPE_X16 + plain_type(t), t->n_dims, t->ne, &tiled);
	return (plain > tiled ? plain : tiled) + INFO_BYTES;
}

static int
need_layers(const struct model *m)
{
	if (m->hp.n_layers == 0)
		return err_set(ERR_DATA, "%s: a model without layers can't be split", m->files[0]->path);
	return shard_need_whole(m);
}

static int
weigh(struct weights *w, const struct model *m)
{
	struct tensor_list l;

	*w = (struct weights){ .n = m->hp.n_layers, .every = HEADER_BYTES };
	if (need_layers(m) < 0 || list_tensors(&l, m) < 0)
		return -1;
	for (uint64_t i = 0; i < l.n; i++) {
		struct gguf_string name = l.at[i].t->name;
		uint64_t bytes = most_bytes(l.at[i].t);
		int64_t layer = model_layer(name);
		if (layer >= 0) {
			w->layer[layer] += bytes;
			continue;
		}
		/* As many shards as layers, to see which of them would hold it. */
		struct shard_part first = { 0, 3, 0, 0, shard_is_tied(m) }, middle = first, last = first;
		middle.i = 1;
		last.i = 2;
		if (shard_holds(&middle, name)) {
			w->every += bytes;
			continue;
		}
		w->layer[0] += shard_holds(&first, name) ? bytes : 0;
		w->layer[w->n - 1] += shard_holds(&last, name) ? bytes : 0;
	}
	for (uint64_t i = 0; i < m->files[0]->n_keys; i++) {
		const struct gguf_key *k = &m->files[0]->keys[i];
		uint64_t bytes = k->size + k->name.len + 24;
		if (k->name.len > 10 && memcmp(k->name.data, "tokenizer.", 10) == 0)
			w->vocab += bytes;
		else
			w->every += bytes;
	}
	list_free(&l);
	return 0;
}

/* ---- -n ---- */

/*
 * The split whose sum of squared sizes is least: no shard is much larger than another. best[k][j] is that of the layers
 * [0, j) in k + 1 shards, from[k][j] where the last of these begins.
 */
static int
least_squares(struct split_plan *p, const struct weights *w, uint32_t n)
{
	size_t width = w->n + 1;
	double *best = mem_alloc(n * width, sizeof *best), *upto = mem_alloc(width, sizeof *upto);
	uint32_t *from = mem_alloc(n * width, sizeof *from);

	if (best && upto && from) {
		for (uint32_t j = 0; j < w->n; j++)
			upto[j + 1] = upto[j] + (double)w->layer[j];
		for (uint32_t j = 1; j <= w->n; j++)
			best[j] = upto[j] * upto[j];
		for (uint32_t k = 1; k < n; k++)
			for (uint32_t j = k + 1; j <= w->n; j++)
				for (uint32_t i = k; i < j; i++) {
					double size = upto[j] - upto[i], sum = best[(k - 1) * width + i] + size * size;
					if (i == k || sum < best[k * width + j]) {
						best[k * width + j] = sum;
						from[k * width + j] = i;
					}
				}
		p->n = n;
		for (uint32_t k = n, end = w->n; k-- > 0; end = p->first[k]) {
			p->first[k] = from[k * width + end];
			p->last[k] = end;
		}
	}
	int rc = best && upto && from ? 0 : -1;
	free(best);
	free(upto);
	free(from);
	return rc;
}

int
split_even(struct split_plan *p, const struct model *m, uint32_t n)
{
	struct weights w;

	*p = (struct split_plan){ 0 };
	if (weigh(&w, m) < 0)
		return -1;
	if (n < 1 || n > w.n)
		return err_set(ERR_USAGE, "%" PRIu32 " shards of a model with %" PRIu32 " layers: 1 to %" PRIu32
		    " are possible", n, w.n, w.n);
	return least_squares(p, &w, n);
}

/* ---- -b ---- */

int
split_size(struct split_plan *p, const struct model *m, uint64_t bytes)
{
	struct weights w;
	uint64_t size;

	*p = (struct split_plan){ 0 };
	if (weigh(&w, m) < 0)
		return -1;
	w.layer[0] += w.vocab;
	w.layer[w.n - 1] += w.n > 1 ? w.vocab : 0;
	size = UINT64_MAX; /* no shard yet */
	for (uint32_t i = 0; i < w.n; i++) {
		if (w.every > bytes || w.layer[i] > bytes - w.every)
			return err_set(ERR_USAGE, "a shard of layer %" PRIu32 " alone has %" PRIu64 " bytes", i,
			    w.layer[i] + w.every);
		if (size > bytes - w.every || w.layer[i] > bytes - w.every - size) {
			p->first[p->n++] = i;
			size = 0;
		}
		size += w.layer[i];
		p->last[p->n - 1] = i + 1;
	}
	return 0;
}

/* ---- -l ---- */

/* "7" or "0-7" at *text, which is moved behind it. */
static bool
range(const char **text, uint32_t *first, uint32_t *last)
{
	uint64_t v[2];

	for (int i = 0; i < 2; i++) {
		const char *digits = *text;
		v[i] = 0;
		while (**text >= '0' && **text <= '9' && *text - digits < 9)
			v[i] = v[i] * 10 + (uint64_t)(*(*text)++ - '0');
		if (*text == digits)
			return false;
		if (i == 0 && **text != '-') {
			v[1] = v[0];
			break;
		}
		*text += i == 0;
	}
	*first = (uint32_t)v[0];
	*last = (uint32_t)v[1] + 1;
	return *first < *last;
}

int
split_list(struct split_plan *p, const struct model *m, const char *ranges)
{
	uint32_t next = 0, n = m->hp.n_layers;

	*p = (struct split_plan){ 0 };
	if (need_layers(m) < 0)
		return -1;
	for (const char *at = ranges;; at++) {
		uint32_t first, last;
		if (!range(&at, &first, &last) || (*at && *at != ','))
			return err_set(ERR_USAGE, "'%s' is no list of layers such as 0-7,8-15", ranges);
		if (first != next || last > n)
			return err_set(ERR_USAGE, "'%s': the ranges must follow one another from layer 0 to layer %" PRIu32, ranges,
			    n - 1);
		p->first[p->n] = first;
		p->last[p->n++] = next = last;
		if (!*at)
			break;
	}
	if (next != n)
		return err_set(ERR_USAGE, "'%s': layers %" PRIu32 " to %" PRIu32 " are left over", ranges, next, n - 1);
	return 0;
}
