/* model_sample.h: small models of the llama architecture, sound or spoilt in one place. */
#ifndef MAI_TESTS_MODEL_SAMPLE_H
#define MAI_TESTS_MODEL_SAMPLE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "model/gguf.h"
#include "model/model.h"
#include "model/types.h"

enum { DIM = 32, HEADS = 4, KV_HEADS = 2, HEAD_DIM = 8, FFN = 64, VOCAB = 20, LAYERS = 4 };

struct sample {
	uint32_t type;         /* of the matrices */
	bool tied, rope_freqs, no_vocab;
	uint32_t alignment;    /* 0: no such key */
	uint64_t seed;

	/* A key that is left out, or whose number is another; a tensor that is left out, has another shape, or is more. */
	const char *without_key, *other_key;
	uint32_t other_value;
	const char *without_tensor, *other_shape, *more_tensor, *more_key;
	const char *arch;
};

/* Data of tensors: random bytes that are no NaN in any type. */
static inline uint8_t *
sample_data(uint64_t *state, uint64_t n)
{
	uint8_t *p = malloc(n + 1);

	if (!p)
		abort();
	for (uint64_t i = 0; i < n; i++) {
		*state = *state * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(*state >> 56 & 0x3b);
	}
	return p;
}

struct sample_writer {
	struct gguf_writer *w;
	const struct sample *s;
	uint64_t state;
	uint8_t *data[64];
	int n;
};

static inline void
sample_tensor(struct sample_writer *sw, const char *name, uint64_t cols, uint64_t rows)
{
	const struct sample *s = sw->s;
	uint64_t ne[2] = { cols, rows }, size;
	uint32_t type = rows ? s->type : TYPE_F32;

	if (s->without_tensor && strcmp(name, s->without_tensor) == 0)
		return;
	if (s->other_shape && strcmp(name, s->other_shape) == 0)
		ne[rows ? 1 : 0] += 1;
	if (!type_size(type, rows ? 2 : 1, ne, &size))
		abort();
	sw->data[sw->n] = sample_data(&sw->state, size);
	if (gguf_put_tensor(sw->w, name, type, rows ? 2 : 1, ne, sw->data[sw->n++], size) < 0)
		abort();
}

static inline void
sample_layer(struct sample_writer *sw, int i)
{
	static const struct {
		const char *name;
		uint64_t cols, rows;
	} parts[] = {
		{ "attn_norm", DIM, 0 }, { "attn_q", DIM, HEADS * HEAD_DIM }, { "attn_k", DIM, KV_HEADS * HEAD_DIM },
		{ "attn_v", DIM, KV_HEADS * HEAD_DIM }, { "attn_output", HEADS * HEAD_DIM, DIM }, { "ffn_norm", DIM, 0 },
		{ "ffn_gate", DIM, FFN }, { "ffn_down", FFN, DIM }, { "ffn_up", DIM, FFN },
	};
	char name[64];

	for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
		snprintf(name, sizeof name, "blk.%d.%s.weight", i, parts[p].name);
		sample_tensor(sw, name, parts[p].cols, parts[p].rows);
	}
}

static inline void
sample_count(struct sample_writer *sw, const char *key, uint32_t v)
{
	const struct sample *s = sw->s;

	if (s->without_key && strcmp(key, s->without_key) == 0)
		return;
	if (s->other_key && strcmp(key, s->other_key) == 0)
		v = s->other_value;
	if (gguf_put_u32(sw->w, key, v) < 0)
		abort();
}

static inline void
sample_keys(struct sample_writer *sw)
{
	const struct sample *s = sw->s;
	struct gguf_string tokens[VOCAB];
	float scores[VOCAB] = { 0 };
	char text[VOCAB][16];

	gguf_put_string(sw->w, "general.architecture", s->arch ? s->arch : "llama");
	gguf_put_string(sw->w, "general.name", "sample");
	if (s->alignment)
		gguf_put_u32(sw->w, "general.alignment", s->alignment);
	sample_count(sw, "llama.block_count", LAYERS);
	sample_count(sw, "llama.embedding_length", DIM);
	sample_count(sw, "llama.attention.head_count", HEADS);
	sample_count(sw, "llama.attention.head_count_kv", KV_HEADS);
	sample_count(sw, "llama.feed_forward_length", FFN);
	sample_count(sw, "llama.context_length", 128);
	sample_count(sw, "llama.rope.dimension_count", HEAD_DIM);
	if (!s->without_key || strcmp(s->without_key, "llama.attention.layer_norm_rms_epsilon") != 0)
		gguf_put_f32(sw->w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
	if (s->more_key)
		gguf_put_u32(sw->w, s->more_key, s->other_value);
	if (s->no_vocab)
		return;
	for (int i = 0; i < VOCAB; i++) {
		snprintf(text[i], sizeof text[i], "t%d", i);
		tokens[i] = (struct gguf_string){ text[i], strlen(text[i]) };
	}
	gguf_put_string(sw->w, "tokenizer.ggml.model", "llama");
	gguf_put_strings(sw->w, "tokenizer.ggml.tokens", tokens, VOCAB);
	gguf_put_array(sw->w, "tokenizer.ggml.scores", GGUF_F32, scores, VOCAB);
	gguf_put_string(sw->w, "tokenizer.chat_template", "{{ messages }}");
}

static inline void
sample_write(const struct sample *s, const char *path)
{
	struct sample_writer sw = { .w = gguf_writer_new(), .s = s, .state = s->seed };

	if (!sw.w)
		abort();
	sample_keys(&sw);
	sample_tensor(&sw, "token_embd.weight", DIM, VOCAB);
	sample_tensor(&sw, "output_norm.weight", DIM, 0);
	if (s->rope_freqs)
		sample_tensor(&sw, "rope_freqs.weight", HEAD_DIM / 2, 0);
	for (int i = 0; i < LAYERS; i++)
		sample_layer(&sw, i);
	if (!s->tied)
		sample_tensor(&sw, "output.weight", DIM, VOCAB);
	if (s->more_tensor)
		sample_tensor(&sw, s->more_tensor, DIM, 0);
	if (gguf_write(sw.w, path) < 0) {
		fprintf(stderr, "%s\n", err_reason());
		abort();
	}
	gguf_writer_free(sw.w);
	while (sw.n-- > 0)
		free(sw.data[sw.n]);
}

static inline struct model *
sample_open(const char *path)
{
	return model_open(&path, 1);
}

/* ---- a folder of the test's own ---- */

static char dir[] = "/tmp/mai-model-XXXXXX";

/* The last of a few names in the folder. */
static inline const char *
in_dir(const char *name)
{
	static char path[32][160];
	static int n;

	n = (n + 1) % 32;
	snprintf(path[n], sizeof path[n], "%s/%s", dir, name);
	return path[n];
}

/* Removes a folder's files, and it. Returns how many there were. */
static inline int
clear(const char *folder)
{
	DIR *d = opendir(folder);
	char path[512];
	int n = 0;

	if (!d)
		return 0;
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.') {
			snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
			unlink(path);
			n++;
		}
	closedir(d);
	rmdir(folder);
	return n;
}

static inline bool
same_files(const char *a, const char *b)
{
	struct io_map x, y;
	bool same = io_map(&x, a) == 0 && io_map(&y, b) == 0 && x.size == y.size && memcmp(x.data, y.data, x.size) == 0;

	io_unmap(&x);
	io_unmap(&y);
	return same;
}

/* Opens DIR/NAME: all its shards, or a file. */
static inline struct model *
open_in(const char *name)
{
	return sample_open(in_dir(name));
}

static inline void
make_dir(void)
{
	if (!mkdtemp(dir) || setenv("XDG_CACHE_HOME", dir, 1) != 0)
		abort();
}

static inline void
remove_dir(void)
{
	clear(in_dir("mai/ids"));
	clear(in_dir("mai"));
	rmdir(in_dir("mai"));
	clear(dir);
}

#endif
