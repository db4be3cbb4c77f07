/* filter.h: a stage between two descriptors: what `mai-run SHARD...` is without -n. */
#ifndef MAI_FLOW_FILTER_H
#define MAI_FLOW_FILTER_H

#include "flow/outcome.h"
#include "flow/stage.h"

/*
 * Writes its header, then takes all streams of `in` and gives as many on `out`; an empty input gives nothing more than an
 * empty stream where tokens are taken, and is a cut stream where hidden states are. While it waits for input it notices a
 * reader that has gone, and dies of SIGPIPE as if it had written.
 * A fault of the input is told to those behind by an error frame that begins with the name `self`. 0, or -1 with the first cause.
 *
 * `sum` takes up how sequences ended that this stage has closed, but where a driver sees to them.
 */
int filter_run(struct stage *s, const char *self, int in, const char *in_name, int out, const char *out_name,
    struct outcome *sum);

#endif
