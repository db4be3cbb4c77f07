/* parallel.h: the same work for many items, on two threads. For what is bound by one core, as hashing is. */
#ifndef MAI_MODEL_PARALLEL_H
#define MAI_MODEL_PARALLEL_H

#include <stdint.h>

enum { PARALLEL_THREADS = 2 };

/*
 * Calls f(arg, i, thread) for each i in [0, n), in about this order, with `thread` below PARALLEL_THREADS; 0 is the calling
 * thread. f reports nothing: reasons (base/err.h) of another thread would be lost.
 */
void parallel(uint64_t n, void (*f)(void *arg, uint64_t i, int thread), void *arg);

#endif
