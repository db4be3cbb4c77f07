/* tap.h: what a unit test says: Test Anything Protocol, one line a check. */
#ifndef MAI_TESTS_TAP_H
#define MAI_TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

/* A line at a time, so that a program that dies or forks has said what it knew, once. */
static inline int
tap_next(void)
{
	if (tap_count == 0)
		setvbuf(stdout, NULL, _IOLBF, 0);
	return ++tap_count;
}

/* One check; the text says what holds. Returns `good`. */
static inline bool __attribute__((format(printf, 2, 3)))
tap_ok(bool good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", tap_next());
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	tap_failed += !good;
	return good;
}

static inline void
tap_skip(const char *what, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", tap_next(), what, why);
}

/* The last thing main returns. */
static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif
