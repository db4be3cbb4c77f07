/*
 * key.h: Ed25519 keys, in the files of minisign (and of signify: the public ones are the same).
 *
 * One key is all identities of its owner: a minisign key for files, a did:key for a person, a PeerId for a node.
 */
#ifndef MAI_TRUST_KEY_H
#define MAI_TRUST_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KEY_PUBLIC = 32,
	KEY_SECRET = 64,    /* the seed, and the public key */
	KEY_SEED = 32,
	KEY_NUMBER = 8,     /* by which minisign finds a key: chance */
	KEY_SIGNATURE = 64,
	KEY_PASS = 1024,    /* of a passphrase with a NUL */
};

struct key_public {
	uint8_t number[KEY_NUMBER];
	uint8_t bytes[KEY_PUBLIC];
};

struct key {
	struct key_public public;
	uint8_t secret[KEY_SECRET];
};

/*
 * All that return int: 0, or -1 with a reason. The pages of a key that is made or read are locked in memory, and in no core file, until
 * the process ends.
 */
int key_generate(struct key *k);
void key_wipe(struct key *k);

/* Gives a passphrase for the key in `path`: 0, or -1 with a reason. */
typedef int key_ask(void *arg, const char *path, char to[KEY_PASS]);

/*
 * The secret key, encrypted by a passphrase (scrypt) unless `pass` is NULL. The file is new, or the call fails, and its
 * owner's alone (mode 600). Reading refuses a file that others can read.
 */
int key_write_secret(const struct key *k, const char *path, const char *pass);
int key_read_secret(struct key *k, const char *path, key_ask *ask, void *arg);

/* The public key. A file that exists is not written over. */
int key_write_public(const struct key_public *k, const char *path);
int key_read_public(struct key_public *k, const char *path);

/* The key number as minisign shows it: 16 hexadecimal digits and a NUL. Returns `to`. */
char *key_number_text(const struct key_public *k, char to[2 * KEY_NUMBER + 1]);

void key_sign(uint8_t to[KEY_SIGNATURE], const struct key *k, const void *data, size_t n);

/* False also for keys and signatures of small order, or that are not canonical (libsodium's rule). */
bool key_verifies(const uint8_t signature[KEY_SIGNATURE], const uint8_t public[KEY_PUBLIC], const void *data, size_t n);

#endif
