/* Are a model's tensors those that it needs? And where each of them is. See model_check. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "model/check_impl.h"
#include "model/tile.h"
#include "model/types.h"

static uint64_t
size_of(const struct hparams *hp, enum arch_size s)
{
	switch (s) {
	case SIZE_DIM:
		return hp->dim;
	case SIZE_HEAD:
		return hp->head_dim;
	case SIZE_HEAD_COUNT:
		return hp->n_heads;
	case SIZE_HEADS:
		return (uint64_t)hp->n_heads * hp->q_head;
	case SIZE_OUT_HEADS:
		return (uint64_t)hp->n_heads * hp->out_head;
	case SIZE_KV_HEADS:
		return (uint64_t)hp->n_kv_heads * hp->head_dim;
	case SIZE_FFN:
		return hp->ffn;
	case SIZE_VOCAB:
		return hp->n_vocab;
	case SIZE_CONTEXT:
		return hp->context;
	case SIZE_PAIRS:
		return hp->rope_dim / 2;
	case SIZE_EXPERTS:
		return hp->n_experts;
	case SIZE_EXPERT_FFN:
		return hp->expert_ffn;
	case SIZE_SHARED_FFN:
		return hp->shared_ffn;
	case SIZE_TOKEN_TYPES:
		return hp->token_types;
	case SIZE_LATENT_Q:
		return hp->q_lora;
	case SIZE_LATENT_KV:
		return hp->kv_lora;
	case SIZE_LATENT_KEY:
		return hp->q_head - hp->rope_dim;
	case SIZE_LATENT_VALUE:
		return hp->out_head;
	case SIZE_LATENT_HEADS:
		return (uint64_t)hp->n_heads * (size_of(hp, SIZE_LATENT_KEY) + hp->out_head);
	case SIZE_SSM_INNER:
		return hp->ssm.inner;
	case SIZE_SSM_BOTH:
		return 2 * (uint64_t)hp->ssm.inner;
	case SIZE_SSM_TAPS:
		return hp->ssm.taps;
	case SIZE_SSM_STATES:
		return hp->ssm.states;
	case SIZE_SSM_RANK:
		return hp->ssm.rank;
	case SIZE_SSM_X:
		return hp->ssm.rank + 2 * (uint64_t)hp->ssm.states;
	case SIZE_WKV_LERPS:
		return 6;
	case SIZE_WKV_DECAY:
		return hp->wkv.decay;
	case SIZE_WKV_RATE:
		return hp->wkv.rate;
	case SIZE_WKV_VALUE:
		return hp->wkv.value;
	case SIZE_WKV_GATE:
		return hp->wkv.gate;
	case SIZE_ONE:
		break;
	}
	return 0;
}

/* cols x rows of a layer's tensor; rows 0: a vector. */
static void
shape_of(const struct hparams *hp, uint32_t layer, enum arch_slot slot, uint64_t *cols, uint64_t *rows)
{
	bool whole = hp->how && hp->how->whole_row_norms;

	*cols = size_of(hp, arch_layer[slot].cols);
	*rows = size_of(hp, arch_layer[slot].rows);
	if (whole && slot == ATTN_Q_NORM)
		*cols = size_of(hp, SIZE_HEADS);
	if (whole && slot == ATTN_K_NORM)
		*cols = size_of(hp, SIZE_KV_HEADS);
	/* The first layer's have another rank, and no use. */
	if (layer == 0 && slot == TIME_V1)
		*rows = size_of(hp, SIZE_WKV_RATE);
	if (layer == 0 && slot == TIME_V2)
		*cols = size_of(hp, SIZE_WKV_RATE);
}

/*
 * Refuses a tensor that is absent, or not cols x rows (rows 0: a vector of f32), or not `many` of them. Vectors lie one behind the other in
 * whatever dimensions, and may have been interleaved where they look like a matrix.
 */
static int
check_tensors(const struct model *m, const struct gguf_tensor *t, const char *name, uint64_t cols, uint64_t rows, uint64_t many)
{
	const char *path = m->files[0]->path;
	uint64_t want = rows ? rows : many, there;
	uint32_t type;

	if (!t)
		return err_set(ERR_DATA, "%s: no tensor %s", path, name);
	if (rows && (t->ne[2] != many || t->ne[3] != 1))
		return err_set(ERR_DATA, "%s: tensor %s is %" PRIu64 " matrices, wanted are %" PRIu64, path, name, t->ne[2], many);
	there = rows ? t->ne[1] : t->ne[1] * t->ne[2] * t->ne[3]; /* no more than the file has */
	if (t->ne[0] != cols || there != want)
		return err_set(ERR_DATA, "%s: tensor %s is %" PRIu64 " x %" PRIu64 ", wanted is %" PRIu64 " x %" PRIu64, path,
		    name, t->ne[0], there, cols, want);
	type = type_is_tiled(t->type) ? t->type - TYPE_X16 : t->type;
	if (rows ? !tile_supports(type) : (many > 1 ? type : t->type) != TYPE_F32)
		return err_set(ERR_DATA, "%s: tensor %s is of type %s, which can't be computed", path, name,
		    type_info(t->type)->name);
	return 0;
}

static int
check_tensor(const struct model *m, const struct gguf_tensor *t, const char *name, uint64_t cols, uint64_t rows)
{
	return check_tensors(m, t, name, cols, rows, 1);
}

static bool
is_fused(enum arch_slot slot)
{
	return slot >= ATTN_Q && slot <= ATTN_V_BIAS;
}

static bool
is_bias(enum arch_slot slot)
{
	return strstr(arch_layer[slot].name, ".bias") != NULL;
}

/* Of the tensor in which queries, keys and values are one, or gate and up: how many rows lie before those of the slot, and in all. */
static uint64_t
rows_before(const struct hparams *hp, enum arch_slot slot, uint64_t *all)
{
	uint64_t q = size_of(hp, SIZE_HEADS), kv = size_of(hp, SIZE_KV_HEADS), ffn = size_of(hp, SIZE_FFN);

	*all = slot < FFN_GATE ? q + 2 * kv : 2 * ffn;
	return slot < ATTN_K || slot == FFN_GATE ? 0 : slot < ATTN_V ? q : slot == FFN_UP ? ffn : q + kv;
}

bool
model_part(const struct model *m, uint32_t layer, enum arch_slot slot, struct model_part *p)
{
	bool gate = m->hp.how && m->hp.how->fused_gate && (slot == FFN_GATE || slot == FFN_UP);
	uint64_t all;

	*p = (struct model_part){ 0 };
	snprintf(p->name, sizeof p->name, "blk.%" PRIu32 ".%s", layer, arch_layer[slot].name);
	if (!gate && (p->tensor = model_tensor(m, p->name)))
		p->rows = arch_layer[slot].rows == SIZE_ONE ? p->tensor->ne[0] : p->tensor->ne[1];
	if (p->tensor || !(gate || is_fused(slot)))
		return p->tensor != NULL;
	snprintf(p->name, sizeof p->name, "blk.%" PRIu32 ".%s.%s", layer, gate ? "ffn_up" : "attn_qkv", is_bias(slot) ? "bias" : "weight");
	p->tensor = model_tensor(m, p->name);
	p->first = rows_before(&m->hp, slot, &all);
	p->rows = size_of(&m->hp, is_bias(slot) ? arch_layer[slot].cols : arch_layer[slot].rows);
	p->is_cut = true;
	return p->tensor != NULL;
}

static int
check_part(const struct model *m, uint32_t layer, const struct model_part *p, enum arch_slot slot)
{
	uint64_t cols, rows, all;

	shape_of(&m->hp, layer, slot, &cols, &rows);
	rows_before(&m->hp, slot, &all);
	if (p->is_cut)
		return is_bias(slot) ? check_tensor(m, p->tensor, p->name, all, 0) : check_tensor(m, p->tensor, p->name, cols, all);
	return check_tensors(m, p->tensor, p->name, cols, rows, arch_layer[slot].many == SIZE_ONE ? 1 : size_of(&m->hp, arch_layer[slot].many));
}

/* The tensors of a layer; of latent attention queries go one way or the other, and keys and values are apart or not. */
static arch_slots
needs(const struct hparams *hp, uint32_t layer)
{
	const arch_slots one = 1, by_way = one << LATENT_Q_A | one << LATENT_Q_A_NORM | one << LATENT_Q_B;
	arch_slots all = arch_needs(hp->how, hparams_has_experts(hp, layer));

	if (hp->how->keys & KEY_LATENT) {
		all |= hp->q_lora > 0 ? by_way : one << ATTN_Q;
		all |= hp->kv_b_whole ? one << LATENT_KV_B : one << LATENT_K_B | one << LATENT_V_B;
	}
	return all;
}

int
check_layer(const struct model *m, uint32_t layer)
{
	struct model_part p;

	for (enum arch_slot i = 0; i < ARCH_SLOTS; i++) {
		bool wanted = needs(&m->hp, layer) >> i & 1;
		if (!wanted && !(m->hp.how->may >> i & 1))
			continue;
		bool is = model_part(m, layer, i, &p);
		if (!is && wanted)
			return err_set(ERR_DATA, "%s: no tensor blk.%" PRIu32 ".%s", m->files[0]->path, layer, arch_layer[i].name);
		if (is && check_part(m, layer, &p, i) < 0)
			return -1;
	}
	return 0;
}

/* Is the name "blk.N." of its layer, and `rest`? */
static bool
is_of_layer(struct gguf_string name, const char *rest)
{
	char known[GGUF_MAX_NAME];

	snprintf(known, sizeof known, "blk.%" PRId64 ".%s", model_layer(name), rest);
	return gguf_string_is(name, known);
}

bool
model_matrix(const struct model *m, const char *name, uint64_t *cols, uint64_t *rows)
{
	struct gguf_string s = { name, strlen(name) };

	if (gguf_string_is(s, "token_embd.weight") || gguf_string_is(s, "output.weight")) {
		*cols = m->hp.dim;
		*rows = m->hp.n_vocab;
		return true;
	}
	for (enum arch_slot i = 0; i < ARCH_SLOTS && model_layer(s) >= 0 && model_layer(s) < m->hp.n_layers; i++)
		if (arch_layer[i].rows != SIZE_ONE && arch_layer[i].many == SIZE_ONE && is_of_layer(s, arch_layer[i].name)) {
			shape_of(&m->hp, (uint32_t)model_layer(s), i, cols, rows);
			return true;
		}
	return false;
}

bool
model_vectors(const char *name)
{
	struct gguf_string s = { name, strlen(name) };

	for (enum arch_slot i = 0; i < ARCH_SLOTS && model_layer(s) >= 0; i++)
		if (arch_layer[i].rows == SIZE_ONE && is_of_layer(s, arch_layer[i].name))
			return true;
	return false;
}

static bool
is_known(const struct hparams *hp, struct gguf_string name)
{
	const struct arch *a = hp->how;
	arch_slots slots = a->may;

	for (enum arch_end i = 0; i < ARCH_ENDS; i++)
		if (a->ends >> i & 1 && gguf_string_is(name, arch_ends[i].name))
			return true;
	if (model_layer(name) < 0)
		return false;
	slots |= needs(hp, (uint32_t)model_layer(name)); /* which is one of the model's */
	if (a->fused_gate)
		slots &= ~((arch_slots)1 << FFN_GATE);
	for (enum arch_slot i = 0; i < ARCH_SLOTS; i++)
		if (slots >> i & 1 && is_of_layer(name, arch_layer[i].name))
			return true;
	return is_of_layer(name, "attn_qkv.weight") || (slots >> ATTN_Q_BIAS & 1 && is_of_layer(name, "attn_qkv.bias"));
}

/* A tensor that is not known would be left out of the computation. */
int
check_unknown(const struct model *m)
{
	for (uint32_t f = 0; f < m->n_files; f++) {
		const struct gguf *g = m->files[f];
		for (uint64_t i = 0; i < g->n_tensors; i++) {
			struct gguf_string name = g->tensors[i].name;
			if (!is_known(&m->hp, name))
				return err_set(ERR_DATA, "%s: tensor %.*s is none of those that are computed", g->path,
				    (int)name.len, name.data);
		}
	}
	return 0;
}

static int
check_end(const struct model *m, const struct gguf_tensor *t, enum arch_end i)
{
	const struct arch_tensor *a = &arch_ends[i];

	return check_tensor(m, t, a->name, size_of(&m->hp, a->cols), size_of(&m->hp, a->rows));
}

/* Encoders have other ends. */
static int
check_encoder(const struct model *m)
{
	static const enum arch_end ends[] = { TOKEN_TYPES, TOKEN_EMBD_NORM, TOKEN_EMBD_NORM_BIAS, POSITION_EMBD };

	if (!m->has_embedding || !m->has_head)
		return err_set(ERR_DATA, "%s: a part of an encoder, which is computed as a whole", m->files[0]->path);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		const struct gguf_tensor *t = model_tensor(m, arch_ends[ends[i]].name);
		if (m->hp.how->ends >> ends[i] & 1 && (t || ends[i] != TOKEN_TYPES) && check_end(m, t, ends[i]) < 0)
			return -1;
	}
	return 0;
}

/* Those that must be there, and in whichever file there are others. */
int
check_ends(const struct model *m)
{
	static const enum arch_end begin[] = { POSITION_EMBD, TOKEN_EMBD_NORM, TOKEN_EMBD_NORM_BIAS };

	if (m->has_embedding && check_end(m, model_tensor(m, arch_ends[TOKEN_EMBD].name), TOKEN_EMBD) < 0)
		return -1;
	for (size_t i = 0; m->has_embedding && i < sizeof begin / sizeof *begin; i++)
		if (m->hp.how->ends >> begin[i] & 1 && !model_tensor(m, arch_ends[begin[i]].name))
			return err_set(ERR_DATA, "%s: no tensor %s", m->files[0]->path, arch_ends[begin[i]].name);
	if (m->hp.how->encoder)
		return check_encoder(m);
	if (m->has_head && (check_end(m, model_tensor(m, arch_ends[OUTPUT_NORM].name), OUTPUT_NORM) < 0 || check_end(m, model_output(m), OUTPUT) < 0))
		return -1;
	if (m->hp.how->ends >> ROPE_LONG & 1 && !model_tensor(m, arch_ends[ROPE_LONG].name) != !model_tensor(m, arch_ends[ROPE_SHORT].name))
		return err_set(ERR_DATA, "%s: rope factors for long contexts or for short ones, but not both", m->files[0]->path);
	for (uint32_t f = 0; f < m->n_files; f++)
		for (enum arch_end i = 0; i < ARCH_ENDS; i++) {
			const struct gguf_tensor *t = gguf_tensor(m->files[f], arch_ends[i].name);
			if (t && check_end(m, t, i) < 0)
				return -1;
		}
	return 0;
}
