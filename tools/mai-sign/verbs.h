/* verbs.h: the verbs of mai-sign, and what they share. */
#ifndef MAI_SIGN_VERBS_H
#define MAI_SIGN_VERBS_H

#include <jansson.h>

#include "trust/key.h"
#include "trust/keylist.h"

/* keys.c */
int run_keygen(int argc, char **argv);
int run_id(int argc, char **argv);

/* files.c */
int run_sign(int argc, char **argv);
int run_verify(int argc, char **argv);
int run_cid(int argc, char **argv);

/* credentials.c */
int run_attest(int argc, char **argv);
int run_check(int argc, char **argv);
int run_revoke(int argc, char **argv);

/* bundles.c */
int run_bundle(int argc, char **argv);
int run_verify_bundle(int argc, char **argv);

/* common.c: -p and -a of all verbs that have them, whose signatures count. */
extern struct signers {
	const char *key, *list;
} signers;

/* The key that -p names; all that count. 0, or -1 with a reason. */
int find_key(struct key_public *k);
int read_keys(struct keylist *l);

/* Tries all, with the keys that count; returns the exit status. */
int each_file(char **files, int n, int (*try)(const char *path, const struct keylist *l));

/* A file, "-" being stdin; NULL with a reason. The canonical text, on a line of stdout: 0 or -1. */
json_t *read_json(const char *path);
int print_json(const json_t *o);

#endif
