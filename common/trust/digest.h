/* digest.h: hashes of whole files. SHA-256 by OpenSSL, whose code is the faster one; BLAKE2b by whichever is on this processor. */
#ifndef MAI_TRUST_DIGEST_H
#define MAI_TRUST_DIGEST_H

#include <stdint.h>

enum { DIGEST_BLAKE2B = 64, DIGEST_SHA256 = 32 };

/* What is left to read of fd; `path` is for reasons. 0 or -1. */
int digest_blake2b(uint8_t to[DIGEST_BLAKE2B], int fd, const char *path);
int digest_sha256(uint8_t to[DIGEST_SHA256], int fd, const char *path);

#endif
