#include "import/tokens.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define UNUSED_SCORE -10000 /* as llama.cpp's conversion has it */

static const char space[] = "\xe2\x96\x81"; /* U+2581, which is a space in vocabularies of SentencePiece */

int
tokens_init(struct tokens *t, uint64_t n)
{
	*t = (struct tokens){ 0 };
	if (n == 0 || n > VOCAB_MAX_TOKENS)
		return err_set(ERR_DATA, "a vocabulary of %" PRIu64 " tokens, at most %d are allowed", n, VOCAB_MAX_TOKENS);
	if (!(t->at = mem_alloc(n, sizeof *t->at)))
		return -1;
	t->n = n;
	return 0;
}

void
tokens_free(struct tokens *t)
{
	buf_free(&t->text);
	free(t->at);
	*t = (struct tokens){ 0 };
}

int
tokens_set(struct tokens *t, uint64_t id, const char *text, size_t len, enum token_kind kind, float score)
{
	if (id >= t->n)
		return 0;
	if (len == 0 || len > TOKENS_MAX_TEXT || t->text.len > TOKENS_MAX_BYTES)
		return err_set(ERR_DATA, "token %" PRIu64 " has %zu bytes, 1 to %d are allowed, and %d in all", id, len, TOKENS_MAX_TEXT, TOKENS_MAX_BYTES);
	t->at[id] = (struct token){ t->text.len, len, score, kind };
	return buf_add(&t->text, text, len);
}

static bool
is_between(const char *text, const char *front, const char *back)
{
	size_t n = strlen(text), f = strlen(front), b = strlen(back);

	return n >= f + b && strncmp(text, front, f) == 0 && strcmp(text + n - b, back) == 0;
}

/* Some models don't mark all that are. The list is llama.cpp's. */
static bool
looks_special(const char *text)
{
	static const char *const are[] = { "<pad>", "<mask>", "<2mass>", "[@BOS@]" };

	for (size_t i = 0; i < sizeof are / sizeof *are; i++)
		if (strcmp(text, are[i]) == 0)
			return true;
	return is_between(text, "<|", "|>") || is_between(text, "<\xef\xbd\x9c", "\xef\xbd\x9c>") || is_between(text, "<unused", ">");
}

int
tokens_add(struct tokens *t, uint64_t id, const char *text, bool special, float score)
{
	struct buf spaced = { 0 };
	int rc = 0;

	if (special || looks_special(text))
		return tokens_set(t, id, text, strlen(text), TOKEN_CONTROL, score);
	while (*text && rc == 0) {
		bool is_space = strncmp(text, space, strlen(space)) == 0;
		rc = buf_addc(&spaced, is_space ? ' ' : (uint8_t)*text);
		text += is_space ? strlen(space) : 1;
	}
	if (rc == 0)
		rc = tokens_set(t, id, (const char *)spaced.data, spaced.len, TOKEN_USER, score);
	buf_free(&spaced);
	return rc;
}

static const char *
text_of(const struct tokens *t, uint64_t id)
{
	return (const char *)t->text.data + t->at[id].at;
}

bool
tokens_find(const struct tokens *t, const char *text, uint32_t *id)
{
	size_t n = strlen(text);

	for (uint64_t i = 0; i < t->n; i++)
		if (t->at[i].len == n && memcmp(text_of(t, i), text, n) == 0) {
			*id = (uint32_t)i; /* at most VOCAB_MAX_TOKENS */
			return true;
		}
	return false;
}

static int
name_unused(struct tokens *t)
{
	char name[32];

	for (uint64_t i = 0; i < t->n; i++) {
		if (t->at[i].len > 0)
			continue;
		int n = snprintf(name, sizeof name, "[PAD%" PRIu64 "]", i);
		if (tokens_set(t, i, name, (size_t)n, TOKEN_UNUSED, UNUSED_SCORE) < 0)
			return -1;
	}
	return 0;
}

int
tokens_put(struct gguf_writer *to, struct tokens *t, bool scores)
{
	struct gguf_string *texts = mem_alloc(t->n, sizeof *texts);
	int32_t *kinds = mem_alloc(t->n, sizeof *kinds);
	float *score = mem_alloc(t->n, sizeof *score);
	int rc = -1;

	if (!texts || !kinds || !score || name_unused(t) < 0)
		goto done;
	for (uint64_t i = 0; i < t->n; i++) {
		texts[i] = (struct gguf_string){ text_of(t, i), t->at[i].len };
		kinds[i] = (int32_t)t->at[i].kind; /* a small number */
		score[i] = t->at[i].score;
	}
	if (gguf_put_strings(to, "tokenizer.ggml.tokens", texts, t->n) < 0 ||
	    (scores && gguf_put_array(to, "tokenizer.ggml.scores", GGUF_F32, score, t->n) < 0))
		goto done;
	rc = gguf_put_array(to, "tokenizer.ggml.token_type", GGUF_I32, kinds, t->n);
done:
	free(texts);
	free(kinds);
	free(score);
	return rc;
}
