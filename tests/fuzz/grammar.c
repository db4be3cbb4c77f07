/*
 * Any bytes as a grammar, up to the first NUL byte; what comes behind it is matched. How far it gets does not depend on what the
 * matcher remembers.
 */
#include <stdlib.h>
#include <string.h>

#include "grammar/grammar.h"
#include "grammar/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MATCHED = 48 }; /* bytes: each may take as long as looking at MATCH_MAX_WAYS ways does */

static void
check(bool good)
{
	if (!good)
		abort();
}

/* How many bytes go on, and whether the text may end behind each of them. */
static size_t
match(struct matcher *m, const uint8_t *text, size_t n, bool *ends)
{
	uint32_t state;
	size_t i = 0;

	check(matcher_start(m, &state) == 0);
	while (i < n && state != MATCH_DEAD) {
		check(matcher_byte(m, state, text[i], &state) == 0);
		ends[i++] = matcher_ends(m, state);
	}
	check(state != MATCH_DEAD || !matcher_ends(m, state));
	return i;
}

/* The same by whole tokens, where the grammar names some. */
static void
take_tokens(struct matcher *m, const uint8_t *text, size_t n)
{
	uint32_t state, named, spelt;

	check(matcher_start(m, &state) == 0);
	for (size_t i = 0; i < n && state != MATCH_DEAD; i++) {
		check(matcher_token(m, state, text[i], &named) == 0 && matcher_byte(m, state, text[i], &spelt) == 0);
		check(matcher_either(m, named, spelt, &state) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
	size_t n = nul ? (size_t)(nul - data) : size, rest = nul ? size - n - 1 : 0;
	struct grammar *g = grammar_parse((const char *)data, n, NULL);
	bool first[MATCHED] = { 0 }, again[MATCHED] = { 0 };
	struct matcher *m;

	if (!g)
		return 0;
	if (rest > MATCHED)
		rest = MATCHED;
	check((m = matcher_new(g)) != NULL);
	size_t got = match(m, data + size - rest, rest, first);
	check(match(m, data + size - rest, rest, again) == got && memcmp(first, again, sizeof first) == 0);
	check(matcher_forget(m) == 0);
	take_tokens(m, data + size - rest, rest < 8 ? rest : 8);
	check(match(m, data + size - rest, rest, again) == got && memcmp(first, again, sizeof first) == 0);
	matcher_free(m);
	grammar_free(g);
	return 0;
}
