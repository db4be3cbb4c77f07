#include "trust/key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/io.h"
#include "trust/base64.h"

/* ---- the bytes of minisign's files, before base64 ---- */

enum {
	SECRET_PART = KEY_NUMBER + KEY_SECRET + 32,      /* what is encrypted: number, key, checksum */
	SECRET_SIZE = 2 + 2 + 2 + 32 + 8 + 8 + SECRET_PART,
	PUBLIC_SIZE = 2 + KEY_NUMBER + KEY_PUBLIC,
	LONGEST_FILE = 4096,
	LONGEST_COMMENT = 1024,
};
static const char algorithm[] = "Ed", scrypt[] = "Sc", checksum[] = "B2";
static const char comment[] = "untrusted comment: ";
#define LARGEST_MEMORY ((uint64_t)1 << 31)     /* that a file may ask of scrypt */
#define LARGEST_WORK ((uint64_t)1 << 27)

static void
put64(uint8_t *to, uint64_t x)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(x >> 8 * i & 0xff);
}

static uint64_t
get64(const uint8_t *from)
{
	uint64_t x = 0;

	for (int i = 8; i-- > 0;)
		x = x << 8 | from[i];
	return x;
}

/* Of a key: BLAKE2b-256 over algorithm, number and key. */
static void
sum(uint8_t to[32], const uint8_t *number, const uint8_t *secret)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	crypto_generichash_update(&state, (const uint8_t *)algorithm, 2);
	crypto_generichash_update(&state, number, KEY_NUMBER);
	crypto_generichash_update(&state, secret, KEY_SECRET);
	crypto_generichash_final(&state, to, 32);
}

/* Encrypts or decrypts the secret part. */
static int
cover(uint8_t *part, const char *pass, const uint8_t salt[32], uint64_t work, uint64_t memory)
{
	uint8_t stream[SECRET_PART];

	if (work > LARGEST_WORK || memory > LARGEST_MEMORY)
		return err_set(ERR_DATA, "asks for more work than any key does");
	if (hash_prepare() < 0)
		return -1;
	if (crypto_pwhash_scryptsalsa208sha256(stream, sizeof stream, pass, strlen(pass), salt, work, memory) != 0)
		return err_set(ERR_SYSTEM, "no memory for scrypt (%llu bytes)", (unsigned long long)memory);
	for (size_t i = 0; i < SECRET_PART; i++)
		part[i] ^= stream[i];
	sodium_memzero(stream, sizeof stream);
	return 0;
}

static int
pack_secret(uint8_t to[SECRET_SIZE], const struct key *k, const char *pass)
{
	uint8_t *salt = to + 6, *part = to + 54;

	memset(to, 0, SECRET_SIZE);
	memcpy(to, algorithm, 2);
	memcpy(to + 4, checksum, 2);
	memcpy(part, k->public.number, KEY_NUMBER);
	memcpy(part + KEY_NUMBER, k->secret, KEY_SECRET);
	sum(part + KEY_NUMBER + KEY_SECRET, k->public.number, k->secret);
	if (!pass)
		return 0;
	memcpy(to + 2, scrypt, 2);
	randombytes_buf(salt, 32);
	put64(to + 38, crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE);
	put64(to + 46, crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE);
	return cover(part, pass, salt, get64(to + 38), get64(to + 46));
}

static int
unpack_secret(struct key *k, uint8_t from[SECRET_SIZE], const char *path, key_ask *ask, void *arg)
{
	static const uint8_t none[2];
	char pass[KEY_PASS];
	uint8_t *part = from + 54, wanted[32];
	bool covered = memcmp(from + 2, scrypt, 2) == 0;
	int rc = 0;

	if (memcmp(from, algorithm, 2) != 0 || memcmp(from + 4, checksum, 2) != 0 || (!covered && memcmp(from + 2, none, 2) != 0))
		return err_set(ERR_DATA, "not a secret key of minisign");
	if (covered) {
		if (ask(arg, path, pass) < 0)
			return -1;
		rc = cover(part, pass, from + 6, get64(from + 38), get64(from + 46));
		sodium_memzero(pass, sizeof pass);
	}
	if (rc < 0)
		return -1;
	sum(wanted, part, part + KEY_NUMBER);
	/* minisign leaves the checksum of a key without a passphrase zero (0.11) */
	if ((covered || !sodium_is_zero(part + KEY_NUMBER + KEY_SECRET, sizeof wanted)) &&
	    sodium_memcmp(wanted, part + KEY_NUMBER + KEY_SECRET, sizeof wanted) != 0)
		return err_set(ERR_DATA, covered ? "wrong passphrase" : "damaged: its checksum is wrong");
	memcpy(k->public.number, part, KEY_NUMBER);
	memcpy(k->secret, part + KEY_NUMBER, KEY_SECRET);
	memcpy(k->public.bytes, k->secret + KEY_SEED, KEY_PUBLIC);
	return 0;
}

/* ---- files: a comment, and a line of base64 ---- */

static int
write_file(const char *path, mode_t mode, const char *what, const uint8_t *data, size_t n)
{
	char text[2 * LONGEST_COMMENT], code[sodium_base64_ENCODED_LEN(SECRET_SIZE, sodium_base64_VARIANT_ORIGINAL)];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode), rc;

	if (fd < 0)
		return err_sys("cannot write %s", path);
	sodium_bin2base64(code, sizeof code, data, n, sodium_base64_VARIANT_ORIGINAL);
	snprintf(text, sizeof text, "%s%s\n%s\n", comment, what, code);
	rc = io_write(fd, text, strlen(text), path);
	if (rc == 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
		rc = err_sys("cannot write %s", path);
	if (close(fd) < 0 && rc == 0)
		rc = err_sys("cannot write %s", path);
	if (rc < 0)
		unlink(path);
	sodium_memzero(text, sizeof text);
	sodium_memzero(code, sizeof code);
	return rc;
}

/* The second line of a file whose first is a comment, decoded: n bytes exactly. */
static int
read_file(const char *path, bool secret, uint8_t *to, size_t n)
{
	char text[LONGEST_FILE], *line;
	struct stat s;
	ssize_t size;
	int fd = io_open(path), rc = 0;
	bool open_to_others;

	if (fd < 0)
		return -1;
	open_to_others = secret && fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_mode & (S_IRWXG | S_IRWXO);
	size = io_read(fd, text, sizeof text - 1, path);
	if (fd != STDIN_FILENO)
		close(fd);
	if (size < 0)
		return -1;
	text[size] = '\0';
	line = strchr(text, '\n');
	if (strncmp(text, comment, sizeof comment - 1) != 0 || !line ||
	    !base64_decode(to, n, line + 1, strcspn(line + 1, "\r\n")))
		rc = err_set(ERR_DATA, "%s: not a %s key of minisign", path, secret ? "secret" : "public");
	else if (open_to_others)
		rc = err_set(ERR_DATA, "%s: others can read this key (mode %o; chmod 600)", path, (unsigned)s.st_mode & 0777);
	sodium_memzero(text, sizeof text);
	return rc;
}

/* Kept from swap space and core files; where the system does not grant that, as good as it is. */
static void
hold(struct key *k)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)k & ~(page - 1);

	sodium_mlock((void *)begin, (uintptr_t)k + sizeof *k - begin);
}

char *
key_number_text(const struct key_public *k, char to[2 * KEY_NUMBER + 1])
{
	snprintf(to, 2 * KEY_NUMBER + 1, "%016llX", (unsigned long long)get64(k->number));
	return to;
}

int
key_write_secret(const struct key *k, const char *path, const char *pass)
{
	uint8_t data[SECRET_SIZE];
	int rc = pack_secret(data, k, pass);

	if (rc == 0)
		rc = write_file(path, 0600, pass ? "minisign encrypted secret key" : "minisign secret key", data, sizeof data);
	sodium_memzero(data, sizeof data);
	return rc;
}

int
key_read_secret(struct key *k, const char *path, key_ask *ask, void *arg)
{
	uint8_t data[SECRET_SIZE], public[KEY_PUBLIC], secret[KEY_SECRET];
	int rc;

	hold(k);
	rc = read_file(path, true, data, sizeof data);
	if (rc == 0 && unpack_secret(k, data, path, ask, arg) < 0)
		rc = err_wrap("%s", path);
	sodium_memzero(data, sizeof data);
	if (rc < 0)
		return -1;
	crypto_sign_seed_keypair(public, secret, k->secret);
	rc = memcmp(public, k->public.bytes, KEY_PUBLIC) == 0 ? 0 : err_set(ERR_DATA, "%s: its halves are of two keys", path);
	sodium_memzero(secret, sizeof secret);
	return rc;
}

int
key_write_public(const struct key_public *k, const char *path)
{
	uint8_t data[PUBLIC_SIZE];
	char what[64], number[2 * KEY_NUMBER + 1];

	memcpy(data, algorithm, 2);
	memcpy(data + 2, k->number, KEY_NUMBER);
	memcpy(data + 2 + KEY_NUMBER, k->bytes, KEY_PUBLIC);
	snprintf(what, sizeof what, "minisign public key %s", key_number_text(k, number));
	return write_file(path, 0644, what, data, sizeof data);
}

int
key_read_public(struct key_public *k, const char *path)
{
	uint8_t data[PUBLIC_SIZE];

	if (read_file(path, false, data, sizeof data) < 0)
		return -1;
	if (memcmp(data, algorithm, 2) != 0)
		return err_set(ERR_DATA, "%s: not an Ed25519 key", path);
	memcpy(k->number, data + 2, KEY_NUMBER);
	memcpy(k->bytes, data + 2 + KEY_NUMBER, KEY_PUBLIC);
	return 0;
}

/* ---- keys ---- */

int
key_generate(struct key *k)
{
	if (hash_prepare() < 0)
		return -1;
	hold(k);
	randombytes_buf(k->public.number, KEY_NUMBER);
	crypto_sign_keypair(k->public.bytes, k->secret);
	return 0;
}

void
key_wipe(struct key *k)
{
	sodium_memzero(k, sizeof *k);
}

void
key_sign(uint8_t to[KEY_SIGNATURE], const struct key *k, const void *data, size_t n)
{
	crypto_sign_detached(to, NULL, data, n, k->secret);
}

bool
key_verifies(const uint8_t signature[KEY_SIGNATURE], const uint8_t public[KEY_PUBLIC], const void *data, size_t n)
{
	return crypto_sign_verify_detached(signature, data, n, public) == 0;
}
