/* Sequence breakers of DRY: the tokens that hold one, and those in which one begins. */
#include "flow/breakers.h"

#include "../fuzz/vocab_make.h"
#include "tap.h"

enum { END, NEWLINE, A, B, C, AB, BC, ABC, QUOTED, COLON };

static struct vocab *vocab;

static void
make(void)
{
	static const char *const pieces[] = { "<|end|>", "\xc4\x8a", "a", "b", "c", "ab", "bc", "xabcx", "a\"", ":" };
	static struct make m;

	m = (struct make){ .model = "gpt2", .pre = "gpt-2", .bos = VOCAB_NONE, .eos = END, .unknown = VOCAB_NONE };
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
		make_token(&m, pieces[i], strlen(pieces[i]), 0, i ? 1 : 3);
	make_merge(&m, "a b", 3);
	make_merge(&m, "b c", 3);
	if (!(vocab = make_vocab(&m)))
		abort();
}

static struct open
breakers(const char *const *text, uint32_t n)
{
	struct open o = { .n_breakers = n };

	for (uint32_t i = 0; i < n; i++)
		o.breaker[i] = (struct open_text){ (const uint8_t *)text[i], (uint32_t)strlen(text[i]) };
	return o;
}

/* "head:tail tail head:" ... */
static const char *
shown(const struct breaker_set *set)
{
	static char text[400];
	const struct breakers *b = breakers_tokens(set);
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < b->n; i++) {
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%u:", i ? " " : "", b->list[i].head);
		for (uint32_t k = 0; k < b->list[i].n; k++)
			at += (size_t)snprintf(text + at, sizeof text - at, "%s%u", k ? "," : "", b->tail[b->list[i].at + k]);
	}
	return text;
}

static void
check(const char *const *text, uint32_t n, const char *want, const char *what)
{
	struct breaker_set *last = NULL;
	const struct open o = breakers(text, n);
	struct breaker_set *b = breakers_get(&last, vocab, &o);

	tap_ok(b && strcmp(shown(b), want) == 0, "%s: %s", what, b ? shown(b) : "none");
	breakers_release(b);
	breakers_release(last);
}

static void
shares(void)
{
	const struct open one = breakers((const char *const[]){ "a", "b" }, 2), same = breakers((const char *const[]){ "a", "b" }, 2),
	    other = breakers((const char *const[]){ "a", "c" }, 2), longer = breakers((const char *const[]){ "a", "b", "c" }, 3);
	struct breaker_set *last = NULL, *b[4];

	b[0] = breakers_get(&last, vocab, &one);
	b[1] = breakers_get(&last, vocab, &same);
	tap_ok(b[0] && b[0] == b[1] && b[0] == last, "the same texts have one set");
	b[2] = breakers_get(&last, vocab, &other);
	b[3] = breakers_get(&last, vocab, &longer);
	tap_ok(b[2] && b[2] != b[1] && b[3] && b[3] != b[2] && b[3] == last, "others have another");
	breakers_release(last);
	for (int i = 3; i >= 0; i--)
		breakers_release(b[i]);
	tap_ok(!breakers_tokens(NULL), "no set, no tokens");
	breakers_release(NULL);
}

int
main(void)
{
	make();
	check((const char *const[]){ "\n" }, 1, "1:", "a token of its own");
	check((const char *const[]){ "b" }, 1, "3: 5: 6: 7:", "every token that holds it");
	check((const char *const[]){ "abc" }, 1, "2:6 5:4 7:", "and those in which it begins, with the tokens of the rest");
	check((const char *const[]){ "abab" }, 1, "2:3,5 5:5", "which may be several");
	check((const char *const[]){ "\"", "\":" }, 2, "8: 8:9", "of two texts that begin alike both are there");
	check((const char *const[]){ "bb", "b" }, 2, "3:3 3: 5:3 5: 6: 7:", "in the order of the texts");
	check((const char *const[]){ "a", "a" }, 2, "2: 5: 7: 8:", "the same text twice is one");
	check((const char *const[]){ "<|end|>" }, 1, "0:", "control tokens have a text");
	check((const char *const[]){ "zzz" }, 1, "", "there may be none");
	check(NULL, 0, "", "without texts there are none");
	shares();
	vocab_free(vocab);
	return tap_done();
}
