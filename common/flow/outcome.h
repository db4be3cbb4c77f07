/* outcome.h: how sequences ended, and the exit status that this asks for. */
#ifndef MAI_FLOW_OUTCOME_H
#define MAI_FLOW_OUTCOME_H

#include "flow/driver.h"
#include "stream/stream.h"

struct outcome {
	uint64_t sequences;
	uint64_t prompt_tokens, new_tokens;
	int status; /* 0, or the status that the worst end of a sequence asks for; it has been told on stderr */
};

/* Says that a sequence ended before position `pos` where that is no good end, and notes the status. */
void outcome_close(struct outcome *sum, uint64_t sequence, enum close_reason reason, uint32_t pos);

/* The same of a sequence that a driver gives back, which is counted. */
void outcome_of(struct outcome *sum, const struct sequence *s);

#endif
