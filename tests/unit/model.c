/* Opening models: hyper-parameters, and what the llama architecture needs. */
#include "model/model.h"

#include "model_sample.h"
#include "tap.h"

static char path[64];

static struct model *
opened(const struct sample *s)
{
	sample_write(s, path);
	return sample_open(path);
}

static void
check_sound(void)
{
	static const struct sample sound[] = {
		{ .type = TYPE_F32 }, { .type = TYPE_F16, .tied = true }, { .type = TYPE_BF16, .rope_freqs = true },
		{ .type = TYPE_Q8_0, .alignment = 128 }, { .no_vocab = true },
	};

	for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
		struct model *m = opened(&sound[i]);
		tap_ok(m && model_check(m) == 0, "sound model %zu can be computed: %s", i + 1, m ? "yes" : err_reason());
		model_free(m);
	}
}

static void
check_hparams(void)
{
	struct model *m = opened(&(struct sample){ .type = TYPE_F32 });
	const struct hparams *hp = &m->hp;

	tap_ok(strcmp(hp->arch, "llama") == 0 && hp->n_layers == LAYERS && hp->dim == DIM && hp->n_heads == HEADS &&
	    hp->n_kv_heads == KV_HEADS && hp->head_dim == HEAD_DIM && hp->ffn == FFN && hp->n_vocab == VOCAB &&
	    hp->context == 128 && hp->rope_dim == HEAD_DIM, "hyper-parameters are read");
	tap_ok(hp->rope_theta == 10000 && hp->rope_scaling == ROPE_NONE && hp->rope_factor == 1 && hp->norm_eps > 0.99e-5 &&
	    hp->norm_eps < 1.01e-5 && hp->rope_attn_factor == 1 && hp->rope_original_context == 128, "and have their defaults");
	tap_ok(model_tensor(m, "blk.3.ffn_up.weight") && !model_tensor(m, "blk.4.ffn_up.weight") &&
	    model_output(m) == model_tensor(m, "output.weight") && model_vocab_file(m) == m->files[0],
	    "tensors are found by name");
	model_free(m);

	m = opened(&(struct sample){ .tied = true, .without_key = "llama.attention.head_count_kv" });
	tap_ok(m && m->hp.n_kv_heads == HEADS, "head_count_kv is head_count where it is absent");
	tap_ok(m && model_output(m) == model_tensor(m, "token_embd.weight"), "the embedding is the head of a tied model");
	model_free(m);

	m = opened(&(struct sample){ .without_key = "llama.block_count" });
	tap_ok(m && m->hp.n_layers == LAYERS, "without block_count the layers are those of the tensors");
	model_free(m);
}

/* Scaling of positions, as other programs write it. */
static void
check_rope(void)
{
	static const struct {
		const char *file;
		enum rope_scaling scaling;
		double factor, theta;
		uint32_t original;
	} real[] = {
		{ "llama-rope-linear", ROPE_LINEAR, 4, 10000, 256 },
		{ "llama-rope-yarn", ROPE_YARN, 4, 10000, 64 },
		{ "llama-rope-freqs", ROPE_NONE, 1, 500000, 256 },
	};
	const char *shared = getenv("MAI_SHARED") ? getenv("MAI_SHARED") : "../shared";

	for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
		char p[256];
		snprintf(p, sizeof p, "%s/models/arch/%s.gguf", shared, real[i].file);
		if (access(p, R_OK) != 0) {
			tap_skip(real[i].file, "the shared data is absent");
			continue;
		}
		struct model *m = sample_open(p);
		tap_ok(m && m->hp.rope_scaling == real[i].scaling && m->hp.rope_factor == real[i].factor &&
		    m->hp.rope_theta == real[i].theta && m->hp.rope_original_context == real[i].original &&
		    model_check(m) == 0, "%s is read", real[i].file);
		model_free(m);
	}
}

/* ---- what can't be opened ---- */

static void
check_refused(void)
{
	static const struct {
		struct sample s;
		const char *reason;
	} bad[] = {
		{ { .other_key = "llama.block_count", .other_value = 0 }, "block_count is 0" },
		{ { .other_key = "llama.block_count", .other_value = 513 }, "block_count is 513" },
		{ { .other_key = "llama.block_count", .other_value = UINT32_MAX }, "block_count is 4294967295" },
		{ { .other_key = "llama.block_count", .other_value = LAYERS - 1 }, "lies outside of layers" },
		{ { .other_key = "llama.embedding_length", .other_value = MODEL_MAX_DIM + 1 }, "embedding_length is" },
		{ { .other_key = "llama.context_length", .other_value = UINT32_MAX }, "context_length is" },
		{ { .other_key = "llama.attention.head_count", .other_value = MODEL_MAX_HEADS + 1 }, "head_count is" },
		{ { .more_key = "llama.rope.freq_base", .other_value = 3 }, "no floating-point number" },
		{ { .more_key = "llama.rope.scaling.type", .other_value = 3 }, "no string" },
		{ { .more_key = "llama.rope.scaling.original_context_length", .other_value = UINT32_MAX }, "original_context_length is" },
		{ { .more_key = "split.count", .other_value = 3 }, "one of 3 parts" },
		{ { .arch = "mai" }, "architecture is mai" },
		{ { .arch = "general" }, "architecture is general" },
		{ { .arch = "a name of more than thirty-two bytes" }, "has 36 bytes" },
		{ { .arch = "two words" }, "not a word" },
		{ { .arch = "" }, "has 0 bytes" },
		{ { .more_key = "mai.version", .other_value = 1 }, "without the key mai.layers" },
		{ { .more_key = "mai.version", .other_value = 2 }, "shard of version 2" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct model *m = opened(&bad[i].s);
		tap_ok(!m && err_status() == ERR_DATA && strstr(err_reason(), bad[i].reason), "refused: %s",
		    m ? bad[i].reason : err_reason() + strlen(path) + 2);
		model_free(m);
	}
}

/* ---- what can't be computed ---- */

static void
check_not_computed(void)
{
	static const struct {
		struct sample s;
		const char *reason;
	} bad[] = {
		{ { .other_key = "llama.attention.head_count", .other_value = 0 }, "head_count is 0" },
		{ { .other_key = "llama.attention.head_count_kv", .other_value = 0 }, "head_count_kv is 0" },
		{ { .other_key = "llama.attention.head_count_kv", .other_value = 3 }, "head_count_kv is 3" },
		{ { .other_key = "llama.attention.head_count", .other_value = 3 }, "head_count_kv" },
		{ { .other_key = "llama.embedding_length", .other_value = 0 }, "embedding_length is 0" },
		{ { .other_key = "llama.embedding_length", .other_value = 64 }, "attn_norm.weight is 32 x 1" },
		{ { .other_key = "llama.feed_forward_length", .other_value = 0 }, "feed_forward_length is 0" },
		{ { .other_key = "llama.feed_forward_length", .other_value = 65 }, "ffn_gate.weight is" },
		{ { .other_key = "llama.context_length", .other_value = 0 }, "context_length is 0" },
		{ { .other_key = "llama.rope.dimension_count", .other_value = 7 }, "dimension_count is 7" },
		{ { .other_key = "llama.rope.dimension_count", .other_value = 10 }, "dimension_count is 10" },
		{ { .without_key = "llama.attention.layer_norm_rms_epsilon" }, "rms_epsilon is 0" },
		{ { .more_key = "llama.attention.key_length", .other_value = 16 }, "attn_q.weight is" },
		{ { .more_key = "llama.attention.value_length", .other_value = 16 }, "head is 0" },
		{ { .more_key = "llama.expert_count", .other_value = 8 }, "expert_used_count is 0" },
		{ { .more_key = "llama.attention.sliding_window", .other_value = 64 }, "sliding_window" },
		{ { .without_tensor = "token_embd.weight" }, "no tensor token_embd.weight" },
		{ { .without_tensor = "output_norm.weight" }, "no tensor output_norm.weight" },
		{ { .without_tensor = "blk.2.ffn_down.weight" }, "no tensor blk.2.ffn_down.weight" },
		{ { .other_shape = "blk.1.attn_v.weight" }, "tensor blk.1.attn_v.weight is 32 x 17, wanted is 32 x 16" },
		{ { .other_shape = "blk.0.attn_norm.weight" }, "tensor blk.0.attn_norm.weight is 33 x 1" },
		{ { .other_shape = "output.weight" }, "tensor output.weight is 32 x 21" },
		{ { .rope_freqs = true, .other_shape = "rope_freqs.weight" }, "tensor rope_freqs.weight is 5 x 1" },
		{ { .more_tensor = "blk.0.attn_q.bias" }, "tensor blk.0.attn_q.bias is none" },
		{ { .more_tensor = "blk.0.attn_norm.weight2" }, "is none of those" },
		{ { .more_tensor = "blk.00.attn_norm.weight" }, "is none of those" },
		{ { .more_tensor = "something" }, "tensor something is none" },
		{ { .type = 24 }, "is of type I8" },
		{ { .arch = "mumba" }, "architecture mumba" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct model *m = opened(&bad[i].s);
		int rc = m ? model_check(m) : 0;
		tap_ok(m && rc < 0 && err_status() == ERR_DATA && strstr(err_reason(), bad[i].reason), "not computed: %s",
		    rc < 0 ? err_reason() + strlen(path) + 2 : bad[i].reason);
		model_free(m);
	}
}

static void
check_layer_names(void)
{
	static const struct {
		const char *name;
		int64_t layer;
	} names[] = {
		{ "blk.0.a", 0 }, { "blk.17.attn_q.weight", 17 }, { "blk.007.x", 7 }, { "blk.4294967295.x", 4294967295 },
		{ "blk.4294967296.x", -1 }, { "blk.99999999999999999999.x", -1 }, { "blk.1", -1 }, { "blk..x", -1 },
		{ "blk.", -1 }, { "blk.x.y", -1 }, { "blk.-1.x", -1 }, { "xblk.1.x", -1 }, { "output.weight", -1 }, { "", -1 },
	};
	size_t right = 0, n = sizeof names / sizeof *names;

	for (size_t i = 0; i < n; i++)
		right += model_layer((struct gguf_string){ names[i].name, strlen(names[i].name) }) == names[i].layer;
	tap_ok(right == n, "layers are taken from names");
}

int
main(void)
{
	make_dir();
	snprintf(path, sizeof path, "%s/m.gguf", dir);
	check_sound();
	check_hparams();
	check_rope();
	check_refused();
	check_not_computed();
	check_layer_names();
	remove_dir();
	return tap_done();
}
