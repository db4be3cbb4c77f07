/* base58.h: base58btc, the alphabet of Bitcoin, in which PeerIds and did:key write bytes (multibase prefix "z"). */
#ifndef MAI_TRUST_BASE58_H
#define MAI_TRUST_BASE58_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	BASE58_MAX = 128,                                  /* bytes: the work grows with their square */
	BASE58_MAX_TEXT = BASE58_MAX * 138 / 100 + 2,      /* log 256 / log 58 = 1.366; with a NUL */
};

/* The text of n <= BASE58_MAX bytes, and a NUL, into `to`, which is returned. */
char *base58_encode(char to[BASE58_MAX_TEXT], const uint8_t *from, size_t n);

/* The bytes of a text of n characters. How many; -1 when it is no base58 or of more than BASE58_MAX bytes. */
ssize_t base58_decode(uint8_t to[BASE58_MAX], const char *from, size_t n);

#endif
