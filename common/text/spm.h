/*
 * spm.h: SentencePiece-type BPE: tokenizer.ggml.model = "llama".
 *
 * A space is U+2581 in the vocabulary. Of all neighbours whose texts together are a token, those of the highest score are merged
 * first. A character that is no token comes as byte tokens <0xHH>.
 */
#ifndef MAI_TEXT_SPM_H
#define MAI_TEXT_SPM_H

#include "text/tokens.h"

int spm_load(struct vocab *v, const struct gguf *g);
int spm_piece(const uint8_t *text, size_t n, struct buf *out);
int spm_encode(struct encoder *e, const char *text, size_t n, bool start, struct ids *out);
void spm_free(struct vocab *v);

#endif
