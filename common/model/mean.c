/* The mean of models of one shape. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/opt.h"
#include "model/id.h"
#include "model/merge.h"
#include "model/plain.h"
#include "model/quantize.h"
#include "model/rewrite.h"
#include "model/shard.h"
#include "model/tile.h"
#include "model/types.h"

/* ---- opening ---- */

static int
open_named(struct merge_models *l, const char *name)
{
	char *path;
	double weight;
	int rc = -1;

	if (opt_file_number(name, &path, &weight) < 0)
		return -1;
	if (!(weight > 0 && isfinite(weight))) {
		err_set(ERR_USAGE, "%s: the weight is no finite number above 0", name);
	} else if ((l->at[l->n] = model_open((const char *[]){ path }, 1))) {
		l->weight[l->n++] = weight;
		rc = 0;
	}
	free(path);
	return rc;
}

int
merge_open(struct merge_models *l, char *const *names, size_t n)
{
	*l = (struct merge_models){ 0 };
	l->at = mem_alloc(n, sizeof *l->at);
	l->weight = mem_alloc(n, sizeof *l->weight);
	if (!l->at || !l->weight)
		goto fail;
	for (size_t i = 0; i < n; i++)
		if (open_named(l, names[i]) < 0)
			goto fail;
	return 0;
fail:
	merge_close(l);
	return -1;
}

void
merge_close(struct merge_models *l)
{
	for (size_t i = 0; i < l->n; i++)
		model_free(l->at[i]);
	free(l->at);
	free(l->weight);
	*l = (struct merge_models){ 0 };
}

/* ---- are models equal but for their values? ---- */

static const char *
path_of(const struct model *m)
{
	return m->files[0]->path;
}

/* The hyper-parameters in order of names, from *i on; NULL behind the last. */
static const struct gguf_key *
next_hparam(const struct model *m, uint64_t *i)
{
	const struct gguf *g = m->files[0];

	while (*i < g->n_keys) {
		const struct gguf_key *k = &g->keys[g->key_order[(*i)++]];
		if (id_is_hparam(k->name, m->hp.arch))
			return k;
	}
	return NULL;
}

static bool
same_value(const struct gguf_key *a, const struct gguf_key *b)
{
	return a->kind == b->kind && a->item == b->item && a->n == b->n && a->size == b->size &&
	    memcmp(a->data, b->data, a->size) == 0;
}

static int
check_hparams(const struct model *m, const struct model *first)
{
	uint64_t i = 0, j = 0;

	for (;;) {
		const struct gguf_key *a = next_hparam(first, &i), *b = next_hparam(m, &j);
		if (!a && !b)
			return 0;
		int c = !a ? 1 : !b ? -1 : gguf_string_compare(a->name, b->name);
		if (c == 0 && same_value(a, b))
			continue;
		const struct gguf_key *k = c > 0 ? b : a; /* of two names the one that the other model lacks */
		return err_set(ERR_DATA, "%s: the key %.*s is not as in %s", path_of(m), (int)k->name.len, k->name.data,
		    path_of(first));
	}
}

static int
check_vocab(const struct model *m, const struct model *first)
{
	struct hash a, b;

	if (model_vocab_id(first, &a) < 0 || model_vocab_id(m, &b) < 0)
		return -1;
	return hash_equal(&a, &b) ? 0 : err_set(ERR_DATA, "%s: the vocabulary is not that of %s", path_of(m), path_of(first));
}

/* The lists are in order of names. */
static int
check_tensors(const struct model *m, const struct tensor_list *l, const struct model *first,
    const struct tensor_list *wanted)
{
	for (uint64_t i = 0; i < wanted->n || i < l->n; i++) {
		const struct gguf_tensor *a = i < wanted->n ? wanted->at[i].t : NULL, *b = i < l->n ? l->at[i].t : NULL;
		int c = !a ? 1 : !b ? -1 : gguf_string_compare(a->name, b->name);
		if (c == 0 && memcmp(a->ne, b->ne, sizeof a->ne) == 0)
			continue;
		const struct gguf_tensor *t = c > 0 ? b : a;
		return err_set(ERR_DATA, "%s: tensor %.*s is not as in %s", path_of(m), (int)t->name.len, t->name.data,
		    path_of(first));
	}
	return 0;
}

/* ---- the mean ---- */

struct mean {
	const struct merge_models *l;
	double total;      /* of the weights */
	struct place **at; /* of each model but the first: each tensor, by its index in the first */
	float *x, *row;    /* values of another model; a row of them */
	double *sum;       /* REWRITE_VALUES, as x */
};

/* Checks model i against the first, and finds its tensors. */
static int
match(struct mean *s, size_t i, const struct tensor_list *first)
{
	const struct model *m = s->l->at[i], *to = s->l->at[0];
	struct tensor_list l;
	int rc = -1;

	if (strcmp(m->hp.arch, to->hp.arch) != 0)
		return err_set(ERR_DATA, "%s: the architecture is not that of %s", path_of(m), path_of(to));
	if (shard_need_whole(m) < 0 || check_hparams(m, to) < 0 || check_vocab(m, to) < 0 || list_tensors(&l, m) < 0)
		return -1;
	list_by_name(&l);
	if (check_tensors(m, &l, to, first) == 0 && (s->at[i] = mem_alloc(first->count, sizeof **s->at))) {
		for (uint64_t t = 0; t < l.n; t++)
			s->at[i][first->at[t].index] = l.at[t];
		rc = id_check(m);
	}
	list_free(&l);
	return rc;
}

/* The longest row of an interleaved tensor. */
static uint64_t
longest_row(const struct mean *s)
{
	uint64_t most = 0;

	for (size_t i = 1; i < s->l->n; i++)
		for (uint32_t f = 0; f < s->l->at[i]->n_files; f++) {
			const struct gguf *g = s->l->at[i]->files[f];
			for (uint64_t t = 0; t < g->n_tensors; t++)
				if (type_is_tiled(g->tensors[t].type) && g->tensors[t].ne[0] > most)
					most = g->tensors[t].ne[0];
		}
	return most;
}

static int
match_all(struct mean *s)
{
	struct tensor_list first;
	int rc = 0;

	if (shard_need_whole(s->l->at[0]) < 0 || list_tensors(&first, s->l->at[0]) < 0)
		return -1;
	list_by_name(&first);
	for (size_t i = 1; i < s->l->n && rc == 0; i++)
		rc = match(s, i, &first);
	list_free(&first);
	if (rc < 0)
		return -1;
	s->x = mem_alloc64(REWRITE_VALUES, sizeof *s->x);
	s->sum = mem_alloc64(REWRITE_VALUES, sizeof *s->sum);
	s->row = mem_alloc64(longest_row(s), sizeof *s->row);
	return s->x && s->sum && s->row ? 0 : -1;
}

/* n values from value `at` on, which begins a block. */
static void
read_values(struct mean *s, const struct gguf_tensor *t, uint64_t at, size_t n)
{
	const struct type_info *type = type_info(t->type);
	float *x = s->x;

	if (!type_is_tiled(t->type)) {
		quantize_to_f32(x, t->type, t->data + at / type->block * type->block_bytes, n);
		return;
	}
	for (size_t k; n > 0; n -= k, at += k, x += k) {
		uint64_t col = at % t->ne[0], row = at / t->ne[0];
		k = n < t->ne[0] - col ? n : t->ne[0] - col;
		tile_row(s->row, stored_matrix(t, row / t->ne[1]), t->type, t->ne[1], t->ne[0], row % t->ne[1]);
		memcpy(x, s->row + col, k * sizeof *x);
	}
}

static int
takes_mean(void *arg, const struct place *p, uint32_t *type)
{
	const struct mean *s = arg;

	(void)type;
	if (rewrite_need_made(p) < 0)
		return -1;
	for (size_t i = 1; i < s->l->n; i++)
		if (rewrite_need_type(&s->at[i][p->index]) < 0)
			return -1;
	return 1;
}

/* No page of a tensor that is done with counts as this process's own. */
static void
let_go(const struct place *p, uint64_t values_done)
{
	const uint64_t *ne = p->t->ne;

	if (values_done == ne[0] * ne[1] * ne[2] * ne[3] && !p->g->borrowed)
		io_done(&p->g->map, p->t->data, p->t->size);
}

static int
add_others(void *arg, const struct place *p, uint64_t at, float *x, size_t n)
{
	struct mean *s = arg;

	for (size_t i = 0; i < n; i++)
		s->sum[i] = s->l->weight[0] * x[i];
	for (size_t m = 1; m < s->l->n; m++) {
		const struct place *other = &s->at[m][p->index];
		read_values(s, other->t, at, n);
		if (rewrite_need_finite(other, at, s->x, n) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			s->sum[i] += s->l->weight[m] * s->x[i];
		let_go(other, at + n);
	}
	for (size_t i = 0; i < n; i++)
		x[i] = (float)(s->sum[i] / s->total);
	return 0;
}

int
merge_mean(const struct merge_models *l, const char *out)
{
	struct mean s = { .l = l };
	struct rewrite w = { .m = l->at[0], .out = out, .what = "averaging", .converts = takes_mean, .change = add_others,
		.arg = &s };
	int rc = -1;

	for (size_t i = 0; i < l->n; i++)
		s.total += l->weight[i];
	if (!(s.total > 1e-9 && s.total < 1e9))
		return err_set(ERR_USAGE, "the weights come to %g, which is none of 1e-9 to 1e9", s.total);
	if ((s.at = mem_alloc(l->n, sizeof *s.at)) && match_all(&s) == 0)
		rc = rewrite_model(&w);
	free(s.sum);
	free(s.row);
	free(s.x);
	for (size_t i = 0; s.at && i < l->n; i++)
		free(s.at[i]);
	free(s.at);
	return rc;
}
