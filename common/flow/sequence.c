#include "flow/sequence.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

struct sequence *
sequence_new(void)
{
	return mem_alloc(1, sizeof(struct sequence));
}

void
sequence_free(struct sequence *s)
{
	if (s)
		free(s->token);
	free(s);
}

int
sequence_add(struct sequence *s, uint32_t token)
{
	if (s->n >= UINT32_MAX - 1)
		return err_set(ERR_DATA, "a sequence has too many tokens");
	if (mem_grow(&s->token, &s->cap, s->n + 1, sizeof *s->token) < 0)
		return -1;
	s->token[s->n++] = token;
	return 0;
}

uint32_t
sequence_length(const struct sequence *s)
{
	return (uint32_t)s->n - s->dropped; /* positions are 32 bits */
}

uint32_t
sequence_prompt(const struct sequence *s)
{
	return s->n_prompt > s->keep + s->dropped ? s->n_prompt - s->dropped : s->dropped > 0 ? s->keep : s->n_prompt;
}

uint32_t
sequence_in_text(const struct sequence *s, uint32_t pos)
{
	return pos < s->keep ? pos : pos + s->dropped;
}
