/*
 * utf8.h: UTF-8 as the Unicode standard defines it (table 3-7): no surrogates, no overlong forms, nothing above U+10FFFF.
 *
 * What is ill-formed is replaced part by part: each maximal subpart, a prefix of some well-formed sequence or else one byte,
 * becomes one U+FFFD. utf8_valid is declared in text/vocab.h.
 */
#ifndef MAI_TEXT_UTF8_H
#define MAI_TEXT_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { UTF8_MAX = 4 }; /* bytes of one character */

#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/*
 * What begins at s, of which n bytes (at least 1) are there: k > 0, a character of k bytes; -k, an ill-formed part of k
 * bytes; 0, the beginning of a character whose other bytes are not there.
 */
int utf8_step(const uint8_t *s, size_t n);

/* Bytes of the character that begins with byte c, which begins a well-formed one. */
static inline uint32_t
utf8_length(uint8_t c)
{
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* The code point that is written so: a well-formed character of n bytes, or its first n. */
static inline uint32_t
utf8_code(const uint8_t *s, uint32_t n)
{
	uint32_t length = utf8_length(s[0]), code = length == 1 ? s[0] : s[0] & 0x7fu >> length;

	for (uint32_t i = 1; i < n; i++)
		code = code << 6 | (s[i] & 0x3f);
	return code;
}

/* Appends n bytes of text with each ill-formed part replaced. 0 or -1. */
int utf8_replace(struct buf *out, const char *text, size_t n);

#endif
