/*
 * blas.h: the three matrix products of training, on OpenBLAS.
 *
 * A linear layer has rows of inputs x[n][cols], weights w[rows][cols] and rows of outputs y[n][rows]. Each call runs
 * on the thread that makes it: threads share a step by sequences (train/trainer.h), not a product. `ld` is the distance
 * of rows in elements.
 */
#ifndef MAI_TRAIN_BLAS_H
#define MAI_TRAIN_BLAS_H

#include <stddef.h>

struct matrix {
	float *at;
	size_t ld;
};

/* Before all others: products run on one thread each, and some are compared with plain sums, since OpenBLAS has had
 * kernels that are wrong on processors newer than itself. 0 or -1. */
int blas_begin(void);

/* y = x w^T + beta y: y[n][rows], inner dimension cols. */
void blas_forward(struct matrix y, struct matrix x, struct matrix w, size_t n, size_t rows, size_t cols, float beta);

/* dx = dy w + beta dx: dx[n][cols], inner dimension rows. */
void blas_to_input(struct matrix dx, struct matrix dy, struct matrix w, size_t n, size_t rows, size_t cols, float beta);

/* dw = dy^T x + beta dw: dw[rows][cols], inner dimension n. */
void blas_to_weights(struct matrix dw, struct matrix dy, struct matrix x, size_t n, size_t rows, size_t cols, float beta);

#endif
