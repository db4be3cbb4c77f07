#include "model/shard.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "model/id.h"
#include "model/plain.h"
#include "model/tile.h"

int
shard_need_whole(const struct model *m)
{
	if (m->has_embedding && m->has_head)
		return 0;
	return err_set(ERR_DATA, "%s: only layers %" PRIu32 " to %" PRIu32 " of %" PRIu32 " are here, all are needed",
	    m->files[0]->path, m->layer_first, m->layer_last - 1, m->hp.n_layers);
}

bool
shard_is_tied(const struct model *m)
{
	/* A model without a norm before its output gives no logits (an encoder): it has no head, tied or not. */
	return !model_tensor(m, "output.weight") && model_tensor(m, "output_norm.weight") &&
	    model_tensor(m, "token_embd.weight");
}

bool
shard_holds(const struct shard_part *p, struct gguf_string name)
{
	int64_t layer = model_layer(name);

	if (layer >= 0)
		return layer >= p->first && layer < p->last;
	if (id_has_prefix(name, "rope_"))
		return true; /* every layer needs them */
	if (id_has_prefix(name, "output") || id_has_prefix(name, "cls"))
		return p->i == p->n - 1;
	return p->i == 0 || (p->tied && p->i == p->n - 1 && gguf_string_is(name, "token_embd.weight"));
}

bool
shard_interleaves(const struct shard_part *p, const struct gguf_tensor *t)
{
	bool vector = t->n_dims == 3 && t->ne[1] == 1 && t->ne[2] == 1;

	if (t->n_dims < 2 || t->n_dims > 3 || vector || !tile_supports(plain_type(t)))
		return false;
	if (gguf_string_is(t->name, "token_embd.weight"))
		return p->tied && p->i == p->n - 1;
	return model_layer(t->name) >= 0 || gguf_string_is(t->name, "output.weight");
}

int
shard_own_alignment(const struct gguf *g, uint32_t *alignment)
{
	uint64_t v = 0;
	int rc = gguf_get_u64(g, SHARD_KEY_ALIGNMENT, &v);

	if (rc == 0)
		rc = gguf_get_u64(g, "general.alignment", &v);
	if (rc < 0)
		return -1;
	if (v > GGUF_MAX_ALIGNMENT || (v & (v - 1)) != 0)
		return err_set(ERR_DATA, "%s: the key %s is %" PRIu64, g->path, SHARD_KEY_ALIGNMENT, v);
	*alignment = (uint32_t)v;
	return 0;
}

int
shard_put_keys(struct gguf_writer *w, const struct gguf *g, uint32_t alignment, bool (*keeps)(struct gguf_string name))
{
	bool put = alignment == 0;
	int rc;

	for (uint64_t i = 0; i < g->n_keys; i++) {
		const struct gguf_key *k = &g->keys[i];
		rc = 0;
		if (gguf_string_is(k->name, "general.alignment")) {
			if (alignment)
				rc = gguf_put_u32(w, "general.alignment", alignment);
			put = true;
		} else if (!id_has_prefix(k->name, SHARD_PREFIX) && (!keeps || keeps(k->name))) {
			rc = gguf_put_key(w, k);
		}
		if (rc < 0)
			return -1;
	}
	return put ? 0 : gguf_put_u32(w, "general.alignment", alignment);
}
