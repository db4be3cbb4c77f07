#include "train/vote.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/msg.h"

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
vote_median(double *x, size_t n)
{
	qsort(x, n, sizeof *x, compare);
	return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static double
product(const float *a, const float *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)a[i] * (double)b[i];
	return sum;
}

/* All cosines; a vector of zeros is square to all. */
static void
compare_all(const float *const *x, size_t n, size_t size, double *cosine)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k <= i; k++)
			cosine[i * n + k] = product(x[i], x[k], size);
		msg_progress("comparing", i + 1, n, "deltas");
	}
	msg_progress_end();
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			double norms = sqrt(cosine[i * n + i]) * sqrt(cosine[k * n + k]);
			cosine[i * n + k] = cosine[k * n + i] = norms > 0 ? cosine[i * n + k] / norms : 0;
		}
	}
}

int
vote_agreement(const float *const *x, size_t n, size_t size, double *agreement)
{
	double *cosine = n > 0 ? mem_alloc(n, n * sizeof *cosine) : NULL;

	if (!cosine)
		return n > 0 ? -1 : 0;
	compare_all(x, n, size, cosine);
	for (size_t i = 0; i < n; i++) {
		double *row = cosine + i * n;
		row[i] = INFINITY; /* itself is no other: sorted behind all */
		qsort(row, n, sizeof *row, compare);
		agreement[i] = n > 1 ? row[(n - 1) / 2] : 1;
	}
	free(cosine);
	return 0;
}
