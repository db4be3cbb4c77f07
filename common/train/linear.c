#include "train/pass_impl.h"

/* One adapter of a matrix: where its rows begin among those of the linear, and its own weights. */
struct adapter {
	size_t from, rows;
	struct lora_pair pair;
};

static struct adapter
adapter(const struct pass *p, const struct linear *l, unsigned i)
{
	struct adapter a = { 0 };
	size_t cols;

	for (unsigned t = 0; t <= i; t++) {
		a.from += a.rows;
		lora_shape(p->net, l->first + t, &a.rows, &cols);
	}
	a.pair = p->lora->layer[l->layer][l->first + i];
	return a;
}

static float
adapter_scale(const struct lora *l)
{
	return l->alpha / (float)l->rank;
}

/* low[n][rank] = A x times the scale. */
static void
to_low(struct pass *p, const struct adapter *a, float *x, size_t n, size_t cols)
{
	size_t rank = p->lora->rank;

	blas_forward(matrix(p->low, rank), matrix(x, cols), matrix(p->lora->weights.value + a->pair.a, cols), n, rank, cols, 0);
	p->ops->scale(p->low, n * rank, adapter_scale(p->lora));
}

void
linear_forward(struct pass *p, const struct linear *l, float *y, float *x, size_t n, bool add)
{
	blas_forward(matrix(y, l->rows), matrix(x, l->cols), matrix(p->net->weights.value + l->w, l->cols), n, l->rows, l->cols,
	    add ? 1 : 0);
	for (unsigned i = 0; p->lora && i < l->n; i++) {
		struct adapter a = adapter(p, l, i);
		to_low(p, &a, x, n, l->cols);
		blas_forward(matrix(y + a.from, l->rows), matrix(p->low, p->lora->rank),
		    matrix(p->lora->weights.value + a.pair.b, p->lora->rank), n, a.rows, p->lora->rank, 1);
	}
}

/* dlow[n][rank] = B^T dy times the scale. */
static void
to_dlow(struct pass *p, const struct linear *l, const struct adapter *a, float *dy, size_t n)
{
	size_t rank = p->lora->rank;

	blas_to_input(matrix(p->dlow, rank), matrix(dy + a->from, l->rows), matrix(p->lora->weights.value + a->pair.b, rank), n,
	    a->rows, rank, 0);
	p->ops->scale(p->dlow, n * rank, adapter_scale(p->lora));
}

void
linear_to_input(struct pass *p, const struct linear *l, float *dx, float *dy, size_t n)
{
	blas_to_input(matrix(dx, l->cols), matrix(dy, l->rows), matrix(p->net->weights.value + l->w, l->cols), n, l->rows,
	    l->cols, 0);
	for (unsigned i = 0; p->lora && i < l->n; i++) {
		struct adapter a = adapter(p, l, i);
		to_dlow(p, l, &a, dy, n);
		blas_to_input(matrix(dx, l->cols), matrix(p->dlow, p->lora->rank),
		    matrix(p->lora->weights.value + a.pair.a, l->cols), n, p->lora->rank, l->cols, 1);
	}
}

void
linear_to_weights(struct pass *p, const struct linear *l, float *gradient, float *dy, float *x, size_t n)
{
	if (!p->lora) {
		blas_to_weights(matrix(gradient + l->w, l->cols), matrix(dy, l->rows), matrix(x, l->cols), n, l->rows, l->cols, 1);
		return;
	}
	for (unsigned i = 0; i < l->n; i++) {
		struct adapter a = adapter(p, l, i);
		size_t rank = p->lora->rank;
		to_low(p, &a, x, n, l->cols);
		blas_to_weights(matrix(gradient + a.pair.b, rank), matrix(dy + a.from, l->rows), matrix(p->low, rank), n, a.rows,
		    rank, 1);
		to_dlow(p, l, &a, dy, n);
		blas_to_weights(matrix(gradient + a.pair.a, l->cols), matrix(p->dlow, rank), matrix(x, l->cols), n, rank, l->cols,
		    1);
	}
}
