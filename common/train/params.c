#include "train/params.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/quantize.h"
#include "model/tile.h"
#include "model/types.h"

enum { ALIGNED = 16 };

int
params_add(struct params *p, const char *name, size_t rows, size_t cols, bool aligned, size_t *at)
{
	uint64_t first = p->n, size, end;

	if (mem_grow(&p->tensor, &p->cap, p->n_tensors + 1, sizeof *p->tensor) < 0)
		return -1;
	if (!mem_mul(rows ? rows : 1, cols, &size) || (aligned && !mem_round_up(first, ALIGNED, &first)) ||
	    !mem_add(first, size, &end) || end > INT64_MAX / sizeof(float))
		return err_set(ERR_DATA, "tensor %s: the model is too large", name);
	struct param *t = &p->tensor[p->n_tensors++];
	*t = (struct param){ .at = first, .rows = rows, .cols = cols };
	snprintf(t->name, sizeof t->name, "%s", name);
	*at = first;
	p->n = end;
	return 0;
}

int
params_layout(struct params *p, const struct gguf *g)
{
	char name[GGUF_MAX_NAME];
	size_t at;

	for (uint64_t i = 0; i < g->n_tensors; i++) {
		const struct gguf_tensor *t = &g->tensors[i];
		snprintf(name, sizeof name, "%.*s", (int)t->name.len, t->name.data);
		if (t->n_dims > 2 || t->name.len >= sizeof name)
			return err_set(ERR_DATA, "%s: tensor %s has %u dimensions", g->path, name, t->n_dims);
		if (params_add(p, name, t->n_dims == 2 ? t->ne[1] : 0, t->ne[0], true, &at) < 0)
			return -1;
	}
	return p->n_tensors > 0 ? 0 : err_set(ERR_DATA, "%s: has no tensors", g->path);
}

float *
params_zeros(const struct params *p)
{
	float *a = mem_alloc64(p->n, sizeof *a);

	if (a)
		memset(a, 0, p->n * sizeof *a);
	return a;
}

int
params_alloc(struct params *p)
{
	p->n = (p->n + ALIGNED - 1) / ALIGNED * ALIGNED;
	p->value = params_zeros(p);
	return p->value ? 0 : -1;
}

void
params_free(struct params *p)
{
	free(p->tensor);
	free(p->value);
	*p = (struct params){ 0 };
}

static int
name_of(char to[GGUF_MAX_NAME], const struct param *t, const char *suffix)
{
	if (snprintf(to, GGUF_MAX_NAME, "%s%s", t->name, suffix) >= GGUF_MAX_NAME)
		return err_set(ERR_DATA, "the name %s%s is too long", t->name, suffix);
	return 0;
}

/* `file`: what the reason begins with. */
static int
check_finite(const float *x, size_t n, const char *file, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return err_set(ERR_DATA, "%s%stensor %s: element %zu is not finite", file, *file ? ": " : "", name, i);
	return 0;
}

int
params_put(struct gguf_writer *w, const struct params *p, const char *suffix, const float *value)
{
	char name[GGUF_MAX_NAME];

	for (size_t i = 0; i < p->n_tensors; i++) {
		const struct param *t = &p->tensor[i];
		if (name_of(name, t, suffix) < 0 || check_finite(value + t->at, param_size(t), "", name) < 0 || gguf_put_tensor(w, name, TYPE_F32, t->rows ? 2 : 1,
		    (const uint64_t[]){ t->cols, t->rows }, value + t->at, param_size(t) * sizeof *value) < 0)
			return -1;
	}
	return 0;
}

static int
get(const struct param *t, const struct gguf *g, const char *name, float *to)
{
	const struct gguf_tensor *from = gguf_tensor(g, name);
	size_t rows = t->rows ? t->rows : 1;

	if (!from)
		return err_set(ERR_DATA, "%s: no tensor %s", g->path, name);
	if (from->ne[0] != t->cols || from->ne[1] != rows || from->ne[2] != 1 || from->ne[3] != 1)
		return err_set(ERR_DATA, "%s: tensor %s is %" PRIu64 " x %" PRIu64 ", wanted is %zu x %zu", g->path, name,
		    from->ne[0], from->ne[1], t->cols, rows);
	if (!quantize_makes(from->type))
		return err_set(ERR_DATA, "%s: tensor %s is of type %s, which can't be trained", g->path, name,
		    type_info(from->type)->name);
	for (size_t r = 0; r < rows; r++)
		tile_row(to + r * t->cols, from->data, from->type, rows, t->cols, r);
	return check_finite(to, rows * t->cols, g->path, name);
}

int
params_get(const struct params *p, const struct gguf *g, const char *suffix, float *value)
{
	char name[GGUF_MAX_NAME];

	for (size_t i = 0; i < p->n_tensors; i++) {
		const struct param *t = &p->tensor[i];
		if (name_of(name, t, suffix) < 0 || get(t, g, name, value + t->at) < 0)
			return -1;
	}
	return 0;
}
