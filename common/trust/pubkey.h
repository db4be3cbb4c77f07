/*
 * pubkey.h: public keys in PEM, of others than us too: Ed25519, and ECDSA with signatures in DER, on P-256 with SHA-256, P-384 with
 * SHA-384 and P-521 with SHA-512. By OpenSSL, and only to verify.
 *
 * Source: RFC 7468 (PEM), RFC 5480 and RFC 8410 (what is in it), RFC 3279 2.2.3 (signatures of ECDSA).
 */
#ifndef MAI_TRUST_PUBKEY_H
#define MAI_TRUST_PUBKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "trust/key.h"

enum { PUBKEY_PEM = 512 }; /* of a key's text with a NUL */

/* A zeroed struct is no key. */
struct pubkey {
	struct evp_pkey_st *openssl;
	bool ed25519;
	uint8_t bytes[KEY_PUBLIC]; /* of an Ed25519 key */
	char pem[PUBKEY_PEM];      /* as openssl prints it, with a newline at its end */
};

/* All that return int: 0, or -1 with a reason. A key that was had is freed by pubkey_free. */
int pubkey_of_key(struct pubkey *k, const uint8_t bytes[KEY_PUBLIC]);

/* The key of a text of n bytes: its first block of PEM. What is before and behind it does not matter. */
int pubkey_parse(struct pubkey *k, const char *text, size_t n);
int pubkey_read(struct pubkey *k, const char *path);

/* Is there a file with PEM, of whatever? */
bool pubkey_is_pem(const char *path);

/* SHA-256 of k->pem in hexadecimal, by which bundles of Sigstore name a key. Returns `to`. */
char *pubkey_hint(const struct pubkey *k, char to[HASH_HEX]);

bool pubkey_verifies(const struct pubkey *k, const uint8_t *signature, size_t n_signature, const void *data, size_t n);
void pubkey_free(struct pubkey *k);

#endif
