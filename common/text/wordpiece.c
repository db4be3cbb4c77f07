#include "text/wordpiece.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/bert.h"

#define BEGINS "\xe2\x96\x81" /* U+2581 */

enum { BEGINS_LENGTH = sizeof BEGINS - 1 };

struct wordpiece {
	struct bert_rules rules;
};

int
wordpiece_load(struct vocab *v, const struct gguf *g)
{
	struct wordpiece *w = v->wordpiece = mem_alloc(1, sizeof *w);

	if (!w)
		return -1;
	w->rules = (struct bert_rules){ .strip_accents = true, .lowercase = true };
	return gguf_get_bool(g, "tokenizer.ggml.normalizer.strip_accents", &w->rules.strip_accents) < 0 ||
	       gguf_get_bool(g, "tokenizer.ggml.normalizer.lowercase", &w->rules.lowercase) < 0 ? -1 : 0;
}

void
wordpiece_free(struct vocab *v)
{
	free(v->wordpiece);
	v->wordpiece = NULL;
}

/* A text of tokens has no space before these marks, though none says so: that is how it is written. */
static bool
joins(const uint8_t *text, size_t n)
{
	return n == 1 && (text[0] == '.' || text[0] == '?' || text[0] == '!' || text[0] == ',');
}

static bool
begins(const uint8_t *text, size_t n)
{
	return n >= BEGINS_LENGTH && memcmp(text, BEGINS, BEGINS_LENGTH) == 0;
}

int
wordpiece_piece(const uint8_t *text, size_t n, struct buf *out)
{
	if (!begins(text, n))
		return buf_add(out, text, n);
	text += BEGINS_LENGTH;
	n -= BEGINS_LENGTH;
	return !joins(text, n) && buf_addc(out, ' ') < 0 ? -1 : buf_add(out, text, n);
}

/* The longest token that n bytes begin with, of which it takes *taken; VOCAB_NONE when none does. */
static uint32_t
longest(const struct vocab *v, const uint8_t *s, size_t n, size_t *taken)
{
	for (*taken = n < v->longest ? n : v->longest; *taken > 0; (*taken)--) {
		if (*taken < n && (s[*taken] & 0xc0) == 0x80)
			continue; /* within a character */
		uint32_t id = lookup_find(&v->lookup, s, *taken);
		if (id != LOOKUP_NONE && token_is_plain(v, id))
			return id;
	}
	return VOCAB_NONE;
}

static int
match_word(void *arg, const void *word, size_t n, struct ids *out)
{
	const struct vocab *v = ((const struct encoder *)arg)->vocab;
	uint8_t text[BEGINS_LENGTH + BERT_WORD] = BEGINS;
	size_t before = out->n, taken, end = BEGINS_LENGTH + n;

	memcpy(text + BEGINS_LENGTH, word, n);
	for (size_t at = 0; at < end; at += taken) {
		bool first = at == 0;
		uint32_t id = first || !begins(text + at, end - at) ? longest(v, text + at, end - at, &taken) : VOCAB_NONE;
		if (id == VOCAB_NONE || (first && taken <= BEGINS_LENGTH)) {
			out->n = before;
			return ids_add_unknown(v, text[BEGINS_LENGTH], out);
		}
		if (ids_add(out, id) < 0)
			return -1;
	}
	return 0;
}

static int
encode_word(void *arg, const uint8_t *word, size_t n)
{
	const struct run *r = arg;

	return word ? word_cache_run(&r->e->words, word, n, r->out, match_word, r->e) : ids_add_unknown(r->e->vocab, ' ', r->out);
}

int
wordpiece_encode(struct encoder *e, const char *text, size_t n, bool start, struct ids *out)
{
	struct run r = { e, out };

	(void)start;
	return bert_words(e->vocab->wordpiece->rules, text, n, encode_word, &r);
}
