/* sgemm-peak THREADS [SIZE]: what OpenBLAS's sgemm reaches on large square matrices, in GFLOP/s: the best of several
 * products. */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

int
main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1, n = argc > 2 ? atoi(argv[2]) : 2048;
	size_t size = (size_t)n * (size_t)n;
	float *a = malloc(size * sizeof *a), *b = malloc(size * sizeof *b), *c = malloc(size * sizeof *c);
	double best = 0;

	if (threads < 1 || n < 1 || !a || !b || !c)
		return 2;
	for (size_t i = 0; i < size; i++)
		a[i] = b[i] = c[i] = (float)(i % 7);
	openblas_set_num_threads(threads);
	for (int i = 0; i < 12; i++) {
		double began = clock_seconds();
		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, c, n);
		double rate = 2.0 * n * n * n / (clock_seconds() - began) * 1e-9;
		best = rate > best ? rate : best;
	}
	printf("%.1f\n", best);
	free(a), free(b), free(c);
	return 0;
}
