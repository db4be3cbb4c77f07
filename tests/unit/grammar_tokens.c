/* A grammar over tokens: which may come, across their borders; and that what is remembered changes nothing. */
#include "grammar/constraint.h"

#include "../fuzz/vocab_make.h"
#include "base/err.h"
#include "tap.h"

enum { END, THINK, A, B, AB, ABC, C3, A9, E_ACUTE, SPACE_A, EMPTY_A9, N_TOKENS };

static struct vocab *vocab;
static struct order order;

static void
make(void)
{
	/* in a byte-level vocabulary c3 is U+00C3, a9 U+00A9, a space U+0120 */
	static const char *const pieces[] = { "<|endoftext|>", "<think>", "a", "b", "ab", "abc", "\xc3\x83", "\xc2\xa9", "\xc3\x83\xc2\xa9", "\xc4\xa0" "a",
		"\xc2\xa9" "a" };
	static struct make m;

	m = (struct make){ .model = "gpt2", .pre = "gpt-2", .bos = VOCAB_NONE, .eos = END, .unknown = VOCAB_NONE };
	for (size_t i = 0; i < N_TOKENS; i++)
		make_token(&m, pieces[i], strlen(pieces[i]), i <= THINK ? 3 : 1, 0);
	if (!(vocab = make_vocab(&m)) || order_make(&order, vocab) < 0)
		abort();
}

static void
sorted(void)
{
	bool good = order.n == N_TOKENS - 2 && order.longest == 3;
	const uint8_t *rest = order.rests.data + order.piece[0].rest;

	for (uint32_t i = 1; i < order.n; rest += order.piece[i++].rest) {
		size_t n, m, k = 0;
		const uint8_t *s = vocab_bytes(vocab, order.piece[i - 1].id, &n), *t = vocab_bytes(vocab, order.piece[i].id, &m);
		while (k < n && k < m && s[k] == t[k])
			k++;
		good = good && order.piece[i].shared == k && order.piece[i].rest == m - k && memcmp(rest, t + k, m - k) == 0 &&
		    (k == n || (k < m && s[k] < t[k]));
	}
	tap_ok(good, "all pieces but those of control tokens, in the order of their bytes");
}

static uint64_t
set(const uint32_t *token, size_t n)
{
	uint64_t s = 0;

	for (size_t i = 0; i < n; i++)
		s |= (uint64_t)1 << token[i];
	return s;
}
#define SET(...) set((uint32_t[]){ __VA_ARGS__ }, sizeof(uint32_t[]){ __VA_ARGS__ } / sizeof(uint32_t))
#define NONE 0

static struct constraint *
constraint(const char *gbnf, bool ends)
{
	struct constraint *c = constraint_new(gbnf, strlen(gbnf), &order, ends);

	if (!c) {
		fprintf(stderr, "%s\n", err_reason());
		abort();
	}
	return c;
}

/* What may come after n tokens. */
static struct allowed
after(struct constraint *c, struct constraint_at *at, const uint32_t *token, size_t n)
{
	struct allowed a;

	if (constraint_follow(c, at, token, n) < 0 || constraint_allowed(c, at, &a) < 0)
		abort();
	return a;
}

static void
check(const char *what, const char *gbnf, bool ends, const uint32_t *token, size_t n, uint64_t want, bool complete)
{
	struct constraint *c = constraint(gbnf, ends);
	struct constraint_at at = { 0 };
	struct allowed a = after(c, &at, token, n);

	tap_ok(a.n == N_TOKENS && a.mask[0] == want && a.any == (want != 0) && a.complete == complete, "%s: %llx", what, (unsigned long long)a.mask[0]);
	constraint_free(c);
}
#define CHECK(what, gbnf, want, complete, ...) \
	check(what, gbnf, true, (uint32_t[]){ END, __VA_ARGS__ } + 1, sizeof(uint32_t[]){ END, __VA_ARGS__ } / sizeof(uint32_t) - 1, want, complete)

static void
borders(void)
{
	CHECK("tokens that reach into the text", "root ::= \"abcab\"", SET(A, AB, ABC), false, );
	CHECK("and go on in its middle", "root ::= \"abab\"", SET(B), false, AB, A);
	CHECK("a token that goes too far", "root ::= \"ab\"", SET(A, AB), false, );
	CHECK("at the end, the end", "root ::= \"ab\"", SET(END), true, AB);
	CHECK("the end beside more", "root ::= \"a\"+", SET(END, A), true, A);
	CHECK("what does not match leads nowhere", "root ::= \"ab\"", NONE, false, B);
	CHECK("half a character", "root ::= \"\xc3\xa9\"", SET(C3, E_ACUTE), false, );
	CHECK("its other half", "root ::= \"\xc3\xa9\"", SET(A9), false, C3);
	CHECK("the other half and more", "root ::= \"\xc3\xa9\" [ab]+", SET(A9, EMPTY_A9), false, C3);
	CHECK("no end within a character", "root ::= .*", SET(A9, EMPTY_A9), false, C3);
	CHECK("control tokens have no text", "root ::= .{1,20}", SET(A, B, AB, ABC, C3, E_ACUTE, SPACE_A), false, );
	check("an end that does not end is a control token like others", "root ::= \"a\"?", false, NULL, 0, SET(A), true);
}

static void
named(void)
{
	CHECK("a token by its text", "root ::= <think> \"a\"", SET(THINK), false, );
	CHECK("and what follows it", "root ::= <think> \"a\"", SET(A), false, THINK);
	CHECK("by its number", "root ::= <[4]> \"a\"", SET(AB), false, );
	CHECK("all but one", "root ::= !<think>", SET(A, B, AB, ABC, C3, A9, E_ACUTE, SPACE_A, EMPTY_A9), false, );
	CHECK("in a loop, until it comes", "root ::= !<think>* <think>", SET(THINK, A, B, AB, ABC, C3, A9, E_ACUTE, SPACE_A, EMPTY_A9), false, A, B);
	CHECK("a named token beside a text", "root ::= <[2]> \"b\" | \"a\" \"ab\"", SET(A, B, AB), false, A);
	CHECK("one that is spelt is not named", "root ::= <[4]>", NONE, false, A);
	CHECK("an end is not named where it ends", "root ::= <[0]> | \"a\"", SET(A), false, );
	check("but where it does not", "root ::= <[0]> \"a\"", false, NULL, 0, SET(END), false);
	CHECK("one that is not there", "root ::= <[400]> | \"a\"", SET(A), false, );
	CHECK("spelt, then named", "root ::= \"ab\" <think>", SET(THINK), false, A, B);
	tap_ok(!constraint_new("root ::= <thinks>", 17, &order, true) && strstr(err_reason(), "line 1, column 10: '<thinks>' is not one token"),
	    "a text that is no token is refused: %s", err_reason());
}

/* However often it is forgotten, however one got there: the same. */
static void
memory(void)
{
	enum { N = 10000, WORDS = 1000 };
	static char gbnf[WORDS * 16];
	static uint32_t token[N];
	struct constraint *c, *other;
	struct constraint_at at = { 0 }, jumps = { 0 };
	uint32_t forgot = 0, seen = 0;
	uint64_t time = 0;
	bool same = true;

	/* each token leads to a state of its own, with many ways */
	strcpy(gbnf, "root ::= ([ab]");
	for (int i = 0; i < WORDS; i++)
		sprintf(gbnf + strlen(gbnf), " | \"ab%d\"", i);
	strcat(gbnf, "){0,100000} \"\xc3\xa9\"");
	c = constraint(gbnf, true);
	other = constraint(gbnf, true);
	for (uint32_t i = 0; i < N; i++)
		token[i] = i % 3 == 0 ? AB : i % 3 == 1 ? A : B;
	for (uint32_t i = 0; i < N && forgot < 1; i++) {
		if (constraint_follow(c, &at, token, i) < 0)
			abort();
		forgot += at.time != time && time != 0;
		time = at.time;
		if (i % 49 == 0) {
			seen++;
			same = same && after(c, &at, token, i).mask[0] == after(other, &jumps, token, i).mask[0];
		}
	}
	tap_ok(same && seen > 2 && forgot == 1, "what is forgotten is found again, in %u places", seen);

	struct constraint_at back = at;
	uint64_t now = after(c, &at, token, 10).mask[0];
	struct constraint_at fresh = { 0 };
	tap_ok(now == after(other, &fresh, token, 10).mask[0] && back.n > 10, "and going back is the same as coming anew");
	constraint_free(c);
	constraint_free(other);
}

int
main(void)
{
	make();
	sorted();
	borders();
	named();
	memory();
	order_free(&order);
	vocab_free(vocab);
	return tap_done();
}
