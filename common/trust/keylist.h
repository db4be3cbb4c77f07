/*
 * keylist.h: lists of keys: who may come in, whose signatures count. A file with a key a line, as did:key, PeerId, or public
 * key of minisign (RW...), behind it a name, and behind that whatever helps. The word "issuer" before a key says that it counts for
 * those to whom it has issued a credential (trust/delegation.h), and not itself. Lines that begin with '#' and empty ones are for people.
 */
#ifndef MAI_TRUST_KEYLIST_H
#define MAI_TRUST_KEYLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "trust/key.h"

enum {
	KEYLIST_MAX_LINE = 1024,
	KEYLIST_NAME = 64, /* bytes of a name with a NUL; longer ones are cut */
};

struct keylist {
	struct keylist_entry {
		struct key_public key; /* of number 0 where the list does not say it */
		char name[KEYLIST_NAME];
		bool issuer;
	} *entry; /* sorted by key */
	size_t n, cap;
};

/* A key in one of the three forms, of n characters. 0, or -1 with a reason. */
int keylist_parse(struct key_public *k, const char *text, size_t n);

/* One more, without a name, at its place. 0 or -1. */
int keylist_add(struct keylist *l, const struct key_public *k);

/*
 * Reads a file that is open, and closes it; `path` is for reasons. What was there before stays when it can't be used. 0, or -1
 * with a reason that names the line.
 */
int keylist_read(struct keylist *l, int fd, const char *path);
int keylist_load(struct keylist *l, const char *path); /* "-": stdin */

/* The first entry of this key, as one that counts itself or as an issuer; NULL when there is none. */
const struct keylist_entry *keylist_find(const struct keylist *l, const uint8_t key[KEY_PUBLIC]);
const struct keylist_entry *keylist_issuer(const struct keylist *l, const uint8_t key[KEY_PUBLIC]);

/* The first of this name; NULL when there is none. */
const struct keylist_entry *keylist_named(const struct keylist *l, const char *name);
void keylist_free(struct keylist *l);

#endif
