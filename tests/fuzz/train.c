/*
 * Hostile files of training: the first byte says which. A delta and a checkpoint are for the model that train_seeds.py
 * makes, with all weights zero; what opens must be whole and finite. A token stream is cut into windows; of a text a
 * vocabulary is learnt.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "train/bpe.h"
#include "train/data.h"
#include "train/delta.h"
#include "train/save.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DELTA, CHECKPOINT, TOKENS, TEXT, KINDS };

static void
check(bool good)
{
	if (!good)
		abort();
}

static struct net net;
static struct trainer *trainer;
static struct hash base;

static void
set_up(void)
{
	const struct hparams hp = { .n_layers = 1, .dim = 4, .n_heads = 2, .n_kv_heads = 1, .head_dim = 2, .ffn = 4,
		.n_vocab = 257, .context = 4, .rope_dim = 2, .rope_theta = 10000, .norm_eps = 1e-5, .rope_factor = 1,
		.rope_attn_factor = 1 };
	const struct trainer_options o = { .threads = 1, .context = 4 };

	if (trainer)
		return;
	check(net_layout(&net, &hp, true) == 0);
	check((trainer = trainer_new(&net, NULL, &o)) != NULL);
	base = params_hash(&net.weights);
}

static void
check_finite(const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(isfinite(x[i]));
}

static void
delta(const uint8_t *data, size_t n)
{
	struct delta d;

	if (delta_read(&d, data, n, "fuzz", &net.weights, &base) < 0)
		return;
	check_finite(d.value, net.weights.n);
	check(d.tokens > 0 && isfinite(d.norm));
	delta_free(&d);
}

static void
checkpoint(const uint8_t *data, size_t n)
{
	struct gguf *g = gguf_open_memory(data, n, "fuzz");
	struct gguf_string settings = { "", 0 };
	struct progress done = { 0 };
	char text[256];

	if (!g)
		return;
	if (gguf_get_string(g, SAVE_KEY_SETTINGS, &settings) > 0) {
		snprintf(text, sizeof text, "%.*s", settings.len < 200 ? (int)settings.len : 200, settings.data);
		if (load_checkpoint(g, trainer, text, 1, &done) == 0)
			check_finite(net.weights.value, net.weights.n);
		load_checkpoint(g, trainer, "batch=4 steps=1", 1, &done);
	}
	gguf_free(g);
}

static void
tokens(const uint8_t *data, size_t n)
{
	const struct hash none = { 0 };
	int fd = memfd_create("fuzz", 0);
	uint32_t window[5];
	char path[64];
	struct data *d;

	check(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if ((d = data_open((const char *const[]){ path, path }, 2, &none, 257))) {
		for (uint64_t i = 0; data_windows(d, 4) > 0 && i < 40; i++) {
			data_window(d, 4, i * 7, i, window);
			for (int k = 0; k < 5; k++)
				check(window[k] < 257);
		}
		data_free(d);
	}
	close(fd);
}

static void
text(const uint8_t *data, size_t n)
{
	static const char *const special[] = { "<|endoftext|>", "a" };
	struct bpe_learner *b = bpe_learner_new(n % 2 ? "gpt-2" : "llama-bpe", special, 1 + n % 3 / 2);
	uint32_t got;

	check(b != NULL);
	if (bpe_learner_add(b, (const char *)data, n, "fuzz") == 0) {
		check(bpe_learner_run(b, 300, &got) == 0);
		check(got >= 257 && got <= 300);
	}
	bpe_learner_free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[KINDS])(const uint8_t *, size_t) = { delta, checkpoint, tokens, text };

	if (size == 0)
		return 0;
	set_up();
	kinds[data[0] % KINDS](data + 1, size - 1);
	return 0;
}
