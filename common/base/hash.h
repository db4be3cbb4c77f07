/* hash.h: SHA-256 (FIPS 180-4, by libsodium), and ids as hexadecimal text. */
#ifndef MAI_BASE_HASH_H
#define MAI_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_SIZE = 32, HASH_HEX = 2 * HASH_SIZE + 1 };

/* An id of all zero bytes means that none is stated. */
struct hash {
	uint8_t bytes[HASH_SIZE];
};

/*
 * Lets libsodium choose its code for this processor and find a source of randomness. Before keys, passphrases and BLAKE2b, which are
 * slow or unsafe without; again does nothing, from any thread. ERR_SYSTEM.
 */
int hash_prepare(void);

struct hash hash_bytes(const void *data, size_t n);

/* 64 lower-case digits and a NUL into `to`, which is returned. */
char *hash_to_hex(const struct hash *h, char to[HASH_HEX]);

/* False when `hex` is not 64 hexadecimal digits. */
bool hash_from_hex(struct hash *h, const char *hex, size_t n);

bool hash_equal(const struct hash *a, const struct hash *b);
bool hash_is_none(const struct hash *h);

#endif
