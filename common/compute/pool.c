#include "compute/pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/*
 * Longer than the gap between two jobs of a forward pass, and than the last item that another thread is at: to wake a
 * sleeper takes about as long again. The clock is looked at once in a few spins.
 */
enum { SPIN_NS = 50000, SPINS_A_LOOK = 16 };

struct pool {
	/*
	 * The items of the present job that nobody has taken yet. It is the one word by which threads agree: fn and arg
	 * are written before it is set, and read only after an item was taken, while the job can't end.
	 */
	_Alignas(64) atomic_uint left;
	_Alignas(64) atomic_uint unfinished; /* items not yet done */
	_Alignas(64) atomic_uint epoch;      /* counts jobs: what sleeping workers wait on */
	atomic_uint sleepers;
	atomic_bool caller_sleeps;
	atomic_bool stop;
	pool_fn *fn;
	void *arg;
	unsigned n_workers;
	pthread_t worker[POOL_MAX_THREADS];
};

static void
relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void
futex_wait(atomic_uint *word, unsigned seen)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void
futex_wake(atomic_uint *word, int n)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

/* Waits for a while for the word to become (`is`), or be no more, that value. */
static void
spin(atomic_uint *word, unsigned value, bool is)
{
	uint64_t end = clock_ns() + SPIN_NS;

	do {
		for (int i = 0; i < SPINS_A_LOOK; i++) {
			if ((atomic_load(word) == value) == is)
				return;
			relax();
		}
	} while (clock_ns() < end);
}

/* Takes items until none is left. */
static void
work(struct pool *p)
{
	unsigned left = atomic_load(&p->left);

	while (left > 0) {
		if (!atomic_compare_exchange_weak(&p->left, &left, left - 1))
			continue;
		p->fn(p->arg, left - 1);
		if (atomic_fetch_sub(&p->unfinished, 1) == 1 && atomic_load(&p->caller_sleeps))
			futex_wake(&p->unfinished, 1);
		left = atomic_load(&p->left);
	}
}

static void *
worker(void *arg)
{
	struct pool *p = arg;
	unsigned seen = atomic_load(&p->epoch);

	while (!atomic_load(&p->stop)) {
		work(p);
		spin(&p->epoch, seen, false);
		if (atomic_load(&p->epoch) == seen) {
			atomic_fetch_add(&p->sleepers, 1);
			futex_wait(&p->epoch, seen);
			atomic_fetch_sub(&p->sleepers, 1);
		}
		seen = atomic_load(&p->epoch);
	}
	return NULL;
}

static void
wake_workers(struct pool *p)
{
	atomic_fetch_add(&p->epoch, 1);
	if (atomic_load(&p->sleepers) > 0)
		futex_wake(&p->epoch, INT_MAX);
}

void
pool_run(struct pool *p, size_t n, pool_fn *fn, void *arg)
{
	if (n <= 1 || p->n_workers == 0) {
		for (size_t i = 0; i < n; i++)
			fn(arg, i);
		return;
	}
	p->fn = fn;
	p->arg = arg;
	atomic_store(&p->unfinished, (unsigned)n);
	atomic_store(&p->left, (unsigned)n);
	wake_workers(p);
	work(p);

	unsigned rest;
	spin(&p->unfinished, 0, true);
	atomic_store(&p->caller_sleeps, true);
	while ((rest = atomic_load(&p->unfinished)) > 0)
		futex_wait(&p->unfinished, rest);
	atomic_store(&p->caller_sleeps, false);
}

struct pool *
pool_new(unsigned threads)
{
	struct pool *p = mem_alloc64(1, sizeof *p);
	sigset_t all, old;

	if (!p)
		return NULL;
	*p = (struct pool){ 0 };
	if (threads > POOL_MAX_THREADS)
		threads = POOL_MAX_THREADS;
	/* Signals are for the thread that runs the tool. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (p->n_workers + 1 < threads) {
		if (pthread_create(&p->worker[p->n_workers], NULL, worker, p) != 0)
			break;
		p->n_workers++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (p->n_workers + 1 < threads) {
		pool_free(p);
		err_set(ERR_SYSTEM, "cannot start %u threads", threads);
		return NULL;
	}
	return p;
}

void
pool_free(struct pool *p)
{
	if (!p)
		return;
	atomic_store(&p->stop, true);
	wake_workers(p);
	for (unsigned i = 0; i < p->n_workers; i++)
		pthread_join(p->worker[i], NULL);
	free(p);
}

unsigned
pool_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

int
pool_pin(struct pool *p)
{
	cpu_set_t all, one;
	unsigned cores = pool_cores(), n = 0;

	if (cores < pool_threads(p))
		return err_set(ERR_USAGE, "%u threads can't each have one of %u cores", pool_threads(p), cores);
	if (sched_getaffinity(0, sizeof all, &all) < 0)
		return err_sys("the cores of this process");
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && n < pool_threads(p); cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (pthread_setaffinity_np(n == 0 ? pthread_self() : p->worker[n - 1], sizeof one, &one) != 0)
			return err_set(ERR_SYSTEM, "can't bind a thread to core %u", cpu);
		n++;
	}
	return 0;
}

unsigned
pool_threads(const struct pool *p)
{
	return p->n_workers + 1;
}
