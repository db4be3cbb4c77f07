/* Who is outvoted, of vectors whose angles are known. */
#include <math.h>
#include <string.h>

#include "tap.h"
#include "train/draw.h"
#include "train/vote.h"

enum { MOST = 6, SIZE = 20000 };

static void
check_known(void)
{
	static const float a[] = { 1, 0 }, b[] = { 3, 3 }, c[] = { 0, 2 }, d[] = { -1, 0 }, none[] = { 0, 0 };
	const float *const x[] = { a, b, c, d, none };
	const double half = sqrt(0.5);
	double g[5];

	vote_agreement(x, 1, 2, g);
	tap_ok(g[0] == 1, "one agrees with itself");
	vote_agreement(x, 2, 2, g);
	tap_ok(fabs(g[0] - half) < 1e-12 && fabs(g[1] - half) < 1e-12, "of two each is the other's nearest");
	vote_agreement(x, 3, 2, g);
	tap_ok(fabs(g[0] - half) < 1e-12 && fabs(g[1] - half) < 1e-12 && fabs(g[2] - half) < 1e-12, "of three: the nearest");
	vote_agreement(x, 4, 2, g);
	tap_ok(fabs(g[0]) < 1e-12 && fabs(g[1] - half) < 1e-12 && fabs(g[2]) < 1e-12 && fabs(g[3] + half) < 1e-12,
	    "of four: the second nearest");
	vote_agreement(x, 5, 2, g);
	tap_ok(fabs(g[1] - half) < 1e-12 && g[4] == 0, "zeros are square to all");
}

/* `n` vectors, that have the part `common` of one vector beside noise of their own; the last `bad` have noise alone. */
static void
check_vote(size_t n, size_t bad, double common, size_t wanted)
{
	static float x[MOST][SIZE], shared[SIZE];
	const float *all[MOST];
	double g[MOST], sorted[MOST], median;
	size_t out = 0, wrong = 0;

	draw_normal(shared, SIZE, 1, 5, 100);
	for (size_t i = 0; i < n; i++) {
		draw_normal(x[i], SIZE, 1, 5, i);
		for (size_t k = 0; k < SIZE && i < n - bad; k++)
			x[i][k] += (float)common * shared[k];
		all[i] = x[i];
	}
	vote_agreement(all, n, SIZE, g);
	memcpy(sorted, g, sizeof sorted);
	median = vote_median(sorted, n);
	for (size_t i = 0; i < n; i++) {
		bool is_out = vote_outvotes(median, g[i]);
		out += is_out;
		wrong += is_out && i < n - bad;
	}
	tap_ok(out == wanted && wrong == 0, "%zu of %zu send noise, %zu of them outvoted, %zu others", bad, n, out - wrong, wrong);
}

int
main(void)
{
	double even[] = { 4, 1, 3, 2 }, odd[] = { 9, -1, 3 };

	tap_ok(vote_median(even, 4) == 2.5 && vote_median(odd, 3) == 3 && vote_median(even, 1) == 1, "medians");
	check_known();
	check_vote(3, 0, 0.5, 0);
	check_vote(3, 1, 0.5, 1);
	check_vote(4, 1, 0.5, 1);
	check_vote(5, 2, 0.5, 2);
	check_vote(6, 1, 0.3, 1);
	check_vote(2, 1, 0.5, 0);
	return tap_done();
}
