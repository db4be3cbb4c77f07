#include "train/blas.h"

#include <cblas.h>

/* CBLAS counts in int: rows and columns are within MODEL_MAX_DIM and MODEL_MAX_VOCAB, n within a micro-batch. */
static void
product(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m, size_t n, size_t k, struct matrix a, struct matrix b, float beta,
    struct matrix c)
{
	cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, 1, a.at, (int)a.ld, b.at, (int)b.ld, beta, c.at, (int)c.ld);
}

void
blas_begin(void)
{
	openblas_set_num_threads(1);
}

void
blas_forward(struct matrix y, struct matrix x, struct matrix w, size_t n, size_t rows, size_t cols, float beta)
{
	product(CblasNoTrans, CblasTrans, n, rows, cols, x, w, beta, y);
}

void
blas_to_input(struct matrix dx, struct matrix dy, struct matrix w, size_t n, size_t rows, size_t cols, float beta)
{
	product(CblasNoTrans, CblasNoTrans, n, cols, rows, dy, w, beta, dx);
}

void
blas_to_weights(struct matrix dw, struct matrix dy, struct matrix x, size_t n, size_t rows, size_t cols, float beta)
{
	product(CblasTrans, CblasNoTrans, rows, cols, n, dy, x, beta, dw);
}
