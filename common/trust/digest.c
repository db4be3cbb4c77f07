#include "trust/digest.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "base/ahead.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"

static EVP_MD_CTX *
openssl_begin(const EVP_MD *kind)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (c && kind && EVP_DigestInit_ex(c, kind, NULL))
		return c;
	EVP_MD_CTX_free(c);
	err_set(ERR_SYSTEM, "libcrypto lacks a hash, or memory for it");
	return NULL;
}

static void
openssl_feed(void *hashing, const uint8_t *piece, size_t n)
{
	EVP_DigestUpdate(hashing, piece, n);
}

/* ---- BLAKE2b ---- */

/*
 * libsodium's code or OpenSSL's may be the quicker one, by a half, and which of them is up to the processor. So both hash the first
 * pieces of a file, and the one that took less time for its best piece goes on alone.
 */
enum { SODIUM, OPENSSL, NCODES };
enum { TRIES = 8 };

struct blake2b {
	crypto_generichash_blake2b_state sodium;
	EVP_MD_CTX *openssl;
	double best[NCODES]; /* seconds for a piece */
	unsigned pieces;     /* that were hashed, up to TRIES */
};

static void
feed(struct blake2b *b, int code, const uint8_t *piece, size_t n)
{
	if (code == SODIUM)
		crypto_generichash_blake2b_update(&b->sodium, piece, n);
	else
		openssl_feed(b->openssl, piece, n);
}

static int
quicker(const struct blake2b *b)
{
	return b->best[SODIUM] < b->best[OPENSSL] ? SODIUM : OPENSSL;
}

static void
blake2b_feed(void *hashing, const uint8_t *piece, size_t n)
{
	struct blake2b *b = hashing;

	if (b->pieces == TRIES) {
		feed(b, quicker(b), piece, n);
		return;
	}
	for (int code = 0; code < NCODES; code++) {
		double s = clock_seconds();
		feed(b, code, piece, n);
		s = clock_seconds() - s;
		if (!b->pieces || s < b->best[code])
			b->best[code] = s;
	}
	b->pieces++;
}

int
digest_blake2b(uint8_t to[DIGEST_BLAKE2B], int fd, const char *path)
{
	struct blake2b b = { 0 };
	int rc;

	if (hash_prepare() < 0 || !(b.openssl = openssl_begin(EVP_blake2b512())))
		return -1;
	crypto_generichash_blake2b_init(&b.sodium, NULL, 0, DIGEST_BLAKE2B);
	if ((rc = ahead_read(fd, path, blake2b_feed, &b)) == 0 && quicker(&b) == SODIUM)
		crypto_generichash_blake2b_final(&b.sodium, to, DIGEST_BLAKE2B);
	else if (rc == 0)
		EVP_DigestFinal_ex(b.openssl, to, NULL);
	EVP_MD_CTX_free(b.openssl);
	return rc;
}

/* ---- SHA-256 ---- */

int
digest_sha256(uint8_t to[DIGEST_SHA256], int fd, const char *path)
{
	EVP_MD_CTX *c = openssl_begin(EVP_sha256());
	int rc;

	if (!c)
		return -1;
	if ((rc = ahead_read(fd, path, openssl_feed, c)) == 0)
		EVP_DigestFinal_ex(c, to, NULL);
	EVP_MD_CTX_free(c);
	return rc;
}
