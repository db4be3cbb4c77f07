/* id.h: what identities are made of, for those that hash tensors themselves. Specified in mai-shard(5). */
#ifndef MAI_MODEL_ID_H
#define MAI_MODEL_ID_H

#include "model/list.h"

/*
 * The model id of the tensors of a list in order of names, given the SHA-256 of the plain bytes of each, and of the
 * hyper-parameters in `g`.
 */
struct hash id_of(const struct gguf *g, const char *arch, const struct tensor_list *l, const struct hash *plain);

/* Refuses an id that is not the one that the model's shards state; id_check computes it: it reads all weights. 0 or -1. A
 * whole GGUF states none, and nothing is computed. */
int id_is_stated(const struct model *m, const struct hash *id);
int id_check(const struct model *m);

/* Whether a key belongs to the model id: all of ARCH.*. Or to the vocabulary id: all of tokenizer.* but the chat
 * templates. */
bool id_is_hparam(struct gguf_string name, const char *arch);
bool id_is_vocab_key(struct gguf_string name);
bool id_has_prefix(struct gguf_string name, const char *prefix);

/* The id of a whole file, kept from an earlier time: true and *id set. id_cache_put keeps one; it may fail silently. */
bool id_cache_get(const struct gguf *g, struct hash *id);
void id_cache_put(const struct gguf *g, const struct hash *id);

#endif
