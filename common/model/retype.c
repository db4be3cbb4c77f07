/* A model with its matrices in another type, as llama-quantize makes it. */

#include <inttypes.h>
#include <string.h>

#include "base/msg.h"
#include "model/imatrix.h"
#include "model/mixture.h"
#include "model/plain.h"
#include "model/quantize.h"
#include "model/rewrite.h"
#include "model/tile.h"
#include "model/types.h"

#define KEY_FILE_TYPE "general.file_type"
#define KEY_QUANTIZATION_VERSION "general.quantization_version"

enum { QUANTIZATION_VERSION = 2 }; /* GGML_QNT_VERSION */

struct retype {
	const struct model *m;
	const struct mixture *mixture;
	const struct imatrix *im;         /* NULL: none */
	uint64_t odd;                     /* matrices whose rows are no whole blocks of its type */
	const struct gguf_tensor *an_odd; /* the first of them */
};

/* One that says nothing of how this file is made. */
static bool
is_other_key(struct gguf_string key)
{
	const size_t n = strlen(IMATRIX_KEY_MADE);

	if (key.len > n && memcmp(key.data, IMATRIX_KEY_MADE, n) == 0)
		return false;
	return !gguf_string_is(key, KEY_FILE_TYPE) && !gguf_string_is(key, KEY_QUANTIZATION_VERSION);
}

static int
put_keys(void *arg, struct gguf_writer *w)
{
	const struct retype *r = arg;

	if (gguf_put_u32(w, KEY_QUANTIZATION_VERSION, QUANTIZATION_VERSION) < 0 || gguf_put_u32(w, KEY_FILE_TYPE, r->mixture->file_type) < 0)
		return -1;
	return r->im ? imatrix_put_keys(r->im, w) : 0;
}

/* Names with one of these in them are left alone by llama-quantize, as are those that don't end in "weight". */
static const char *const left_alone[] = {
	"_norm.weight",
	/* small ones: gates and routing of experts, projections, convolutions */
	"ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj", "ssm_conv1d",
	"shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight",
	/* RWKV */
	"time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight", "time_mix_v0.weight",
	"time_mix_v1.weight", "time_mix_v2.weight", "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight",
	"time_mix_g1.weight", "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight",
	"time_mix_lerp_fused.weight",
	/* positions, and what images and sounds take */
	"attn_rel_b.weight", ".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd",
	".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
};

static bool
is_left_alone(struct gguf_string name)
{
	static const char end[] = "weight";
	const size_t n = sizeof end - 1;

	if (name.len < n || memcmp(name.data + name.len - n, end, n) != 0)
		return true;
	if (gguf_string_is(name, "position_embd.weight") || gguf_string_is(name, "token_types.weight"))
		return true;
	for (size_t i = 0; i < sizeof left_alone / sizeof *left_alone; i++)
		if (memmem(name.data, name.len, left_alone[i], strlen(left_alone[i])))
			return true;
	return false;
}

static uint32_t
wanted_type(struct retype *r, const struct gguf_tensor *t)
{
	bool vector = t->ne[1] == 1 && t->ne[2] == 1 && t->ne[3] == 1;

	if (vector || is_left_alone(t->name))
		return plain_type(t);
	if (t->ne[0] % type_info(r->mixture->type)->block != 0 && r->odd++ == 0)
		r->an_odd = t;
	return mixture_type(r->mixture, r->m, t, r->im);
}

/* What keeps its type goes through f32 too, where that can be, so that all is known to be finite. */
static int
converts(void *arg, const struct place *p, uint32_t *type)
{
	uint32_t from = *type;

	*type = wanted_type(arg, p->t);
	if (*type != from)
		return rewrite_need_type(p) < 0 ? -1 : 1;
	return quantize_makes(from);
}

static bool
weighs(void *arg, const struct place *p, uint64_t number, float *by)
{
	const struct retype *r = arg;

	return r->im && imatrix_columns(r->im, p->t, number, by);
}

int
shard_quantize(const struct model *m, const struct mixture *x, const struct imatrix *im, const char *out)
{
	struct retype r = { .m = m, .mixture = x, .im = im };
	struct rewrite w = { .m = m, .out = out, .what = "converting", .keeps_key = is_other_key, .put_keys = put_keys,
		.converts = converts, .weighs = weighs, .arg = &r };

	if (rewrite_model(&w) < 0)
		return -1;
	if (r.odd)
		msg_warn("%s: rows that are no multiple of %" PRIu32 " became %s, in %" PRIu64 " tensors, %.*s the first", out,
		    type_info(x->type)->block, x->type == TYPE_Q8_0 || x->type == TYPE_Q4_0 ? "F16" : "another type", r.odd, (int)r.an_odd->name.len, r.an_odd->name.data);
	return 0;
}
