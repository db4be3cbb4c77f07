/* vocabulary_impl.h: a vocabulary that is being made, of a tokenizer.json (vocabulary_json.c) or others. For these two files alone. */
#ifndef MAI_IMPORT_VOCABULARY_IMPL_H
#define MAI_IMPORT_VOCABULARY_IMPL_H

#include "import/tokens.h"
#include "import/vocabulary.h"

#define ADDED_SCORE -1000 /* of tokens that are recognised in a text, as llama.cpp's conversion has it */

/* What the folder says, and what comes of it. */
struct vocabulary {
	struct gguf_writer *to;
	const struct hub *h;
	const struct recipe *r;
	json_t *tokenizer, *config; /* tokenizer.json, tokenizer_config.json; NULL: not there */
	struct buf sentencepiece;   /* tokenizer.model; empty: not there */
	struct tokens tokens;
};

/* As many tokens as the model has weights for; where it does not say, n. 0 or -1. */
int vocabulary_init(struct vocabulary *v, uint64_t n);

/* tokenizer.ggml.model, and pre where it is not NULL. 0 or -1. */
int vocabulary_put_model(struct vocabulary *v, const char *model, const char *pre);

/* tokenizer.ggml.add_space_prefix; `prefix`: what is so where tokenizer_config.json does not say. 0 or -1. */
int vocabulary_put_space(struct vocabulary *v, bool prefix);

/* ---- tokenizer.json ---- */

/* Tokens and all that goes with them. 0 or -1. */
int vocabulary_put_json(struct vocabulary *v);

/* Its added tokens, of numbers that have no token yet alone, or all of them. 0 or -1. */
int vocabulary_read_added(struct vocabulary *v, bool missing_alone);

#endif
