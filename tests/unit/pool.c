/* The thread pool: every item once, whatever the number of threads, items and jobs. */
#include <stdatomic.h>
#include <string.h>

#include "tap.h"
#include "compute/pool.h"

enum { ITEMS = 1000, JOBS = 2000 };

static atomic_uchar count[ITEMS];

static void
one(void *arg, size_t item)
{
	(void)arg;
	atomic_fetch_add(&count[item], 1);
}

static bool
jobs_are_done_once(struct pool *p)
{
	for (size_t job = 0; job < JOBS; job++) {
		size_t n = job * 7 % ITEMS;
		memset(count, 0, sizeof count);
		pool_run(p, n, one, NULL);
		for (size_t i = 0; i < ITEMS; i++)
			if (count[i] != (i < n))
				return false;
	}
	return true;
}

int
main(void)
{
	static const unsigned threads[] = { 1, 2, 3, 8 };

	for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
		struct pool *p = pool_new(threads[i]);
		tap_ok(p && pool_threads(p) == threads[i], "%u threads start", threads[i]);
		tap_ok(jobs_are_done_once(p), "%u threads do each item once", threads[i]);
		pool_free(p);
	}
	pool_free(NULL);
	return tap_done();
}
