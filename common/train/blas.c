#include "train/blas.h"

#include <cblas.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

/* CBLAS counts in int: rows and columns are within MODEL_MAX_DIM and MODEL_MAX_VOCAB, n within a micro-batch. */
static void
product(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m, size_t n, size_t k, struct matrix a, struct matrix b, float beta,
    struct matrix c)
{
	cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, 1, a.at, (int)a.ld, b.at, (int)b.ld, beta, c.at, (int)c.ld);
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

/* ---- the test at the start ---- */

enum { MOST = 131 }; /* rows and columns: more than any kernel takes at once */

/* Small whole numbers, whose sums of products are exact in any order. */
static void
fill(float *x, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		x[i] = (float)(seed >> 28) - 8;
	}
}

/* y[n][rows] += x w^T; the two products back are this one with other strides. */
static void
plain(float *y, size_t y_row, size_t y_column, const float *x, size_t x_row, size_t x_column, const float *w, size_t w_row,
    size_t w_column, size_t n, size_t rows, size_t cols)
{
	for (size_t i = 0; i < n; i++)
		for (size_t r = 0; r < rows; r++)
			for (size_t c = 0; c < cols; c++)
				y[i * y_row + r * y_column] += x[i * x_row + c * x_column] * w[r * w_row + c * w_column];
}

/* All three products of n rows, in `got`, beside plain sums in `want`. */
static bool
is_right(float *x, float *w, float *y, float *got, float *want, size_t n, size_t rows, size_t cols)
{
	const struct matrix in = { x, cols }, weights = { w, cols }, out = { y, rows };
	bool right;

	fill(x, n * cols, 1), fill(w, rows * cols, 2), fill(y, n * rows, 3);
	memcpy(got, y, n * rows * sizeof *y), memcpy(want, y, n * rows * sizeof *y);
	blas_forward((struct matrix){ got, rows }, in, weights, n, rows, cols, 1);
	plain(want, rows, 1, x, cols, 1, w, cols, 1, n, rows, cols);
	right = memcmp(got, want, n * rows * sizeof *got) == 0;
	memcpy(got, x, n * cols * sizeof *x), memcpy(want, x, n * cols * sizeof *x);
	blas_to_input((struct matrix){ got, cols }, out, weights, n, rows, cols, 1);
	plain(want, cols, 1, y, rows, 1, w, 1, cols, n, cols, rows);
	right &= memcmp(got, want, n * cols * sizeof *got) == 0;
	memcpy(got, w, rows * cols * sizeof *w), memcpy(want, w, rows * cols * sizeof *w);
	blas_to_weights((struct matrix){ got, cols }, out, in, n, rows, cols, 1);
	plain(want, cols, 1, y, 1, rows, x, 1, cols, rows, cols, n);
	return right && memcmp(got, want, rows * cols * sizeof *got) == 0;
}

int
blas_begin(void)
{
	static const size_t sizes[][3] = {
		{ 1, 1, 1 }, { 5, 3, 7 }, { 17, 33, 16 }, { 64, 65, 31 }, { 128, 96, 128 }, { MOST, MOST, MOST },
	};
	float *x = mem_alloc64(5 * MOST * MOST, sizeof *x);
	bool right = true;

	if (!x)
		return -1;
	openblas_set_num_threads(1);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		right &= is_right(x, x + MOST * MOST, x + 2 * MOST * MOST, x + 3 * MOST * MOST, x + 4 * MOST * MOST, sizes[i][0],
		    sizes[i][1], sizes[i][2]);
	free(x);
	return right ? 0 : err_set(ERR_SYSTEM, "OpenBLAS, with its kernels for %s, computes wrong products here: try others by "
	    "OPENBLAS_CORETYPE (Haswell)", openblas_get_corename());
}
