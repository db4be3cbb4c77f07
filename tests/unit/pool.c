/* The thread pool: every item once, whatever the number of threads, items and jobs. */
#include <sched.h>
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

static void
note_core(void *arg, size_t item)
{
	atomic_int *core = arg;

	while (item == 1 && atomic_load(core) < 0) /* the first to be taken waits for the other, which is then another thread's */
		continue;
	atomic_store(core + item, sched_getcpu());
}

static void
pins(void)
{
	atomic_int core[2] = { -1, -1 };
	struct pool *p = pool_new(pool_cores() + 1);
	cpu_set_t own;

	tap_ok(p && pool_pin(p) < 0, "more threads than cores can't be bound");
	pool_free(p);
	if (pool_cores() < 2) {
		tap_skip("threads bound to cores", "one core");
		return;
	}
	sched_getaffinity(0, sizeof own, &own);
	p = pool_new(2);
	tap_ok(p && pool_pin(p) == 0, "two threads are bound to two cores");
	pool_run(p, 2, note_core, core);
	tap_ok(core[0] >= 0 && core[1] >= 0 && core[0] != core[1], "and run there");
	pool_free(p);
	sched_setaffinity(0, sizeof own, &own);
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
	pins();
	pool_free(NULL);
	return tap_done();
}
