/* bench.h: how fast a model runs here: what `mai-run --bench` prints. */
#ifndef MAI_FLOW_BENCH_H
#define MAI_FLOW_BENCH_H

#include <stdbool.h>

#include "compute/engine.h"
#include "model/model.h"

struct bench_options {
	uint32_t sequences; /* decoded at once, at most ENGINE_BATCH */
	uint32_t positions; /* before the first token that is decoded, which they share */
	bool json;
};

/*
 * Prefill of 512 tokens and decode of 128 of each sequence, the median of several rounds after a first that warms up, in tokens a
 * second; and the bytes of weights read a second in decode beside what the cores read of memory. Prints to stdout and closes it. 0 or -1.
 */
int bench_run(const struct model *m, struct engine *e, const struct bench_options *o);

#endif
