/*
 * special.h: which tokens begin and end a text and the like, and the template of chats.
 */
#ifndef MAI_IMPORT_SPECIAL_H
#define MAI_IMPORT_SPECIAL_H

#include "import/hub.h"
#include "import/tokens.h"

/*
 * tokenizer.ggml.*_token_id, add_*_token and tokenizer.chat_template: as tokenizer_config.json (NULL: there is none), the post-processor of
 * tokenizer.json (likewise) and config.json say. 0, or -1 with a reason.
 */
int special_put(struct gguf_writer *to, const struct hub *h, const json_t *tokenizer, const json_t *config, const struct tokens *t);

#endif
