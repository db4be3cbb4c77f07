/*
 * bpe.h: byte-level BPE: tokenizer.ggml.model = "gpt2".
 *
 * The text is cut into words (text/pretokenize.h), a word is a row of bytes, and neighbours are merged as tokenizer.ggml.merges
 * ranks them. In the vocabulary a byte is a printable character: 21-7E, A1-AC and AE-FF stand for themselves, the 68
 * others, in order, are U+0100 to U+0143.
 */
#ifndef MAI_TEXT_BPE_H
#define MAI_TEXT_BPE_H

#include "text/tokens.h"

enum { BPE_CHARACTER = 2 }; /* bytes of such a character in UTF-8, at most */

/* The character of a byte in UTF-8; returns its length. */
uint32_t bpe_character(uint8_t byte, uint8_t to[BPE_CHARACTER]);

int bpe_load(struct vocab *v, const struct gguf *g);
int bpe_piece(const uint8_t *text, size_t n, struct buf *out);
int bpe_encode(struct encoder *e, const char *text, size_t n, bool start, struct ids *out);
void bpe_free(struct vocab *v);

#endif
