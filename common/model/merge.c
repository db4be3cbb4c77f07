#include "model/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/quantize.h"
#include "model/rewrite.h"

/* The pair that the tensor at hand has in an adapter, as f32; pair NULL: none. */
struct factors {
	const struct adapter_pair *pair;
	float *a, *b;
};

struct adapting {
	const struct adapter_list *l;
	struct factors *f; /* one an adapter */
	double *product, *sum; /* REWRITE_VALUES each */
};

static const struct adapter_pair *
find_pair(const struct adapter *a, struct gguf_string name)
{
	char base[GGUF_MAX_NAME] = "";

	memcpy(base, name.data, name.len);
	return adapter_find(a, base);
}

static int
takes_adapter(void *arg, const struct place *p, uint32_t *type)
{
	const struct adapting *m = arg;

	(void)type;
	for (size_t i = 0; i < m->l->n; i++)
		if (find_pair(m->l->at[i], p->t->name))
			return rewrite_need_made(p) < 0 ? -1 : 1;
	return 0;
}

/* All values of half a pair; NULL with a reason. */
static float *
load_half(const struct adapter *a, const struct gguf_tensor *t)
{
	const struct place p = { .t = t, .g = a->file->files[0] };
	uint64_t n = t->ne[0] * t->ne[1]; /* its bytes are in the file */
	float *x = mem_alloc64(n, sizeof *x);

	if (!x)
		return NULL;
	quantize_to_f32(x, t->type, t->data, n);
	if (rewrite_need_finite(&p, 0, x, n) == 0)
		return x;
	free(x);
	return NULL;
}

static void
drop_pairs(struct adapting *m)
{
	for (size_t i = 0; m->f && i < m->l->n; i++) {
		free(m->f[i].a);
		free(m->f[i].b);
		m->f[i] = (struct factors){ 0 };
	}
}

static int
load_pairs(struct adapting *m, struct gguf_string name)
{
	drop_pairs(m);
	for (size_t i = 0; i < m->l->n; i++) {
		const struct adapter *a = m->l->at[i];
		struct factors *f = &m->f[i];
		f->pair = find_pair(a, name);
		if (f->pair && (!(f->a = load_half(a, f->pair->a)) || !(f->b = load_half(a, f->pair->b))))
			return -1;
	}
	return 0;
}

/* Adds to n values, from a column of a row on, what an adapter makes of them. */
static void
add_product(struct adapting *m, const struct factors *f, uint64_t cols, uint64_t row, uint64_t col, size_t n)
{
	const double scale = f->pair->scale;

	memset(m->product, 0, n * sizeof *m->product);
	for (uint64_t r = 0; r < f->pair->rank; r++) {
		const double b = f->b[row * f->pair->rank + r];
		const float *a = f->a + r * cols + col;
		for (size_t i = 0; i < n; i++)
			m->product[i] += b * a[i];
	}
	for (size_t i = 0; i < n; i++)
		m->sum[i] += scale * m->product[i];
}

static int
add_adapters(void *arg, const struct place *p, uint64_t at, float *x, size_t n)
{
	struct adapting *m = arg;
	const uint64_t cols = p->t->ne[0];

	if (at == 0 && load_pairs(m, p->t->name) < 0)
		return -1;
	for (size_t k; n > 0; n -= k, at += k, x += k) {
		uint64_t row = at / cols, col = at % cols;
		k = n < cols - col ? n : cols - col;
		for (size_t i = 0; i < k; i++)
			m->sum[i] = x[i];
		for (size_t i = 0; i < m->l->n; i++)
			if (m->f[i].pair)
				add_product(m, &m->f[i], cols, row, col, k);
		for (size_t i = 0; i < k; i++)
			x[i] = (float)m->sum[i];
	}
	return 0;
}

int
merge_adapters(const struct model *m, const struct adapter_list *l, const char *out)
{
	struct adapting a = { .l = l };
	struct rewrite w = { .m = m, .out = out, .what = "merging", .converts = takes_adapter, .change = add_adapters,
		.arg = &a };
	int rc = -1;

	a.f = mem_alloc(l->n, sizeof *a.f);
	a.product = mem_alloc64(REWRITE_VALUES, sizeof *a.product);
	a.sum = mem_alloc64(REWRITE_VALUES, sizeof *a.sum);
	if (a.f && a.product && a.sum)
		rc = rewrite_model(&w);
	drop_pairs(&a);
	free(a.sum);
	free(a.product);
	free(a.f);
	return rc;
}
