#include "train/init.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "model/id.h"
#include "text/vocab.h"
#include "train/draw.h"
#include "train/net.h"

static int
check(const struct init_options *o)
{
	if (o->heads > o->dim || o->dim % o->heads != 0 || o->dim / o->heads % 2 != 0)
		return err_set(ERR_USAGE, "a dim of %u makes no %u heads of an even size", o->dim, o->heads);
	if (o->kv_heads > o->heads || o->heads % o->kv_heads != 0)
		return err_set(ERR_USAGE, "%u heads can't share %u KV heads", o->heads, o->kv_heads);
	return 0;
}

/* Is it a vocabulary that text can be tokenized with? */
static int
check_vocab(const struct gguf *g)
{
	struct vocab *v = vocab_open(g);
	int rc = v ? 0 : err_wrap("%s", g->path);

	vocab_free(v);
	return rc;
}

/* Does a matrix add to the residual stream? */
static bool
adds(const struct param *p)
{
	return strstr(p->name, "attn_output") || strstr(p->name, "ffn_down");
}

static void
fill(struct params *p, const struct init_options *o)
{
	const double deviation = 0.02;

	for (size_t i = 0; i < p->n_tensors; i++) {
		const struct param *t = &p->tensor[i];
		if (t->rows > 0)
			draw_normal(p->value + t->at, param_size(t), adds(t) ? deviation / sqrt(2.0 * o->layers) : deviation,
			    o->seed, i);
		else
			for (size_t k = 0; k < t->cols; k++)
				p->value[t->at + k] = 1;
	}
}

static int
put_keys(struct gguf_writer *w, const struct gguf *vocab, const struct init_options *o)
{
	const struct {
		const char *key;
		uint32_t value;
	} counts[] = {
		{ "llama.context_length", o->context }, { "llama.embedding_length", o->dim }, { "llama.block_count", o->layers },
		{ "llama.feed_forward_length", o->ffn }, { "llama.attention.head_count", o->heads },
		{ "llama.attention.head_count_kv", o->kv_heads }, { "llama.rope.dimension_count", o->dim / o->heads },
		{ "general.file_type", 0 },
	};

	if (gguf_put_string(w, "general.architecture", "llama") < 0 ||
	    (o->name && gguf_put_string(w, "general.name", o->name) < 0))
		return -1;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		if (gguf_put_u32(w, counts[i].key, counts[i].value) < 0)
			return -1;
	if (gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", (float)o->rms_eps) < 0 ||
	    gguf_put_f32(w, "llama.rope.freq_base", (float)o->rope_theta) < 0)
		return -1;
	for (uint64_t i = 0; i < vocab->n_keys; i++)
		if (id_has_prefix(vocab->keys[i].name, "tokenizer.") && gguf_put_key(w, &vocab->keys[i]) < 0)
			return -1;
	return 0;
}

static int
write_model(const char *path, const struct gguf *vocab, const struct net *n, const struct init_options *o)
{
	struct gguf_writer *w = gguf_writer_new();
	int rc = -1;

	if (w && put_keys(w, vocab, o) == 0 && params_put(w, &n->weights, "", n->weights.value) == 0)
		rc = gguf_write(w, path);
	gguf_writer_free(w);
	return rc;
}

int
init_model(const char *path, const struct gguf *vocab, const struct init_options *o)
{
	const struct gguf_key *tokens;
	struct net n;
	int rc = gguf_get_array(vocab, "tokenizer.ggml.tokens", GGUF_STRING, &tokens);

	if (rc < 0)
		return -1;
	if (rc == 0 || tokens->n == 0 || tokens->n > MODEL_MAX_VOCAB)
		return err_set(ERR_DATA, "%s: has no vocabulary, or one that is too large", vocab->path);
	if (check(o) < 0 || check_vocab(vocab) < 0)
		return -1;
	const struct hparams hp = {
		.n_layers = o->layers, .dim = o->dim, .n_heads = o->heads, .n_kv_heads = o->kv_heads,
		.head_dim = o->dim / o->heads, .ffn = o->ffn, .n_vocab = (uint32_t)tokens->n,
	};
	if (net_layout(&n, &hp, !o->untied) < 0)
		return -1;
	fill(&n.weights, o);
	rc = write_model(path, vocab, &n, o);
	net_free(&n);
	return rc;
}
