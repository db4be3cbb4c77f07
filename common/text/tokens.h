/*
 * tokens.h: the inside of a vocabulary, for the files of text/ alone. Others see text/vocab.h.
 */
#ifndef MAI_TEXT_TOKENS_H
#define MAI_TEXT_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/gguf.h"
#include "text/lookup.h"
#include "text/merge.h"
#include "text/vocab.h"
#include "text/wordcache.h"

/* tokenizer.ggml.token_type */
enum token_kind {
	TOKEN_UNDEFINED, /* taken for normal */
	TOKEN_NORMAL,
	TOKEN_UNKNOWN,   /* stands for what the vocabulary can't express */
	TOKEN_CONTROL,
	TOKEN_USER,      /* always recognised in a text, before anything else */
	TOKEN_UNUSED,
	TOKEN_BYTE,      /* <0xHH> */
	TOKEN_KINDS,
};

enum token_flag {
	TOKEN_EOG = 1,        /* generation ends here */
	TOKEN_EATS_SPACE = 2, /* white space behind it in a text goes with it */
	TOKEN_WHOLE = 4,      /* its bytes are well-formed UTF-8: a decoder gives them at once */
};

struct spm;
struct bpe;
struct wordpiece;
struct special;
struct encoder;

/* What tokenizer.ggml.model names. The table of them is in vocab.c. */
struct algorithm {
	const char *name;
	uint32_t bos, eos, unknown; /* where the keys are absent, and there are so many tokens */
	bool space_prefix;          /* add_space_prefix where the key is absent; false: the key means nothing */
	bool adds_bos, adds_eos;    /* add_bos_token and add_eos_token where the keys are absent */
	bool words;                 /* a token is a word or ends one: special ones have a space before them too */
	/* Fills what is its own in *v, when the tokens are there. 0 or -1 */
	int (*load)(struct vocab *v, const struct gguf *g);
	/* Appends the bytes that a normal token stands for. 0 or -1 */
	int (*piece)(const uint8_t *text, size_t n, struct buf *out);
	/* Appends the tokens of a run of text without special ones; `start`: it begins the text or follows a special token. */
	int (*encode)(struct encoder *e, const char *text, size_t n, bool start, struct ids *out);
	void (*free)(struct vocab *v);
};

struct vocab {
	const struct algorithm *algorithm;
	uint32_t n;
	struct texts text;     /* as in the file */
	struct texts piece;    /* what each token stands for */
	struct lookup lookup; /* of text; tokens without text are not in it */
	uint8_t *kind, *flags;
	uint32_t longest;     /* bytes of the longest text */
	uint32_t bos, eos, unknown;
	bool adds_bos, adds_eos, space_prefix;
	struct special *special;
	struct spm *spm;
	struct bpe *bpe;
	struct wordpiece *wordpiece;
};

struct encoder {
	const struct vocab *vocab;
	struct word_cache words;
	struct merger merger;
	struct buf escaped;          /* spm */
	struct splitter *splitter;   /* bpe */
};

/* A text that is being encoded, and where its tokens go. */
struct run {
	struct encoder *e;
	struct ids *out;
};

/* Can a piece of plain text become this token? No text makes a control token. */
static inline bool
token_is_plain(const struct vocab *v, uint32_t id)
{
	return v->kind[id] == TOKEN_NORMAL || v->kind[id] == TOKEN_USER || v->kind[id] == TOKEN_UNUSED ||
	    v->kind[id] == TOKEN_UNDEFINED;
}

static inline bool
token_is_control(const struct vocab *v, uint32_t id)
{
	return v->kind[id] == TOKEN_CONTROL || v->kind[id] == TOKEN_UNKNOWN;
}

int ids_add(struct ids *out, uint32_t id); /* 0 or -1 */
int ids_add_all(struct ids *out, const uint32_t *id, size_t n);

/* The unknown token in place of what the vocabulary can't express, an error when it has none. */
int ids_add_unknown(const struct vocab *v, uint8_t byte, struct ids *out);

#endif
