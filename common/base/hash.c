#include "base/hash.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"

int
hash_prepare(void)
{
	return sodium_init() < 0 ? err_set(ERR_SYSTEM, "libsodium can't be used here") : 0;
}

struct hash
hash_bytes(const void *data, size_t n)
{
	struct hash h;

	crypto_hash_sha256(h.bytes, data, n);
	return h;
}

char *
hash_to_hex(const struct hash *h, char to[HASH_HEX])
{
	return sodium_bin2hex(to, HASH_HEX, h->bytes, HASH_SIZE);
}

bool
hash_from_hex(struct hash *h, const char *hex, size_t n)
{
	size_t len;

	return n == 2 * HASH_SIZE && sodium_hex2bin(h->bytes, HASH_SIZE, hex, n, NULL, &len, NULL) == 0 &&
	    len == HASH_SIZE;
}

bool
hash_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a->bytes, b->bytes, HASH_SIZE) == 0;
}

bool
hash_is_none(const struct hash *h)
{
	static const struct hash none;

	return hash_equal(h, &none);
}
