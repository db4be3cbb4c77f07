/*
 * Hostile vocabularies: any bytes as a GGUF file (the input begins with GGUF), or the description of a vocabulary that a
 * well-formed file then holds. If one opens, a text is encoded with it and decoded again.
 *
 * The description: 5 bytes of choices, then tokens, each a byte (type, 3 bits; score, 5 bits), a byte (length, 15 at most) and its
 * text; a length above 15 ends them; then as many merges, each a byte of length and its text; the rest is the text to encode.
 */
#include "vocab_make.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_LENGTH = 15, MAX_TEXT = 4096 };

static const char fixed[] = "Hello  the 123abab\n\n aaaa::a caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80 \xff<s></s><|endoftext|>'s  ";

static void
use(const struct vocab *v, const char *text, size_t n, struct encode_options o)
{
	struct ids ids = { 0 };
	struct buf out = { 0 };
	struct decoder d = { .special = o.special };

	if (vocab_encode(v, text, n, o, &ids) == 0) {
		for (size_t i = 0; i < ids.n; i++) {
			size_t before = out.len;
			make_check(decoder_token(&d, v, ids.id[i], &out) == 0);
			make_check(out.len == before ||
			    utf8_valid((const char *)out.data + before, out.len - before) == out.len - before);
		}
		make_check(decoder_end(&d, &out) == 0);
	}
	free(ids.id);
	buf_free(&out);
}

static void
use_all(const struct vocab *v, const char *text, size_t n)
{
	if (!v)
		return;
	for (int i = 0; i < 4; i++)
		use(v, text, n, (struct encode_options){ .special = i & 1, .add = i & 2 });
	make_check(vocab_bos(v) == VOCAB_NONE || vocab_bos(v) < vocab_size(v));
	make_check(vocab_eos(v) == VOCAB_NONE || vocab_eos(v) < vocab_size(v));
	make_check(!vocab_adds_bos(v) || vocab_bos(v) != VOCAB_NONE);
	make_check(!vocab_is_eog(v, vocab_size(v)));
}

/* ---- descriptions ---- */

struct input {
	const uint8_t *p;
	size_t n;
};

static uint8_t
next(struct input *in)
{
	if (in->n == 0)
		return 0xff;
	in->n--;
	return *in->p++;
}

static const char *
take(struct input *in, size_t n)
{
	const char *p = (const char *)in->p;

	in->p += n;
	in->n -= n;
	return p;
}

/* The length of the next text, or -1 at the end of a list. */
static int
next_length(struct input *in)
{
	uint8_t n = next(in);

	return n > MAX_LENGTH || n > in->n ? -1 : n;
}

static void
describe(struct make *m, struct input *in)
{
	static const char *const pres[] = {
		NULL, "gpt-2", "default", "llama-bpe", "qwen2", "tekken", "deepseek-llm", "no-such-name",
	};
	uint8_t choice = next(in);
	int n;

	*m = (struct make){ .model = choice & 1 ? "gpt2" : (choice & 0xe) == 0xe ? "bert" : "llama", .pre = pres[choice >> 1 & 7],
		.name = choice & 0x10 ? "Phi-3 mini" : NULL, .add_bos = choice & 0x20, .add_eos = choice & 0x40,
		.space_prefix = choice & 0x80 };
	m->bos = next(in);
	m->eos = next(in);
	m->unknown = next(in);
	uint32_t *const id[] = { &m->bos, &m->eos, &m->unknown };
	for (int i = 0; i < 3; i++)
		if (*id[i] == 0xff)
			*id[i] = VOCAB_NONE;
	if (next(in) & 1) /* all bytes, so that everything can be encoded */
		for (unsigned b = 0; b < 256; b++) {
			char *text = make_text(m, 7);
			snprintf(text, 7, "<0x%02X>", b);
			make_token(m, text, 6, 6, 0);
		}
	while (m->n < MAKE_MAX && in->n > 0) {
		uint8_t c = next(in);
		if ((n = next_length(in)) < 0)
			break;
		make_token(m, take(in, (size_t)n), (size_t)n, c & 7, (float)(c >> 3) - 16);
	}
	while (m->n_merges < MAKE_MAX && (n = next_length(in)) >= 0)
		make_merge(m, take(in, (size_t)n), (size_t)n);
}

static void
try_description(const uint8_t *data, size_t size)
{
	static struct make m;
	struct input in = { data, size };

	describe(&m, &in);
	struct vocab *v = make_vocab(&m);
	use_all(v, fixed, sizeof fixed - 1);
	use_all(v, (const char *)in.p, in.n < MAX_TEXT ? in.n : MAX_TEXT);
	vocab_free(v);
}

static void
try_file(const uint8_t *data, size_t size)
{
	void *copy = aligned_alloc(64, (size + 64) / 64 * 64);

	make_check(copy != NULL);
	memcpy(copy, data, size);
	struct gguf *g = gguf_open_memory(copy, size, "input");
	struct vocab *v = g ? vocab_open(g) : NULL;
	gguf_free(g);
	memset(copy, 0x55, size); /* a vocabulary keeps nothing of its file */
	use_all(v, fixed, sizeof fixed - 1);
	vocab_free(v);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(size >= 4 && memcmp(data, "GGUF", 4) == 0 ? try_file : try_description)(data, size);
	return 0;
}
