/*
 * signature.h: signatures of files, in the four lines of minisign 0.11; the two of signify are read too.
 *
 *	untrusted comment: TEXT                     not signed
 *	base64 of "ED" or "Ed", number of the key, signature of the data
 *	trusted comment: TEXT
 *	base64 of the signature of: the signature above, and TEXT
 *
 * "ED" signs BLAKE2b-512 of the data; "Ed" the data itself, as signify and old versions of minisign do.
 */
#ifndef MAI_TRUST_SIGNATURE_H
#define MAI_TRUST_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trust/key.h"
#include "trust/keylist.h"

enum {
	SIGNATURE_COMMENT = 1024, /* bytes of a comment with what goes before it and a NUL */
	SIGNATURE_TRUSTED = 8192,
};

struct signature {
	bool hashed;     /* "ED" */
	bool commented;  /* has a trusted comment: signify's has none */
	uint8_t number[KEY_NUMBER];
	uint8_t bytes[KEY_SIGNATURE], of_comment[KEY_SIGNATURE];
	char comment[SIGNATURE_COMMENT], trusted[SIGNATURE_TRUSTED];
};

/*
 * The signature of a file, "-" being stdin. Without a trusted comment it gets minisign's: the time, the file's name, and
 * whether it is hashed. The comments are one line of UTF-8 without control characters but tabs. 0, or -1 with a reason.
 */
int signature_make(struct signature *s, const struct key *k, const char *path, bool hashed, const char *comment, const char *trusted);

/*
 * 0, or -1 with a reason. What is behind the last line does not matter. Two lines alone are read only from a file whose name
 * ends in .sig.
 */
int signature_parse(struct signature *s, const char *text, size_t n);
int signature_read(struct signature *s, const char *path);

/* The signature beside a file: FILE.minisig, or else FILE.sig. */
bool signature_exists(const char *path);
int signature_read_of(struct signature *s, const char *path);

/* 0, or -1 with a reason. */
int signature_write(const struct signature *s, const char *path);

/* Who of the list has signed the file and the trusted comment; NULL, with a reason, where it is nobody. */
const struct keylist_entry *signature_signer(const struct signature *s, const char *path, const struct keylist *l);

#endif
