#include "model/info.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "model/types.h"

/* Text from a file, which may hold any bytes: those that are not ASCII come through when all of them are UTF-8. */
static json_t *
text(struct gguf_string s)
{
	enum { MOST = 1024 };
	char ascii[MOST];
	json_t *j = json_stringn(s.data, s.len);

	if (j)
		return j;
	size_t n = s.len < MOST ? s.len : MOST;
	for (size_t i = 0; i < n; i++)
		ascii[i] = (char)((unsigned char)s.data[i] < 0x80 ? s.data[i] : '?');
	return json_stringn(ascii, n);
}

static json_t *
text_key(const struct gguf *g, const char *key)
{
	struct gguf_string s;

	return g && gguf_get_string(g, key, &s) == 1 ? text(s) : json_null();
}

static json_t *
number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

/* ---- types ---- */

struct tally {
	uint32_t type;
	uint64_t tensors, weights, bytes;
};

static void
count(struct tally *tally, size_t *n, const struct gguf_tensor *t)
{
	size_t i = 0;

	while (i < *n && tally[i].type != t->type)
		i++;
	if (i == *n)
		tally[(*n)++] = (struct tally){ .type = t->type };
	tally[i].tensors++;
	tally[i].weights += t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
	tally[i].bytes += t->size;
}

/* The type with the most bytes first. */
static int
by_bytes(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;

	return x->bytes != y->bytes ? (x->bytes < y->bytes) - (x->bytes > y->bytes) : (x->type > y->type) - (x->type < y->type);
}

static json_t *
types(const struct model *m, uint64_t *tensors, uint64_t *weights)
{
	struct tally tally[2 * TYPE_COUNT];
	json_t *list = json_array();
	size_t n = 0;

	*tensors = *weights = 0;
	for (uint32_t f = 0; f < m->n_files; f++)
		for (uint64_t i = 0; i < m->files[f]->n_tensors; i++)
			count(tally, &n, &m->files[f]->tensors[i]);
	qsort(tally, n, sizeof *tally, by_bytes);
	for (size_t i = 0; i < n; i++) {
		*tensors += tally[i].tensors;
		*weights += tally[i].weights;
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o}", "type", type_info(tally[i].type)->name,
		    "tensors", number(tally[i].tensors), "weights", number(tally[i].weights),
		    "bytes", number(tally[i].bytes)));
	}
	return list;
}

/* ---- the rest ---- */

static json_t *
tokenizer(const struct model *m)
{
	const struct gguf *g = model_vocab_file(m);
	const struct gguf_key *tokens;

	if (!g)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "model", text_key(g, "tokenizer.ggml.model"), "pre",
	    text_key(g, "tokenizer.ggml.pre"), "tokens",
	    gguf_get_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &tokens) == 1 ? number(tokens->n) : json_null());
}

static enum arch_mixer
mixer(const struct hparams *hp)
{
	return hp->how ? hp->how->mixer : MIXER_ATTENTION;
}

static json_t *
number_if(bool applies, uint64_t v)
{
	return applies ? number(v) : json_null();
}

static json_t *
rope(const struct hparams *hp)
{
	static const char *const names[] = { "none", "linear", "yarn", "other" }; /* by enum rope_scaling */

	if (hp->how ? hp->how->rope == ROPE_ABSENT : hp->rope_dim == 0)
		return json_null();
	return json_pack("{s:o, s:f, s:s, s:f}", "dim", number(hp->rope_dim), "theta", hp->rope_theta, "scaling",
	    names[hp->rope_scaling], "factor", hp->rope_factor);
}

static json_t *
ssm(const struct hparams *hp)
{
	if (mixer(hp) != MIXER_MAMBA)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o}", "inner_size", number(hp->ssm.inner), "state_size", number(hp->ssm.states),
	    "conv_kernel", number(hp->ssm.taps), "time_step_rank", number(hp->ssm.rank));
}

static json_t *
wkv(const struct hparams *hp)
{
	if (mixer(hp) != MIXER_RWKV)
		return json_null();
	return json_pack("{s:o, s:o}", "heads", number(hp->wkv.head ? hp->dim / hp->wkv.head : 0), "head_size", number(hp->wkv.head));
}

/* What brings positions together, and what follows it. */
static json_t *
about_layer(const struct hparams *hp)
{
	const bool attends = mixer(hp) == MIXER_ATTENTION;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "heads", number_if(attends, hp->n_heads), "kv_heads",
	    number_if(attends, hp->n_kv_heads), "head_dim", number_if(attends, hp->head_dim), "rope", rope(hp), "ssm", ssm(hp), "wkv", wkv(hp),
	    "ffn", number_if(mixer(hp) != MIXER_MAMBA, hp->ffn));
}

static json_t *
hex(const struct hash *h)
{
	char to[HASH_HEX];

	return hash_is_none(h) ? json_null() : json_string(hash_to_hex(h, to));
}

static json_t *
identities(const struct model *m, bool ids)
{
	struct hash model = { 0 }, vocab;

	if (ids ? model_id(m, &model) < 0 : !model_id_known(m, &model))
		model = (struct hash){ 0 };
	if ((ids && hash_is_none(&model)) || model_vocab_id(m, &vocab) < 0)
		return NULL;
	return json_pack("{s:o, s:o}", "model_id", hex(&model), "vocab_id", hex(&vocab));
}

static json_t *
about_file(const struct model *m)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < m->n_files; i++)
		bytes += m->files[i]->map.size;
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "architecture", m->hp.arch, "name",
	    text_key(m->files[0], "general.name"), "files", number(m->n_files), "bytes", number(bytes), "layers",
	    number(m->hp.n_layers), "layer_first", number(m->layer_first), "layer_last", number(m->layer_last),
	    "embedding", m->has_embedding, "head", m->has_head);
}

static json_t *
about_model(const struct model *m)
{
	const struct hparams *hp = &m->hp;
	uint64_t tensors, weights;
	json_t *list = types(m, &tensors, &weights);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "dim", number(hp->dim), "context", number(hp->context),
	    "vocab_size", number(hp->n_vocab), "tensors", number(tensors), "weights", number(weights), "types", list,
	    "tokenizer", tokenizer(m), "obstacle", model_check(m) < 0 ? json_string(err_reason()) : json_null());
}

json_t *
model_info(const struct model *m, bool ids)
{
	enum { PARTS = 4 };
	json_t *root = json_object(), *parts[PARTS] = { about_file(m), about_layer(&m->hp), about_model(m) };
	bool whole = root;

	err_set(ERR_SYSTEM, "%s: out of memory", m->files[0]->path); /* unless identities says another reason */
	parts[PARTS - 1] = identities(m, ids);
	for (size_t i = 0; i < PARTS; i++) {
		whole = whole && json_object_update(root, parts[i]) == 0; /* which refuses NULL */
		json_decref(parts[i]);
	}
	if (whole)
		return root;
	json_decref(root);
	return NULL;
}
