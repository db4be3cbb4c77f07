/* generate.h: prompts in, new tokens out, as they are made: what `mai-run -n` does. */
#ifndef MAI_FLOW_GENERATE_H
#define MAI_FLOW_GENERATE_H

#include "flow/driver.h"
#include "flow/outcome.h"
#include "flow/source.h"

/* Writes a token stream to `out`. `echo`: the prompts too. 0, or -1 with the first cause. */
int generate(struct link *l, struct source *from, const struct driver_options *o, bool echo, int out, struct outcome *sum);

#endif
