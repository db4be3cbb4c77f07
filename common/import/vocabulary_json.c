/* The vocabulary in a tokenizer.json. See import/vocabulary_impl.h. */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "import/pretokenizer.h"
#include "import/vocabulary_impl.h"

static const json_t *
model_of(const struct vocabulary *v)
{
	return json_object_get(v->tokenizer, "model");
}

static bool
has_type(const json_t *o, const char *type)
{
	const char *is = hub_text(o, "type");

	return is && strcmp(is, type) == 0;
}

/* One more than the largest number of a token. */
static uint64_t
count_json(const struct vocabulary *v)
{
	json_t *vocab = json_object_get(model_of(v), "vocab"), *id;
	const json_t *added = json_object_get(v->tokenizer, "added_tokens");
	uint64_t n = 0, k;
	const char *text;

	json_object_foreach(vocab, text, id)
		if (hub_number(id, &k) && k >= n && k < VOCAB_MAX_TOKENS)
			n = k + 1;
	for (size_t i = 0; i < json_array_size(added); i++)
		if (hub_number(json_object_get(json_array_get(added, i), "id"), &k) && k >= n && k < VOCAB_MAX_TOKENS)
			n = k + 1;
	return n;
}

/* The tokens proper, all of one kind and score. */
static int
read_vocab(struct vocabulary *v, float score)
{
	json_t *vocab = json_object_get(model_of(v), "vocab"), *id;
	const char *text;
	uint64_t k;

	if (!json_is_object(vocab))
		return err_set(ERR_DATA, "its model has no vocab");
	if (vocabulary_init(v, count_json(v)) < 0)
		return -1;
	json_object_foreach(vocab, text, id) {
		if (!hub_number(id, &k))
			return err_set(ERR_DATA, "the number of token %.100s is none", text);
		if (*text != '\0' && tokens_set(&v->tokens, k, text, strlen(text), TOKEN_NORMAL, score) < 0)
			return -1;
	}
	return 0;
}

int
vocabulary_read_added(struct vocabulary *v, bool missing_alone)
{
	const json_t *added = json_object_get(v->tokenizer, "added_tokens");
	uint64_t id;

	for (size_t i = 0; i < json_array_size(added); i++) {
		const json_t *o = json_array_get(added, i);
		const char *text = hub_text(o, "content");
		if (!text || *text == '\0' || !hub_number(json_object_get(o, "id"), &id))
			return err_set(ERR_DATA, "one of its added_tokens has no text, or no number");
		if (missing_alone && id < v->tokens.n && v->tokens.at[id].len > 0)
			continue;
		if (tokens_add(&v->tokens, id, text, json_is_true(json_object_get(o, "special")), ADDED_SCORE) < 0)
			return -1;
	}
	return 0;
}

/* Both texts of a merge, "a b" or ["a", "b"]. False: they are none. */
static bool
merge_of(const json_t *m, const char **a, size_t *n, const char **b)
{
	*a = json_string_value(json_is_array(m) ? json_array_get(m, 0) : m);
	if (!*a)
		return false;
	*b = json_is_array(m) ? json_string_value(json_array_get(m, 1)) : strchr(*a, ' ');
	*n = json_is_array(m) || !*b ? strlen(*a) : (size_t)(*b - *a);
	if (*b && !json_is_array(m))
		++*b;
	return *b && *n > 0 && **b != '\0';
}

/* A space within a text is its character of byte-level BPE. */
static int
add_escaped(struct buf *to, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((text[i] == ' ' ? buf_add(to, "\xc4\xa0", 2) : buf_addc(to, (uint8_t)text[i])) < 0)
			return -1;
	return 0;
}

static int
put_merges(struct vocabulary *v)
{
	const json_t *merges = json_object_get(model_of(v), "merges");
	size_t n = json_array_size(merges), n_a;
	struct gguf_string *all = mem_alloc(n, sizeof *all);
	const char *a, *b;
	struct buf text = { 0 };
	int rc = all ? 0 : -1;

	for (size_t i = 0; i < n && rc == 0; i++) {
		if (!merge_of(json_array_get(merges, i), &a, &n_a, &b)) {
			rc = err_set(ERR_DATA, "merge %zu is no pair of texts", i);
			break;
		}
		size_t before = text.len;
		if (add_escaped(&text, a, n_a) < 0 || buf_addc(&text, ' ') < 0 || add_escaped(&text, b, strlen(b)) < 0)
			rc = -1;
		all[i].len = text.len - before;
	}
	for (size_t i = 0, at = 0; i < n && rc == 0; at += all[i++].len)
		all[i].data = (const char *)text.data + at;
	if (rc == 0)
		rc = gguf_put_strings(v->to, "tokenizer.ggml.merges", all, n);
	buf_free(&text);
	free(all);
	return rc;
}

static int
put_byte_level(struct vocabulary *v)
{
	const char *pre = pretokenizer_name(v->tokenizer);

	if (!pre || vocabulary_put_model(v, "gpt2", pre) < 0 || read_vocab(v, 0) < 0 || vocabulary_read_added(v, false) < 0 || tokens_put(v->to, &v->tokens, false) < 0)
		return -1;
	return put_merges(v);
}

/* Word pieces: of one that begins a word the space before it is written, of one that goes on the sign of that is not. */
static int
put_word_pieces(struct vocabulary *v)
{
	const char *prefix = hub_text(model_of(v), "continuing_subword_prefix"), *text;
	json_t *vocab = json_object_get(model_of(v), "vocab"), *id;
	size_t n = prefix ? strlen(prefix) : 0;
	struct buf begins = { 0 };
	uint64_t k;
	int rc = 0;

	if (vocabulary_put_model(v, "bert", NULL) < 0 || read_vocab(v, 0) < 0)
		return -1;
	json_object_foreach(vocab, text, id) {
		bool goes_on = n > 0 && strncmp(text, prefix, n) == 0 && text[n] != '\0';
		begins.len = 0;
		if (!hub_number(id, &k) || *text == '\0')
			continue;
		if (buf_printf(&begins, "%s%s", goes_on ? "" : "\xe2\x96\x81", goes_on ? text + n : text) < 0 ||
		    tokens_set(&v->tokens, k, (const char *)begins.data, begins.len, TOKEN_NORMAL, 0) < 0) {
			rc = -1;
			break;
		}
	}
	buf_free(&begins);
	return rc < 0 || vocabulary_read_added(v, false) < 0 ? -1 : tokens_put(v->to, &v->tokens, false);
}

/* ---- SentencePiece, in tokenizer.json ---- */

static bool
is_byte(const char *text, size_t n)
{
	return n == 6 && memcmp(text, "<0x", 3) == 0 && text[5] == '>';
}

/*
 * Merges are ranked by the scores of what they make, which is all that is left of these: of a token the rank of its first merge counts.
 * What no merge makes is put together last of all.
 */
static int
score_merges(struct vocabulary *v)
{
	const json_t *merges = json_object_get(model_of(v), "merges"), *vocab = json_object_get(model_of(v), "vocab");
	size_t n = json_array_size(merges), n_a;
	struct buf text = { 0 };
	const char *a, *b;
	uint64_t id;
	int rc = 0;

	for (size_t i = n; i-- > 0 && rc == 0;) {
		text.len = 0;
		if (!merge_of(json_array_get(merges, i), &a, &n_a, &b))
			rc = err_set(ERR_DATA, "merge %zu is no pair of texts", i);
		else if (buf_add(&text, a, n_a) < 0 || buf_add(&text, b, strlen(b) + 1) < 0)
			rc = -1;
		else if (hub_number(json_object_get(vocab, (const char *)text.data), &id) && id < v->tokens.n)
			v->tokens.at[id].score = -(float)i;
	}
	buf_free(&text);
	return rc;
}

static void
mark_tokens(struct vocabulary *v)
{
	const char *unknown = hub_text(model_of(v), "unk_token");
	uint32_t id;

	for (uint64_t i = 0; i < v->tokens.n; i++) {
		struct token *t = &v->tokens.at[i];
		if (t->len > 0 && is_byte((const char *)v->tokens.text.data + t->at, t->len))
			t->kind = TOKEN_BYTE;
	}
	if (unknown && tokens_find(&v->tokens, unknown, &id))
		v->tokens.at[id].kind = TOKEN_UNKNOWN;
}

/* Is a space put before a text? */
static bool
has_prefix(const json_t *o)
{
	const json_t *normalizers = json_object_get(o, "normalizers"), *old = json_object_get(o, "add_prefix_space");
	const char *scheme = hub_text(o, "prepend_scheme");

	for (size_t i = 0; i < json_array_size(normalizers); i++)
		if (has_type(json_array_get(normalizers, i), "Prepend"))
			return true;
	if (has_type(o, "Metaspace"))
		return scheme ? strcmp(scheme, "never") != 0 : !json_is_false(old);
	return has_type(o, "Prepend");
}

static int
put_byte_tokens(struct vocabulary *v)
{
	size_t n = json_array_size(json_object_get(model_of(v), "merges"));
	bool prefix = has_prefix(json_object_get(v->tokenizer, "normalizer")) || has_prefix(json_object_get(v->tokenizer, "pre_tokenizer"));

	if (vocabulary_put_model(v, "llama", "default") < 0 || read_vocab(v, -(float)n) < 0 || score_merges(v) < 0 || vocabulary_read_added(v, false) < 0)
		return -1;
	mark_tokens(v);
	return tokens_put(v->to, &v->tokens, true) < 0 ? -1 : vocabulary_put_space(v, prefix);
}

/* Some files don't say what they are. */
int
vocabulary_put_json(struct vocabulary *v)
{
	const json_t *m = model_of(v);
	bool bpe = has_type(m, "BPE") || (!hub_text(m, "type") && json_object_get(m, "merges"));
	const char *end = hub_text(m, "end_of_word_suffix");

	if (bpe && json_is_true(json_object_get(m, "byte_fallback")))
		return put_byte_tokens(v);
	if (bpe && (!end || *end == '\0'))
		return put_byte_level(v);
	if (has_type(m, "WordPiece") || (!bpe && !hub_text(m, "type") && json_is_object(json_object_get(m, "vocab"))))
		return put_word_pieces(v);
	return err_set(ERR_DATA, "its model, of type %.60s, is none that is known", hub_text(m, "type") ? hub_text(m, "type") : "unknown");
}
