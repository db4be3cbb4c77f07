/*
 * uvarint.h: the unsigned varint of multiformats: 7 bits a byte, low group first, the high bit where more follow; the
 * shortest form only, at most 9 bytes (multiformats/unsigned-varint).
 */
#ifndef MAI_BASE_UVARINT_H
#define MAI_BASE_UVARINT_H

#include <stddef.h>
#include <stdint.h>

enum { UVARINT_MAX = 9 };
#define UVARINT_LARGEST (UINT64_MAX >> 1)

/* How many bytes it takes; x <= UVARINT_LARGEST. */
size_t uvarint_put(uint8_t to[UVARINT_MAX], uint64_t x);

/* How many bytes it took; 0: more are needed; -1: none, with a reason. */
int uvarint_get(uint64_t *x, const uint8_t *from, size_t n);

#endif
