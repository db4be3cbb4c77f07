#include "flow/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "flow/stage_impl.h"
#include "model/types.h"

/* ---- identities ---- */

int
stage_profile(struct stage *s, char to[STREAM_PROFILE_SIZE])
{
	static const char *const factors[] = { [FACTORS_ANY] = "", [FACTORS_LONG] = " rope=long", [FACTORS_SHORT] = " rope=short" };
	const struct adapter_list *l = engine_adapters(s->engine);
	char hex[HASH_HEX] = "";
	struct hash id;

	if (l->n > 0) {
		if (adapters_id(l, &id) < 0)
			return -1;
		hash_to_hex(&id, hex);
	}
	snprintf(to, STREAM_PROFILE_SIZE, "mai-arithmetic-1 kv=%s%s%s%s", stream_dtype_name((enum stream_dtype)kv_type(engine_kv(s->engine))), factors[engine_rope_factors(s->engine)], *hex ? " lora=" : "", hex);
	return 0;
}

static int
make_header(struct stage *s)
{
	const struct model *m = s->model;
	struct stream_header *h = &s->header;
	bool hidden = !m->has_head;

	*h = (struct stream_header){
		.kind = hidden ? STREAM_HIDDEN : s->output == STAGE_LOGITS ? STREAM_LOGITS : STREAM_EMBEDDINGS,
		.dtype = STREAM_F32,
		.width = hidden ? m->hp.hidden : s->output == STAGE_LOGITS ? m->hp.n_vocab : m->hp.dim,
		.next_layer = m->layer_last,
		.vocab_id = m->stated_vocab_id,
	};
	if (hash_is_none(&h->vocab_id) && model_vocab_id(m, &h->vocab_id) < 0)
		return -1;
	/* What the head gives is for no other stage: it looks the same from a whole GGUF, which only then would be hashed. */
	if (m->has_head && m->has_embedding)
		return 0;
	s->model_id = m->stated_model_id;
	if ((hash_is_none(&s->model_id) && model_id(m, &s->model_id) < 0) || stage_profile(s, s->profile) < 0)
		return -1;
	if (!hidden)
		return 0;
	h->model_id = s->model_id;
	memcpy(h->profile, s->profile, sizeof h->profile);
	return 0;
}

const struct stream_header *
stage_header(const struct stage *s)
{
	return &s->header;
}

bool
stage_takes_hidden(const struct stage *s)
{
	return !s->model->has_embedding;
}

static bool
differ(const struct hash *a, const struct hash *b)
{
	return !hash_is_none(a) && !hash_is_none(b) && !hash_equal(a, b);
}

static int
accepts_hidden(const struct stage *s, const struct stream_header *in, const char *name)
{
	const struct model *m = s->model;

	if (m->layer_first == 0)
		return err_set(ERR_DATA, "%s holds hidden states; a shard with the embedding takes tokens", name);
	if (in->next_layer != m->layer_first)
		return err_set(ERR_DATA, "%s goes on at layer %u, but this shard begins at layer %u", name, in->next_layer,
		    m->layer_first);
	if (!hash_equal(&in->model_id, &s->model_id))
		return err_set(ERR_DATA, "%s was made by another model than this shard's", name);
	if (in->width != m->hp.hidden)
		return err_set(ERR_DATA, "%s has rows of %u elements, this model of %u", name, in->width, m->hp.hidden);
	if (strncmp(in->profile, s->profile, sizeof in->profile) != 0)
		return err_set(ERR_DATA, "%s was computed as \"%.*s\", this stage computes \"%s\"", name,
		    (int)sizeof in->profile, in->profile, s->profile);
	return 0;
}

int
stage_accepts(struct stage *s, const struct stream_header *in, const char *name)
{
	static const char *const kinds[] = { [STREAM_TOKENS] = "tokens", [STREAM_HIDDEN] = "hidden states",
		[STREAM_LOGITS] = "logits", [STREAM_SCORES] = "scores", [STREAM_EMBEDDINGS] = "embeddings" };

	if (differ(&in->vocab_id, &s->header.vocab_id))
		return err_set(ERR_DATA, "%s was made with another vocabulary than this model's", name);
	s->in_dtype = in->dtype;
	if (in->kind == STREAM_HIDDEN)
		return accepts_hidden(s, in, name);
	if (in->kind != STREAM_TOKENS)
		return err_set(ERR_DATA, "%s holds %s; a stage takes tokens or hidden states", name, kinds[in->kind]);
	if (!s->model->has_embedding)
		return err_set(ERR_DATA, "%s holds tokens, but this shard begins at layer %u and takes hidden states", name,
		    s->model->layer_first);
	return 0;
}

/* ---- frames ---- */

static int
emit_closes(struct stage *s, stage_emit *emit, void *arg)
{
	for (size_t i = 0; i < s->n_closing; i++) {
		struct stage_seq *q = s->closing[i];
		struct frame f = { .type = FRAME_CLOSE, .seq = q->id, .pos = q->end, .reason = q->reason };
		int rc = stage_save(s, q, q->reason, q->end);
		kv_release(engine_kv(s->engine), &q->kv);
		if (rc < 0 || emit(arg, &f) < 0)
			return -1;
	}
	s->n_closing = 0;
	return 0;
}

static int
pass_on(const struct frame *in, stage_emit *emit, void *arg)
{
	struct frame f = *in;

	f.hops = stage_hops(in);
	return emit(arg, &f);
}

int
stage_take(struct stage *s, const struct frame *in, stage_emit *emit, void *arg)
{
	int rc = 0;

	switch (in->type) {
	case FRAME_OPEN: rc = stage_open(s, in); break;
	case FRAME_FORK: rc = stage_fork(s, in); break;
	case FRAME_CUT: stage_cut(s, in); break;
	case FRAME_CLOSE: rc = stage_drop(s, in); break;
	case FRAME_PROMPT_END: stage_prompt_end(s, in->seq); break;
	case FRAME_ROWS: rc = stage_rows(s, in, emit, arg); break;
	case FRAME_ERROR:
	case FRAME_END:
	case FRAME_RECEIPT:
	case FRAME_VOUCHER: break;
	}
	if (rc == 0 && in->type != FRAME_ROWS)
		rc = pass_on(in, emit, arg);
	return rc == 0 ? emit_closes(s, emit, arg) : -1;
}

struct stage *
stage_new(const struct model *m, struct engine *e, const struct vocab *vocab, enum stage_output output)
{
	struct stage *s = mem_alloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->model = m;
	s->engine = e;
	s->vocab = vocab;
	s->grammars.vocab = vocab;
	s->output = output;
	s->in_dtype = STREAM_F32;
	s->x_rows = STREAM_MAX_ROWS;
	s->x = mem_alloc64(s->x_rows * engine_stride(e), sizeof *s->x);
	if (!s->x || make_header(s) < 0)
		goto fail;
	if (m->has_head && !(s->sampler = sampler_new(engine_arithmetic(e), m->hp.n_vocab)))
		goto fail;
	return s;
fail:
	stage_free(s);
	return NULL;
}

void
stage_free(struct stage *s)
{
	if (!s)
		return;
	stage_reset(s);
	stage_seq_free(s, s->loaded);
	free(s->kept);
	sampler_free(s->sampler);
	breakers_release(s->breakers);
	grammars_free(&s->grammars);
	free(s->x);
	free(s->logits);
	free(s);
}
