/*
 * tokens.h: the tokens of a vocabulary that is being put together, by number. For the files of import/vocabulary.h.
 */
#ifndef MAI_IMPORT_TOKENS_H
#define MAI_IMPORT_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/gguf.h"
#include "text/tokens.h" /* enum token_kind */

enum { TOKENS_MAX_TEXT = 1 << 14, TOKENS_MAX_BYTES = 1 << 30 }; /* of one; of all together */

struct token {
	uint64_t at, len; /* of its text; no text: no token has this number */
	float score;
	enum token_kind kind;
};

struct tokens {
	struct buf text;
	struct token *at;
	uint64_t n;
};

int tokens_init(struct tokens *t, uint64_t n); /* 0 or -1; afterwards tokens_free */
void tokens_free(struct tokens *t);

/* Sets a token, in place of one that had this number. A number of n or more, for which the model has no weights, is passed over. 0 or -1. */
int tokens_set(struct tokens *t, uint64_t id, const char *text, size_t len, enum token_kind kind, float score);

/* One that is recognised in a text: a control token where it is special or looks like one; else spaces stand in it, for U+2581. */
int tokens_add(struct tokens *t, uint64_t id, const char *text, bool special, float score);

/* The number of a token; false: there is none of this text. */
bool tokens_find(const struct tokens *t, const char *text, uint32_t *id);

/* tokenizer.ggml.tokens and token_type, and scores where wanted. Numbers without a token become unused ones. 0 or -1. */
int tokens_put(struct gguf_writer *to, struct tokens *t, bool scores);

#endif
