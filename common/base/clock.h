/* clock.h: time that only goes forward, for waits and measurements. */
#ifndef MAI_BASE_CLOCK_H
#define MAI_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline double
clock_seconds(void)
{
	return (double)clock_ns() * 1e-9;
}

#endif
