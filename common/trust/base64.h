/* base64.h: base64 (RFC 4648). */
#ifndef MAI_TRUST_BASE64_H
#define MAI_TRUST_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* With padding, as key and signature files have it: the n bytes of a text of `length` characters. False when it is not the one text
 * of n bytes. */
bool base64_decode(uint8_t *to, size_t n, const char *text, size_t length);

/* With '-' and '_' for '+' and '/', and without padding: how many bytes, at most n; -1 when it is no such text, or of more. */
ssize_t base64url_decode(uint8_t *to, size_t n, const char *text, size_t length);

#endif
