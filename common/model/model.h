/*
 * model.h: a model, or a part of one, as it lies in one or several GGUF files.
 *
 * A shard is a GGUF file with a range of layers; the first also has the embedding, the last the output head and the
 * vocabulary. Keys that begin with "mai." say which (mai-shard(5)); a file without them is a whole model.
 */
#ifndef MAI_MODEL_MODEL_H
#define MAI_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "model/gguf.h"

enum {
	MODEL_MAX_LAYERS = 512,
	MODEL_MAX_DIM = 1 << 20,
	MODEL_MAX_HEADS = 1 << 12,
	MODEL_MAX_CONTEXT = 1 << 24,
	MODEL_MAX_VOCAB = 1 << 22,
};

enum rope_scaling { ROPE_NONE, ROPE_LINEAR, ROPE_YARN };

/* Hyper-parameters, checked against the limits above and against each other. */
struct hparams {
	char arch[32]; /* general.architecture */
	uint32_t n_layers, dim, n_heads, n_kv_heads, head_dim, ffn, n_vocab, context;
	uint32_t rope_dim;
	double rope_theta, rms_eps;
	enum rope_scaling rope_scaling;
	double rope_factor;            /* linear, yarn: how many times longer */
	uint32_t rope_original_context; /* yarn, and what follows too; llama.cpp's defaults where a key is absent */
	double yarn_ext_factor, yarn_attn_factor, yarn_beta_fast, yarn_beta_slow;
};

/* A tensor, looked up by name in whichever file holds it. */
struct model {
	struct gguf **files;
	uint32_t n_files;
	struct hparams hp;
	uint32_t layer_first, layer_last; /* layers [first, last) are here */
	bool has_embedding, has_head;     /* first shard; last shard */
	struct hash stated_model_id, stated_vocab_id; /* as the shards state them; none for a whole GGUF */
};

/* Opens one file or several shards, which must be of one model and follow one another. NULL with a reason. */
struct model *model_open(const char *const *paths, uint32_t n);
void model_free(struct model *m);

/* NULL when there is none. */
const struct gguf_tensor *model_tensor(const struct model *m, const char *name);

/* The file with the tokenizer keys (the last shard or the first), or NULL. */
const struct gguf *model_vocab_file(const struct model *m);

/* Fills *hp from a file's metadata. 0 or -1. An architecture other than those mai computes is not an error here. */
int hparams_read(struct hparams *hp, const struct gguf *g);

/*
 * Identities (mai-shard(5)). The model id hashes the hyper-parameters and the hash of each tensor's plain bytes in order of names:
 * it is the same for every split. For a whole GGUF the hash is computed once and cached in
 * $XDG_CACHE_HOME/mai/ids; for shards it is the one they state. The vocabulary id hashes the tokenizer keys.
 */
int model_id(const struct model *m, struct hash *id);
int model_vocab_id(const struct model *m, struct hash *id); /* none where there is no vocabulary */

/* ---- shards ---- */

struct split_plan {
	uint32_t n;
	uint32_t first[MODEL_MAX_LAYERS], last[MODEL_MAX_LAYERS]; /* layers [first, last) of each shard */
};
int split_even(struct split_plan *p, const struct model *m, uint32_t n);          /* -n: by bytes, each at least a layer */
int split_list(struct split_plan *p, const struct model *m, const char *ranges);  /* -l 0-7,8-15 */
int split_size(struct split_plan *p, const struct model *m, uint64_t bytes);      /* -b: as few as fit */

/* Writes DIR/0.gguf ... and DIR/manifest.json, making DIR. `stock`: plain tensor types. */
int shard_split(const struct model *m, const struct split_plan *p, const char *dir, bool stock);

/* Writes the stock GGUF whose shards `m` holds, all of them. "-" is not taken: the file is renamed into place. */
int shard_join(const struct model *m, const char *out);

/* Reads a manifest and checks it against its files. Gives their paths (beside the manifest), freed with
 * manifest_free. */
struct manifest {
	char **paths;
	uint32_t n;
};
int manifest_read(struct manifest *mf, const char *path);
void manifest_free(struct manifest *mf);

#endif
