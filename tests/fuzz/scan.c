/*
 * Any text cut into words by hand (text/scan.h) and by the expressions: the same words. The first byte says which, the others are the
 * text, from which characters are taken that the two know different editions of Unicode for.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/buf.h"
#include "text/pretokenize.h"
#include "text/utf8.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "gpt-2", "llama-bpe", "qwen2" };

enum { KINDS = sizeof names / sizeof *names, MOST = 1 << 12 };

static struct splitter *by_hand[KINDS], *by_expression[KINDS];
static pcre2_code *unassigned;
static pcre2_match_data *match;

static void
check(bool good)
{
	if (!good)
		abort();
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int error;
	PCRE2_SIZE at;

	(void)argc, (void)argv;
	for (int k = 0; k < KINDS; k++) {
		by_hand[k] = splitter_new(pretokenizer_open(names[k], strlen(names[k])));
		by_expression[k] = splitter_new(pretokenizer_open_expressions(names[k], strlen(names[k])));
		check(by_hand[k] && by_expression[k]);
	}
	unassigned = pcre2_compile((PCRE2_SPTR)"\\p{Cn}", PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error, &at, NULL);
	match = pcre2_match_data_create(1, NULL);
	check(unassigned && match);
	return 0;
}

static bool
is_known_to_one(const uint8_t *s, uint32_t n)
{
	bool to_expressions = pcre2_match(unassigned, s, n, 0, PCRE2_ANCHORED, match, NULL) < 0;

	return to_expressions != (utf8proc_category((int32_t)utf8_code(s, n)) != UTF8PROC_CATEGORY_CN); /* below 0x110000 */
}

struct ends {
	const char *text;
	size_t n, at[MOST];
};

static int
note(void *arg, const char *word, size_t n)
{
	struct ends *e = arg;

	check(n > 0 && e->n < MOST);
	e->at[e->n++] = (size_t)(word - e->text) + n;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ends mine, theirs;
	struct buf text = { 0 }, clean = { 0 };

	if (size < 1 || size > MOST)
		return 0;
	check(utf8_replace(&clean, (const char *)data + 1, size - 1) == 0);
	for (size_t at = 0, k; at < clean.len; at += k) {
		k = utf8_length(clean.data[at]);
		if (k == 1 || !is_known_to_one(clean.data + at, (uint32_t)k))
			check(buf_add(&text, clean.data + at, k) == 0);
	}
	mine.n = theirs.n = 0;
	mine.text = theirs.text = (const char *)text.data;
	check(splitter_run(by_hand[data[0] % KINDS], mine.text, text.len, note, &mine) == 0);
	check(splitter_run(by_expression[data[0] % KINDS], mine.text, text.len, note, &theirs) == 0);
	check(mine.n == theirs.n && memcmp(mine.at, theirs.at, mine.n * sizeof *mine.at) == 0);
	check(text.len == 0 ? mine.n == 0 : mine.at[mine.n - 1] == text.len);
	buf_free(&text);
	buf_free(&clean);
	return 0;
}
