/* base64.h: base64 (RFC 4648). */
#ifndef MAI_TRUST_BASE64_H
#define MAI_TRUST_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

/* In the standard alphabet, with padding: the n bytes of a text of `length` characters. False when it is not the one text of n bytes. */
bool base64_decode(uint8_t *to, size_t n, const char *text, size_t length);

/* The same, of however many bytes, at most n: how many; -1 when it is no such text, or of more. */
ssize_t base64_decode_some(uint8_t *to, size_t n, const char *text, size_t length);

/*
 * Appends the bytes of a text in either alphabet, the standard one or that for URLs (not both), with or without padding, as
 * DSSE has it. 0, or -1 with a reason.
 */
int base64_read(struct buf *to, const char *text, size_t length);

/* Appends the text of n bytes: the standard alphabet, with padding. 0 or -1. */
int base64_add(struct buf *to, const void *data, size_t n);

#endif
