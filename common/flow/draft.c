#include "flow/draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "compute/engine.h"
#include "compute/sample.h"
#include "model/model.h"
#include "stream/seqmap.h"

/* The tokens whose keys and values are held. */
struct drafted {
	struct kv_seq kv;
	uint32_t *token;
	size_t cap;
};

struct drafter {
	struct drafter_options o;
	struct model *model;
	struct engine *engine;
	struct sampler *sampler;
	struct hash vocab_id;
	struct seqmap seqs;
	float *x, *logits, *spare;
	uint64_t guessed, taken;
};

static int
load(struct drafter *d, const char *path)
{
	const struct engine_options eo = { .threads = d->o.threads };

	if (!(d->model = model_open(&path, 1)) || model_check(d->model) < 0)
		return -1;
	if (!d->model->has_embedding || !d->model->has_head || d->model->hp.how->encoder)
		return err_set(ERR_DATA, "%s: a draft is a whole model that generates", path);
	if (hparams_is_recurrent(&d->model->hp))
		return err_set(ERR_DATA, "%s: a recurrent model, which can't take back what it guessed: no draft", path);
	if (model_vocab_id(d->model, &d->vocab_id) < 0 || !(d->engine = engine_new(d->model, &eo)))
		return -1;
	size_t ld = engine_logits_stride(d->engine);
	d->sampler = sampler_new(engine_arithmetic(d->engine), d->model->hp.n_vocab);
	d->x = mem_alloc64(ENGINE_BATCH * engine_stride(d->engine), sizeof *d->x);
	d->logits = mem_alloc64(ld, sizeof *d->logits);
	d->spare = mem_alloc64(ld, sizeof *d->spare);
	return d->sampler && d->x && d->logits && d->spare ? 0 : -1;
}

struct drafter *
drafter_open(const char *path, const struct drafter_options *o)
{
	struct drafter *d = mem_alloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->o = *o;
	if (load(d, path) < 0) {
		drafter_free(d);
		return NULL;
	}
	return d;
}

static void
drafted_free(struct drafter *d, struct drafted *q)
{
	if (!q)
		return;
	kv_release(engine_kv(d->engine), &q->kv);
	free(q->token);
	free(q);
}

void
drafter_free(struct drafter *d)
{
	if (!d)
		return;
	if (d->guessed > 0)
		msg_info("draft: %llu of %llu tokens were right", (unsigned long long)d->taken, (unsigned long long)d->guessed);
	for (size_t i = 0; i < d->seqs.cap; i++)
		drafted_free(d, d->seqs.slot[i].value);
	seqmap_free(&d->seqs);
	sampler_free(d->sampler);
	free(d->x);
	free(d->logits);
	free(d->spare);
	engine_free(d->engine);
	model_free(d->model);
	free(d);
}

const struct hash *
drafter_vocab(const struct drafter *d)
{
	return &d->vocab_id;
}

void
drafter_taken(struct drafter *d, uint32_t n)
{
	d->taken += n;
}

void
drafter_forget(struct drafter *d, uint32_t seq)
{
	drafted_free(d, seqmap_get(&d->seqs, seq));
	seqmap_remove(&d->seqs, seq);
}

static struct drafted *
find(struct drafter *d, uint32_t seq)
{
	struct drafted *q = seqmap_get(&d->seqs, seq);

	if (q)
		return q;
	if (!(q = mem_alloc(1, sizeof *q)))
		return NULL;
	if (seqmap_put(&d->seqs, seq, q) < 0) {
		free(q);
		return NULL;
	}
	return q;
}

/* The next `n` tokens of a sequence, at most ENGINE_BATCH; the logits behind the last of them. 1; 0: there is no room; -1. */
static int
forward(struct drafter *d, struct drafted *q, const uint32_t *token, size_t n)
{
	size_t len = q->kv.len + n;

	if (kv_reserve(engine_kv(d->engine), &q->kv, (uint32_t)len) != KV_OK)
		return 0;
	if (mem_grow(&q->token, &q->cap, len, sizeof *q->token) < 0)
		return -1;
	memcpy(q->token + q->kv.len, token, n * sizeof *token);
	return engine_next(d->engine, &q->kv, token, n, d->x, d->logits) < 0 ? -1 : 1;
}

/* All tokens of the sequence, those that are not held yet: at least the last one. */
static int
catch_up(struct drafter *d, struct drafted *q, const uint32_t *token, size_t n)
{
	size_t same = 0;
	int rc = 1;

	while (same < q->kv.len && same + 1 < n && q->token[same] == token[same])
		same++;
	kv_cut(engine_kv(d->engine), &q->kv, (uint32_t)same);
	for (size_t part; same < n && rc > 0; same += part) {
		part = n - same < ENGINE_BATCH ? n - same : ENGINE_BATCH;
		rc = forward(d, q, token + same, part);
	}
	return rc;
}

/* Whether the likeliest token is probable enough to guess at all. */
static bool
sure(struct drafter *d)
{
	uint32_t n = d->model->hp.n_vocab;

	if (d->o.p_min <= 0)
		return true;
	memcpy(d->spare, d->logits, n * sizeof *d->spare);
	/* the likeliest has 1 of the sum */
	return d->o.p_min * engine_arithmetic(d->engine)->softmax(d->spare, n, 1) <= 1;
}

int
drafter_guess(struct drafter *d, uint32_t seq, const struct open *open, uint64_t ordinal, const uint32_t *token, uint32_t n,
    uint32_t *guess, uint32_t max)
{
	struct drafted *q = find(d, seq);
	struct open wants = *open;
	double mu = sample_mu(&open->sampling);
	struct sample_seq at = { .open = &wants, .mu = &mu };
	uint32_t got = 0;
	int rc;

	if (!q)
		return -1;
	wants.ordinal = ordinal;
	if (max > d->o.max)
		max = d->o.max;
	rc = catch_up(d, q, token, n);
	while (rc > 0 && got < max && sure(d)) {
		at.token = q->token; /* which holds the guesses, too */
		at.pos = n + got;
		rc = sampler_choose(d->sampler, d->logits, &at, &guess[got]);
		if (rc > 0 && ++got < max)
			rc = forward(d, q, &guess[got - 1], 1);
	}
	d->guessed += got;
	return rc < 0 ? -1 : (int)got;
}
