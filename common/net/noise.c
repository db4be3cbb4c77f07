#include "net/noise.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"

static const char name[] = "Noise_XX_25519_ChaChaPoly_SHA256";
_Static_assert(sizeof name - 1 == NOISE_HASH, "the name is as long as a hash, so it is the first h");
enum { NONCE = 12 }; /* of ChaCha20-Poly1305 (RFC 8439): 32 bits of zero, and the counter, little endian */

/* ---- the symmetric state ---- */

static void
mix_hash(struct noise *n, const void *data, size_t size)
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, n->h, sizeof n->h);
	crypto_hash_sha256_update(&state, data, size);
	crypto_hash_sha256_final(&state, n->h);
}

static void
hmac(uint8_t to[NOISE_HASH], const uint8_t key[NOISE_HASH], const void *a, size_t na, const void *b, size_t nb)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, NOISE_HASH);
	crypto_auth_hmacsha256_update(&state, a, na);
	crypto_auth_hmacsha256_update(&state, b, nb);
	crypto_auth_hmacsha256_final(&state, to);
	sodium_memzero(&state, sizeof state);
}

/* HKDF with two outputs. `first` may be ck itself. */
static void
hkdf(const uint8_t ck[NOISE_HASH], const uint8_t *input, size_t size, uint8_t first[NOISE_HASH], uint8_t second[NOISE_HASH])
{
	uint8_t key[NOISE_HASH];

	hmac(key, ck, input, size, "", 0);
	hmac(first, key, "\1", 1, "", 0);
	hmac(second, key, first, NOISE_HASH, "\2", 1);
	sodium_memzero(key, sizeof key);
}

/* The product of a secret and a public key goes into the keys. */
static int
mix_key(struct noise *n, const uint8_t secret[NOISE_KEY], const uint8_t public[NOISE_KEY])
{
	uint8_t product[NOISE_KEY];

	/* libsodium refuses a product of all zero bytes, which a key of small order gives */
	if (crypto_scalarmult(product, secret, public) != 0)
		return err_set(ERR_DATA, "the peer's key is of small order");
	hkdf(n->ck, product, sizeof product, n->ck, n->cipher.key);
	n->cipher.counter = 0;
	n->has_key = true;
	sodium_memzero(product, sizeof product);
	return 0;
}

/*
 * What seals messages is OpenSSL's: on processors of today it is three times as fast as libsodium's, and half of what a link
 * costs. One context a message: what it takes is small beside a message's bytes, and nothing of a key stays behind.
 */
static EVP_CIPHER_CTX *
begin_message(struct noise_cipher *c, bool seals)
{
	uint8_t nonce[NONCE] = { 0 };
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	for (int i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(c->counter >> 8 * i & 0xff);
	c->counter++;
	if (ctx && EVP_CipherInit_ex(ctx, EVP_chacha20_poly1305(), NULL, c->key, nonce, seals) == 1)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	err_set(ERR_SYSTEM, "OpenSSL has no ChaCha20-Poly1305 here");
	return NULL;
}

/* All of a message, but the tag. */
static bool
transform(EVP_CIPHER_CTX *ctx, uint8_t *data, size_t size, const uint8_t *ad, size_t n_ad)
{
	int n;

	return (n_ad == 0 || EVP_CipherUpdate(ctx, NULL, &n, ad, (int)n_ad) == 1) && /* sizes of messages and hashes are small */
	    (size == 0 || EVP_CipherUpdate(ctx, data, &n, data, (int)size) == 1);
}

/* In place, with `ad` as what is authenticated beside it. The last counter is not used. */
static int
seal(struct noise_cipher *c, uint8_t *data, size_t size, const uint8_t *ad, size_t n_ad)
{
	EVP_CIPHER_CTX *ctx;
	int none, rc = 0;

	if (c->counter == UINT64_MAX)
		return err_set(ERR_SYSTEM, "a connection has used all of its numbers");
	if (!(ctx = begin_message(c, true)))
		return -1;
	if (!transform(ctx, data, size, ad, n_ad) || EVP_CipherFinal_ex(ctx, data + size, &none) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, NOISE_TAG, data + size) != 1)
		rc = err_set(ERR_SYSTEM, "OpenSSL can't seal a message");
	EVP_CIPHER_CTX_free(ctx);
	return rc;
}

/* A message that can't be opened is the last. */
static int
unseal(struct noise_cipher *c, uint8_t *data, size_t size, const uint8_t *ad, size_t n_ad)
{
	EVP_CIPHER_CTX *ctx;
	bool right;
	int none;

	if (c->counter == UINT64_MAX)
		return err_set(ERR_DATA, "a connection that has failed, or has used all of its numbers");
	if (!(ctx = begin_message(c, false)))
		return -1;
	right = size >= NOISE_TAG && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, NOISE_TAG, data + size - NOISE_TAG) == 1 &&
	    transform(ctx, data, size - NOISE_TAG, ad, n_ad) && EVP_CipherFinal_ex(ctx, data + size - NOISE_TAG, &none) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (right)
		return 0;
	c->counter = UINT64_MAX; /* the next message would be opened as if this had been */
	return err_set(ERR_DATA, "a message is not what the peer sent");
}

int
noise_seal(struct noise_cipher *c, uint8_t *data, size_t size)
{
	return seal(c, data, size, NULL, 0);
}

int
noise_open(struct noise_cipher *c, uint8_t *data, size_t size)
{
	return unseal(c, data, size, NULL, 0);
}

int
noise_prepare(void)
{
	struct noise_cipher c = { 0 };
	uint8_t message[NOISE_TAG + 1] = { 0 };

	if (hash_prepare() < 0)
		return -1;
	return noise_seal(&c, message, 1);
}

/* ---- the handshake ---- */

void
noise_begin(struct noise *n, bool initiator, const void *prologue, size_t size)
{
	*n = (struct noise){ .initiator = initiator };
	memcpy(n->h, name, NOISE_HASH);
	memcpy(n->ck, name, NOISE_HASH);
	mix_hash(n, prologue, size);
	crypto_box_keypair(n->s_public, n->s_secret);
	crypto_box_keypair(n->e_public, n->e_secret);
}

void
noise_set_keys(struct noise *n, const uint8_t s[NOISE_KEY], const uint8_t e[NOISE_KEY])
{
	memcpy(n->s_secret, s, NOISE_KEY);
	memcpy(n->e_secret, e, NOISE_KEY);
	crypto_scalarmult_base(n->s_public, s);
	crypto_scalarmult_base(n->e_public, e);
}

bool
noise_done(const struct noise *n)
{
	return n->turn == NOISE_MESSAGES;
}

bool
noise_writes(const struct noise *n)
{
	return !noise_done(n) && n->initiator == (n->turn % 2 == 0);
}

/* Appends bytes, sealed where there is a key. */
static int
put(struct noise *n, struct buf *out, const void *data, size_t size)
{
	uint8_t *at;
	size_t tag = n->has_key ? NOISE_TAG : 0;

	if (buf_reserve(out, size + tag) < 0)
		return -1;
	at = out->data + out->len;
	memcpy(at, data, size);
	if (n->has_key && seal(&n->cipher, at, size, n->h, sizeof n->h) < 0)
		return -1;
	mix_hash(n, at, size + tag);
	out->len += size + tag;
	return 0;
}

/* The DH products of a message, on the side of the initiator or the other: ee, es, se. */
static int
mix_es(struct noise *n)
{
	return n->initiator ? mix_key(n, n->e_secret, n->rs) : mix_key(n, n->s_secret, n->re);
}

static int
mix_se(struct noise *n)
{
	return n->initiator ? mix_key(n, n->s_secret, n->re) : mix_key(n, n->e_secret, n->rs);
}

int
noise_write(struct noise *n, struct buf *out, const void *payload, size_t size)
{
	int rc = 0;

	if (n->turn < 2) {
		rc = buf_add(out, n->e_public, NOISE_KEY);
		mix_hash(n, n->e_public, NOISE_KEY);
	}
	if (rc == 0 && n->turn == 1)
		rc = mix_key(n, n->e_secret, n->re);
	if (rc == 0 && n->turn > 0) {
		rc = put(n, out, n->s_public, NOISE_KEY);
		if (rc == 0)
			rc = n->turn == 1 ? mix_es(n) : mix_se(n);
	}
	if (rc == 0)
		rc = put(n, out, payload, size);
	n->turn++;
	return rc;
}

/* Takes `size` bytes of plain text out of a message, opened where there is a key, and appends them to `to`. */
static int
take(struct noise *n, const uint8_t **at, size_t *left, size_t size, struct buf *to)
{
	uint8_t *plain;
	uint8_t h[NOISE_HASH];
	size_t tag = n->has_key ? NOISE_TAG : 0;

	if (*left < size + tag)
		return err_set(ERR_DATA, "a handshake message that is too short");
	if (buf_reserve(to, size + tag + 1) < 0) /* memory also for no bytes: the first payload is empty */
		return -1;
	plain = to->data + to->len;
	memcpy(plain, *at, size + tag);
	memcpy(h, n->h, sizeof h);
	mix_hash(n, plain, size + tag);
	if (n->has_key && unseal(&n->cipher, plain, size + tag, h, sizeof h) < 0)
		return -1;
	to->len += size;
	*at += size + tag;
	*left -= size + tag;
	return 0;
}

static int
take_key(struct noise *n, const uint8_t **at, size_t *left, uint8_t key[NOISE_KEY])
{
	struct buf b = { 0 };
	int rc = take(n, at, left, NOISE_KEY, &b);

	if (rc == 0)
		memcpy(key, b.data, NOISE_KEY);
	buf_free(&b);
	return rc;
}

int
noise_read(struct noise *n, const uint8_t *message, size_t size, struct buf *payload)
{
	size_t tag;

	if (n->turn < 2 && take_key(n, &message, &size, n->re) < 0)
		return -1;
	if (n->turn == 1 && mix_key(n, n->e_secret, n->re) < 0)
		return -1;
	if (n->turn > 0 && (take_key(n, &message, &size, n->rs) < 0 || (n->turn == 1 ? mix_es(n) : mix_se(n)) < 0))
		return -1;
	tag = n->has_key ? NOISE_TAG : 0;
	if (size < tag)
		return err_set(ERR_DATA, "a handshake message that is too short");
	if (take(n, &message, &size, size - tag, payload) < 0)
		return -1;
	n->turn++;
	return 0;
}

void
noise_split(struct noise *n, struct noise_cipher *send, struct noise_cipher *receive)
{
	struct noise_cipher first = { 0 }, second = { 0 };

	hkdf(n->ck, (const uint8_t *)"", 0, first.key, second.key);
	*send = n->initiator ? first : second;
	*receive = n->initiator ? second : first;
	sodium_memzero(&first, sizeof first);
	sodium_memzero(&second, sizeof second);
	sodium_memzero(n->ck, sizeof n->ck);
	sodium_memzero(&n->cipher, sizeof n->cipher);
	sodium_memzero(n->s_secret, sizeof n->s_secret);
	sodium_memzero(n->e_secret, sizeof n->e_secret);
}
