/*
 * scan.h: the best-known expressions that cut a text into words, by hand: the same words as text/pretokenize.c gets by expression, and
 * several times as fast.
 *
 * GPT-2's:      's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * cl100k_base's: (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * (Llama 3 has the same, Qwen 2 \p{N} instead of \p{N}{1,3}.)
 */
#ifndef MAI_TEXT_SCAN_H
#define MAI_TEXT_SCAN_H

#include <stddef.h>

struct scan_rules {
	int digits; /* of a number, at most, and cl100k_base's rules; 0: GPT-2's */
};

/* Bytes of the word at the beginning of n bytes (at least 1) of well-formed UTF-8. */
size_t scan_word(struct scan_rules rules, const char *text, size_t n);

#endif
