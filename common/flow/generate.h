/* generate.h: prompts in, new tokens out, as they are made: what `mai-run -n` does. */
#ifndef MAI_FLOW_GENERATE_H
#define MAI_FLOW_GENERATE_H

#include "flow/driver.h"
#include "flow/source.h"

struct outcome {
	uint64_t sequences;
	uint64_t prompt_tokens, new_tokens;
	int status; /* 0, or the status that the worst end of a sequence asks for; it has been warned of */
};

/* Writes a token stream to `out`. `echo`: the prompts too. 0, or -1 with the first cause. */
int generate(struct link *l, struct source *from, const struct driver_options *o, bool echo, int out, struct outcome *sum);

/* Warns of a sequence that did not end as wanted, and notes the status. */
void outcome_of(struct outcome *sum, const struct sequence *s);

#endif
