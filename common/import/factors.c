/* Factors by which frequencies of rope are divided. See import/keys.h. */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "compute/mathd.h"
#include "import/formula.h"
#include "import/keys.h"
#include "model/arch.h"
#include "model/model.h"
#include "model/types.h"

static double
setting(const struct hub *h, const char *text)
{
	double v;

	return formula(h->settings, text, &v) ? v : 0;
}

static int
wrong(const struct hub *h, const char *what)
{
	return err_set(ERR_DATA, "%s/config.json: %s", h->dir, what);
}

static int
put(struct gguf_writer *to, const char *name, float *x, uint64_t n)
{
	return gguf_put_tensor(to, name, TYPE_F32, 1, &n, x, n * sizeof *x);
}

/* ---- Llama 3: long waves are stretched, short ones not, and those between more or less ---- */

static int
put_llama3(struct gguf_writer *to, const struct hub *h, const struct recipe *r, struct keys_factors *f)
{
	const double pi = 3.14159265358979323846;
	double base = recipe_number(r, h->settings, "rope.freq_base"), dim = recipe_number(r, h->settings, "rope.dimension_count");
	double factor = setting(h, "rope.factor | 8"), low = setting(h, "rope.low_freq_factor | 1"), high = setting(h, "rope.high_freq_factor | 4");
	double context = setting(h, "rope.original_max_position_embeddings | 8192");

	if (!(base >= 1 && base < 1e30) || !(dim >= 2 && dim <= MODEL_MAX_DIM) || !(factor > 0) || !(low > 0) || !(high > low) || !(context > 0))
		return wrong(h, "numbers of its rope scaling make no sense");
	uint64_t n = (uint64_t)dim / 2;
	if (!(f->of[0] = mem_alloc(n, sizeof(float))))
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		double wave = 2 * pi * mathd_pow(base, (double)(2 * i) / dim);
		double smooth = (context / wave - low) / (high - low);
		f->of[0][i] = wave < context / high ? 1 : wave > context / low ? (float)factor : (float)(1 / ((1 - smooth) / factor + smooth));
	}
	return put(to, "rope_freqs.weight", f->of[0], n);
}

/* ---- Phi 3: one list of factors for long contexts, one for short ones ---- */

static int
put_list(struct gguf_writer *to, const struct hub *h, const struct recipe *r, const char *from, const char *name, float **x)
{
	const json_t *list = json_object_get(h->settings, from);
	size_t n = json_array_size(list);

	if ((double)n != recipe_number(r, h->settings, "rope.dimension_count") / 2)
		return wrong(h, "its rope scaling has a list of factors that is not of half of a head");
	if (!(*x = mem_alloc(n, sizeof **x)))
		return -1;
	for (size_t i = 0; i < n; i++) {
		double v = json_number_value(json_array_get(list, i));
		if (!(v > 0 && v < 1e30))
			return wrong(h, "its rope scaling has a factor that is none");
		(*x)[i] = (float)v;
	}
	return put(to, name, *x, n);
}

/* What cos and sin are multiplied by, where the settings don't say it. */
static double
attention_factor(double context, double original)
{
	double scale = context / original;

	return scale > 1 ? __builtin_sqrt(1 + mathd_log(scale) / mathd_log(original)) : 1;
}

static int
put_longrope(struct gguf_writer *to, const struct hub *h, const struct recipe *r, struct keys_factors *f)
{
	double context = recipe_number(r, h->settings, "context_length"), factor = setting(h, "rope.attention_factor");
	double original = recipe_number(r, h->settings, "rope.scaling.original_context_length");
	char name[KEYS_MAX_NAME];

	if (!(context >= 2 && context <= MODEL_MAX_CONTEXT) || !(original >= 2 && original <= MODEL_MAX_CONTEXT) || !(factor >= 0 && factor < 1e30))
		return wrong(h, "numbers of its rope scaling make no sense");
	if (factor == 0)
		factor = attention_factor(context, original);
	if (gguf_put_f32(to, keys_name(name, r, "rope.scaling.attn_factor"), (float)factor) < 0)
		return -1;
	if (put_list(to, h, r, "rope.long_factor", "rope_factors_long.weight", &f->of[0]) < 0)
		return -1;
	return put_list(to, h, r, "rope.short_factor", "rope_factors_short.weight", &f->of[1]);
}

int
keys_put_factors(struct gguf_writer *to, const struct hub *h, const struct recipe *r, struct keys_factors *f)
{
	const char *type = hub_text(h->settings, "rope.rope_type");
	uint32_t ends = arch_find(r->arch)->ends;

	/* "dynamic" begins beyond the context that a model was trained with. */
	if (!type || strcmp(type, "default") == 0 || strcmp(type, "dynamic") == 0 || strcmp(type, "linear") == 0 || strcmp(type, "yarn") == 0)
		return 0;
	if (strcmp(type, "llama3") == 0 && ends >> ROPE_FREQS & 1)
		return put_llama3(to, h, r, f);
	if ((strcmp(type, "longrope") == 0 || strcmp(type, "su") == 0) && ends >> ROPE_LONG & 1)
		return put_longrope(to, h, r, f);
	return err_set(ERR_DATA, "%s/config.json: rope scaling of type %.60s is not known of architecture %s", h->dir, type, r->arch);
}

void
keys_factors_free(struct keys_factors *f)
{
	free(f->of[0]);
	free(f->of[1]);
	*f = (struct keys_factors){ 0 };
}
