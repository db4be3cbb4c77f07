/* Can this model be computed? See model_check. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "model/check_impl.h"

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

/* The same for the key ARCH.suffix. */
static int
bad_key(const struct model *m, const char *suffix, double value)
{
	char key[128];

	snprintf(key, sizeof key, "%s.%s", m->hp.arch, suffix);
	return bad(m, key, value);
}

static int
check_attention(const struct model *m)
{
	const struct hparams *hp = &m->hp;

	if (hp->n_heads == 0)
		return bad_key(m, "attention.head_count", hp->n_heads);
	if (hp->n_kv_heads == 0 || hp->n_heads % hp->n_kv_heads != 0)
		return bad_key(m, "attention.head_count_kv", hp->n_kv_heads);
	if (hp->head_dim == 0 || hp->head_dim % 2 != 0 || (uint64_t)hp->head_dim * hp->n_heads > MODEL_MAX_DIM)
		return bad(m, "the size of a head", hp->head_dim);
	if ((hp->n_experts > 0 ? hp->expert_ffn : hp->ffn) == 0)
		return bad_key(m, hp->n_experts > 0 ? "expert_feed_forward_length" : "feed_forward_length", 0);
	if (hp->n_experts > 0 && (hp->experts_used == 0 || hp->experts_used > hp->n_experts))
		return bad_key(m, "expert_used_count", hp->experts_used);
	if (!(hp->attn_cap >= 0) || !(hp->final_cap >= 0))
		return bad(m, "a soft cap", hp->attn_cap >= 0 ? hp->final_cap : hp->attn_cap);
	if (!(hp->attention_scale > 0) || !(hp->logit_scale > 0))
		return bad(m, "a scale", hp->attention_scale > 0 ? hp->logit_scale : hp->attention_scale);
	return 0;
}

static int
check_ssm(const struct model *m)
{
	const struct hparams *hp = &m->hp;

	if (hp->ssm.inner == 0)
		return bad_key(m, "ssm.inner_size", hp->ssm.inner);
	if (hp->ssm.states == 0)
		return bad_key(m, "ssm.state_size", hp->ssm.states);
	if (hp->ssm.taps < 2)
		return bad_key(m, "ssm.conv_kernel", hp->ssm.taps);
	return hp->ssm.rank > 0 ? 0 : bad_key(m, "ssm.time_step_rank", hp->ssm.rank);
}

static int
check_wkv(const struct model *m)
{
	const struct hparams *hp = &m->hp;
	uint64_t shifts = 2;
	char key[64];

	if (hp->wkv.head == 0 || hp->wkv.head % 16 != 0 || hp->dim % hp->wkv.head != 0) /* llama.cpp takes heads by so many, too */
		return bad_key(m, "wkv.head_size", hp->wkv.head);
	if (hp->wkv.decay == 0 || hp->wkv.rate == 0 || hp->wkv.value == 0 || hp->wkv.gate == 0)
		return bad(m, "a rank of its low-rank matrices", 0);
	if (hp->ffn == 0)
		return bad_key(m, "feed_forward_length", hp->ffn);
	snprintf(key, sizeof key, "%s.token_shift_count", hp->arch);
	if (gguf_get_u64(m->files[0], key, &shifts) < 0)
		return -1;
	return shifts == 2 ? 0 : bad(m, key, (double)shifts);
}

static int
check_mixer(const struct model *m)
{
	switch (m->hp.how->mixer) {
	case MIXER_ATTENTION:
		return check_attention(m);
	case MIXER_MAMBA:
		return check_ssm(m);
	case MIXER_RWKV:
		return check_wkv(m);
	}
	return -1;
}

static int
check_hparams(const struct model *m)
{
	const struct hparams *hp = &m->hp;

	if (hp->dim == 0)
		return bad_key(m, "embedding_length", hp->dim);
	if (check_mixer(m) < 0)
		return -1;
	if (hp->context == 0)
		return bad_key(m, "context_length", hp->context);
	if (hp->n_vocab == 0)
		return bad(m, "the size of the vocabulary", hp->n_vocab);
	if (!(hp->norm_eps > 0 && hp->norm_eps < 1))
		return bad_key(m, hp->how->norm == NORM_RMS ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", hp->norm_eps);
	return 0;
}

static int
check_latent(const struct model *m)
{
	const struct hparams *hp = &m->hp;

	if (!(hp->how->keys & KEY_LATENT))
		return 0;
	if (hp->kv_lora == 0)
		return bad_key(m, "attention.kv_lora_rank", hp->kv_lora);
	if (hp->q_head <= hp->rope_dim || (uint64_t)hp->q_head * hp->n_heads > MODEL_MAX_DIM)
		return bad_key(m, "attention.key_length_mla", hp->q_head);
	if (hp->out_head == 0 || (uint64_t)hp->out_head * hp->n_heads > MODEL_MAX_DIM)
		return bad_key(m, "attention.value_length_mla", hp->out_head);
	return hp->n_kv_heads == 1 ? 0 : bad_key(m, "attention.head_count_kv", hp->n_kv_heads);
}

static int
check_groups(const struct model *m)
{
	const struct hparams *hp = &m->hp;

	if (hp->expert_groups < 2)
		return 0;
	if (hp->n_experts % hp->expert_groups != 0 || hp->n_experts / hp->expert_groups < 2)
		return bad_key(m, "expert_group_count", hp->expert_groups);
	if (hp->groups_used == 0 || hp->groups_used > hp->expert_groups || hp->groups_used * (hp->n_experts / hp->expert_groups) < hp->experts_used)
		return bad_key(m, "expert_group_used_count", hp->groups_used);
	return 0;
}

static int
check_rope(const struct model *m)
{
	const struct hparams *hp = &m->hp;

	if (hp->how->rope == ROPE_ABSENT)
		return 0;
	if (hp->rope_dim == 0 || hp->rope_dim % 2 != 0 || hp->rope_dim > hp->head_dim)
		return bad_key(m, "rope.dimension_count", hp->rope_dim);
	if (!(hp->rope_theta >= 1))
		return bad_key(m, "rope.freq_base", hp->rope_theta);
	if (hp->rope_scaling == ROPE_OTHER)
		return err_set(ERR_DATA, "%s: a type of %s.rope.scaling that can't be computed", m->files[0]->path, hp->arch);
	if (!(hp->rope_factor > 0))
		return bad_key(m, "rope.scaling.factor", hp->rope_factor);
	if (!(hp->rope_attn_factor > 0))
		return bad_key(m, "rope.scaling.attn_factor", hp->rope_attn_factor);
	if (hp->rope_scaling == ROPE_YARN && hp->rope_original_context == 0)
		return bad_key(m, "rope.scaling.original_context_length", hp->rope_original_context);
	return 0;
}

/* Keys that change what a model computes, in ways that its architecture does not have here. */
static int
check_extras(const struct model *m)
{
	static const struct {
		const char *suffix;
		uint32_t known; /* to architectures with this key */
	} extra[] = {
		{ "expert_count", KEY_EXPERTS }, { "attention.clamp_kqv", 0 }, { "attention.max_alibi_bias", 0 }, { "rope.scaling.yarn_log_multiplier", KEY_LATENT }, { "ssm.inner_size", KEY_SSM }, { "wkv.head_size", KEY_WKV },
		{ "attention.sliding_window", KEY_WINDOW | KEY_WINDOW_UNUSED }, { "attn_logit_softcapping", KEY_ATTN_CAP }, { "final_logit_softcapping", KEY_FINAL_CAP },
		{ "attention.scale", KEY_SCALES }, { "logit_scale", KEY_SCALES }, { "residual_scale", KEY_SCALES }, { "embedding_scale", KEY_SCALES },
	};
	char key[128];
	uint64_t n;
	double v;

	for (size_t i = 0; i < sizeof extra / sizeof *extra; i++) {
		snprintf(key, sizeof key, "%s.%s", m->hp.arch, extra[i].suffix);
		const struct gguf_key *k = gguf_find(m->files[0], key);
		if (!k || m->hp.how->keys & extra[i].known)
			continue;
		if (k->kind == GGUF_F32 || k->kind == GGUF_F64 ? gguf_get_f64(m->files[0], key, &v) == 1 && v == 0
		    : gguf_get_u64(m->files[0], key, &n) == 1 && n == 0)
			continue;
		return err_set(ERR_DATA, "%s: the key %s asks for what can't be computed", m->files[0]->path, key);
	}
	return 0;
}

/* ---- all of it ---- */

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
model_check(const struct model *m)
{
	if (check_type(m) < 0)
		return -1;
	if (!m->hp.how)
		return err_set(ERR_DATA, "%s: the architecture %s can't be computed", m->files[0]->path, m->hp.arch);
	if (check_hparams(m) < 0 || check_rope(m) < 0 || check_latent(m) < 0 || check_groups(m) < 0 || check_extras(m) < 0 || check_tokens(m) < 0)
		return -1;
	for (uint32_t i = m->layer_first; i < m->layer_last; i++)
		if (check_layer(m, i) < 0)
			return -1;
	return check_ends(m) < 0 ? -1 : check_unknown(m);
}

int
model_check_llama(const struct model *m)
{
	if (model_check(m) < 0)
		return -1;
	return strcmp(m->hp.arch, "llama") == 0 && m->hp.n_experts == 0 ? 0 : err_set(ERR_DATA, "%s: the architecture %s can be computed, but not trained", m->files[0]->path, m->hp.arch);
}
