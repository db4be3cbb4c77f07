/*
 * metrics.h: numbers for Prometheus: answers HTTP requests for /metrics with its text format, version 0.0.4.
 */
#ifndef MAI_NET_METRICS_H
#define MAI_NET_METRICS_H

#include "base/buf.h"
#include "net/loop.h"
#include "net/multiaddr.h"

struct metrics;

/* `print` appends the numbers: lines of metrics_line. NULL with a reason. */
struct metrics *metrics_new(struct loop *l, const struct multiaddr *a, int (*print)(void *arg, struct buf *to), void *arg);
void metrics_free(struct metrics *m);

/* What a number is, and it: "counter" or "gauge". 0 or -1. */
int metrics_line(struct buf *to, const char *name, const char *kind, const char *help, uint64_t value);

#endif
