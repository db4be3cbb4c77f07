/* shard.h: what splitting, planning and joining have in common. */
#ifndef MAI_MODEL_SHARD_H
#define MAI_MODEL_SHARD_H

#include "model/list.h"

/* Refuses a model some of whose layers are not here. 0 or -1. */
int shard_need_whole(const struct model *m);

/* No matrix of an output head: the embedding serves for it. */
bool shard_is_tied(const struct model *m);

/* Does shard i of n, with layers [first, last), hold this tensor? */
struct shard_part {
	uint32_t i, n, first, last;
	bool tied;
};
bool shard_holds(const struct shard_part *p, struct gguf_string name);

/* Does the tensor lie interleaved in this shard, unless all are to be plain? */
bool shard_interleaves(const struct shard_part *p, const struct gguf_tensor *t);

/* The model's own general.alignment; 0: it has no such key. 0 or -1. */
int shard_own_alignment(const struct gguf *g, uint32_t *alignment);

/* Puts the model's own keys, as they were before it was split, with general.alignment `alignment` in its place (0: none):
 * all of them, or those that `keeps` says. */
int shard_put_keys(struct gguf_writer *w, const struct gguf *g, uint32_t alignment, bool (*keeps)(struct gguf_string name));

/* ---- the manifest ---- */

struct shard_file {
	char name[32];
	uint32_t first, last;
	uint64_t size;
	struct hash sha256;
};
struct manifest_text {
	const struct hparams *hp;
	struct hash model_id, vocab_id;
	const struct shard_file *file;
	uint32_t n;
	bool stock;
};
int manifest_write(FILE *to, const char *path, const struct manifest_text *t);

#endif
