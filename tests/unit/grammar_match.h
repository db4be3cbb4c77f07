/* grammar_match.h: whether a grammar takes a text. */
#ifndef MAI_TESTS_GRAMMAR_MATCH_H
#define MAI_TESTS_GRAMMAR_MATCH_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "grammar/match.h"

static inline bool
matches(const struct grammar *g, const char *text)
{
	struct matcher *m = matcher_new(g);
	uint32_t state = MATCH_DEAD;

	if (!m || matcher_start(m, &state) < 0 || matcher_bytes(m, state, (const uint8_t *)text, strlen(text), &state) < 0)
		abort();
	bool ends = matcher_ends(m, state);
	matcher_free(m);
	return ends;
}

#endif
