/* What a stage was given of a sequence, and what it keeps of one (flow/state.h). */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "flow/stage_impl.h"
#include "flow/state.h"

static int
state_of(struct stage *s, struct state_of *of)
{
	const struct model *m = s->model;

	*of = (struct state_of){ .vocab_id = s->header.vocab_id, .layer_first = m->layer_first, .layer_last = m->layer_last };
	if (m->hp.how->encoder)
		return err_set(ERR_DATA, "an encoder keeps no keys and values");
	/* A whole GGUF, which hides its model id from streams, is hashed for this. */
	of->model_id = m->stated_model_id;
	if ((hash_is_none(&of->model_id) && model_id(m, &of->model_id) < 0) || stage_profile(s, of->profile) < 0)
		return -1;
	return 0;
}

static int
copy_loaded(struct stage *s, struct stage_seq *q, const struct state *from)
{
	if (!from->token && s->model->has_head)
		return err_set(ERR_DATA, "%s: holds no tokens, which the output head wants", from->file->path);
	for (uint32_t i = 0; from->token && i < from->n; i++)
		if (from->token[i] >= s->model->hp.n_vocab)
			return err_set(ERR_DATA, "%s: token %u at position %u is none of this model's", from->file->path, from->token[i], i);
	if (mem_grow(&q->token, &q->token_cap, from->n, sizeof *q->token) < 0)
		return -1;
	for (uint32_t i = 0; i < from->n; i++)
		q->token[i] = from->token ? from->token[i] : ROW_NO_TOKEN;
	return state_restore(from, engine_kv(s->engine), &q->kv);
}

int
stage_load(struct stage *s, const struct state *from)
{
	struct state_of of;

	if (state_of(s, &of) < 0 || state_fits(from, &of, engine_kv(s->engine)) < 0 || !(s->loaded = mem_alloc(1, sizeof *s->loaded)))
		return -1;
	s->loaded->prompt = UINT32_MAX;
	return copy_loaded(s, s->loaded, from);
}

int
stage_keep(struct stage *s, const char *path)
{
	s->keep = path;
	if (!(s->kept = mem_alloc(1, sizeof *s->kept)))
		return -1;
	return state_of(s, s->kept);
}

static bool
all_known(const uint32_t *token, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (token[i] == ROW_NO_TOKEN)
			return false;
	return true;
}

int
stage_save(struct stage *s, const struct stage_seq *q, enum close_reason reason, uint32_t end)
{
	bool good = reason == CLOSE_STOP || reason == CLOSE_LENGTH || reason == CLOSE_CONTEXT;
	struct kv_seq shown = q->kv;

	if (shown.len > end && !hparams_is_recurrent(&s->model->hp)) /* whose state stands behind its last position, a stop text or not */
		shown.len = end;
	if (!s->keep || !good || q->open->ordinal != 0 || shown.len == 0)
		return 0;
	return state_save(s->keep, s->kept, engine_kv(s->engine), &shown, all_known(q->token, shown.len) ? q->token : NULL,
	    q->prompt <= shown.len ? q->prompt : UINT32_MAX);
}
