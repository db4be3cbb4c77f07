#include "model/finite.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/plain.h"
#include "model/quantize.h"
#include "model/types.h"

enum { VALUES = 1 << 13 }; /* at a time: whole blocks of every type */

struct look {
	const struct model *m;
	struct place place;
	const struct type_info *type;
	uint64_t at;          /* values of the tensor that were looked at */
	uint64_t done, total; /* bytes of the model */
	float x[VALUES];
};

static int
refuse(const struct look *l, size_t n)
{
	const struct gguf_tensor *t = l->place.t;
	uint64_t bad = l->at;

	for (size_t i = 0; i < n && quantize_is_finite(&l->x[i], 1); i++)
		bad++;
	return err_set(ERR_DATA, "%s: tensor %.*s, row %" PRIu64 ", column %" PRIu64 ": a weight is no finite number", l->place.g->path,
	    (int)t->name.len, t->name.data, bad / t->ne[0], bad % t->ne[0]);
}

static int
look_at(void *arg, const void *data, size_t bytes)
{
	struct look *l = arg;
	const uint8_t *from = data;

	for (size_t left = bytes / l->type->block_bytes * l->type->block, n; left > 0; left -= n) {
		n = left < VALUES ? left : VALUES;
		quantize_to_f32(l->x, plain_type(l->place.t), from, n);
		if (!quantize_is_finite(l->x, n))
			return refuse(l, n);
		l->at += n;
		from += n / l->type->block * l->type->block_bytes;
	}
	l->done += bytes;
	if (l->m->progress)
		l->m->progress(l->m->progress_arg, "checking", l->done, l->total);
	return 0;
}

static int
look_at_tensor(struct look *l, const struct gguf *g, const struct gguf_tensor *t)
{
	void *space = mem_alloc64(plain_space(t), 1);
	int rc = -1;

	l->place = (struct place){ .g = g, .t = t };
	l->type = type_info(plain_type(t));
	l->at = 0;
	if (space)
		rc = plain_each(&l->place, space, look_at, l);
	free(space);
	return rc;
}

int
model_finite(const struct model *m)
{
	struct look *l = mem_alloc(1, sizeof *l);
	int rc = l ? 0 : -1;

	if (!l)
		return -1;
	l->m = m;
	for (uint32_t f = 0; f < m->n_files; f++)
		for (uint64_t i = 0; i < m->files[f]->n_tensors; i++)
			l->total += plain_size(&m->files[f]->tensors[i]);
	for (uint32_t f = 0; rc == 0 && f < m->n_files; f++)
		for (uint64_t i = 0; rc == 0 && i < m->files[f]->n_tensors; i++)
			rc = look_at_tensor(l, m->files[f], &m->files[f]->tensors[i]);
	free(l);
	return rc;
}
