/*
 * pool.h: threads that share the items of one job and then sleep.
 *
 * A job is a number of items; which thread takes which item is left to chance, so an item's result must not depend on
 * it. Waiting threads spin for 50 microseconds (the next job of a forward pass comes at once) and then sleep, so that
 * several stages can share the processor's cores.
 */
#ifndef MAI_COMPUTE_POOL_H
#define MAI_COMPUTE_POOL_H

#include <stddef.h>

enum { POOL_MAX_THREADS = 256 };

struct pool;

/* `threads` in all, of which the caller of pool_run is one. NULL with a reason. */
struct pool *pool_new(unsigned threads);
void pool_free(struct pool *p);

/* The cores that this process may run on: as many threads as are of use. */
unsigned pool_cores(void);

unsigned pool_threads(const struct pool *p);

/* Binds each thread, the calling one first, to a core of its own of those that this process may run on. 0, or -1: they are too few. */
int pool_pin(struct pool *p);

/* Calls fn(arg, i) once for each i < n, n below 2^32, and returns when all calls have returned. One caller at a time. */
typedef void pool_fn(void *arg, size_t item);
void pool_run(struct pool *p, size_t n, pool_fn *fn, void *arg);

#endif
