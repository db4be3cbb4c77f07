#include "model/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

struct job {
	void (*f)(void *arg, uint64_t i, int thread);
	void *arg;
	uint64_t n;
	atomic_uint_fast64_t next;
};

struct worker {
	struct job *job;
	int thread;
};

/* Takes one item after another until none is left. */
static void *
work(void *arg)
{
	struct worker *me = arg;
	struct job *job = me->job;

	for (uint64_t i; (i = atomic_fetch_add(&job->next, 1)) < job->n;)
		job->f(job->arg, i, me->thread);
	return 0;
}

void
parallel(uint64_t n, void (*f)(void *arg, uint64_t i, int thread), void *arg)
{
	struct job job = { .f = f, .arg = arg, .n = n };
	struct worker worker[PARALLEL_THREADS];
	pthread_t thread[PARALLEL_THREADS];
	int started = 1;

	for (int i = 0; i < PARALLEL_THREADS; i++)
		worker[i] = (struct worker){ &job, i };
	/* Where a thread can't be had, the others do its work. */
	while (started < PARALLEL_THREADS && (uint64_t)started < n &&
	    pthread_create(&thread[started], 0, work, &worker[started]) == 0)
		started++;
	work(&worker[0]);
	while (--started > 0)
		pthread_join(thread[started], 0);
}
