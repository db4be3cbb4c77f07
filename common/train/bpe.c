#include "train/bpe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "model/gguf.h"
#include "stream/sum.h"
#include "text/bpe.h"
#include "text/heap.h"
#include "text/pretokenize.h"
#include "text/tokens.h"

/* A word that occurs: its bytes and, as long as merges are learnt, its symbols. */
struct word {
	size_t text;      /* in b->bytes */
	size_t symbols;   /* in b->symbol */
	uint32_t n, left; /* bytes; symbols that are left */
	uint64_t count;
};

/* Two symbols that are neighbours somewhere. */
struct pair {
	uint32_t left, right;
	uint64_t count;
	uint32_t *word;   /* where they are or were, some perhaps twice */
	size_t n, cap;
};

/* Slots are a power of two, at most half of them used; a slot is an index + 1. */
struct table {
	uint32_t *slot;
	size_t size, n;
};

struct merge {
	uint32_t left, right;
};

struct bpe_learner {
	const char *pre;
	const char *const *special;
	size_t n_special;
	struct pretokenizer *pretokenizer;
	struct splitter *splitter;
	struct buf bytes;
	struct word *word;
	size_t n_words, words_cap;
	struct table words, pairs;
	uint32_t *symbol;
	struct pair *pair;
	size_t n_pairs, pairs_cap;
	struct heap heap;      /* pairs by their count when they were pushed, the largest first */
	struct merge *merge;
	size_t n_merges, merges_cap;
	struct texts token;    /* bytes of each symbol */
};

/* ---- tables ---- */

typedef uint64_t hash_of(const struct bpe_learner *b, uint32_t index);

static uint64_t
word_hash(const struct bpe_learner *b, uint32_t i)
{
	return sum_bytes(b->bytes.data + b->word[i].text, b->word[i].n);
}

static uint64_t
hash_pair(uint32_t left, uint32_t right)
{
	return ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15 >> 16;
}

static uint64_t
pair_hash(const struct bpe_learner *b, uint32_t i)
{
	return hash_pair(b->pair[i].left, b->pair[i].right);
}

static void
insert(struct table *t, uint64_t hash, uint32_t index)
{
	size_t at = hash & (t->size - 1);

	while (t->slot[at])
		at = (at + 1) & (t->size - 1);
	t->slot[at] = index + 1;
	t->n++;
}

/* Room for one more. */
static int
reserve(const struct bpe_learner *b, struct table *t, hash_of *hash)
{
	struct table larger = { .size = t->size ? 2 * t->size : 1 << 10 };

	if (2 * (t->n + 1) <= t->size)
		return 0;
	if (t->n >= UINT32_MAX / 2)
		return err_set(ERR_DATA, "the texts have too many different words");
	if (!(larger.slot = mem_alloc(larger.size, sizeof *larger.slot)))
		return -1;
	for (size_t i = 0; i < t->size; i++)
		if (t->slot[i])
			insert(&larger, hash(b, t->slot[i] - 1), t->slot[i] - 1);
	free(t->slot);
	*t = larger;
	return 0;
}

/* ---- counting words ---- */

static int
add_word(struct bpe_learner *b, const char *text, size_t n, uint64_t hash)
{
	if (reserve(b, &b->words, word_hash) < 0 || mem_grow(&b->word, &b->words_cap, b->n_words + 1, sizeof *b->word) < 0)
		return -1;
	b->word[b->n_words] = (struct word){ .text = b->bytes.len, .n = (uint32_t)n, .count = 1 };
	if (buf_add(&b->bytes, text, n) < 0)
		return -1;
	insert(&b->words, hash, (uint32_t)b->n_words++);
	return 0;
}

static int
count_word(void *arg, const char *text, size_t n)
{
	struct bpe_learner *b = arg;
	uint64_t hash = sum_bytes(text, n);

	if (n < 2 || n > UINT32_MAX) /* nothing to merge */
		return 0;
	for (size_t at = hash; b->words.size > 0; at++) {
		uint32_t i = b->words.slot[at & (b->words.size - 1)];
		if (!i)
			break;
		struct word *w = &b->word[i - 1];
		if (w->n == n && memcmp(b->bytes.data + w->text, text, n) == 0) {
			w->count++;
			return 0;
		}
	}
	return add_word(b, text, n, hash);
}

/* Where a special token comes next; `end`: nowhere. */
struct next {
	const char *at;
	size_t n;
};

/* Of all special tokens the first behind `text`. Each is looked for again only when the text has gone past it. */
static struct next
find_special(const struct bpe_learner *b, struct next *next, const char *text, const char *end)
{
	struct next first = { end, 0 };

	for (size_t i = 0; i < b->n_special; i++) {
		if (!next[i].at || next[i].at < text) {
			next[i].n = strlen(b->special[i]);
			next[i].at = memmem(text, (size_t)(end - text), b->special[i], next[i].n);
			if (!next[i].at)
				next[i].at = end;
		}
		if (next[i].at < first.at)
			first = next[i];
	}
	return first;
}

int
bpe_learner_add(struct bpe_learner *b, const char *text, size_t n, const char *name)
{
	const char *end;
	struct next *next, first;
	size_t valid;
	int rc = 0;

	if (n == 0) /* text may be NULL */
		return 0;
	end = text + n;
	if ((valid = utf8_valid(text, n)) < n)
		return err_set(ERR_DATA, "%s: offset %zu: not UTF-8", name, valid);
	if (!(next = mem_alloc(b->n_special, sizeof *next)))
		return -1;
	for (; text < end && rc == 0; text = first.at + first.n) {
		first = find_special(b, next, text, end);
		rc = splitter_run(b->splitter, text, (size_t)(first.at - text), count_word, b);
		msg_progress("counting words", n - (size_t)(end - first.at), n, "");
	}
	free(next);
	return rc;
}

/* ---- counting pairs ---- */

/* The pair's index, made when it is new; UINT32_MAX: no memory. */
static uint32_t
pair_of(struct bpe_learner *b, uint32_t left, uint32_t right)
{
	uint64_t hash = hash_pair(left, right);

	for (size_t at = hash; b->pairs.size > 0; at++) {
		uint32_t i = b->pairs.slot[at & (b->pairs.size - 1)];
		if (!i)
			break;
		if (b->pair[i - 1].left == left && b->pair[i - 1].right == right)
			return i - 1;
	}
	if (reserve(b, &b->pairs, pair_hash) < 0 || mem_grow(&b->pair, &b->pairs_cap, b->n_pairs + 1, sizeof *b->pair) < 0)
		return UINT32_MAX;
	b->pair[b->n_pairs] = (struct pair){ .left = left, .right = right };
	insert(&b->pairs, hash, (uint32_t)b->n_pairs);
	return (uint32_t)b->n_pairs++;
}

/* A pair of neighbours in word w. */
static int
add_pair(struct bpe_learner *b, uint32_t w, uint32_t left, uint32_t right)
{
	uint32_t i = pair_of(b, left, right);
	struct pair *p;

	if (i == UINT32_MAX)
		return -1;
	p = &b->pair[i];
	p->count += b->word[w].count;
	if (p->n > 0 && p->word[p->n - 1] == w)
		return 0;
	if (mem_grow(&p->word, &p->cap, p->n + 1, sizeof *p->word) < 0)
		return -1;
	p->word[p->n++] = w;
	return 0;
}

static int
push(struct bpe_learner *b, const struct pair *p)
{
	return p->count < BPE_LEAST_COUNT ? 0 : heap_push(&b->heap, (struct heap_item){ ~p->count, p->left, p->right });
}

/* The bytes as symbols, and the pairs that they make. */
static int
begin_pairs(struct bpe_learner *b)
{
	if (!(b->symbol = mem_alloc(b->bytes.len + 1, sizeof *b->symbol)))
		return -1;
	for (size_t i = 0; i < b->bytes.len; i++)
		b->symbol[i] = (uint32_t)b->n_special + b->bytes.data[i];
	for (uint32_t w = 0; w < b->n_words; w++) {
		struct word *x = &b->word[w];
		x->symbols = x->text;
		x->left = x->n;
		for (uint32_t i = 0; i + 1 < x->left; i++)
			if (add_pair(b, w, b->symbol[x->symbols + i], b->symbol[x->symbols + i + 1]) < 0)
				return -1;
	}
	for (size_t i = 0; i < b->n_pairs; i++)
		if (push(b, &b->pair[i]) < 0)
			return -1;
	return 0;
}

/* ---- merging ---- */

/* Neighbours in word w are others now. */
static int
replace_pair(struct bpe_learner *b, uint32_t w, struct merge old, struct merge now)
{
	b->pair[pair_of(b, old.left, old.right)].count -= b->word[w].count;
	return add_pair(b, w, now.left, now.right);
}

/* Makes `made` of each left and right in word w. Only pairs beside them are counted anew: a word may be as long as the text. */
static int
merge_in_word(struct bpe_learner *b, uint32_t w, struct merge m, uint32_t made)
{
	struct word *x = &b->word[w];
	uint32_t *s = b->symbol + x->symbols, n = 0;

	for (uint32_t i = 0; i < x->left; i++) {
		if (i + 1 == x->left || s[i] != m.left || s[i + 1] != m.right) {
			s[n++] = s[i];
			continue;
		}
		if (n > 0 && replace_pair(b, w, (struct merge){ s[n - 1], m.left }, (struct merge){ s[n - 1], made }) < 0)
			return -1;
		i++;
		if (i + 1 < x->left && replace_pair(b, w, (struct merge){ m.right, s[i + 1] }, (struct merge){ made, s[i + 1] }) < 0)
			return -1;
		b->pair[pair_of(b, m.left, m.right)].count -= x->count;
		s[n++] = made;
	}
	x->left = n;
	return 0;
}

/* The commonest pair: 1; 0 when there is none; -1. A count that has fallen since it was pushed is pushed anew. */
static int
pop(struct bpe_learner *b, uint32_t *pair)
{
	struct heap_item x;

	while (heap_pop(&b->heap, &x)) {
		*pair = pair_of(b, x.a, x.b);
		if (b->pair[*pair].count == ~x.key)
			return 1;
		if (b->pair[*pair].count < ~x.key && push(b, &b->pair[*pair]) < 0)
			return -1;
	}
	return 0;
}

static int
add_token(struct bpe_learner *b, struct merge m)
{
	struct buf text = { 0 };
	int rc = -1;

	if (buf_add(&text, texts_at(&b->token, m.left), texts_length(&b->token, m.left)) == 0 &&
	    buf_add(&text, texts_at(&b->token, m.right), texts_length(&b->token, m.right)) == 0)
		rc = texts_add(&b->token, text.data, text.len);
	buf_free(&text);
	if (rc < 0 || mem_grow(&b->merge, &b->merges_cap, b->n_merges + 1, sizeof *b->merge) < 0)
		return -1;
	b->merge[b->n_merges++] = m;
	return 0;
}

static int
learn(struct bpe_learner *b, uint32_t pair)
{
	const struct merge m = { b->pair[pair].left, b->pair[pair].right };
	uint32_t made = b->token.n, *word = b->pair[pair].word;
	size_t n = b->pair[pair].n, known = b->n_pairs;
	int rc = 0;

	/* Its list is taken away: pairs move when there are more of them, and it will not be needed again. */
	b->pair[pair].word = NULL;
	b->pair[pair].n = b->pair[pair].cap = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = merge_in_word(b, word[i], m, made);
	free(word);
	for (size_t i = known; i < b->n_pairs && rc == 0; i++)
		rc = push(b, &b->pair[i]);
	return rc < 0 ? -1 : add_token(b, m);
}

/* Special tokens and bytes. */
static int
begin_tokens(struct bpe_learner *b, uint32_t size)
{
	if (texts_init(&b->token, size) < 0)
		return -1;
	for (size_t i = 0; i < b->n_special; i++)
		if (texts_add(&b->token, b->special[i], strlen(b->special[i])) < 0)
			return -1;
	for (int byte = 0; byte < 256; byte++)
		if (texts_add(&b->token, &(uint8_t){ (uint8_t)byte }, 1) < 0)
			return -1;
	return 0;
}

int
bpe_learner_run(struct bpe_learner *b, uint32_t size, uint32_t *got)
{
	uint32_t pair;
	int rc;

	if (begin_tokens(b, size) < 0 || begin_pairs(b) < 0)
		return -1;
	while (b->token.n < size) {
		if ((rc = pop(b, &pair)) <= 0) {
			if (rc < 0)
				return -1;
			break;
		}
		if (learn(b, pair) < 0)
			return -1;
		msg_progress("learning", b->token.n, size, "tokens");
	}
	*got = b->token.n;
	return 0;
}

/* ---- writing ---- */

/* A token as the vocabulary writes it: a character for each byte, but for special ones. */
static int
put_text(const struct bpe_learner *b, uint32_t id, struct buf *to)
{
	const uint8_t *text = texts_at(&b->token, id);
	size_t n = texts_length(&b->token, id);
	uint8_t c[BPE_CHARACTER];

	if (id < b->n_special)
		return buf_add(to, text, n);
	for (size_t i = 0; i < n; i++)
		if (buf_add(to, c, bpe_character(text[i], c)) < 0)
			return -1;
	return 0;
}

/* What the arrays of strings in the file point to. */
struct strings {
	struct buf text;
	struct gguf_string *string;
	size_t *at; /* in text, which moves while it grows */
	size_t n;
};

static int
strings_init(struct strings *s, size_t n)
{
	*s = (struct strings){ 0 };
	s->string = mem_alloc(n + 1, sizeof *s->string);
	s->at = mem_alloc(n + 1, sizeof *s->at);
	return s->string && s->at ? 0 : -1;
}

static void
strings_free(struct strings *s)
{
	buf_free(&s->text);
	free(s->string);
	free(s->at);
}

static const struct gguf_string *
strings_done(struct strings *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->string[i] = (struct gguf_string){ (const char *)s->text.data + s->at[i],
			(i + 1 < s->n ? s->at[i + 1] : s->text.len) - s->at[i] };
	return s->string;
}

static int
put_tokens(const struct bpe_learner *b, struct gguf_writer *w)
{
	uint32_t n = b->token.n;
	int32_t *kind = mem_alloc(n, sizeof *kind);
	struct strings s;
	int rc = kind && strings_init(&s, n) == 0 ? 0 : -1;

	for (uint32_t id = 0; id < n && rc == 0; id++) {
		kind[id] = id < b->n_special ? TOKEN_CONTROL : TOKEN_NORMAL;
		s.at[s.n++] = s.text.len;
		rc = put_text(b, id, &s.text);
	}
	if (rc == 0)
		rc = gguf_put_strings(w, "tokenizer.ggml.tokens", strings_done(&s), n);
	if (rc == 0)
		rc = gguf_put_array(w, "tokenizer.ggml.token_type", GGUF_I32, kind, n);
	if (kind)
		strings_free(&s);
	free(kind);
	return rc;
}

static int
put_merges(const struct bpe_learner *b, struct gguf_writer *w)
{
	struct strings s;
	int rc = strings_init(&s, b->n_merges);

	for (size_t i = 0; i < b->n_merges && rc == 0; i++) {
		s.at[s.n++] = s.text.len;
		if (put_text(b, b->merge[i].left, &s.text) < 0 || buf_addc(&s.text, ' ') < 0 ||
		    put_text(b, b->merge[i].right, &s.text) < 0)
			rc = -1;
	}
	if (rc == 0)
		rc = gguf_put_strings(w, "tokenizer.ggml.merges", strings_done(&s), s.n);
	strings_free(&s);
	return rc;
}

static int
put_vocabulary(const struct bpe_learner *b, struct gguf_writer *w)
{
	if (gguf_put_string(w, "general.architecture", "llama") < 0 || gguf_put_string(w, "tokenizer.ggml.model", "gpt2") < 0 ||
	    gguf_put_string(w, "tokenizer.ggml.pre", b->pre) < 0 || put_tokens(b, w) < 0 || put_merges(b, w) < 0)
		return -1;
	if (gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 0) < 0 || gguf_put_u32(w, "tokenizer.ggml.eos_token_id", 0) < 0)
		return -1;
	return gguf_put_bool(w, "tokenizer.ggml.add_bos_token", true);
}

int
bpe_learner_write(const struct bpe_learner *b, const char *path)
{
	struct gguf_writer *w = gguf_writer_new();
	int rc = w ? put_vocabulary(b, w) : -1;

	if (rc == 0)
		rc = gguf_write(w, path);
	gguf_writer_free(w);
	return rc;
}

/* ---- making ---- */

struct bpe_learner *
bpe_learner_new(const char *pre, const char *const *special, size_t n_special)
{
	struct bpe_learner *b = mem_alloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->pre = pre;
	b->special = special;
	b->n_special = n_special;
	if (!(b->pretokenizer = pretokenizer_open(pre, strlen(pre))) || !(b->splitter = splitter_new(b->pretokenizer))) {
		bpe_learner_free(b);
		return NULL;
	}
	return b;
}

void
bpe_learner_free(struct bpe_learner *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_pairs; i++)
		free(b->pair[i].word);
	splitter_free(b->splitter);
	pretokenizer_free(b->pretokenizer);
	buf_free(&b->bytes);
	texts_free(&b->token);
	heap_free(&b->heap);
	free(b->word);
	free(b->words.slot);
	free(b->pairs.slot);
	free(b->symbol);
	free(b->pair);
	free(b->merge);
	free(b);
}
