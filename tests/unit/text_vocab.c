/* Vocabularies as files hold them: what must be refused, each beside what must open; special tokens; the decoder. */
#include "tap.h"

#include "../fuzz/vocab_make.h"
#include "base/err.h"

enum { UNKNOWN = 2, CONTROL, USER, UNUSED, BYTE };

static struct make m;

static void
add(const char *text, int32_t kind)
{
	make_token(&m, text, strlen(text), kind, -(float)m.n);
}

/* SentencePiece-type: ids 0 to 2 special, 3 to 258 bytes, then some pieces. */
static void
make_spm(void)
{
	static const char *const pieces[] = { "\xe2\x96\x81", "a", "b", "ab", ("\xe2\x96\x81" "ab"), "\xe2\x96\x81\xe2\x96\x81", "\xc3\xa9" };

	m = (struct make){ .model = "llama", .bos = 1, .eos = 2, .unknown = 0, .add_bos = true, .space_prefix = true };
	add("<unk>", UNKNOWN);
	add("<s>", CONTROL);
	add("</s>", CONTROL);
	for (unsigned b = 0; b < 256; b++) {
		char *text = make_text(&m, 7);
		snprintf(text, 7, "<0x%02X>", b);
		add(text, BYTE);
	}
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
		add(pieces[i], 1);
}

/* Byte-level, of a few letters only. */
static void
make_bpe(void)
{
	static const char *const pieces[] = { "<|endoftext|>", "a", "b", "ab", "abab", "\xc4\xa0" };

	m = (struct make){ .model = "gpt2", .pre = "gpt-2", .bos = VOCAB_NONE, .eos = 0, .unknown = VOCAB_NONE };
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
		add(pieces[i], i ? 1 : CONTROL);
	make_merge(&m, "a b", 3);
	make_merge(&m, "ab ab", 5);
}

/* WordPiece, of a few words. */
static void
make_bert(void)
{
	static const char *const pieces[] = { "\xe2\x96\x81" "ab", "\xe2\x96\x81" "a", "b", "ab", "\xe2\x96\x81.", "\xe2\x96\x81[", "\xe2\x96\x81" "e", "\xe2\x96\x81\xe6\x97\xa5" };

	m = (struct make){ .model = "bert", .bos = 1, .eos = 2, .unknown = 0, .add_bos = true, .add_eos = true, .space_prefix = true };
	add("[UNK]", UNKNOWN);
	add("[CLS]", CONTROL);
	add("[SEP]", CONTROL);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
		add(pieces[i], 1);
}

/* ---- refused ---- */

static void
opens(const char *what)
{
	struct vocab *v = make_vocab(&m);

	tap_ok(v != NULL, "%s: opens", what);
	vocab_free(v);
}

static void
refused(const char *what, const char *reason)
{
	struct vocab *v = make_vocab(&m);

	bool good = !v && err_status() == ERR_DATA && strstr(err_reason(), reason) && !strchr(err_reason(), '\n') &&
	            strncmp(err_reason(), "made: ", 6) == 0;
	tap_ok(good, "%s: refused", what);
	if (!good)
		printf("# %s\n", v ? "opened" : err_reason());
	vocab_free(v);
}

static char big[VOCAB_MAX_TEXT + 1];

static void
bad_tokens(void)
{
	make_spm();
	opens("SentencePiece-type");
	m.model = "t5";
	refused("a tokenizer of another kind", "'t5'");
	make_spm();
	m.n = 0;
	refused("no tokens", "tokenizer.ggml.tokens");
	make_spm();
	m.kind[7] = 7;
	refused("an unknown type of token", "token 7");
	m.kind[7] = -1;
	refused("a negative type of token", "token 7");
	make_spm();
	m.kind[260] = BYTE;
	refused("a byte that is none", "token 260");
	make_spm();
	m.token[260] = m.token[261];
	refused("the same text twice", "same text");
	make_spm();
	m.score[5] = 0.0f / (m.score[0] * 0);
	refused("a score that is no number", "token 5");
	memset(big, 'x', sizeof big);
	make_spm();
	make_token(&m, big, VOCAB_MAX_TEXT, 1, 0);
	opens("a token of the greatest length");
	make_spm();
	make_token(&m, big, VOCAB_MAX_TEXT + 1, 1, 0);
	refused("a token that is longer", "at most 16384");
	make_spm();
	make_token(&m, big, VOCAB_MAX_SPECIAL, CONTROL, 0);
	opens("a special token of the greatest length");
	make_spm();
	make_token(&m, big, VOCAB_MAX_SPECIAL + 1, CONTROL, 0);
	refused("a special token that is longer", "at most 1024");
}

static void
bad_keys(void)
{
	uint32_t *const id[] = { &m.bos, &m.eos, &m.unknown };
	static const char *const key[] = { "bos_token_id", "eos_token_id", "unknown_token_id" };

	for (int i = 0; i < 3; i++) {
		make_spm();
		*id[i] = m.n - 1;
		opens(key[i]);
		*id[i] = m.n;
		refused(key[i], key[i]);
	}
	make_bpe();
	opens("byte-level");
	m.add_bos = true;
	refused("BOS is to be added, but there is none", "bos_token_id");
	make_bpe();
	m.eos = VOCAB_NONE;
	m.add_eos = true;
	refused("EOS is to be added, but there is none", "eos_token_id");
	make_bpe();
	m.pre = "no-such-name";
	refused("a pre-tokenizer nobody knows", "'no-such-name'");
}

static void
bad_merges(void)
{
	static const char *const bad[] = { "", " ", "ab", "a  b", " ab", "a c", "c a" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		make_bpe();
		make_merge(&m, bad[i], strlen(bad[i]));
		refused(bad[i], "merge 2");
	}
	make_bpe();
	make_merge(&m, "a b", 3);
	opens("a merge that is there twice");
}

/* ---- encoding ---- */

static bool
gives(const struct vocab *v, const char *text, struct encode_options o, const uint32_t *want, size_t n)
{
	struct ids ids = { 0 };
	bool same = vocab_encode(v, text, strlen(text), o, &ids) == 0 && ids.n == n &&
	            (n == 0 || memcmp(ids.id, want, n * sizeof *want) == 0);

	if (!same) {
		printf("# %s:", text);
		for (size_t i = 0; i < ids.n; i++)
			printf(" %u", ids.id[i]);
		printf("\n");
	}
	free(ids.id);
	return same;
}

static const struct encode_options plain, special = { .special = true }, add_both = { .add = true };

#define IDS(...) (const uint32_t[]){ __VA_ARGS__ }, sizeof (const uint32_t[]){ __VA_ARGS__ } / sizeof(uint32_t)

static void
special_tokens(void)
{
	make_bpe();
	add("aa", USER);      /* 6 */
	add("aaa", USER);     /* 7 */
	add("aab", CONTROL);  /* 8 */
	add("<|ab|>", USER);  /* 9 */
	struct vocab *v = make_vocab(&m);
	tap_ok(gives(v, "ab<|ab|>ab", plain, IDS(3, 9, 3)), "a user-defined token is recognised always");
	tap_ok(gives(v, "aaab", plain, IDS(7, 2)), "the longest first");
	tap_ok(gives(v, "aaaaa", plain, IDS(7, 6)), "the longest first, of equals the leftmost");
	tap_ok(gives(v, "aab", plain, IDS(6, 2)), "a control token is not unless asked for");
	tap_ok(gives(v, "aab", special, IDS(8)), "a control token is when asked for");
	tap_ok(!gives(v, "aab", special, IDS(6, 2)), "another reading is another result");
	struct ids none = { 0 };
	tap_ok(vocab_encode(v, "abc", 3, plain, &none) == -1 && strstr(err_reason(), "0x63"), "a byte without a token is named");
	free(none.id);
	vocab_free(v);

	make_bpe();
	m.unknown = 0;
	m.add_eos = true;
	v = make_vocab(&m);
	tap_ok(gives(v, "acb", add_both, IDS(1, 0, 2, 0)), "unknown in its place, and EOS at the end");
	vocab_free(v);

	make_bpe();
	make_merge(&m, "b a", 3);
	v = make_vocab(&m);
	tap_ok(gives(v, "bab", plain, IDS(2, 3)) && gives(v, "bbaa", plain, IDS(2, 2, 1, 1)), "what pairs make that is no token comes as its bytes");
	vocab_free(v);

	make_spm();
	v = make_vocab(&m);
	tap_ok(gives(v, "ab", plain, IDS(263)), "the space before a text");
	tap_ok(gives(v, "ab", add_both, IDS(1, 263)), "BOS");
	tap_ok(gives(v, "\xc3\xa9z", plain, IDS(259, 265, 3 + 'z')), "a character that is no token comes as bytes");
	tap_ok(gives(v, "ab</s>ab", special, IDS(263, 2, 263)), "special tokens between");
	vocab_free(v);
}

/* A token that is half a character must not cut a text there: what is left would be read beyond its end. */
static void
half_characters(void)
{
	static const int32_t kinds[] = { USER, CONTROL };

	for (int i = 0; i < 2; i++) {
		make_spm();
		add("\xc3", kinds[i]);
		add("a\xe6\x97", kinds[i]);
		add("b\xc3\xa9", kinds[i]); /* 268: whole */
		struct vocab *v = make_vocab(&m);
		tap_ok(v && gives(v, "\xc3\xa9z", special, IDS(259, 265, 3 + 'z')),
		    "half a character is not recognised");
		tap_ok(v && gives(v, "a\xe6\x97\xa5", special,
		    IDS(259, 260, 3 + 0xe6, 3 + 0x97, 3 + 0xa5)), "one with half a character at its end neither");
		tap_ok(v && gives(v, "b\xc3\xa9", special, IDS(268)), "one of whole characters is");
		vocab_free(v);
	}
}

/* ---- decoding ---- */

static bool
decodes(const struct vocab *v, bool aloud, bool started, const uint32_t *id, size_t n, const char *want)
{
	struct decoder d = { .special = aloud, .started = started };
	struct buf out = { 0 };

	for (size_t i = 0; i < n; i++)
		if (decoder_token(&d, v, id[i], &out) < 0)
			return false;
	if (decoder_end(&d, &out) < 0)
		return false;
	bool same = out.len == strlen(want) && (out.len == 0 || memcmp(out.data, want, out.len) == 0);
	if (!same)
		printf("# '%.*s'\n", (int)out.len, out.data ? (const char *)out.data : "");
	buf_free(&out);
	return same;
}

static void
decoding(void)
{
	struct decoder d = { 0 };
	struct buf out = { 0 };

	make_spm();
	struct vocab *v = make_vocab(&m);
	tap_ok(decodes(v, false, false, IDS(1, 263, 263, 2), "ab ab"), "a leading space goes, special tokens are silent");
	tap_ok(decodes(v, false, true, IDS(263, 263), " ab ab"), "what continues keeps its space");
	tap_ok(decodes(v, true, false, IDS(1, 263, 2), "<s> ab</s>"), "special tokens when asked for");
	tap_ok(decodes(v, false, false, IDS(3 + 0xf0, 3 + 0x9f, 3 + 0x98, 3 + 0x80), "\xf0\x9f\x98\x80"), "bytes become a character");
	tap_ok(decodes(v, false, false, IDS(3 + 0xf0, 3 + 0x9f, 260), "\xef\xbf\xbd" "a"), "what can't become one is replaced");
	tap_ok(decodes(v, false, false, IDS(3 + 0xe2, 3 + 0x82), "\xef\xbf\xbd"), "what is left at the end is replaced");
	tap_ok(decoder_token(&d, v, m.n, &out) == -1 && out.len == 0, "a number that is no token is refused");
	tap_ok(decoder_token(&d, v, 3 + 0xc3, &out) == 0 && out.len == 0, "half a character is kept back");
	tap_ok(decoder_token(&d, v, 1, &out) == 0 && out.len == 0, "also over a control token");
	tap_ok(decoder_token(&d, v, 3 + 0xa9, &out) == 0 && out.len == 2, "and given when it is whole");
	buf_free(&out);
	vocab_free(v);
}

/* ---- words ---- */

/* ids: [UNK] 0, [CLS] 1, [SEP] 2, ^ab 3, ^a 4, b 5, ab 6, ^. 7, ^[ 8, ^e 9, ^\u65e5 10 */
static void
words(void)
{
	char long_word[2 * 101 + 1] = "";

	make_bert();
	struct vocab *v = make_vocab(&m);
	tap_ok(gives(v, " AB  abab\t", plain, IDS(3, 3, 6)), "words, the longest token first, without case");
	tap_ok(gives(v, "ba abc a", plain, IDS(0, 0, 4)), "a word that tokens don't make up is unknown as a whole");
	tap_ok(gives(v, "ab.ab", plain, IDS(3, 7, 3)), "a mark of punctuation is a word");
	tap_ok(gives(v, "\xe6\x97\xa5" "ab\xe6\x97\xa5", plain, IDS(10, 3, 10)), "a Chinese character is a word");
	tap_ok(gives(v, "\xc3\x89 e\xcc\x81 \xc3\xa9" "b", plain, IDS(9, 9, 9, 5)), "accents go");
	tap_ok(gives(v, "a\xc2\xad" "b\x01 \xff" "a", plain, IDS(3, 4)), "control characters and what is ill-formed go");
	tap_ok(gives(v, "[CLS]", special, IDS(1)) && gives(v, "[CLS", plain, IDS(8, 0)), "special tokens when asked for");
	tap_ok(gives(v, "ab", add_both, IDS(1, 3, 2)), "[CLS] and [SEP] around a text");
	memset(long_word, 'b', 100);
	long_word[0] = 'a';
	struct ids ids = { 0 };
	tap_ok(vocab_encode(v, long_word, 100, plain, &ids) == 0 && ids.n == 99 && ids.id[0] == 3, "a word of 100 characters");
	long_word[100] = 'b';
	tap_ok(gives(v, long_word, plain, IDS(0)), "a longer one is unknown");
	tap_ok(decodes(v, true, false, IDS(1, 3, 6, 7, 4, 0, 2), "[CLS] abab. a [UNK] [SEP]"), "decoded as words");
	tap_ok(decodes(v, false, false, IDS(1, 3, 5, 2), "abb"), "without special tokens");
	free(ids.id);
	vocab_free(v);
}

/* ---- roles ---- */

static void
roles(void)
{
	make_bpe();
	add("<|im_end|>", 1);
	struct vocab *v = make_vocab(&m);
	tap_ok(vocab_is_eog(v, 0) && vocab_is_eog(v, 6) && !vocab_is_eog(v, 1) && !vocab_is_eog(v, 7) && !vocab_is_eog(v, VOCAB_NONE),
	    "generation ends at EOS and at the well-known texts");
	tap_ok(vocab_bos(v) == VOCAB_NONE && vocab_eos(v) == 0 && vocab_size(v) == 7 && !vocab_adds_bos(v), "its keys");
	vocab_free(v);
	vocab_free(NULL);
}

int
main(void)
{
	bad_tokens();
	bad_keys();
	bad_merges();
	special_tokens();
	half_characters();
	decoding();
	words();
	roles();
	return tap_done();
}
