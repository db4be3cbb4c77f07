/*
 * Any text into both kinds of vocabulary, and any tokens into the decoder: ids are tokens, a text comes back, the decoder
 * gives whole characters. What SentencePiece-type BPE makes is compared with the definition, done the slow way.
 *
 * The first byte says which vocabulary, the second holds options; the others are the text, and tokens.
 */
#include "vocab_make.h"

#include "text/utf8.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const pres[] = {
	"gpt-2", "default", "llama-bpe", "qwen2", "qwen35", "tekken", "gpt-4o", "deepseek-llm", "deepseek-coder", "deepseek-v3",
	"seed-coder", "bloom", "viking", "falcon", "starcoder",
};
enum {
	SPM_PLAIN,  /* texts come back */
	SPM_USER,   /* the space before what follows a user-defined token is added again: they don't */
	BPE,        /* and the others of pres */
	KINDS = BPE + sizeof pres / sizeof *pres,
	SLOW = 100, /* bytes of text that the slow way is tried with */
	FIRST_PIECE = 3 + 256,
};
static struct vocab *vocab[KINDS];
static struct make spm[2];

/* ---- vocabularies ---- */

#define SPACE "\xe2\x96\x81"

static const char *const pieces[] = {
	SPACE, "a", "b", "c", "d", "e", "h", "l", "o", "t", "\xc3\xa9", "\xe6\x97\xa5", "\xe6\x9c\xac", "\xf0\x9f\x98\x80", "\n",
	"he", "ll", "lo", "llo", "hello", SPACE "hello", SPACE "t", "th", "the", SPACE "the", SPACE SPACE, SPACE SPACE SPACE SPACE,
	"aa", "aaaa", "aaaaaaaa", "ab", "ba", "aba", "abab", "\xe6\x97\xa5\xe6\x9c\xac", "e\xcc\x81", "\n\n", "\303\251a",
};

static void
make_spm(struct make *m, bool user)
{
	static const float score[] = { -7, -1, -3, -3, -9, 0, -2, -5, -4, -8, -3 };

	*m = (struct make){ .model = "llama", .bos = 1, .eos = 2, .unknown = 0, .add_bos = true, .space_prefix = true };
	make_token(m, "<unk>", 5, 2, 0);
	make_token(m, "<s>", 3, 3, 0);
	make_token(m, "</s>", 4, 3, 0);
	for (unsigned b = 0; b < 256; b++) {
		char *text = make_text(m, 7);
		snprintf(text, 7, "<0x%02X>", b);
		make_token(m, text, 6, 6, 0);
	}
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
		make_token(m, pieces[i], strlen(pieces[i]), 1, score[i * 7 % 11]);
	if (user) {
		make_token(m, "::", 2, 4, 0);
		make_token(m, ":::a", 4, 4, 0);
		make_token(m, "a::", 3, 4, 0);
		make_token(m, "  ", 2, 4, 0);
	}
}

/* The character of a byte in a byte-level vocabulary, counted out as GPT-2's code does. */
static size_t
byte_text(unsigned byte, char *to)
{
	unsigned n = 0;

	for (unsigned b = 0; b <= byte; b++) {
		bool stays = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
		if (b == byte) {
			unsigned c = stays ? b : 256 + n;
			if (c < 0x80) {
				to[0] = (char)c;
				return 1;
			}
			to[0] = (char)(0xc0 | c >> 6);
			to[1] = (char)(0x80 | (c & 0x3f));
			return 2;
		}
		n += !stays;
	}
	return 0;
}

static void
make_bpe(struct make *m, const char *pre)
{
	static const char *const merges[] = {
		"h e", "l l", "he ll", "hell o", "t h", "th e", "\xc4\xa0 the", "\xc4\xa0 \xc4\xa0", "a a", "aa aa", "a b", "b a", "ab a",
		"aba b", "\xc3\x83 \xc2\xa9", "\xc3\xa6 \xc4\xb9", "\xc4\x8a \xc4\x8a", "1 2", "12 3", "\xc3\xb0 \xc5\x81", "' s",
	};

	*m = (struct make){ .model = "gpt2", .pre = pre, .bos = 0, .eos = 1, .unknown = VOCAB_NONE };
	make_token(m, "<|begin|>", 9, 3, 0);
	make_token(m, "<|endoftext|>", 13, 3, 0);
	for (unsigned b = 0; b < 256; b++) {
		char *text = make_text(m, 2);
		make_token(m, text, byte_text(b, text), 1, 0);
	}
	for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
		const char *s = merges[i], *space = strchr(s, ' ');
		size_t left = (size_t)(space - s), right = strlen(space + 1);
		char *text = make_text(m, left + right);
		memcpy(text, s, left);
		memcpy(text + left, space + 1, right);
		make_token(m, text, left + right, 1, 0);
		make_merge(m, s, strlen(s));
	}
	make_token(m, "::", 2, 4, 0);
	make_token(m, ":::a", 4, 4, 0);
	make_token(m, "a::", 3, 4, 0);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (int k = 0; k < KINDS; k++) {
		static struct make bpe;
		struct make *m = k < BPE ? &spm[k] : &bpe;
		if (k < BPE)
			make_spm(m, k == SPM_USER);
		else
			make_bpe(m, pres[k - BPE]);
		vocab[k] = make_vocab(m);
		make_check(vocab[k] != NULL);
	}
	return 0;
}

/* ---- SentencePiece-type BPE by its definition ---- */

static uint32_t
find(const struct make *m, const uint8_t *s, size_t n)
{
	for (uint32_t id = FIRST_PIECE; id < m->n; id++)
		if (m->kind[id] == 1 && m->token[id].len == n && memcmp(m->token[id].data, s, n) == 0)
			return id;
	return VOCAB_NONE;
}

/* The symbols of s, merged pair by pair: part[i] is where the i-th begins. */
static size_t
merge_slowly(const struct make *m, const uint8_t *s, size_t *part, size_t n)
{
	for (;;) {
		size_t best = n;
		float score = 0;
		for (size_t i = 0; i + 1 < n; i++) {
			uint32_t id = find(m, s + part[i], part[i + 2] - part[i]);
			if (id != VOCAB_NONE && (best == n || m->score[id] > score)) {
				best = i;
				score = m->score[id];
			}
		}
		if (best == n)
			return n;
		memmove(part + best + 1, part + best + 2, (n - best - 1) * sizeof *part);
		n--;
	}
}

static void
compare_slowly(const struct make *m, const struct buf *text, const struct ids *ids)
{
	size_t part[SLOW + 2], n = 0, at = 0;
	struct buf s = { 0 };

	make_check(text->len == 0 || buf_add(&s, SPACE, 3) == 0);
	for (size_t i = 0; i < text->len; i++)
		make_check((text->data[i] == ' ' ? buf_add(&s, SPACE, 3) : buf_addc(&s, text->data[i])) == 0);
	for (size_t i = 0; i < s.len; i += utf8_length(s.data[i]))
		part[n++] = i;
	part[n] = s.len;
	n = merge_slowly(m, s.data, part, n);
	for (size_t i = 0; i < n; i++) {
		uint32_t id = find(m, s.data + part[i], part[i + 1] - part[i]);
		if (id != VOCAB_NONE) {
			make_check(at < ids->n && ids->id[at++] == id);
			continue;
		}
		for (size_t k = part[i]; k < part[i + 1]; k++)
			make_check(at < ids->n && ids->id[at++] == 3u + s.data[k]);
	}
	make_check(at == ids->n);
	buf_free(&s);
}

/* ---- properties ---- */

static bool
is_utf8(const struct buf *b, size_t from)
{
	return b->len == from || utf8_valid((const char *)b->data + from, b->len - from) == b->len - from;
}

/* Decodes; each step gives whole characters, and all of them are what the pieces, one behind the other, make. */
static void
decode(const struct vocab *v, const uint32_t *id, size_t n, bool special, bool drops, struct buf *out)
{
	struct decoder d = { .special = special };
	struct buf pieces_of = { 0 }, want = { 0 };

	for (size_t i = 0; i < n; i++) {
		size_t before = out->len;
		int rc = decoder_token(&d, v, id[i], out);
		make_check(rc == (id[i] < vocab_size(v) ? 0 : -1) && is_utf8(out, before));
		if (rc == 0)
			make_check(vocab_piece(v, id[i], &pieces_of) == 0);
	}
	make_check(decoder_end(&d, out) == 0 && d.n_part == 0 && is_utf8(out, 0));
	if (!special) {
		size_t skip = drops && pieces_of.len > 0 && pieces_of.data[0] == ' ';
		if (pieces_of.len > skip)
			make_check(utf8_replace(&want, (const char *)pieces_of.data + skip, pieces_of.len - skip) == 0);
		make_check(want.len == out->len && (want.len == 0 || memcmp(want.data, out->data, want.len) == 0));
	}
	buf_free(&pieces_of);
	buf_free(&want);
}

/* In a SentencePiece-type vocabulary U+2581 is a space. */
static void
marks_to_spaces(struct buf *b)
{
	size_t to = 0;

	for (size_t i = 0; i < b->len; to++) {
		bool mark = b->len - i >= 3 && memcmp(b->data + i, SPACE, 3) == 0;
		b->data[to] = mark ? ' ' : b->data[i];
		i += mark ? 3 : 1;
	}
	b->len = to;
}

/* A text whose words are all known by now has the same tokens as before. */
static void
check_again(const struct vocab *v, const uint8_t *text, size_t n, struct encode_options o, const struct ids *want)
{
	struct encoder *e = encoder_new(v);
	struct ids ids = { 0 };

	make_check(e != NULL);
	for (int i = 0; i < 2; i++) {
		ids.n = 0;
		make_check(encoder_run(e, (const char *)text, n, o, &ids) == 0);
		make_check(ids.n == want->n && (ids.n == 0 || memcmp(ids.id, want->id, ids.n * sizeof *ids.id) == 0));
	}
	free(ids.id);
	encoder_free(e);
}

static void
check_text(int k, const uint8_t *text, size_t n, struct encode_options o)
{
	const struct vocab *v = vocab[k];
	struct ids ids = { 0 };
	struct buf clean = { 0 }, back = { 0 };

	make_check(vocab_encode(v, (const char *)text, n, o, &ids) == 0);
	for (size_t i = 0; i < ids.n; i++)
		make_check(ids.id[i] < vocab_size(v));
	check_again(v, text, n, o, &ids);
	decode(v, ids.id, ids.n, o.special && !o.add, k < BPE, &back);
	make_check(utf8_replace(&clean, (const char *)text, n) == 0);
	if (k == SPM_PLAIN && !o.special && !o.add && clean.len <= SLOW)
		compare_slowly(&spm[k], &clean, &ids);
	if (k < BPE)
		marks_to_spaces(&clean);
	if (k == SPM_PLAIN ? !o.special : k >= BPE && !(o.special && o.add))
		make_check(back.len == clean.len && (back.len == 0 || memcmp(back.data, clean.data, back.len) == 0));
	free(ids.id);
	buf_free(&clean);
	buf_free(&back);
}

static void
check_ids(int k, const uint8_t *data, size_t size, bool special)
{
	uint32_t id[1024];
	struct buf out = { 0 };
	size_t n = 0;

	for (size_t i = 0; i + 1 < size && n < 1024; i += 2)
		id[n++] = (data[i] | (uint32_t)data[i + 1] << 8) % (vocab_size(vocab[k]) + 4);
	decode(vocab[k], id, n, special, k < BPE, &out);
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	int k = data[0] % KINDS;
	check_text(k, data + 2, size - 2, (struct encode_options){ .special = data[1] & 1, .add = data[1] & 2 });
	check_ids(k, data + 2, size - 2, data[1] & 4);
	return 0;
}
