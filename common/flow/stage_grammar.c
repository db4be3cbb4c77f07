#include <math.h>

#include "base/err.h"
#include "base/msg.h"
#include "flow/stage_impl.h"

void
stage_take_grammar(struct stage *s, struct stage_seq *q)
{
	enum close_reason why;

	if (!s->vocab || !q->open || q->open->output != OUTPUT_TOKENS || grammars_get(&s->grammars, q->open, &q->grammar, &why) == 0)
		return;
	msg_error("sequence %u: %s", q->id, err_reason());
	stage_end(s, q, why, 0);
}

bool
stage_constrain(struct stage *s, struct stage_seq *q, float *logits, uint32_t first, uint32_t next)
{
	struct allowed may;

	if (!q->grammar)
		return true;
	if (constraint_follow(q->grammar->constraint, &q->grammar_at, q->token + first, next - first) < 0 ||
	    constraint_allowed(q->grammar->constraint, &q->grammar_at, &may) < 0) {
		if (err_status() == ERR_DATA)
			msg_error("sequence %u: grammar: %s", q->id, err_reason());
		stage_end(s, q, err_status() == ERR_DATA ? CLOSE_ERROR : CLOSE_MEMORY, next);
		return false;
	}
	if (!may.any) {
		stage_end(s, q, may.complete ? CLOSE_STOP : CLOSE_ERROR, next);
		return false;
	}
	for (uint32_t i = 0; i < s->model->hp.n_vocab; i++)
		if (i >= may.n || !(may.mask[i / 64] >> i % 64 & 1))
			logits[i] = -INFINITY;
	return true;
}
