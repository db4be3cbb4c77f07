#include "text/vocab.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "text/bpe.h"
#include "text/role.h"
#include "text/special.h"
#include "text/spm.h"
#include "text/tokens.h"
#include "text/utf8.h"
#include "text/wordpiece.h"

/* Every tokenizer there is. A model that names another one is refused. */
static const struct algorithm algorithms[] = {
	{ .name = "llama", .bos = 1, .eos = 2, .unknown = 0, .space_prefix = true, .adds_bos = true,
	  .load = spm_load, .piece = spm_piece, .encode = spm_encode, .free = spm_free },
	{ .name = "gpt2", .bos = VOCAB_NONE, .eos = VOCAB_NONE, .unknown = VOCAB_NONE,
	  .load = bpe_load, .piece = bpe_piece, .encode = bpe_encode, .free = bpe_free },
	{ .name = "bert", .bos = 101, .eos = 102, .unknown = 100, .space_prefix = true, .adds_bos = true, .adds_eos = true, .words = true,
	  .load = wordpiece_load, .piece = wordpiece_piece, .encode = wordpiece_encode, .free = wordpiece_free },
};

static const struct algorithm *
find_algorithm(const struct gguf *g)
{
	struct gguf_string name;
	int found = gguf_get_string(g, "tokenizer.ggml.model", &name);

	if (found == 0)
		err_set(ERR_DATA, "%s: holds no vocabulary (tokenizer.ggml.model is missing)", g->path);
	if (found != 1)
		return NULL;
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
		if (gguf_string_is(name, algorithms[i].name))
			return &algorithms[i];
	err_set(ERR_DATA, "%s: tokenizer.ggml.model: tokenizers of type '%.*s' are not supported", g->path,
	    name.len < 64 ? (int)name.len : 64, name.data);
	return NULL;
}

static int
load_tokens(struct vocab *v, const struct gguf *g)
{
	const struct gguf_key *tokens;
	uint64_t at = 0;
	uint32_t other;
	int found = gguf_get_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &tokens);

	if (found < 0)
		return -1;
	if (found == 0 || tokens->n == 0)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.tokens is missing or empty", g->path);
	if (tokens->n > VOCAB_MAX_TOKENS)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.tokens has %llu elements, at most %d are allowed", g->path,
		    (unsigned long long)tokens->n, VOCAB_MAX_TOKENS);
	uint32_t n = (uint32_t)tokens->n;
	if (texts_init(&v->text, n) < 0 || lookup_init(&v->lookup, &v->text, n) < 0)
		return -1;
	for (uint32_t id = 0; id < n; id++) {
		struct gguf_string s = gguf_next_string(tokens, &at);
		if (s.len > VOCAB_MAX_TEXT)
			return err_set(ERR_DATA, "%s: tokenizer.ggml.tokens: token %u has %llu bytes, at most %d are allowed", g->path, id,
			    (unsigned long long)s.len, VOCAB_MAX_TEXT);
		if (texts_add(&v->text, s.data, s.len) < 0)
			return err_wrap("%s", g->path);
		if (s.len > 0 && !lookup_add(&v->lookup, id, &other))
			return err_set(ERR_DATA, "%s: tokenizer.ggml.tokens: tokens %u and %u have the same text", g->path, other, id);
		if (s.len > v->longest)
			v->longest = (uint32_t)s.len;
	}
	v->n = n;
	return 0;
}

static int
load_kinds(struct vocab *v, const struct gguf *g)
{
	const struct gguf_key *types;
	int found = gguf_get_array(g, "tokenizer.ggml.token_type", GGUF_I32, &types);

	v->kind = mem_alloc(v->n, 1);
	v->flags = mem_alloc(v->n, 1);
	if (found < 0 || !v->kind || !v->flags)
		return -1;
	if (found == 0)
		return 0;
	if (types->n != v->n)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.token_type has %llu elements for %u tokens", g->path,
		    (unsigned long long)types->n, v->n);
	for (uint32_t id = 0; id < v->n; id++) {
		int32_t kind;
		memcpy(&kind, types->data + id * sizeof kind, sizeof kind);
		if (kind < 0 || kind >= TOKEN_KINDS)
			return err_set(ERR_DATA, "%s: tokenizer.ggml.token_type: token %u is of the unknown type %d", g->path, id, kind);
		v->kind[id] = (uint8_t)kind;
	}
	return 0;
}

/* BOS and EOS that the model adds itself, and the space before a text. */
static int
load_additions(struct vocab *v, const struct gguf *g)
{
	int bos = gguf_get_bool(g, "tokenizer.ggml.add_bos_token", &v->adds_bos);
	int eos = gguf_get_bool(g, "tokenizer.ggml.add_eos_token", &v->adds_eos);

	v->space_prefix = v->algorithm->space_prefix;
	if (bos < 0 || eos < 0 ||
	    (v->space_prefix && gguf_get_bool(g, "tokenizer.ggml.add_space_prefix", &v->space_prefix) < 0))
		return -1;
	if (bos == 1 && v->adds_bos && v->bos == VOCAB_NONE)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.add_bos_token is set, but there is no bos_token_id", g->path);
	if (eos == 1 && v->adds_eos && v->eos == VOCAB_NONE)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.add_eos_token is set, but there is no eos_token_id", g->path);
	v->adds_bos = v->adds_bos && v->bos != VOCAB_NONE;
	v->adds_eos = v->adds_eos && v->eos != VOCAB_NONE;
	return 0;
}

static int
hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* The byte that <0xHH> names, or -1. */
static int
byte_token(const uint8_t *text, uint32_t n)
{
	if (n != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
		return -1;
	int high = hex_digit(text[3]), low = hex_digit(text[4]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static int
load_piece(struct vocab *v, const struct gguf *g, uint32_t id, struct buf *piece)
{
	const uint8_t *text = texts_at(&v->text, id);
	uint32_t n = texts_length(&v->text, id);

	piece->len = 0;
	if (v->kind[id] == TOKEN_BYTE) {
		int byte = byte_token(text, n);
		if (byte < 0)
			return err_set(ERR_DATA, "%s: tokenizer.ggml.tokens: token %u stands for a byte, but is not <0xHH>", g->path, id);
		if (buf_addc(piece, (uint8_t)byte) < 0)
			return -1;
	} else if (v->kind[id] == TOKEN_USER || token_is_control(v, id)) {
		if ((v->algorithm->words && buf_addc(piece, ' ') < 0) || buf_add(piece, text, n) < 0)
			return -1;
	} else if (v->algorithm->piece(text, n, piece) < 0) {
		return -1;
	}
	if (utf8_valid((const char *)piece->data, piece->len) == piece->len)
		v->flags[id] |= TOKEN_WHOLE;
	return texts_add(&v->piece, piece->data, piece->len);
}

static int
load_pieces(struct vocab *v, const struct gguf *g)
{
	struct buf piece = { 0 };
	int rc = texts_init(&v->piece, v->n);

	for (uint32_t id = 0; id < v->n && rc == 0; id++)
		rc = load_piece(v, g, id, &piece);
	buf_free(&piece);
	return rc;
}

struct vocab *
vocab_open(const struct gguf *g)
{
	const struct algorithm *a = find_algorithm(g);
	struct vocab *v = a ? mem_alloc(1, sizeof *v) : NULL;

	if (!v)
		return NULL;
	v->algorithm = a;
	v->adds_bos = a->adds_bos;
	v->adds_eos = a->adds_eos;
	if (load_tokens(v, g) < 0 || load_kinds(v, g) < 0 || role_load(v, g) < 0 || a->load(v, g) < 0 ||
	    load_additions(v, g) < 0 || load_pieces(v, g) < 0 || special_load(v, g) < 0) {
		vocab_free(v);
		return NULL;
	}
	return v;
}

void
vocab_free(struct vocab *v)
{
	if (!v)
		return;
	special_free(v);
	v->algorithm->free(v);
	free(v->flags);
	free(v->kind);
	lookup_free(&v->lookup);
	texts_free(&v->piece);
	texts_free(&v->text);
	free(v);
}

uint32_t
vocab_size(const struct vocab *v)
{
	return v->n;
}

uint32_t
vocab_bos(const struct vocab *v)
{
	return v->bos;
}

uint32_t
vocab_eos(const struct vocab *v)
{
	return v->eos;
}

bool
vocab_adds_bos(const struct vocab *v)
{
	return v->adds_bos;
}

bool
vocab_is_eog(const struct vocab *v, uint32_t id)
{
	return id < v->n && (v->flags[id] & TOKEN_EOG);
}
