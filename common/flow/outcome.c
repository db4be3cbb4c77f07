#include "flow/outcome.h"

#include "base/err.h"
#include "base/msg.h"

void
outcome_close(struct outcome *sum, uint64_t sequence, enum close_reason reason, uint32_t pos)
{
	static const struct {
		int status;
		const char *text;
	} ends[] = {
		[CLOSE_STOP] = { 0, NULL },
		[CLOSE_LENGTH] = { 0, NULL },
		[CLOSE_CONTEXT] = { ERR_DATA, "the context is full" },
		[CLOSE_MEMORY] = { ERR_SYSTEM, "no memory for its KV cache" },
		[CLOSE_REFUSED] = { ERR_DATA, "refused" },
		[CLOSE_ERROR] = { ERR_DATA, "a token, a result or a grammar is not valid" },
	};

	if (ends[reason].text)
		msg_error("sequence %llu: %s at position %u", (unsigned long long)sequence, ends[reason].text, pos);
	if (ends[reason].status > sum->status)
		sum->status = ends[reason].status;
}

void
outcome_of(struct outcome *sum, const struct sequence *s)
{
	outcome_close(sum, s->ordinal, s->reason, s->closed_at);
	sum->sequences++;
	sum->prompt_tokens += s->n_prompt;
}
