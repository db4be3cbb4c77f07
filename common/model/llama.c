/* What mai computes of the llama architecture: see model_check_llama. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "model/model.h"
#include "model/tile.h"
#include "model/types.h"

/* An adapter, or what training keeps, is of an architecture too, but no model. */
static int
check_type(const struct model *m)
{
	struct gguf_string s = { "model", 5 };

	if (gguf_get_string(m->files[0], "general.type", &s) < 0)
		return -1;
	if (gguf_string_is(s, "model"))
		return 0;
	return err_set(ERR_DATA, "%s: no model: its general.type is \"%.*s\"", m->files[0]->path, (int)s.len, s.data);
}

/* ---- hyper-parameters ---- */

static int
bad(const struct model *m, const char *what, double value)
{
	return err_set(ERR_DATA, "%s: %s is %.9g, which can't be computed", m->files[0]->path, what, value);
}

static int
check_hparams(const struct model *m)
{
	const struct hparams *hp = &m->hp;

	if (hp->dim == 0)
		return bad(m, "llama.embedding_length", hp->dim);
	if (hp->n_heads == 0)
		return bad(m, "llama.attention.head_count", hp->n_heads);
	if (hp->n_kv_heads == 0 || hp->n_heads % hp->n_kv_heads != 0)
		return bad(m, "llama.attention.head_count_kv", hp->n_kv_heads);
	if (hp->head_dim == 0 || hp->head_dim % 2 != 0 || (uint64_t)hp->head_dim * hp->n_heads > MODEL_MAX_DIM)
		return bad(m, "the size of a head", hp->head_dim);
	if (hp->ffn == 0)
		return bad(m, "llama.feed_forward_length", hp->ffn);
	if (hp->context == 0)
		return bad(m, "llama.context_length", hp->context);
	if (hp->n_vocab == 0)
		return bad(m, "the size of the vocabulary", hp->n_vocab);
	if (!(hp->rms_eps > 0 && hp->rms_eps < 1))
		return bad(m, "llama.attention.layer_norm_rms_epsilon", hp->rms_eps);
	if (hp->rope_dim == 0 || hp->rope_dim % 2 != 0 || hp->rope_dim > hp->head_dim)
		return bad(m, "llama.rope.dimension_count", hp->rope_dim);
	if (!(hp->rope_theta >= 1))
		return bad(m, "llama.rope.freq_base", hp->rope_theta);
	return 0;
}

static int
check_scaling(const struct model *m)
{
	const struct hparams *hp = &m->hp;

	if (hp->rope_scaling == ROPE_OTHER)
		return err_set(ERR_DATA, "%s: a type of llama.rope.scaling that can't be computed", m->files[0]->path);
	if (!(hp->rope_factor > 0))
		return bad(m, "llama.rope.scaling.factor", hp->rope_factor);
	if (!(hp->yarn_attn_factor > 0))
		return bad(m, "llama.rope.scaling.attn_factor", hp->yarn_attn_factor);
	if (hp->rope_scaling != ROPE_YARN)
		return 0;
	if (hp->rope_original_context == 0)
		return bad(m, "llama.rope.scaling.original_context_length", hp->rope_original_context);
	if (!(hp->yarn_beta_slow > 0 && hp->yarn_beta_fast > hp->yarn_beta_slow))
		return bad(m, "llama.rope.scaling.yarn_beta_fast", hp->yarn_beta_fast);
	return 0;
}

/* Keys that change what a llama model computes, in ways mai does not. */
static int
check_extras(const struct model *m)
{
	static const char *const extra[] = {
		"llama.expert_count", "llama.attention.scale", "llama.attention.sliding_window", "llama.attention.clamp_kqv",
		"llama.attn_logit_softcapping", "llama.final_logit_softcapping", "llama.logit_scale",
		"llama.residual_scale", "llama.embedding_scale", "llama.rope.scaling.yarn_log_multiplier",
	};
	uint64_t n;
	double v;

	for (size_t i = 0; i < sizeof extra / sizeof *extra; i++) {
		const struct gguf_key *k = gguf_find(m->files[0], extra[i]);
		if (!k)
			continue;
		if (k->kind == GGUF_F32 || k->kind == GGUF_F64 ? gguf_get_f64(m->files[0], extra[i], &v) == 1 && v == 0
		    : gguf_get_u64(m->files[0], extra[i], &n) == 1 && n == 0)
			continue;
		return err_set(ERR_DATA, "%s: the key %s asks for what can't be computed", m->files[0]->path, extra[i]);
	}
	return 0;
}

/* ---- tensors ---- */

/* Refuses a tensor that is absent, or not cols x rows (rows 0: a vector of f32). */
static int
check_tensor(const struct model *m, const struct gguf_tensor *t, const char *name, uint64_t cols, uint64_t rows)
{
	const char *path = m->files[0]->path;
	uint32_t type;

	if (!t)
		return err_set(ERR_DATA, "%s: no tensor %s", path, name);
	if (t->ne[0] != cols || t->ne[1] != (rows ? rows : 1) || t->ne[2] != 1 || t->ne[3] != 1)
		return err_set(ERR_DATA, "%s: tensor %s is %" PRIu64 " x %" PRIu64 ", wanted is %" PRIu64 " x %" PRIu64, path,
		    name, t->ne[0], t->ne[1], cols, rows ? rows : 1);
	type = type_is_tiled(t->type) ? t->type - TYPE_X16 : t->type;
	if (rows ? !tile_supports(type) : t->type != TYPE_F32)
		return err_set(ERR_DATA, "%s: tensor %s is of type %s, which can't be computed", path, name,
		    type_info(t->type)->name);
	return 0;
}

static int
check_named(const struct model *m, const char *name, uint64_t cols, uint64_t rows)
{
	return check_tensor(m, model_tensor(m, name), name, cols, rows);
}

/* What each layer has: cols x rows as functions of the hyper-parameters. */
enum size { ONE, DIM, HEADS, KV_HEADS, FFN };
static const struct {
	const char *name;
	enum size cols, rows;
} layer_tensors[] = {
	{ "attn_norm", DIM, ONE },
	{ "attn_q", DIM, HEADS },
	{ "attn_k", DIM, KV_HEADS },
	{ "attn_v", DIM, KV_HEADS },
	{ "attn_output", HEADS, DIM },
	{ "ffn_norm", DIM, ONE },
	{ "ffn_gate", DIM, FFN },
	{ "ffn_up", DIM, FFN },
	{ "ffn_down", FFN, DIM },
};
enum { LAYER_TENSORS = sizeof layer_tensors / sizeof *layer_tensors };

static uint64_t
size_of(const struct hparams *hp, enum size s)
{
	switch (s) {
	case DIM:
		return hp->dim;
	case HEADS:
		return (uint64_t)hp->n_heads * hp->head_dim;
	case KV_HEADS:
		return (uint64_t)hp->n_kv_heads * hp->head_dim;
	case FFN:
		return hp->ffn;
	case ONE:
		break;
	}
	return 0;
}

static int
check_layer(const struct model *m, uint32_t layer)
{
	char name[GGUF_MAX_NAME];

	for (size_t i = 0; i < LAYER_TENSORS; i++) {
		snprintf(name, sizeof name, "blk.%" PRIu32 ".%s.weight", layer, layer_tensors[i].name);
		if (check_named(m, name, size_of(&m->hp, layer_tensors[i].cols), size_of(&m->hp, layer_tensors[i].rows)) < 0)
			return -1;
	}
	return 0;
}

/* The index in layer_tensors of a tensor of any layer, or LAYER_TENSORS. */
static size_t
layer_tensor(struct gguf_string name)
{
	char known[GGUF_MAX_NAME];
	size_t i;

	for (i = 0; i < LAYER_TENSORS; i++) {
		snprintf(known, sizeof known, "blk.%" PRId64 ".%s.weight", model_layer(name), layer_tensors[i].name);
		if (gguf_string_is(name, known))
			break;
	}
	return i;
}

bool
model_matrix(const struct model *m, const char *name, uint64_t *cols, uint64_t *rows)
{
	struct gguf_string s = { name, strlen(name) };
	size_t i = layer_tensor(s);

	if (gguf_string_is(s, "token_embd.weight") || gguf_string_is(s, "output.weight")) {
		*cols = m->hp.dim;
		*rows = m->hp.n_vocab;
		return true;
	}
	if (i == LAYER_TENSORS || layer_tensors[i].rows == ONE || model_layer(s) >= m->hp.n_layers)
		return false;
	*cols = size_of(&m->hp, layer_tensors[i].cols);
	*rows = size_of(&m->hp, layer_tensors[i].rows);
	return true;
}

static bool
is_known(struct gguf_string name)
{
	static const char *const global[] = {
		"token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight",
	};

	for (size_t i = 0; i < sizeof global / sizeof *global; i++)
		if (gguf_string_is(name, global[i]))
			return true;
	return layer_tensor(name) < LAYER_TENSORS;
}

/* A tensor that is not known would be left out of the computation. */
static int
check_unknown(const struct model *m)
{
	for (uint32_t f = 0; f < m->n_files; f++) {
		const struct gguf *g = m->files[f];
		for (uint64_t i = 0; i < g->n_tensors; i++) {
			struct gguf_string name = g->tensors[i].name;
			if (!is_known(name))
				return err_set(ERR_DATA, "%s: tensor %.*s is none of those that are computed", g->path,
				    (int)name.len, name.data);
		}
	}
	return 0;
}

static int
check_ends(const struct model *m)
{
	const struct hparams *hp = &m->hp;

	if (m->has_embedding && check_named(m, "token_embd.weight", hp->dim, hp->n_vocab) < 0)
		return -1;
	if (m->has_head && (check_named(m, "output_norm.weight", hp->dim, 0) < 0 ||
	    check_tensor(m, model_output(m), "output.weight", hp->dim, hp->n_vocab) < 0))
		return -1;
	for (uint32_t f = 0; f < m->n_files; f++) {
		const struct gguf_tensor *t = gguf_tensor(m->files[f], "rope_freqs.weight");
		if (t && check_tensor(m, t, "rope_freqs.weight", hp->rope_dim / 2, 0) < 0)
			return -1;
	}
	return 0;
}

/* Tokens that the embedding has no row for. */
static int
check_tokens(const struct model *m)
{
	const struct gguf *g = model_vocab_file(m);
	const struct gguf_key *tokens = NULL;

	if (g && gguf_get_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &tokens) < 0)
		return -1;
	if (tokens && tokens->n > m->hp.n_vocab)
		return err_set(ERR_DATA, "%s: %" PRIu64 " tokens, but the embedding has %" PRIu32 " rows", g->path, tokens->n,
		    m->hp.n_vocab);
	return 0;
}

int
model_check_llama(const struct model *m)
{
	if (check_type(m) < 0)
		return -1;
	if (strcmp(m->hp.arch, "llama") != 0)
		return err_set(ERR_DATA, "%s: the architecture %s can't be computed", m->files[0]->path, m->hp.arch);
	if (check_hparams(m) < 0 || check_scaling(m) < 0 || check_extras(m) < 0 || check_tokens(m) < 0)
		return -1;
	for (uint32_t i = m->layer_first; i < m->layer_last; i++)
		if (check_layer(m, i) < 0)
			return -1;
	return check_ends(m) < 0 ? -1 : check_unknown(m);
}
