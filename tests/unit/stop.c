/* Stop texts: found across the borders of tokens, held back while they may be beginning. */
#include "flow/stop.h"

#include "../fuzz/vocab_make.h"
#include "tap.h"

enum { END, A, B, AB, ABAB, SPACE };

static struct vocab *vocab;

static void
make(void)
{
	static const char *const pieces[] = { "<|endoftext|>", "a", "b", "ab", "abab", "\xc4\xa0" };
	static struct make m;

	m = (struct make){ .model = "gpt2", .pre = "gpt-2", .bos = VOCAB_NONE, .eos = END, .unknown = VOCAB_NONE };
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
		make_token(&m, pieces[i], strlen(pieces[i]), 0, i ? 1 : 3);
	if (!(vocab = make_vocab(&m)))
		abort();
}

static struct open
stops(const char *const *text, uint32_t n)
{
	struct open o = { .n_stops = n };

	for (uint32_t i = 0; i < n; i++)
		o.stop[i] = (struct open_text){ (const uint8_t *)text[i], (uint32_t)strlen(text[i]) };
	return o;
}

/* Looks after each token, as a stage does; says what came of the last. */
static int
last(const struct open *o, const uint32_t *token, size_t first, size_t n, size_t *at)
{
	int state = STOP_NOT;

	for (size_t i = first + 1; i <= n && state != STOP_HIT; i++)
		state = stops_check(o, vocab, token, first, i, at);
	return state;
}

static void
check(const char *stop, const uint32_t *token, size_t first, size_t n, int want, size_t where, const char *what)
{
	const struct open o = stops(&stop, 1);
	size_t at = 0;

	tap_ok(last(&o, token, first, n, &at) == want && (want != STOP_HIT || at == where), "\"%s\": %s", stop, what);
}

static void
several(void)
{
	static const char *const texts[] = { "b  ", "ab" };
	const struct open o = stops(texts, 2), none = { 0 };
	size_t at = 9;

	tap_ok(last(&o, (uint32_t[]){ SPACE, B, SPACE, A, B }, 0, 5, &at) == STOP_HIT && at == 3, "of several the one that is there");
	tap_ok(last(&o, (uint32_t[]){ B, SPACE }, 0, 2, &at) == STOP_HELD, "each may hold a token back");
	tap_ok(last(&none, (uint32_t[]){ A, B }, 0, 2, &at) == STOP_NOT, "without stop texts none is found");
}

int
main(void)
{
	make();
	check("ba", (uint32_t[]){ A, B }, 0, 2, STOP_HELD, 0, "its beginning is held back");
	check("ba", (uint32_t[]){ A, B, A }, 0, 3, STOP_HIT, 1, "found across two tokens, at the first of them");
	check("ba", (uint32_t[]){ A, B, B, SPACE }, 0, 4, STOP_NOT, 0, "what did not become one is let go");
	check("ba", (uint32_t[]){ SPACE, ABAB }, 0, 2, STOP_HIT, 1, "found within a token");
	check("bab", (uint32_t[]){ SPACE, AB, AB }, 0, 3, STOP_HIT, 1, "found from within a token to within the next");
	check("bbb", (uint32_t[]){ B, B, A, B, B, B }, 0, 6, STOP_HIT, 3, "found after a false start");
	check("bba", (uint32_t[]){ B, B, B, A }, 0, 4, STOP_HIT, 1, "found where it overlaps a false start");
	check("ba", (uint32_t[]){ B, A }, 1, 2, STOP_NOT, 0, "not across the end of the prompt");
	check("abababab a", (uint32_t[]){ ABAB, ABAB, SPACE, A }, 0, 4, STOP_HIT, 0, "as long as it may be");
	check("a", (uint32_t[]){ B, END }, 0, 2, STOP_NOT, 0, "a control token has no text");
	several();
	vocab_free(vocab);
	return tap_done();
}
