/* Any bytes as a JSON schema: what is not refused is a grammar, in which a text can begin. */
#include <stdlib.h>

#include "grammar/grammar.h"
#include "grammar/match.h"
#include "grammar/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = { 0 };
	struct grammar *g = NULL;
	struct matcher *m = NULL;
	uint32_t state;

	if (schema_to_grammar((const char *)data, size, &text) == 0 &&
	    (!(g = grammar_parse((const char *)text.data, text.len, NULL)) || !(m = matcher_new(g)) || matcher_start(m, &state) < 0 ||
	     state == MATCH_DEAD))
		abort();
	matcher_free(m);
	grammar_free(g);
	buf_free(&text);
	return 0;
}
