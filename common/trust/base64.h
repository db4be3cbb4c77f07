/* base64.h: base64 (RFC 4648, with padding) of a known number of bytes, as key and signature files have it. */
#ifndef MAI_TRUST_BASE64_H
#define MAI_TRUST_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The n bytes of a text of `length` characters. False when it is not the one text of n bytes. */
bool base64_decode(uint8_t *to, size_t n, const char *text, size_t length);

#endif
