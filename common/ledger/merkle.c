#include "ledger/merkle.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "base/err.h"

enum { SHORT = 2048 };

/* OpenSSL is three times as fast as libsodium; what it takes to set it up is well spent where there are many leaves. */
static const EVP_MD *sha256;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
find_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL); /* for as long as the process lives */
}

struct hash
merkle_leaf(const void *data, size_t n)
{
	uint8_t all[SHORT];
	crypto_hash_sha256_state s;
	struct hash h;

	pthread_once(&once, find_sha256);
	if (sha256 && n < SHORT) {
		all[0] = 0;
		memcpy(all + 1, data, n);
		if (EVP_Digest(all, n + 1, h.bytes, NULL, sha256, NULL) == 1)
			return h;
	}
	crypto_hash_sha256_init(&s);
	crypto_hash_sha256_update(&s, (const uint8_t *)"\0", 1);
	crypto_hash_sha256_update(&s, data, n);
	crypto_hash_sha256_final(&s, h.bytes);
	return h;
}

struct hash
merkle_node(const struct hash *left, const struct hash *right)
{
	crypto_hash_sha256_state s;
	struct hash h;

	crypto_hash_sha256_init(&s);
	crypto_hash_sha256_update(&s, (const uint8_t *)"\1", 1);
	crypto_hash_sha256_update(&s, left->bytes, HASH_SIZE);
	crypto_hash_sha256_update(&s, right->bytes, HASH_SIZE);
	crypto_hash_sha256_final(&s, h.bytes);
	return h;
}

struct hash
merkle_empty(void)
{
	return hash_bytes("", 0);
}

/* ---- checking: RFC 9162, 2.1.3.2 and 2.1.4.2 ---- */

int
merkle_check_inclusion(uint64_t index, uint64_t size, const struct hash *leaf, const struct hash *proof, size_t n, const struct hash *root)
{
	uint64_t at = index, last = size - 1;
	struct hash h = *leaf;

	if (index >= size)
		return err_set(ERR_DATA, "leaf %llu of a tree of %llu", (unsigned long long)index, (unsigned long long)size);
	for (size_t i = 0; i < n; i++) {
		if (last == 0)
			return err_set(ERR_DATA, "a proof of inclusion that is too long");
		if (at & 1 || at == last) {
			h = merkle_node(&proof[i], &h);
			while (!(at & 1) && at != 0) {
				at >>= 1;
				last >>= 1;
			}
		} else {
			h = merkle_node(&h, &proof[i]);
		}
		at >>= 1;
		last >>= 1;
	}
	return last == 0 && hash_equal(&h, root) ? 0 : err_set(ERR_DATA, "the proof of inclusion does not lead to the root");
}

static int
inconsistent(void)
{
	return err_set(ERR_DATA, "the proof of consistency does not lead to the roots");
}

int
merkle_check_consistency(uint64_t size1, uint64_t size2, const struct hash *root1, const struct hash *root2, const struct hash *proof, size_t n)
{
	uint64_t at = size1 - 1, last = size2 - 1;
	struct hash first, second;
	size_t i = 0;

	if (size1 == size2)
		return n == 0 && hash_equal(root1, root2) ? 0 : inconsistent();
	if (size1 > size2 || size1 == 0) /* that it has begun with nothing says nothing */
		return inconsistent();
	while (at & 1) {
		at >>= 1;
		last >>= 1;
	}
	if (at == 0) /* size1 is a power of two: its root is a node of the other */
		first = *root1;
	else if (n == 0)
		return inconsistent();
	else
		first = proof[i++];
	for (second = first; i < n; i++) {
		if (last == 0)
			return inconsistent();
		if (at & 1 || at == last) {
			first = merkle_node(&proof[i], &first);
			second = merkle_node(&proof[i], &second);
			while (!(at & 1) && at != 0) {
				at >>= 1;
				last >>= 1;
			}
		} else {
			second = merkle_node(&second, &proof[i]);
		}
		at >>= 1;
		last >>= 1;
	}
	return last == 0 && hash_equal(&first, root1) && hash_equal(&second, root2) ? 0 : inconsistent();
}

/* ---- making: RFC 9162, 2.1.1, 2.1.3.1 and 2.1.4.1 ---- */

/* The largest power of two below n > 1, as its exponent. */
static unsigned
split(uint64_t n)
{
	return 63 - (unsigned)__builtin_clzll(n - 1);
}

/* The root of n > 0 leaves from `first` on; `first` is a multiple of the largest power of two <= n. */
static int
root_of(merkle_get *get, void *arg, uint64_t first, uint64_t n, struct hash *to)
{
	struct hash left, right;
	unsigned k;

	if ((n & (n - 1)) == 0) {
		k = (unsigned)__builtin_ctzll(n);
		return get(arg, k, first >> k, to);
	}
	k = split(n);
	if (get(arg, k, first >> k, &left) < 0 || root_of(get, arg, first + (UINT64_C(1) << k), n - (UINT64_C(1) << k), &right) < 0)
		return -1;
	*to = merkle_node(&left, &right);
	return 0;
}

int
merkle_root(merkle_get *get, void *arg, uint64_t size, struct hash *to)
{
	if (size > 0)
		return root_of(get, arg, 0, size, to);
	*to = merkle_empty();
	return 0;
}

/* The proof is made from the root down, and read from the leaf up. */
static void
reverse(struct hash *h, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct hash one = h[i];
		h[i] = h[n - 1 - i];
		h[n - 1 - i] = one;
	}
}

int
merkle_inclusion(merkle_get *get, void *arg, uint64_t index, uint64_t size, struct hash proof[MERKLE_PROOF], size_t *n)
{
	uint64_t first = 0;

	*n = 0;
	if (index >= size)
		return err_set(ERR_DATA, "leaf %llu of a tree of %llu", (unsigned long long)index, (unsigned long long)size);
	while (size > 1) {
		uint64_t left = UINT64_C(1) << split(size);
		bool is_left = index - first < left;
		if (root_of(get, arg, is_left ? first + left : first, is_left ? size - left : left, &proof[(*n)++]) < 0)
			return -1;
		first += is_left ? 0 : left;
		size = is_left ? left : size - left;
	}
	reverse(proof, *n);
	return 0;
}

int
merkle_consistency(merkle_get *get, void *arg, uint64_t size1, uint64_t size2, struct hash proof[MERKLE_PROOF], size_t *n)
{
	uint64_t first = 0, size = size2;
	bool known = true; /* what is left is the whole of the older tree */

	*n = 0;
	if (size1 > size2)
		return err_set(ERR_DATA, "a tree of %llu leaves has not begun as one of %llu", (unsigned long long)size2, (unsigned long long)size1);
	if (size1 == 0)
		return 0;
	while (size1 < size) {
		uint64_t left = UINT64_C(1) << split(size);
		bool is_left = size1 <= left;
		if (root_of(get, arg, is_left ? first + left : first, is_left ? size - left : left, &proof[(*n)++]) < 0)
			return -1;
		if (!is_left) {
			first += left;
			size1 -= left;
			known = false;
		}
		size = is_left ? left : size - left;
	}
	if (!known && root_of(get, arg, first, size, &proof[(*n)++]) < 0)
		return -1;
	reverse(proof, *n);
	return 0;
}
