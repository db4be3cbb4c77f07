/*
 * make-model: writes a model with random weights, for measurements: only the shape and the types matter.
 * The same options give the same file, byte for byte.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/half.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "model/blocks.h"
#include "model/gguf.h"
#include "model/types.h"

/* ---- options ---- */

static struct {
	const char *type, *shape;
	int64_t seed;
} o = { .type = "q8_0", .shape = "1b", .seed = 1 };
static const struct opt opts[] = {
	{ 0, "type", "TYPE", OPT_STR, &o.type, 0, 0, "of the matrices: q8_0 (default), q4_0, q4_k_m, f16, bf16 or f32" },
	{ 0, "shape", "SHAPE", OPT_STR, &o.shape, 0, 0, "1b (default), 110m, tiny or deep" },
	{ 0, "seed", "S", OPT_INT, &o.seed, 0, 1e15, "other weights: 1" },
	{ 0 },
};
static const struct opt_tool tool = { "make-model", "[--type=TYPE] [--shape=SHAPE] [--seed=S] OUT.gguf",
	"writes a model with random weights", opts };

static const struct shape {
	const char *name;
	uint32_t dim, layers, heads, kv_heads, head_dim, ffn, vocab, context;
	float theta;
} shapes[] = {
	{ "1b", 2048, 16, 32, 8, 64, 8192, 32000, 4096, 500000 }, /* Llama 3.2 1B but for the vocabulary */
	{ "110m", 768, 12, 12, 12, 64, 2048, 32000, 1024, 10000 },
	{ "tiny", 64, 2, 4, 2, 16, 192, 512, 256, 10000 },
	{ "deep", 96, 5, 6, 2, 16, 224, 300, 256, 10000 }, /* as many layers as shards in the tests; an odd vocabulary */
};

static const struct weights {
	const char *name;
	uint32_t type, file_type; /* file_type: llama.cpp's number for a file of that type */
} weights[] = {
	{ "q8_0", TYPE_Q8_0, 7 },
	{ "q4_0", TYPE_Q4_0, 2 },
	{ "q4_k_m", TYPE_Q4_K, 15 }, /* some in q6_k: see type_of */
	{ "f16", TYPE_F16, 1 },
	{ "bf16", TYPE_BF16, 32 },
	{ "f32", TYPE_F32, 0 },
};

/* ---- random numbers ---- */

/* splitmix64: a bijection of the counter, so any number of them can be drawn at any place. */
static uint64_t
draw(uint64_t counter)
{
	uint64_t z = counter * 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Near enough to normal with deviation 0.02: the sum of four uniform numbers. */
static float
weight(uint64_t counter)
{
	uint64_t z = draw(counter);
	int32_t sum = (int32_t)(z & 0xffff) + (int32_t)(z >> 16 & 0xffff) + (int32_t)(z >> 32 & 0xffff) + (int32_t)(z >> 48);

	return (float)(sum - 131070) * (0.02f / 37836.6f); /* 65536 * sqrt(4 / 12) */
}

/* ---- tensors ---- */

enum { BLOCK = 32, PIECE = 1 << 15 }; /* weights */

struct tensor {
	uint32_t type;
	uint64_t n, counter;
	bool norm; /* near 1 */
};

static void
pack_q8_0(uint8_t *to, const float *x)
{
	float most = 0, inverse;
	uint16_t scale;

	for (int i = 0; i < BLOCK; i++) {
		float a = x[i] < 0 ? -x[i] : x[i];
		most = a > most ? a : most;
	}
	inverse = most > 0 ? 127 / most : 0;
	scale = f16_from_f32(most / 127);
	memcpy(to, &scale, 2);
	for (int i = 0; i < BLOCK; i++) {
		float v = x[i] * inverse;
		to[2 + i] = (uint8_t)(int8_t)(v < 0 ? v - 0.5f : v + 0.5f);
	}
}

/* Blocks of any codes, with scales that keep weights small. */
static size_t
pack_any(uint8_t *to, uint64_t n, uint32_t type, uint64_t counter)
{
	const struct blocks *b = blocks_of(type);
	const size_t size = type_info(type)->block_bytes;
	const float scale[2] = { type == TYPE_Q4_0 ? 0.004f : type == TYPE_Q4_K ? 1e-4f : 1.5e-5f, 7.5e-4f };

	for (uint64_t i = 0; i < n / b->size; i++, to += size) {
		for (size_t k = 0; k < size; k++)
			to[k] = (uint8_t)draw(counter + i * size + k);
		for (size_t k = 0; k < b->n_f16; k++) {
			uint16_t h = f16_from_f32(scale[k]);
			memcpy(to + b->f16_at + 2 * k, &h, 2);
		}
	}
	return n / b->size * size;
}

/* n weights, a multiple of a block. Returns their bytes. */
static size_t
pack(uint8_t *to, const float *x, uint64_t n, uint32_t type, uint64_t counter)
{
	if (type != TYPE_Q8_0 && blocks_has(type))
		return pack_any(to, n, type, counter);
	if (type == TYPE_F32) {
		memcpy(to, x, n * 4);
		return n * 4;
	}
	if (type == TYPE_Q8_0) {
		for (uint64_t i = 0; i < n; i += BLOCK)
			pack_q8_0(to + i / BLOCK * 34, x + i);
		return n / BLOCK * 34;
	}
	for (uint64_t i = 0; i < n; i++) {
		uint16_t h = type == TYPE_F16 ? f16_from_f32(x[i]) : bf16_from_f32(x[i]);
		memcpy(to + i * 2, &h, 2);
	}
	return n * 2;
}

static int
fill(void *arg, FILE *to, const char *name)
{
	static float x[PIECE];
	static uint8_t bytes[PIECE * 4];
	const struct tensor *t = arg;

	for (uint64_t at = 0, n; at < t->n; at += n) {
		n = t->n - at < PIECE ? t->n - at : PIECE;
		for (uint64_t i = 0; i < n; i++)
			x[i] = weight(t->counter + at + i) + (t->norm ? 1 : 0);
		size_t size = pack(bytes, x, n, t->type, t->counter + at);
		if (fwrite(bytes, 1, size, to) != size)
			return err_sys("%s", name);
	}
	return 0;
}

/* Tensors draw from one run of counters, one behind the other. */
struct model {
	struct gguf_writer *w;
	const struct shape *s;
	uint32_t type;
	uint64_t counter;
	struct tensor *tensors;
	size_t n;
};

/* llama-quantize makes some matrices of q4_k_m q6_k: those whose errors weigh most. */
static uint32_t
type_of(const struct model *m, const char *name)
{
	uint32_t layer, n = m->s->layers;

	if (m->type != TYPE_Q4_K)
		return m->type;
	if (sscanf(name, "blk.%" SCNu32, &layer) != 1)
		return strcmp(name, "output.weight") == 0 ? TYPE_Q6_K : m->type;
	if (!strstr(name, "attn_v") && !strstr(name, "ffn_down"))
		return m->type;
	return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2 ? TYPE_Q6_K : m->type;
}

/* rows 0: a vector. */
static int
put(struct model *m, const char *name, uint64_t cols, uint64_t rows)
{
	struct tensor *t = &m->tensors[m->n++];
	uint64_t ne[2] = { cols, rows }, size;

	*t = (struct tensor){ .type = rows ? type_of(m, name) : TYPE_F32, .n = cols * (rows ? rows : 1), .norm = !rows,
		.counter = m->counter };
	m->counter += t->n;
	if (!type_size(t->type, rows ? 2 : 1, ne, &size))
		return err_set(ERR_USAGE, "%s has no shape of its type", name);
	return gguf_put_tensor_fill(m->w, name, t->type, rows ? 2 : 1, ne, size, fill, t);
}

static int
put_layer(struct model *m, uint32_t i)
{
	const struct shape *s = m->s;
	const uint64_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
	const struct {
		const char *name;
		uint64_t cols, rows;
	} parts[] = {
		{ "attn_norm", s->dim, 0 }, { "attn_q", s->dim, q }, { "attn_k", s->dim, kv }, { "attn_v", s->dim, kv },
		{ "attn_output", q, s->dim }, { "ffn_norm", s->dim, 0 }, { "ffn_gate", s->dim, s->ffn },
		{ "ffn_up", s->dim, s->ffn }, { "ffn_down", s->ffn, s->dim },
	};
	char name[GGUF_MAX_NAME];

	for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
		snprintf(name, sizeof name, "blk.%" PRIu32 ".%s.weight", i, parts[p].name);
		if (put(m, name, parts[p].cols, parts[p].rows) < 0)
			return -1;
	}
	return 0;
}

static int
put_tensors(struct model *m)
{
	const struct shape *s = m->s;

	if (!(m->tensors = mem_alloc(9 * s->layers + 3, sizeof *m->tensors)))
		return -1;
	if (put(m, "token_embd.weight", s->dim, s->vocab) < 0)
		return -1;
	for (uint32_t i = 0; i < s->layers; i++)
		if (put_layer(m, i) < 0)
			return -1;
	return put(m, "output_norm.weight", s->dim, 0) < 0 ? -1 : put(m, "output.weight", s->dim, s->vocab);
}

/* ---- keys ---- */

static int
put_hparams(struct gguf_writer *w, const struct shape *s, const struct weights *t)
{
	const struct {
		const char *key;
		uint32_t v;
	} counts[] = {
		{ "general.file_type", t->file_type }, { "general.quantization_version", 2 }, { "llama.context_length", s->context },
		{ "llama.embedding_length", s->dim }, { "llama.block_count", s->layers }, { "llama.feed_forward_length", s->ffn },
		{ "llama.attention.head_count", s->heads }, { "llama.attention.head_count_kv", s->kv_heads },
		{ "llama.attention.key_length", s->head_dim }, { "llama.attention.value_length", s->head_dim },
		{ "llama.rope.dimension_count", s->head_dim }, { "llama.vocab_size", s->vocab },
	};

	if (gguf_put_string(w, "general.architecture", "llama") < 0 || gguf_put_string(w, "general.name", "random weights") < 0)
		return -1;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		if (gguf_put_u32(w, counts[i].key, counts[i].v) < 0)
			return -1;
	return gguf_put_f32(w, "llama.rope.freq_base", s->theta) < 0 ? -1
	    : gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
}

/* The texts of all tokens, one behind the other. */
struct vocab {
	struct buf text;
	struct gguf_string *token;
	uint64_t *at; /* offset of each text: the buffer moves while it grows */
	float *score;
	int32_t *type;
	uint32_t n, size;
};

enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, BYTE = 6 }; /* llama.cpp's kinds of tokens */
#define SPACE "\xe2\x96\x81"

/* Leaves out what no longer fits. */
static int
add(struct vocab *v, const char *text, int32_t type)
{
	if (v->n == v->size)
		return 0;
	v->at[v->n] = v->text.len;
	v->token[v->n].len = strlen(text);
	v->type[v->n] = type;
	v->score[v->n] = type == NORMAL ? -(float)v->n : 0;
	v->n++;
	return buf_add(&v->text, text, strlen(text));
}

/* Word w of n syllables, each a consonant and a vowel. */
static void
syllables(char *to, uint32_t w, uint32_t n)
{
	static const char consonants[] = "bcdfghjklmnprstvwz", vowels[] = "aeiou"; /* 18 and 5 */

	for (uint32_t i = 0; i < n; i++, w /= 90) {
		to[2 * i] = consonants[w % 90 / 5];
		to[2 * i + 1] = vowels[w % 5];
	}
	to[2 * n] = '\0';
}

/* Every text can be merged from two others: words of two syllables from one and one, of three from two and one. */
static int
fill_vocab(struct vocab *v)
{
	static const uint32_t words[] = { 1, 90, 8100, 729000 };
	char word[16], text[24];
	int rc = add(v, "<unk>", UNKNOWN) < 0 || add(v, "<s>", CONTROL) < 0 || add(v, "</s>", CONTROL) < 0 ? -1 : 0;

	for (int i = 0; i < 256 && rc == 0; i++) {
		snprintf(text, sizeof text, "<0x%02X>", (unsigned)i);
		rc = add(v, text, BYTE);
	}
	for (char c = ' '; c <= '~' && rc == 0; c++) {
		snprintf(text, sizeof text, "%c", c);
		rc = add(v, c == ' ' ? SPACE : text, NORMAL);
	}
	for (uint32_t n = 1; n <= 3; n++)
		for (uint32_t w = 0; w < words[n] && v->n < v->size && rc == 0; w++) {
			syllables(word, w, n);
			snprintf(text, sizeof text, SPACE "%s", word);
			rc = add(v, word, NORMAL) < 0 ? -1 : add(v, text, NORMAL);
		}
	for (uint32_t i = 0; i < v->n; i++)
		v->token[i].data = (const char *)v->text.data + v->at[i];
	return rc;
}

static int
put_vocab(struct gguf_writer *w, uint32_t size)
{
	struct vocab v = { .size = size };
	int rc = -1;

	v.token = mem_alloc(size, sizeof *v.token);
	v.at = mem_alloc(size, sizeof *v.at);
	v.score = mem_alloc(size, sizeof *v.score);
	v.type = mem_alloc(size, sizeof *v.type);
	if (v.token && v.at && v.score && v.type && fill_vocab(&v) == 0 &&
	    gguf_put_string(w, "tokenizer.ggml.model", "llama") == 0 &&
	    gguf_put_string(w, "tokenizer.ggml.pre", "default") == 0 &&
	    gguf_put_strings(w, "tokenizer.ggml.tokens", v.token, v.n) == 0 &&
	    gguf_put_array(w, "tokenizer.ggml.scores", GGUF_F32, v.score, v.n) == 0 &&
	    gguf_put_array(w, "tokenizer.ggml.token_type", GGUF_I32, v.type, v.n) == 0 &&
	    gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 1) == 0 &&
	    gguf_put_u32(w, "tokenizer.ggml.eos_token_id", 2) == 0 &&
	    gguf_put_u32(w, "tokenizer.ggml.unknown_token_id", 0) == 0 &&
	    gguf_put_bool(w, "tokenizer.ggml.add_bos_token", true) == 0)
		rc = gguf_put_bool(w, "tokenizer.ggml.add_eos_token", false);
	free(v.type);
	free(v.score);
	free(v.at);
	free(v.token);
	buf_free(&v.text);
	return rc;
}

static int
make(const char *out, const struct shape *s, const struct weights *t)
{
	struct model m = { .w = gguf_writer_new(), .s = s, .type = t->type, .counter = draw((uint64_t)o.seed) };
	int rc = -1;

	if (m.w && put_hparams(m.w, s, t) == 0 && put_vocab(m.w, s->vocab) == 0 && put_tensors(&m) == 0)
		rc = gguf_write(m.w, out);
	gguf_writer_free(m.w);
	free(m.tensors);
	return rc;
}

int
main(int argc, char **argv)
{
	const struct shape *s = NULL;
	const struct weights *t = NULL;

	msg_init("make-model");
	int first = opt_parse(&tool, argc, argv);
	if (first < 0)
		return opt_exit_status();
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		s = strcmp(shapes[i].name, o.shape) == 0 ? &shapes[i] : s;
	for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
		t = strcmp(weights[i].name, o.type) == 0 ? &weights[i] : t;
	if (!s || !t || argc - first != 1)
		return opt_usage(&tool, "a known type and shape are wanted, and one file to write");
	return make(argv[first], s, t) < 0 ? msg_fail() : 0;
}
