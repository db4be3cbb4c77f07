#include "train/save.h"

#include <string.h>

#include "base/err.h"
#include "base/msg.h"
#include "model/id.h"
#include "model/types.h"
#include "stream/sum.h"

/* ---- writing ---- */

static int
put_progress(struct gguf_writer *w, struct progress done)
{
	return gguf_put_u64(w, SAVE_KEY_STEP, done.step) < 0 ? -1 : gguf_put_u64(w, SAVE_KEY_TOKENS, done.tokens);
}

/* Keys that say what training changes, or what an earlier training left. */
static bool
is_replaced(struct gguf_string name)
{
	return gguf_string_is(name, "general.file_type") || gguf_string_is(name, "general.quantization_version") ||
	    id_has_prefix(name, "train.") || id_has_prefix(name, SHARD_PREFIX);
}

static int
put_model(struct gguf_writer *w, const struct gguf *from, const struct params *weights, struct progress done)
{
	enum { ALL_F32 = 0 };

	for (uint64_t i = 0; i < from->n_keys; i++)
		if (!is_replaced(from->keys[i].name) && gguf_put_key(w, &from->keys[i]) < 0)
			return -1;
	if (gguf_put_u32(w, "general.file_type", ALL_F32) < 0 || put_progress(w, done) < 0)
		return -1;
	return params_put(w, weights, "", weights->value);
}

static int
put_adapter(struct gguf_writer *w, const struct gguf *from, const struct lora *l, struct progress done)
{
	const struct gguf_key *arch = gguf_find(from, "general.architecture");

	if (gguf_put_string(w, "general.type", "adapter") < 0 || gguf_put_key(w, arch) < 0 ||
	    gguf_put_string(w, "adapter.type", "lora") < 0 || gguf_put_f32(w, "adapter.lora.alpha", l->alpha) < 0 ||
	    put_progress(w, done) < 0)
		return -1;
	return params_put(w, &l->weights, "", l->weights.value);
}

/* Of weights and moments, one behind the other. */
static uint64_t
sum_of(const struct trainer *t, const float *weights)
{
	size_t size = trainer_params(t)->n * sizeof *weights;
	const struct iovec io[] = {
		{ (void *)(uintptr_t)weights, size }, { trainer_moment1(t), size }, { trainer_moment2(t), size },
	};

	return sum_pieces(io, 3);
}

static int
put_checkpoint(struct gguf_writer *w, const struct trainer *t, const char *settings, unsigned threads, struct progress done)
{
	const struct params *p = trainer_params(t);

	if (gguf_put_string(w, "general.type", "checkpoint") < 0 || gguf_put_string(w, "general.architecture", "llama") < 0 ||
	    gguf_put_string(w, SAVE_KEY_SETTINGS, settings) < 0 || gguf_put_u32(w, SAVE_KEY_THREADS, threads) < 0 ||
	    put_progress(w, done) < 0 || gguf_put_u64(w, SAVE_KEY_UPDATES, done.updates) < 0 ||
	    gguf_put_u64(w, SAVE_KEY_SUM, sum_of(t, p->value)) < 0 || params_put(w, p, "", p->value) < 0 ||
	    params_put(w, p, SAVE_MOMENT1, trainer_moment1(t)) < 0)
		return -1;
	return params_put(w, p, SAVE_MOMENT2, trainer_moment2(t));
}

/* rc of putting everything together, and the writer that it went to. */
static int
finish(struct gguf_writer *w, int rc, const char *path)
{
	if (rc == 0)
		rc = gguf_write(w, path);
	gguf_writer_free(w);
	return rc;
}

int
save_model(const char *path, const struct gguf *from, const struct params *weights, struct progress done)
{
	struct gguf_writer *w = gguf_writer_new();

	return w ? finish(w, put_model(w, from, weights, done), path) : -1;
}

int
save_tensors(const char *path, const char *type, const struct params *p, const float *value)
{
	struct gguf_writer *w = gguf_writer_new();
	int rc = -1;

	if (w)
		rc = gguf_put_string(w, "general.type", type) < 0 ? -1 : params_put(w, p, "", value);
	return w ? finish(w, rc, path) : -1;
}

int
save_adapter(const char *path, const struct gguf *from, const struct lora *l, struct progress done)
{
	struct gguf_writer *w = gguf_writer_new();

	return w ? finish(w, put_adapter(w, from, l, done), path) : -1;
}

int
save_checkpoint(const char *path, const struct trainer *t, const char *settings, unsigned threads, struct progress done)
{
	struct gguf_writer *w = gguf_writer_new();

	return w ? finish(w, put_checkpoint(w, t, settings, threads, done), path) : -1;
}

/* ---- reading ---- */

/* Settings are words, one after the other: the first that differs. */
static int
compare_settings(const char *path, struct gguf_string then, const char *now)
{
	const char *a = then.data, *a_end = then.data + then.len, *b = now, *b_end = now + strlen(now);

	while (a < a_end && b < b_end) {
		const char *space = memchr(a, ' ', (size_t)(a_end - a));
		size_t n = (size_t)((space ? space : a_end) - a), m = strcspn(b, " ");
		if (n != m || memcmp(a, b, n) != 0)
			return err_set(ERR_DATA, "%s: made with %.*s, not with %.*s", path, n < 200 ? (int)n : 200, a, (int)m, b);
		a += n + (space != NULL);
		b += m + (b[m] == ' ');
	}
	return a == a_end && b == b_end ? 0 : err_set(ERR_DATA, "%s: made with other settings", path);
}

/* A number that every checkpoint has. */
static int
need_number(const struct gguf *g, const char *key, uint64_t *out)
{
	int rc = gguf_get_u64(g, key, out);

	return rc > 0 ? 0 : rc < 0 ? -1 : err_set(ERR_DATA, "%s: not a checkpoint: no key %s", g->path, key);
}

int
load_moments(const struct gguf *g, struct trainer *t, uint64_t *updates)
{
	const struct params *p = trainer_params(t);

	if (need_number(g, SAVE_KEY_UPDATES, updates) < 0 || params_get(p, g, SAVE_MOMENT1, trainer_moment1(t)) < 0 ||
	    params_get(p, g, SAVE_MOMENT2, trainer_moment2(t)) < 0)
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if (trainer_moment2(t)[i] < 0)
			return err_set(ERR_DATA, "%s: a second moment is negative", g->path);
	return 0;
}

static int
check_settings(const struct gguf *g, const char *settings, unsigned threads)
{
	struct gguf_string then;
	uint64_t threads_then = threads;
	int rc = gguf_get_string(g, SAVE_KEY_SETTINGS, &then);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(ERR_DATA, "%s: not a checkpoint", g->path);
	if (compare_settings(g->path, then, settings) < 0 || gguf_get_u64(g, SAVE_KEY_THREADS, &threads_then) < 0)
		return -1;
	if (threads_then != threads)
		msg_warn("%s was made with %llu threads: with %u the run goes on, but not to the same bits", g->path,
		    (unsigned long long)threads_then, threads);
	return 0;
}

int
load_checkpoint(const struct gguf *g, struct trainer *t, const char *settings, unsigned threads, struct progress *done)
{
	uint64_t sum;

	if (check_settings(g, settings, threads) < 0 || need_number(g, SAVE_KEY_STEP, &done->step) < 0 ||
	    need_number(g, SAVE_KEY_TOKENS, &done->tokens) < 0 || need_number(g, SAVE_KEY_SUM, &sum) < 0 ||
	    params_get(trainer_params(t), g, "", trainer_params(t)->value) < 0 || load_moments(g, t, &done->updates) < 0)
		return -1;
	if (sum_of(t, trainer_params(t)->value) != sum)
		return err_set(ERR_DATA, "%s: the checkpoint is damaged: its sum is another", g->path);
	return 0;
}
