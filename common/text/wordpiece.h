/*
 * wordpiece.h: WordPiece: tokenizer.ggml.model = "bert".
 *
 * The text is cut into words (text/bert.h). A word is the longest token that it begins with, then the longest that follows, and so on;
 * where that does not reach its end, or a word is too long, it is the unknown token as a whole. In the vocabulary what begins a
 * word has U+2581 before it (tokenizer.json has "##" before what does not).
 *
 * Y. Wu et al., Google's Neural Machine Translation System, 2016 (arXiv:1609.08144), section 4.1; BERT's tokenization.py.
 */
#ifndef MAI_TEXT_WORDPIECE_H
#define MAI_TEXT_WORDPIECE_H

#include "text/tokens.h"

int wordpiece_load(struct vocab *v, const struct gguf *g);
int wordpiece_piece(const uint8_t *text, size_t n, struct buf *out);
int wordpiece_encode(struct encoder *e, const char *text, size_t n, bool start, struct ids *out);
void wordpiece_free(struct vocab *v);

#endif
