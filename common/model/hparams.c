#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "model/model.h"

/* The key ARCH.suffix of a file. */
struct field {
	const struct gguf *g;
	char key[128];
};

static const char *
named(struct field *f, const struct hparams *hp, const char *suffix)
{
	snprintf(f->key, sizeof f->key, "%s.%s", hp->arch, suffix);
	return f->key;
}

/* The element of an array whose elements are all equal; false for others. A scalar is an array of one. */
static bool
same_element(const struct gguf_key *k, uint64_t *v)
{
	uint64_t width = k->n ? k->size / k->n : 0;

	if (k->n == 0 || (k->item != GGUF_U32 && k->item != GGUF_I32))
		return false;
	for (uint64_t i = 1; i < k->n; i++)
		if (memcmp(k->data, k->data + i * width, width) != 0)
			return false;
	uint32_t first;
	memcpy(&first, k->data, sizeof first);
	*v = first;
	return k->item == GGUF_U32 || (int32_t)first >= 0;
}

/* A count of at most `max`; absent, or given for each layer apart: left as it was. */
static int
count(const struct gguf *g, const struct hparams *hp, const char *suffix, uint64_t max, uint32_t *to)
{
	struct field f = { .g = g };
	const struct gguf_key *k = gguf_find(g, named(&f, hp, suffix));
	uint64_t v;

	if (!k)
		return 0;
	if (k->kind == GGUF_ARRAY) {
		if (!same_element(k, &v))
			return 0;
	} else if (gguf_get_u64(g, f.key, &v) < 0) {
		return -1;
	}
	if (v > max)
		return err_set(ERR_DATA, "%s: the key %s is %" PRIu64 ", at most %" PRIu64 " is allowed", g->path, f.key, v, max);
	*to = (uint32_t)v;
	return 0;
}

/* A finite number; absent: left as it was. */
static int
number(const struct gguf *g, const struct hparams *hp, const char *suffix, double *to)
{
	struct field f = { .g = g };
	double v;
	int rc = gguf_get_f64(g, named(&f, hp, suffix), &v);

	if (rc <= 0)
		return rc;
	if (!(v > -1e30 && v < 1e30))
		return err_set(ERR_DATA, "%s: the key %s is %g", g->path, f.key, v);
	*to = v;
	return 0;
}

static int
read_arch(struct hparams *hp, const struct gguf *g)
{
	struct gguf_string s;
	int rc = gguf_get_string(g, "general.architecture", &s);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(ERR_DATA, "%s: no key general.architecture", g->path);
	if (s.len == 0 || s.len >= sizeof hp->arch)
		return err_set(ERR_DATA, "%s: general.architecture has %" PRIu64 " bytes", g->path, s.len);
	for (uint64_t i = 0; i < s.len; i++)
		if (s.data[i] <= ' ' || s.data[i] > '~')
			return err_set(ERR_DATA, "%s: general.architecture is not a word", g->path);
	memcpy(hp->arch, s.data, s.len);
	/* Its keys would be mixed up with those of all models, or of shards. */
	if (strcmp(hp->arch, "general") == 0 || strcmp(hp->arch, "tokenizer") == 0 || strcmp(hp->arch, "mai") == 0)
		return err_set(ERR_DATA, "%s: general.architecture is %s", g->path, hp->arch);
	return 0;
}

/* As ARCH.block_count says; a file without it (an adapter, an encoder of images) has those its tensors name. */
static int
read_layers(struct hparams *hp, const struct gguf *g)
{
	struct field f = { .g = g };
	int64_t most = -1;

	if (gguf_find(g, named(&f, hp, "block_count"))) {
		if (count(g, hp, "block_count", MODEL_MAX_LAYERS, &hp->n_layers) < 0)
			return -1;
		return hp->n_layers ? 0 : err_set(ERR_DATA, "%s: the key %s is 0, or no number", g->path, f.key);
	}
	for (uint64_t i = 0; i < g->n_tensors; i++) {
		int64_t layer = model_layer(g->tensors[i].name);
		most = layer > most ? layer : most;
	}
	if (most >= MODEL_MAX_LAYERS)
		return err_set(ERR_DATA, "%s: a tensor of layer %" PRId64 ", at most %d layers are allowed", g->path, most,
		    MODEL_MAX_LAYERS);
	hp->n_layers = (uint32_t)(most + 1);
	return 0;
}

/* Rows of the embedding or of the head if they are here, else what a shard states, else the number of tokens. */
static int
read_vocab_size(struct hparams *hp, const struct gguf *g)
{
	const struct gguf_tensor *t = gguf_tensor(g, "token_embd.weight");
	const struct gguf_key *tokens = NULL;
	uint64_t v = 0;

	if (!t)
		t = gguf_tensor(g, "output.weight");
	if (t && t->n_dims == 2) {
		v = t->ne[1];
	} else if (gguf_get_u64(g, SHARD_KEY_VOCAB_SIZE, &v) < 0 ||
	    (v == 0 && gguf_get_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &tokens) < 0)) {
		return -1;
	}
	if (tokens)
		v = tokens->n;
	if (v == 0)
		return count(g, hp, "vocab_size", MODEL_MAX_VOCAB, &hp->n_vocab);
	if (v > MODEL_MAX_VOCAB)
		return err_set(ERR_DATA, "%s: a vocabulary of %" PRIu64 ", at most %d is allowed", g->path, v, MODEL_MAX_VOCAB);
	hp->n_vocab = (uint32_t)v;
	return 0;
}

/* yarn_ext_factor, yarn_attn_factor, yarn_beta_fast and yarn_beta_slow stand in files, but llama.cpp reads them for none of the architectures. */
static int
read_rope(struct hparams *hp, const struct gguf *g)
{
	struct field f = { .g = g };
	struct gguf_string type = { "linear", 6 };

	hp->rope_dim = hp->head_dim;
	hp->rope_theta = 10000;
	hp->rope_attn_factor = 1;
	hp->rope_original_context = hp->context;
	if (count(g, hp, "rope.dimension_count", MODEL_MAX_DIM, &hp->rope_dim) < 0 ||
	    number(g, hp, "rope.freq_base", &hp->rope_theta) < 0 ||
	    number(g, hp, "rope.scale_linear", &hp->rope_factor) < 0 || /* the old name of the next */
	    number(g, hp, "rope.scaling.factor", &hp->rope_factor) < 0 ||
	    number(g, hp, "rope.scaling.attn_factor", &hp->rope_attn_factor) < 0 ||
	    count(g, hp, "rope.scaling.original_context_length", MODEL_MAX_CONTEXT, &hp->rope_original_context) < 0 ||
	    gguf_get_string(g, named(&f, hp, "rope.scaling.type"), &type) < 0)
		return -1;
	if (hp->rope_factor == 0)
		hp->rope_factor = 1;
	if (gguf_string_is(type, "yarn"))
		hp->rope_scaling = ROPE_YARN;
	else if (gguf_string_is(type, "none") || (gguf_string_is(type, "linear") && hp->rope_factor == 1))
		hp->rope_scaling = ROPE_NONE;
	else
		hp->rope_scaling = gguf_string_is(type, "linear") ? ROPE_LINEAR : ROPE_OTHER;
	if (hp->rope_scaling == ROPE_NONE)
		hp->rope_factor = 1;
	return 0;
}

/* As number, but 0 means that there is none. */
static int
scale(const struct gguf *g, const struct hparams *hp, const char *suffix, double *to)
{
	double v = 0;
	int rc = number(g, hp, suffix, &v);

	if (rc == 0 && v != 0)
		*to = v;
	return rc;
}

static int
read_scales(struct hparams *hp, const struct gguf *g)
{
	static const struct arch unknown;
	const struct arch *a = hp->how ? hp->how : &unknown;

	if (a->dim_scale_layers > 0 && hp->n_layers == a->dim_scale_layers && hp->n_heads > 0)
		hp->attention_scale = 1 / __builtin_sqrt((double)hp->dim / hp->n_heads);
	else
		hp->attention_scale = hp->head_dim ? (double)(1.0f / __builtin_sqrtf((float)hp->head_dim)) : 1;
	hp->embedding_scale = a->scales_embedding ? (double)__builtin_sqrtf((float)hp->dim) : 1;
	hp->residual_scale = hp->logit_scale = 1;
	if (a->keys & KEY_ATTN_CAP && number(g, hp, "attn_logit_softcapping", &hp->attn_cap) < 0)
		return -1;
	if (a->keys & KEY_FINAL_CAP && number(g, hp, "final_logit_softcapping", &hp->final_cap) < 0)
		return -1;
	if (!(a->keys & KEY_SCALES))
		return 0;
	if (scale(g, hp, "attention.scale", &hp->attention_scale) < 0 || scale(g, hp, "embedding_scale", &hp->embedding_scale) < 0)
		return -1;
	return scale(g, hp, "residual_scale", &hp->residual_scale) < 0 || scale(g, hp, "logit_scale", &hp->logit_scale) < 0 ? -1 : 0;
}

/* Has any layer that is here a norm before its feed-forward block? */
static bool
has_ffn_norm(const struct gguf *g)
{
	for (uint64_t i = 0; i < g->n_tensors; i++) {
		struct gguf_string name = g->tensors[i].name;
		if (gguf_string_cut(&name, ".ffn_norm.weight"))
			return true;
	}
	return false;
}

/* Encoders state two that say nothing new: attention.causal, which is false, and how many types of tokens there are. */
static int
read_encoder(struct hparams *hp, const struct gguf *g)
{
	const struct gguf_tensor *types = gguf_tensor(g, "token_types.weight");
	struct field f = { .g = g };
	bool causal = false;

	if (types && types->n_dims == 2 && types->ne[1] <= MODEL_MAX_VOCAB)
		hp->token_types = (uint32_t)types->ne[1];
	if (gguf_get_bool(g, named(&f, hp, "attention.causal"), &causal) < 0)
		return -1;
	return causal ? err_set(ERR_DATA, "%s: the key %s is true, of an encoder", g->path, f.key) : 0;
}

static int
read_layout(struct hparams *hp, const struct gguf *g)
{
	const struct arch *a = hp->how;
	struct field f = { .g = g };
	bool parallel = true;

	if (!a)
		return 0;
	if (a->keys & KEY_PARALLEL && gguf_get_bool(g, named(&f, hp, "use_parallel_residual"), &parallel) < 0)
		return -1;
	hp->parallel = a->parallel || (a->keys & KEY_PARALLEL && parallel) || (a->parallel_without_norm && !has_ffn_norm(g));
	hp->window_period = a->window_period;
	if (count(g, hp, "pooling_type", POOLING_RANK, &hp->pooling) < 0)
		return -1;
	if (a->encoder && read_encoder(hp, g) < 0)
		return -1;
	if (a->keys & KEY_WINDOW && (count(g, hp, "attention.sliding_window", MODEL_MAX_CONTEXT, &hp->window) < 0 ||
	    count(g, hp, "attention.sliding_window_pattern", MODEL_MAX_LAYERS, &hp->window_period) < 0))
		return -1;
	return 0;
}

/* llama.cpp's numbers: llama_expert_gating_func_type. */
enum { FUNC_SOFTMAX = 1, FUNC_SIGMOID = 2, FUNC_SOFTMAX_CHOSEN = 3 };

static int
read_gating(struct hparams *hp, const struct gguf *g)
{
	uint32_t func = FUNC_SOFTMAX, shared = 0;
	struct field f = { .g = g };

	if (count(g, hp, "expert_gating_func", FUNC_SOFTMAX_CHOSEN, &func) < 0 || count(g, hp, "expert_shared_count", MODEL_MAX_EXPERTS, &shared) < 0 ||
	    count(g, hp, "leading_dense_block_count", MODEL_MAX_LAYERS, &hp->dense_layers) < 0 ||
	    count(g, hp, "expert_group_count", MODEL_MAX_EXPERTS, &hp->expert_groups) < 0 ||
	    count(g, hp, "expert_group_used_count", MODEL_MAX_EXPERTS, &hp->groups_used) < 0 ||
	    scale(g, hp, "expert_weights_scale", &hp->expert_scale) < 0 ||
	    gguf_get_bool(g, named(&f, hp, "expert_weights_norm"), &hp->norms_weights) < 0)
		return -1;
	hp->gating = func == FUNC_SIGMOID ? GATING_LOGISTIC : func == FUNC_SOFTMAX_CHOSEN ? GATING_CHOSEN : GATING_ALL;
	hp->shared_ffn = shared * hp->expert_ffn;
	return 0;
}

static int
read_experts(struct hparams *hp, const struct gguf *g)
{
	if (!hp->how || !(hp->how->keys & KEY_EXPERTS))
		return 0;
	hp->expert_ffn = hp->ffn;
	hp->gating = hp->how->gating;
	hp->expert_scale = 1;
	if (count(g, hp, "expert_count", MODEL_MAX_EXPERTS, &hp->n_experts) < 0 || count(g, hp, "expert_used_count", MODEL_MAX_EXPERTS, &hp->experts_used) < 0)
		return -1;
	if (count(g, hp, "expert_feed_forward_length", MODEL_MAX_DIM, &hp->expert_ffn) < 0)
		return -1;
	if (count(g, hp, "expert_shared_feed_forward_length", MODEL_MAX_DIM, &hp->shared_ffn) < 0)
		return -1;
	return hp->how->keys & KEY_GATING ? read_gating(hp, g) : 0;
}

static int
read_latent(struct hparams *hp, const struct gguf *g)
{
	uint32_t key = hp->head_dim, value = hp->head_dim;
	struct field f = { .g = g };

	hp->q_head = hp->out_head = hp->head_dim;
	if (!hp->how || !(hp->how->keys & KEY_LATENT))
		return 0;
	if (count(g, hp, "attention.q_lora_rank", MODEL_MAX_DIM, &hp->q_lora) < 0 || count(g, hp, "attention.kv_lora_rank", MODEL_MAX_DIM, &hp->kv_lora) < 0 ||
	    count(g, hp, "attention.key_length_mla", MODEL_MAX_DIM, &key) < 0 || count(g, hp, "attention.value_length", MODEL_MAX_DIM, &value) < 0 ||
	    count(g, hp, "attention.value_length_mla", MODEL_MAX_DIM, &value) < 0 ||
	    number(g, hp, "rope.scaling.yarn_log_multiplier", &hp->yarn_log_mul) < 0)
		return -1;
	/* Older files state the sizes of heads as others do, and so many heads of keys, though here too all share one. */
	hp->kv_b_whole = !gguf_find(g, named(&f, hp, "attention.key_length_mla"));
	if (hp->kv_b_whole)
		hp->n_kv_heads = 1;
	hp->head_dim = hp->kv_lora + hp->rope_dim;
	hp->q_head = key;
	hp->out_head = value;
	hp->yarn_log_mul *= 10; /* conversion has multiplied it with 0.1 */
	if (key)
		hp->attention_scale = 1 / __builtin_sqrt(key);
	return 0;
}

static int
read_ssm(struct hparams *hp, const struct gguf *g)
{
	struct field f = { .g = g };

	if (!hp->how || !(hp->how->keys & KEY_SSM))
		return 0;
	return count(g, hp, "ssm.inner_size", MODEL_MAX_DIM, &hp->ssm.inner) < 0 || count(g, hp, "ssm.state_size", MODEL_MAX_STATES, &hp->ssm.states) < 0 ||
	    count(g, hp, "ssm.conv_kernel", MODEL_MAX_TAPS, &hp->ssm.taps) < 0 || count(g, hp, "ssm.time_step_rank", MODEL_MAX_DIM, &hp->ssm.rank) < 0 ||
	    gguf_get_bool(g, named(&f, hp, "ssm.dt_b_c_rms"), &hp->ssm.norms) < 0 ? -1 : 0;
}

static int
read_wkv(struct hparams *hp, const struct gguf *g)
{
	if (!hp->how || !(hp->how->keys & KEY_WKV))
		return 0;
	hp->hidden = 2 * hp->dim;
	return count(g, hp, "wkv.head_size", MODEL_MAX_WKV_HEAD, &hp->wkv.head) < 0 || count(g, hp, "attention.decay_lora_rank", MODEL_MAX_DIM, &hp->wkv.decay) < 0 ||
	    count(g, hp, "attention.iclr_lora_rank", MODEL_MAX_DIM, &hp->wkv.rate) < 0 ||
	    count(g, hp, "attention.value_residual_mix_lora_rank", MODEL_MAX_DIM, &hp->wkv.value) < 0 ||
	    count(g, hp, "attention.gate_lora_rank", MODEL_MAX_DIM, &hp->wkv.gate) < 0 ? -1 : 0;
}

uint32_t
hparams_window(const struct hparams *hp, uint32_t layer)
{
	return hp->window_period > 0 && (layer + 1) % hp->window_period == 0 ? 0 : hp->window;
}

int
hparams_read(struct hparams *hp, const struct gguf *g)
{
	uint32_t value_dim;

	*hp = (struct hparams){ 0 };
	if (read_arch(hp, g) < 0)
		return -1;
	hp->how = arch_find(hp->arch);
	if (read_layers(hp, g) < 0 || read_vocab_size(hp, g) < 0 ||
	    count(g, hp, "embedding_length", MODEL_MAX_DIM, &hp->dim) < 0 ||
	    count(g, hp, "attention.head_count", MODEL_MAX_HEADS, &hp->n_heads) < 0)
		return -1;
	hp->n_kv_heads = hp->n_heads;
	if (hp->n_heads)
		hp->head_dim = hp->dim / hp->n_heads;
	if (count(g, hp, "attention.head_count_kv", MODEL_MAX_HEADS, &hp->n_kv_heads) < 0 ||
	    count(g, hp, "attention.key_length", MODEL_MAX_DIM, &hp->head_dim) < 0 ||
	    count(g, hp, "feed_forward_length", MODEL_MAX_DIM, &hp->ffn) < 0 ||
	    count(g, hp, "context_length", MODEL_MAX_CONTEXT, &hp->context) < 0 ||
	    number(g, hp, "attention.layer_norm_epsilon", &hp->norm_eps) < 0 ||
	    number(g, hp, "attention.layer_norm_rms_epsilon", &hp->norm_eps) < 0)
		return -1;
	value_dim = hp->head_dim;
	if (count(g, hp, "attention.value_length", MODEL_MAX_DIM, &value_dim) < 0)
		return -1;
	if (value_dim != hp->head_dim && !(hp->how && hp->how->keys & KEY_LATENT)) /* heads of two sizes: nothing here computes them */
		hp->head_dim = 0;
	if (read_scales(hp, g) < 0 || read_layout(hp, g) < 0 || read_experts(hp, g) < 0 || read_ssm(hp, g) < 0)
		return -1;
	hp->hidden = hp->dim;
	if (read_wkv(hp, g) < 0)
		return -1;
	return read_rope(hp, g) < 0 ? -1 : read_latent(hp, g);
}
