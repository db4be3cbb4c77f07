/*
 * oms.h: a whole directory signed at once, as OpenSSF Model Signing 1.0 (OMS, github.com/ossf/model-signing-spec) has it: a bundle
 * of Sigstore, one file of JSON beside those that it signs.
 *
 *	bundle       mediaType, verificationMaterial (which key), dsseEnvelope (trust/dsse.h) with, as its data, a
 *	statement    of in-toto (Statement v1): the model's name, the SHA-256 of all digests one behind the other, and a
 *	predicate    resources: path and SHA-256 of each file, sorted; serialization: how they were found, and which paths were left out
 *
 * Paths are relative, of UTF-8, compared byte by byte. Only files and directories are signed: with a symbolic link, or what else
 * there is, a directory can't be. Read is what the schemas of OMS allow and no more, and of that what is hashed by file and SHA-256.
 */
#ifndef MAI_TRUST_OMS_H
#define MAI_TRUST_OMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/hash.h"
#include "trust/dsse.h"
#include "trust/jcs.h"
#include "trust/key.h"
#include "trust/pubkey.h"

enum {
	OMS_MAX = JCS_MAX,  /* bytes of a bundle */
	OMS_PATH = 4096,    /* of a path with a NUL */
	OMS_DEPTH = 64,     /* directories in each other */
	OMS_IGNORED = 4096, /* paths left out */
};
#define OMS_NAME "model.sig" /* of the bundle in its directory */

/* What a statement says. A zeroed struct says nothing. */
struct oms {
	char *model; /* the directory's name, for people */
	struct oms_file {
		char *path;
		struct hash sha256;
	} *file;
	size_t n, cap;
	char **ignored; /* paths left out, with all that is below them */
	size_t n_ignored, cap_ignored;
};

/* A bundle as it is read, before anything is known to be true. */
struct oms_bundle {
	json_t *root;
	const char *hint;     /* of the key (trust/pubkey.h), or NULL: the document's, as what follows */
	const char *raw;      /* before 1.1: its PEM in base64, or NULL */
	struct dsse envelope;
};

/* All that return int: 0, or -1 with a reason. */

/* Leaves out a path; what git has at the top; a file, if it is below the directory. */
int oms_ignore(struct oms *m, const char *path);
int oms_ignore_git(struct oms *m);
int oms_ignore_file(struct oms *m, const char *directory, const char *file);

/* Adds a file by its path in the directory that will be named; or all that are there and not left out, as git's are. */
int oms_add(struct oms *m, const char *path);
int oms_add_all(struct oms *m, const char *directory);

/* Takes the model's name from a directory, sorts the files and hashes them. There must be one, and none twice. */
int oms_hash(struct oms *m, const char *directory);

/* The bundle of what was hashed, with our signature: its canonical text and a newline are appended. */
int oms_sign(struct buf *to, const struct oms *m, const struct key *k);

/* Reads a bundle; freed by oms_bundle_free. */
int oms_parse(struct oms_bundle *b, const char *text, size_t n);
int oms_read(struct oms_bundle *b, const char *path);
void oms_bundle_free(struct oms_bundle *b);

/* Reads a statement alone: nothing says that it is true. */
int oms_statement(struct oms *m, const void *text, size_t n);

/*
 * What this key has signed. The key decides, also where the bundle has a certificate, or entries of a log, which are not looked at; a
 * bundle that names another key is refused.
 */
int oms_signed(struct oms *m, const struct oms_bundle *b, const struct pubkey *k);

/* Has the directory these files, as they were signed, and no others but those left out? */
int oms_check(const struct oms *m, const char *directory);
void oms_free(struct oms *m);

#endif
