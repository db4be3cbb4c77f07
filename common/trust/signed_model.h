/*
 * signed_model.h: models that somebody vouches for. A file of a model is signed by FILE.minisig (or FILE.sig), or by the signature of
 * the manifest.json beside it, which states the SHA-256 of each shard: who has one shard, the manifest and its signature needs
 * no other file to check what he has.
 *
 * What is checked is what lies there now. Who can write to the folder can change it afterwards.
 */
#ifndef MAI_TRUST_SIGNED_MODEL_H
#define MAI_TRUST_SIGNED_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "trust/keylist.h"

/* Who of the list has signed a file, or a manifest with all shards that it names; NULL with a reason. */
const struct keylist_entry *signed_model(const char *path, const struct keylist *l);

/*
 * The keys in the file `list`; NULL: in the file that $MAI_TRUST names. 1, and they are freed with keylist_free; 0: neither is named, and
 * nothing need be signed; -1 with a reason.
 */
int signed_list(struct keylist *l, const char *list);

/*
 * Are the files all signed by somebody whose key is in that list, where there is one? `numbered`: each is FILE[:X], with a number. 0, or -1 with a
 * reason.
 */
int signed_models(const char *list, const char *const *names, size_t n, bool numbered);

/* The same of one file of any kind, which has to have a signature of its own. */
int signed_file(const struct keylist *l, const char *path);

#endif
