#include "text/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "text/pretokenize.h"
#include "text/utf8.h"

enum { MAX_MERGES = 1 << 24 };

#define NO_TOKEN (VOCAB_NONE - 1) /* of a text that pairs make but that is no token: its bytes come, and it makes no pairs */

struct merge {
	uint32_t left, right; /* left VOCAB_NONE: a free slot */
	uint32_t rank, id;
};

struct bpe {
	uint32_t byte[256];     /* the token of each byte; VOCAB_NONE: has none */
	struct merge *merge;    /* a hash table of mask + 1 slots, at most half of them in use */
	uint64_t seed;
	uint32_t mask;
	struct pretokenizer *words;
	bool whole;             /* a word that is a token is that token, whatever the merges say */
};

/* ---- bytes as characters ---- */

/* The others: 00-20 are U+0100 to U+0120, 7F U+0121, 80-A0 U+0122 to U+0142, AD U+0143. */
static uint32_t
byte_code(uint8_t byte)
{
	if (byte <= 0x20)
		return 0x100u + byte;
	if (byte >= 0x7f && byte <= 0xa0)
		return 0x121u + byte - 0x7f;
	return byte == 0xad ? 0x143 : byte;
}

static int
code_byte(uint32_t code)
{
	if (code >= 0x100 && code <= 0x120)
		return (int)(code - 0x100);
	if (code >= 0x121 && code <= 0x142)
		return (int)(code - 0x121 + 0x7f);
	if (code == 0x143)
		return 0xad;
	return code < 0x100 && byte_code((uint8_t)code) == code ? (int)code : -1;
}

uint32_t
bpe_character(uint8_t byte, uint8_t to[BPE_CHARACTER])
{
	uint32_t c = byte_code(byte);

	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	to[0] = (uint8_t)(0xc0 | c >> 6);
	to[1] = (uint8_t)(0x80 | (c & 0x3f));
	return 2;
}

/* The byte of the character at s, of n bytes left; *k is its length. -1: it stands for none. */
static int
character_byte(const uint8_t *s, size_t n, size_t *k)
{
	*k = 1;
	if (s[0] < 0x80)
		return code_byte(s[0]);
	if (n < 2 || s[0] < 0xc2 || s[0] > 0xdf || (s[1] & 0xc0) != 0x80)
		return -1;
	*k = 2;
	return code_byte((uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f));
}

int
bpe_piece(const uint8_t *text, size_t n, struct buf *out)
{
	size_t before = out->len, k;

	for (size_t at = 0; at < n; at += k) {
		int byte = character_byte(text + at, n - at, &k);
		if (byte < 0) {
			/* A token that was put in by hand, not made of bytes: it stands for its text. */
			out->len = before;
			return buf_add(out, text, n);
		}
		if (buf_addc(out, (uint8_t)byte) < 0)
			return -1;
	}
	return 0;
}

/* ---- merges ---- */

static struct merge *
merge_slot(const struct bpe *b, uint32_t left, uint32_t right)
{
	uint64_t h = (((uint64_t)left << 32 | right) ^ b->seed) * 0x9e3779b97f4a7c15;
	uint32_t i = (uint32_t)((h ^ h >> 29) >> 20) & b->mask;

	for (;; i = (i + 1) & b->mask) {
		struct merge *m = &b->merge[i];
		if (m->left == VOCAB_NONE || (m->left == left && m->right == right))
			return m;
	}
}

static int
load_merge(const struct vocab *v, const struct gguf *g, struct gguf_string s, uint32_t rank)
{
	const char *space = s.len > 1 ? memchr(s.data + 1, ' ', s.len - 1) : NULL;
	char joined[2 * VOCAB_MAX_TEXT];

	if (!space)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.merges: merge %u is no pair", g->path, rank);
	size_t n = (size_t)(space - s.data), more = s.len - n - 1;
	if (n > VOCAB_MAX_TEXT || more > VOCAB_MAX_TEXT)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.merges: merge %u is too long", g->path, rank);
	memcpy(joined, s.data, n);
	memcpy(joined + n, space + 1, more);
	uint32_t left = lookup_find(&v->lookup, s.data, n);
	uint32_t right = lookup_find(&v->lookup, space + 1, more);
	uint32_t id = lookup_find(&v->lookup, joined, n + more);
	if (left == LOOKUP_NONE || right == LOOKUP_NONE)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.merges: merge %u ('%.*s') names a text that is no token",
		    g->path, rank, s.len < 64 ? (int)s.len : 64, s.data);
	struct merge *m = merge_slot(v->bpe, left, right);
	if (m->left == VOCAB_NONE && (id == LOOKUP_NONE || token_is_plain(v, id))) /* of two equal pairs the first counts */
		*m = (struct merge){ left, right, rank, id == LOOKUP_NONE ? NO_TOKEN : id };
	return 0;
}

static int
load_merges(struct bpe *b, const struct vocab *v, const struct gguf *g)
{
	const struct gguf_key *merges;
	uint64_t size = 16, at = 0;
	int found = gguf_get_array(g, "tokenizer.ggml.merges", GGUF_STRING, &merges);

	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.merges is missing", g->path);
	if (merges->n > MAX_MERGES)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.merges has %llu elements, at most %d are allowed", g->path,
		    (unsigned long long)merges->n, MAX_MERGES);
	while (size < 2 * merges->n)
		size *= 2;
	b->merge = mem_alloc(size, sizeof *b->merge);
	if (!b->merge)
		return -1;
	for (uint64_t i = 0; i < size; i++)
		b->merge[i].left = VOCAB_NONE;
	b->mask = (uint32_t)(size - 1);
	b->seed = lookup_seed();
	for (uint32_t rank = 0; rank < merges->n; rank++)
		if (load_merge(v, g, gguf_next_string(merges, &at), rank) < 0)
			return -1;
	return 0;
}

static void
load_bytes(struct bpe *b, const struct vocab *v)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint8_t c[BPE_CHARACTER];
		uint32_t id = lookup_find(&v->lookup, c, bpe_character((uint8_t)byte, c));
		/* A user-defined token of this one character means the character, not the byte. */
		bool good = id != LOOKUP_NONE && token_is_plain(v, id) && (v->kind[id] != TOKEN_USER || byte < 0x80);
		b->byte[byte] = good ? id : VOCAB_NONE;
	}
}

/*
 * Which pre-tokenizer. Files from before the key was thought of have none: those of GPT-2 and GPT-NeoX split as GPT-2 does, for
 * others "default" is what programs took then.
 */
static int
load_words(struct bpe *b, const struct gguf *g)
{
	struct gguf_string pre = { 0 }, arch = { 0 };
	int found = gguf_get_string(g, "tokenizer.ggml.pre", &pre);

	if (found < 0 || gguf_get_string(g, "general.architecture", &arch) < 0)
		return -1;
	if (found == 0) {
		bool gpt2 = gguf_string_is(arch, "gpt2") || gguf_string_is(arch, "gptneox");
		pre.data = gpt2 ? "gpt-2" : "default";
		pre.len = strlen(pre.data);
	}
	b->words = pretokenizer_open(pre.data, pre.len);
	return b->words ? 0 : err_wrap("%s", g->path);
}

int
bpe_load(struct vocab *v, const struct gguf *g)
{
	struct bpe *b = v->bpe = mem_alloc(1, sizeof *b);

	if (!b || load_words(b, g) < 0 || load_merges(b, v, g) < 0)
		return -1;
	load_bytes(b, v);
	b->whole = pretokenizer_takes_whole_words(b->words);
	if (pretokenizer_adds_bos(b->words))
		v->adds_bos = true;
	return 0;
}

void
bpe_free(struct vocab *v)
{
	if (!v->bpe)
		return;
	pretokenizer_free(v->bpe->words);
	free(v->bpe->merge);
	free(v->bpe);
	v->bpe = NULL;
}

/* ---- encoding ---- */

static bool
merged(const void *arg, const struct merge_symbol *left, const struct merge_symbol *right, uint32_t *id, uint32_t *rank)
{
	const struct merge *m;

	if (left->id == VOCAB_NONE)
		return false;
	m = merge_slot(arg, left->id, right->id);
	*id = m->id;
	*rank = m->rank;
	return m->left != VOCAB_NONE;
}

/* The token that is the whole word, or VOCAB_NONE. */
static uint32_t
whole_word(const struct vocab *v, const char *word, size_t n)
{
	uint8_t text[VOCAB_MAX_TEXT + BPE_CHARACTER];
	uint32_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (len >= v->longest)
			return VOCAB_NONE;
		len += bpe_character((uint8_t)word[i], text + len);
	}
	uint32_t id = lookup_find(&v->lookup, text, len);
	return id != LOOKUP_NONE && token_is_plain(v, id) ? id : VOCAB_NONE;
}

static int
add_byte(const struct run *r, uint8_t byte)
{
	const struct vocab *v = r->e->vocab;
	uint32_t id = v->bpe->byte[byte];

	return id == VOCAB_NONE ? ids_add_unknown(v, byte, r->out) : ids_add(r->out, id);
}

static int
add_symbol(const struct run *r, const struct merge_symbol *s, const char *word)
{
	int rc = 0;

	if (s->id != VOCAB_NONE && s->id != NO_TOKEN)
		return ids_add(r->out, s->id);
	for (uint32_t i = 0; i < s->len && rc == 0; i++)
		rc = add_byte(r, (uint8_t)word[s->start + i]);
	return rc;
}

static int
merge_word(void *arg, const void *word, size_t n, struct ids *out)
{
	struct encoder *e = arg;
	const struct run r = { e, out };
	const struct bpe *b = e->vocab->bpe;
	const uint8_t *byte = word;
	struct merger *m = &e->merger;

	if (b->whole) {
		uint32_t id = whole_word(e->vocab, word, n);
		if (id != VOCAB_NONE)
			return ids_add(out, id);
	}
	if (n >= UINT32_MAX)
		return err_set(ERR_DATA, "a word of more than 4 GiB");
	merge_begin(m);
	for (uint32_t i = 0; i < n; i++)
		if (merge_add(m, i, 1, b->byte[byte[i]]) < 0)
			return -1;
	if (merge_run(m, merged, b) < 0)
		return -1;
	for (uint32_t i = 0; i != MERGE_NONE; i = m->symbol[i].next)
		if (add_symbol(&r, &m->symbol[i], word) < 0)
			return -1;
	return 0;
}

static int
encode_word(void *arg, const char *word, size_t n)
{
	const struct run *r = arg;

	return word_cache_run(&r->e->words, word, n, r->out, merge_word, r->e);
}

int
bpe_encode(struct encoder *e, const char *text, size_t n, bool start, struct ids *out)
{
	struct run r = { e, out };

	(void)start;
	if (!e->splitter && !(e->splitter = splitter_new(e->vocab->bpe->words)))
		return -1;
	return splitter_run(e->splitter, text, n, encode_word, &r);
}
