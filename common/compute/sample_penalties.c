#include <float.h>

#include "compute/sample_impl.h"

void
sample_bias(struct sampler *s, float *logits, const struct open *o)
{
	for (uint32_t i = 0; i < o->n_biases; i++)
		if (o->bias[i].token < s->n_vocab)
			logits[o->bias[i].token] += o->bias[i].bias;
}

/* Positive logits are divided by the repeat penalty, others multiplied with it. */
static float
penalised(float logit, uint32_t count, const struct sampling *how)
{
	float repeat = how->repeat_penalty > 0 ? how->repeat_penalty : 1;

	logit = logit > 0 ? logit / repeat : logit * repeat;
	logit -= (float)count * how->frequency_penalty + how->presence_penalty;
	return logit > FLT_MAX ? FLT_MAX : logit;
}

void
sample_penalties(struct sampler *s, float *logits, const struct sample_seq *q)
{
	const struct sampling *how = &q->open->sampling;
	size_t first = q->pos > how->repeat_last ? q->pos - how->repeat_last : 0;

	if ((how->repeat_penalty == 1 || how->repeat_penalty == 0) && how->presence_penalty == 0 && how->frequency_penalty == 0)
		return;
	for (size_t i = first; i < q->pos; i++)
		if (q->token[i] < s->n_vocab)
			s->count[q->token[i]]++;
	for (size_t i = first; i < q->pos; i++) {
		uint32_t t = q->token[i];
		if (t >= s->n_vocab || s->count[t] == 0)
			continue;
		logits[t] = penalised(logits[t], s->count[t], how);
		s->count[t] = 0;
	}
}
