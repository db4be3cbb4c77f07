#include "trust/multihash.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "base/err.h"

enum { HASH_LONGEST = 64 };

/* How many bytes the hash has; 0 when there is none of that code. */
static size_t
hash(uint8_t to[HASH_LONGEST], uint64_t code, const void *data, size_t n)
{
	switch (code) {
	case MULTIHASH_SHA256:
		crypto_hash_sha256(to, data, n);
		return 32;
	case MULTIHASH_SHA512:
		crypto_hash_sha512(to, data, n);
		return 64;
	case MULTIHASH_SHA3_512:
		return EVP_Digest(data, n, to, NULL, EVP_sha3_512(), NULL) ? 64 : 0;
	case MULTIHASH_BLAKE2B_256:
		crypto_generichash(to, 32, data, n, NULL, 0);
		return 32;
	case MULTIHASH_BLAKE2B_512:
		crypto_generichash(to, 64, data, n, NULL, 0);
		return 64;
	}
	return 0;
}

int
multihash_make(struct multihash *h, uint64_t code, size_t length, const void *data, size_t n)
{
	uint8_t whole[HASH_LONGEST];
	const void *digest = data;
	size_t has = n;

	if (code != MULTIHASH_IDENTITY) {
		digest = whole;
		has = hash(whole, code, data, n);
		if (has == 0)
			return err_set(ERR_DATA, "the hash of code 0x%llx is not known", (unsigned long long)code);
	}
	if (length > has || length > MULTIHASH_DIGEST || (code == MULTIHASH_IDENTITY && length != n))
		return err_set(ERR_DATA, "the hash of code 0x%llx is not of %zu bytes", (unsigned long long)code, length);
	*h = (struct multihash){ .code = code, .n = (uint8_t)length }; /* <= MULTIHASH_DIGEST */
	if (length > 0)
		memcpy(h->digest, digest, length);
	return 0;
}

bool
multihash_equal(const struct multihash *a, const struct multihash *b)
{
	return a->code == b->code && a->n == b->n && memcmp(a->digest, b->digest, a->n) == 0;
}

int
multihash_check(const struct multihash *h, const void *data, size_t n)
{
	struct multihash is;

	if (h->code != MULTIHASH_IDENTITY && h->n < MULTIHASH_SHORTEST)
		return err_set(ERR_DATA, "a digest of %d bytes proves nothing", h->n);
	if (h->code == MULTIHASH_IDENTITY && h->n != n)
		return err_set(ERR_DATA, "the data are not what the hash says");
	if (multihash_make(&is, h->code, h->n, data, n) < 0)
		return -1;
	return multihash_equal(h, &is) ? 0 : err_set(ERR_DATA, "the data are not what the hash says");
}

size_t
multihash_pack(uint8_t to[MULTIHASH_MAX], const struct multihash *h)
{
	size_t n = uvarint_put(to, h->code);

	n += uvarint_put(to + n, h->n);
	memcpy(to + n, h->digest, h->n);
	return n + h->n;
}

int
multihash_unpack(struct multihash *h, const uint8_t *from, size_t n)
{
	uint64_t code, length;
	int used = uvarint_get(&code, from, n), more = used > 0 ? uvarint_get(&length, from + used, n - (size_t)used) : 0;
	size_t head = (size_t)used + (size_t)more;

	if (used < 0 || more < 0)
		return err_wrap("not a multihash");
	if (used == 0 || more == 0 || length != n - head || length > MULTIHASH_DIGEST)
		return err_set(ERR_DATA, "not a multihash, cut, or longer than it says");
	*h = (struct multihash){ .code = code, .n = (uint8_t)length }; /* <= MULTIHASH_DIGEST */
	memcpy(h->digest, from + head, length);
	return 0;
}
