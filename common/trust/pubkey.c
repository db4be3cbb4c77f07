#include "trust/pubkey.h"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"

enum { LONGEST_FILE = 1 << 16 };

/* ---- kinds of keys ---- */

/* The hash that goes with a curve; NULL for another curve, or a key of another kind. */
static const EVP_MD *
hash_of(const EVP_PKEY *key)
{
	char curve[64];
	size_t n;

	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC || !EVP_PKEY_get_group_name(key, curve, sizeof curve, &n))
		return NULL;
	if (strcmp(curve, "prime256v1") == 0)
		return EVP_sha256();
	if (strcmp(curve, "secp384r1") == 0)
		return EVP_sha384();
	return strcmp(curve, "secp521r1") == 0 ? EVP_sha512() : NULL;
}

/* A point may be written in half; the text of a key is one, with the whole. */
static int
print_pem(char to[PUBKEY_PEM], EVP_PKEY *key)
{
	BIO *out = BIO_new(BIO_s_mem());
	int n = -1;

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
		EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
	if (out && PEM_write_bio_PUBKEY(out, key) == 1)
		n = BIO_read(out, to, PUBKEY_PEM - 1);
	BIO_free(out);
	ERR_clear_error();
	if (n <= 0 || n == PUBKEY_PEM - 1)
		return err_set(ERR_SYSTEM, "libcrypto can't write the public key");
	to[n] = '\0';
	return 0;
}

/* Takes the key of OpenSSL over. */
static int
take(struct pubkey *k, EVP_PKEY *key)
{
	size_t n = sizeof k->bytes;

	*k = (struct pubkey){ .openssl = key };
	k->ed25519 = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 && EVP_PKEY_get_raw_public_key(key, k->bytes, &n) == 1;
	if (!k->ed25519 && !hash_of(key))
		err_set(ERR_DATA, "a key of another kind than Ed25519, P-256, P-384 and P-521");
	else if (print_pem(k->pem, key) == 0)
		return 0;
	pubkey_free(k);
	return -1;
}

int
pubkey_of_key(struct pubkey *k, const uint8_t bytes[KEY_PUBLIC])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, KEY_PUBLIC);

	*k = (struct pubkey){ 0 };
	return key ? take(k, key) : err_set(ERR_SYSTEM, "libcrypto lacks Ed25519");
}

/* ---- PEM ---- */

static EVP_PKEY *
read_block(BIO *in)
{
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	const unsigned char *at;
	EVP_PKEY *key = NULL;
	long n;

	/* Not OpenSSL's own reader of keys, which takes other blocks too, and may ask for a passphrase. */
	if (PEM_read_bio(in, &name, &header, &data, &n) == 1 && strcmp(name, PEM_STRING_PUBLIC) == 0 && header[0] == '\0') {
		at = data;
		key = d2i_PUBKEY(NULL, &at, n);
		if (key && at != data + n) {
			EVP_PKEY_free(key);
			key = NULL;
		}
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	ERR_clear_error();
	return key;
}

int
pubkey_parse(struct pubkey *k, const char *text, size_t n)
{
	BIO *in = n <= LONGEST_FILE ? BIO_new_mem_buf(text, (int)n) : NULL;
	EVP_PKEY *key = in ? read_block(in) : NULL;

	*k = (struct pubkey){ 0 };
	BIO_free(in);
	return key ? take(k, key) : err_set(ERR_DATA, "not a public key in PEM");
}

/* ---- files ---- */

/* How many bytes of a regular file; -1 where it is none. */
static ssize_t
read_file(char to[LONGEST_FILE], const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return err_sys("%s", path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = io_read(fd, to, LONGEST_FILE, path);
	else
		err_set(ERR_DATA, "%s: not a regular file", path);
	close(fd);
	return n;
}

int
pubkey_read(struct pubkey *k, const char *path)
{
	char text[LONGEST_FILE];
	ssize_t n = read_file(text, path);

	*k = (struct pubkey){ 0 };
	if (n < 0)
		return -1;
	return pubkey_parse(k, text, (size_t)n) < 0 ? err_wrap("%s", path) : 0;
}

bool
pubkey_is_pem(const char *path)
{
	static const char begin[] = "-----BEGIN ";
	char text[LONGEST_FILE];
	ssize_t n = read_file(text, path);

	return n > 0 && memmem(text, (size_t)n, begin, strlen(begin));
}

/* ---- using them ---- */

char *
pubkey_hint(const struct pubkey *k, char to[HASH_HEX])
{
	struct hash h = hash_bytes(k->pem, strlen(k->pem));

	return hash_to_hex(&h, to);
}

bool
pubkey_verifies(const struct pubkey *k, const uint8_t *signature, size_t n_signature, const void *data, size_t n)
{
	EVP_MD_CTX *hash;
	bool good;

	if (k->ed25519) /* by the one rule for these that there is here */
		return n_signature == KEY_SIGNATURE && key_verifies(signature, k->bytes, data, n);
	hash = EVP_MD_CTX_new();
	good = hash && EVP_DigestVerifyInit(hash, NULL, hash_of(k->openssl), NULL, k->openssl) == 1 &&
	    EVP_DigestVerify(hash, signature, n_signature, data, n) == 1;
	EVP_MD_CTX_free(hash);
	ERR_clear_error();
	return good;
}

void
pubkey_free(struct pubkey *k)
{
	EVP_PKEY_free(k->openssl);
	*k = (struct pubkey){ 0 };
}
