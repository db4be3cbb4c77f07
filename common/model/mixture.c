#include "model/mixture.h"

#include <string.h>
#include <strings.h>

#include "model/types.h"

static const struct mixture all[] = {
	{ "f32", TYPE_F32, 0, false },
	{ "f16", TYPE_F16, 1, false },
	{ "bf16", TYPE_BF16, 32, false },
	{ "q8_0", TYPE_Q8_0, 7, false },
	{ "q6_k", TYPE_Q6_K, 18, false },
	{ "q5_k_m", TYPE_Q5_K, 17, true },
	{ "q4_k_m", TYPE_Q4_K, 15, true },
	{ "q4_0", TYPE_Q4_0, 2, false },
};

const struct mixture *
mixture_find(const char *name)
{
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcasecmp(name, all[i].name) == 0)
			return &all[i];
	return NULL;
}

/* Is `part` in the name? */
static bool
has(const struct gguf_tensor *t, const char *part)
{
	return memmem(t->name.data, t->name.len, part, strlen(part)) != NULL;
}

/* The first and last eighths of the layers, and every third between: llama-quantize's use_more_bits. */
static bool
is_of_few(int64_t layer, int64_t n)
{
	return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2;
}

/* The matrix that gives logits, which is the embedding's where there is no other. */
static bool
is_output(const struct model *m, const struct gguf_tensor *t)
{
	return gguf_string_is(t->name, "output.weight") || (gguf_string_is(t->name, "token_embd.weight") && !model_tensor(m, "output.weight"));
}

static bool
is_falcon(const struct model *m)
{
	return strcmp(m->hp.arch, "falcon") == 0;
}

static uint32_t
output_type(const struct mixture *x, const struct model *m, const struct gguf_tensor *t)
{
	if (is_falcon(m) || t->ne[0] % type_info(x->type)->block != 0)
		return TYPE_Q8_0;
	return x->type == TYPE_Q8_0 ? TYPE_Q8_0 : TYPE_Q6_K;
}

static uint32_t
values_type(const struct mixture *x, const struct model *m, int64_t layer)
{
	const struct hparams *hp = &m->hp;
	uint32_t type = x->more && is_of_few(layer, hp->n_layers) ? TYPE_Q6_K : x->type;

	if (hp->n_experts == 8)
		return TYPE_Q8_0;
	/* Of Llama 70B 8 heads share these values */
	return type == TYPE_Q4_K && strcmp(hp->arch, "llama") == 0 && hp->n_layers == 80 && hp->n_heads != hp->n_kv_heads ? TYPE_Q5_K : type;
}

static uint32_t
down_type(const struct mixture *x, const struct model *m, int64_t layer, bool weighed)
{
	int64_t n = m->hp.n_layers;

	/* llama-quantize: a guard against what may happen in the first layers */
	if (x->type == TYPE_Q4_0 && weighed && layer < n / 8)
		return TYPE_Q4_1;
	if (!x->more)
		return x->type;
	if (is_falcon(m) && x->type == TYPE_Q4_K)
		return layer < n / 16 ? TYPE_Q6_K : is_of_few(layer, n) ? TYPE_Q5_K : TYPE_Q4_K;
	return is_of_few(layer, n) ? TYPE_Q6_K : x->type;
}

static uint32_t
wanted(const struct mixture *x, const struct model *m, const struct gguf_tensor *t, bool weighed)
{
	int64_t layer = model_layer(t->name);
	bool eight = m->hp.n_experts == 8;

	if (type_info(x->type)->block == 1)
		return x->type;
	if (is_output(m, t))
		return output_type(x, m, t);
	if (has(t, "attn_v.weight") || has(t, "attn_qkv.weight") || has(t, "attn_kv_b.weight"))
		return values_type(x, m, layer);
	if (has(t, "attn_k.weight") && eight)
		return TYPE_Q8_0;
	if (has(t, "attn_output.weight") && eight && x->more && x->type == TYPE_Q4_K)
		return TYPE_Q5_K;
	return has(t, "ffn_down") ? down_type(x, m, layer, weighed) : x->type;
}

/* In place of a type with blocks of 256. */
static uint32_t
of_32(uint32_t type)
{
	switch (type) {
	case TYPE_Q4_K:
		return TYPE_Q5_0;
	case TYPE_Q5_K:
		return TYPE_Q5_1;
	case TYPE_Q6_K:
		return TYPE_Q8_0;
	default:
		return type;
	}
}

uint32_t
mixture_type(const struct mixture *x, const struct model *m, const struct gguf_tensor *t, bool weighed)
{
	uint32_t type = wanted(x, m, t, weighed);

	if (t->ne[0] % type_info(type)->block != 0)
		type = of_32(type);
	return t->ne[0] % type_info(type)->block != 0 ? TYPE_F16 : type;
}
