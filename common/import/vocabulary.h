/*
 * vocabulary.h: a model's tokenizer, as the folder's files describe it, as the keys tokenizer.* of a GGUF.
 *
 * tokenizer.json of byte-level BPE becomes "gpt2", of BPE with byte tokens "llama", of WordPiece "bert"; tokenizer.model (SentencePiece),
 * which is looked for first, "llama". Which tokens begin and end a text, and whether they are added, is said by tokenizer_config.json, by the
 * post-processor in tokenizer.json, and by config.json.
 */
#ifndef MAI_IMPORT_VOCABULARY_H
#define MAI_IMPORT_VOCABULARY_H

#include "import/hub.h"
#include "import/recipe.h"
#include "model/gguf.h"

int vocabulary_put(struct gguf_writer *to, const struct hub *h, const struct recipe *r); /* 0, or -1 with a reason */

#endif
