/*
 * sentencepiece.h: tokenizer.model, a model of SentencePiece, as far as a vocabulary needs it.
 * Source: the sentencepiece project, sentencepiece_model.proto.
 */
#ifndef MAI_IMPORT_SENTENCEPIECE_H
#define MAI_IMPORT_SENTENCEPIECE_H

#include <stdbool.h>

#include "import/tokens.h"

/* How many tokens the model has. 0 or -1. */
int sentencepiece_count(const struct buf *model, uint64_t *n);

/* Sets them, with scores and kinds; and whether a space goes before a text. 0 or -1. */
int sentencepiece_tokens(const struct buf *model, struct tokens *t, bool *space_prefix);

#endif
