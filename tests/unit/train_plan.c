/* The order of the data, chance, and the learning rate: what each step of a run does without looking at the weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "train/draw.h"
#include "train/schedule.h"

static void
check_order(uint64_t n)
{
	char *seen = calloc(n, 1);
	uint64_t in_place = 0, differs = 0;
	bool whole = true;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = draw_order(i, n, 7, 3);
		whole &= at < n && !seen[at];
		if (at < n)
			seen[at] = 1;
		in_place += at == i;
		differs += at != draw_order(i, n, 7, 4);
	}
	free(seen);
	tap_ok(whole, "an order of %llu is a permutation", (unsigned long long)n);
	if (n >= 100)
		tap_ok(in_place < n / 10 && differs > n / 2, "of which %llu stay in place, and %llu move in another epoch",
		    (unsigned long long)in_place, (unsigned long long)differs);
}

static void
check_normal(void)
{
	enum { N = 20001 };
	static float x[N], again[N];
	double mean = 0, squares = 0, beyond = 0;

	draw_normal(x, N, 2, 11, 0);
	draw_normal(again, N, 2, 11, 0);
	for (int i = 0; i < N; i++) {
		mean += x[i] / (double)N;
		squares += (double)x[i] * x[i] / N;
		beyond += fabsf(x[i]) > 4;
	}
	tap_ok(memcmp(x, again, sizeof x) == 0, "the same seed gives the same numbers");
	tap_ok(fabs(mean) < 0.06 && fabs(sqrt(squares) - 2) < 0.04, "mean %.3f, deviation %.3f", mean, sqrt(squares));
	tap_ok(fabs(beyond / N - 0.0455) < 0.006, "%.4f of them are beyond two deviations", beyond / N);
}

static bool
near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fabs(b);
}

static void
check_schedule(void)
{
	const struct schedule cosine = { .lr = 2, .steps = 101, .warmup = 20 };
	const struct schedule wsd = { .lr = 2, .steps = 100, .warmup = 10, .decay = 40 };
	const struct schedule none = { .lr = 3, .steps = 1 };

	tap_ok(near(schedule_lr(&cosine, 0), 0.1) && near(schedule_lr(&cosine, 19), 2), "warms up");
	tap_ok(near(schedule_lr(&cosine, 20), 2) && near(schedule_lr(&cosine, 60), 1.1) && near(schedule_lr(&cosine, 100), 0.2),
	    "a cosine, down to a tenth");
	tap_ok(near(schedule_lr(&wsd, 10), 2) && near(schedule_lr(&wsd, 59), 2), "or stays");
	tap_ok(near(schedule_lr(&wsd, 60), 2 * 40 / 41.0) && near(schedule_lr(&wsd, 99), 2 / 41.0), "and falls at the end");
	tap_ok(near(schedule_lr(&none, 0), 3), "one step");
}

int
main(void)
{
	static const uint64_t sizes[] = { 1, 2, 3, 5, 16, 17, 100, 1000, 4097 };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		check_order(sizes[i]);
	check_normal();
	check_schedule();
	return tap_done();
}
