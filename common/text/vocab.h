/*
 * vocab.h: text to tokens and back, with the vocabulary of a GGUF file (keys tokenizer.ggml.*).
 *
 * tokenizer.ggml.model names the algorithm: "llama" is SentencePiece-type BPE with scores and byte fallback (text/spm.c), "gpt2"
 * byte-level BPE with a pre-tokenizer (text/bpe.c, text/pretokenize.c), "bert" WordPiece (text/wordpiece.c). Others are refused by name.
 */
#ifndef MAI_TEXT_VOCAB_H
#define MAI_TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/gguf.h"

#define VOCAB_NONE UINT32_MAX

enum {
	VOCAB_MAX_TOKENS = 1 << 22,
	VOCAB_MAX_TEXT = 1 << 14,    /* bytes of a token */
	VOCAB_MAX_SPECIAL = 1 << 10, /* bytes of a token that is recognised in a text */
};

struct vocab;

struct vocab *vocab_open(const struct gguf *g); /* NULL with a reason. The file may be freed afterwards */
void vocab_free(struct vocab *v);

struct ids {
	uint32_t *id;
	size_t n, cap;
}; /* zeroed: empty; freed by free(ids.id) */

struct encode_options {
	bool special; /* special tokens written in the text are recognised */
	bool add;     /* the model's own BOS and EOS are added where it wants them */
};

/*
 * Encodes texts one after the other, each a little faster for those before it. Any number of them may use one vocabulary, which must
 * outlive them.
 */
struct encoder;

struct encoder *encoder_new(const struct vocab *v); /* NULL with a reason */
void encoder_free(struct encoder *e);

/* Appends the tokens of `n` bytes of UTF-8. Each maximal ill-formed part counts as U+FFFD. 0 or -1. */
int encoder_run(struct encoder *e, const char *text, size_t n, struct encode_options o, struct ids *out);

/* The same, of one text. */
int vocab_encode(const struct vocab *v, const char *text, size_t n, struct encode_options o, struct ids *out);

/* Offset of the first ill-formed byte, or n. For --strict. */
size_t utf8_valid(const char *text, size_t n);

/*
 * Streaming decode of one sequence. Gives bytes as soon as they are whole UTF-8 characters: what a byte token begins
 * is kept until it is complete, or turned to U+FFFD when it can't be (decoder_end for what is left).
 * Control tokens give no text unless `special`.
 */
struct decoder {
	bool special;
	bool started;    /* something came before: a leading space is kept */
	uint8_t part[4];
	uint32_t n_part;
};
int decoder_token(struct decoder *d, const struct vocab *v, uint32_t id, struct buf *out);
int decoder_end(struct decoder *d, struct buf *out);

/* The raw bytes a token stands for (of a byte token its byte; a control token has none), for stop texts. Appends. */
int vocab_piece(const struct vocab *v, uint32_t id, struct buf *out);
const uint8_t *vocab_bytes(const struct vocab *v, uint32_t id, size_t *n); /* the same, where they lie; id is of the vocabulary */

uint32_t vocab_size(const struct vocab *v);
uint32_t vocab_bos(const struct vocab *v); /* VOCAB_NONE: has none */
uint32_t vocab_eos(const struct vocab *v);
bool vocab_adds_bos(const struct vocab *v);

/* Does generation end at this token: EOS, EOT and the like, as the keys and the well-known texts name them, or BOS. */
bool vocab_is_eog(const struct vocab *v, uint32_t id);

#endif
