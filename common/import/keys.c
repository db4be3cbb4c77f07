#include "import/keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "import/formula.h"
#include "model/model.h"

const char *
keys_name(char to[KEYS_MAX_NAME], const struct recipe *r, const char *name)
{
	snprintf(to, KEYS_MAX_NAME, "%s.%s", r->arch, name);
	return to;
}

static int
put_number(struct gguf_writer *to, const struct hub *h, const char *name, enum recipe_kind kind, double v)
{
	if (kind == KEY_IS_BOOL)
		return gguf_put_bool(to, name, v != 0);
	if (kind == KEY_IS_F32 && fabs(v) <= 1e30)
		return gguf_put_f32(to, name, (float)v);
	if (kind == KEY_IS_U32 && v >= 0 && v <= UINT32_MAX)
		return gguf_put_u32(to, name, (uint32_t)v);
	return err_set(ERR_DATA, "%s/config.json: %s would be %g", h->dir, name, v);
}

/* Did an entry before k in its list, or a list before, give the same key a value? */
static bool
is_put(const struct recipe_key *const *lists, const struct recipe_key *k, const json_t *settings)
{
	double v;

	for (;; lists++)
		for (const struct recipe_key *i = *lists; i->name; i++) {
			if (i == k)
				return false;
			if (strcmp(i->name, k->name) == 0 && formula(settings, i->formula, &v))
				return true;
		}
}

static int
put_recipe(struct gguf_writer *to, const struct hub *h, const struct recipe *r)
{
	const struct recipe_key *lists[RECIPE_KEY_LISTS];
	size_t n = recipe_keys(r, lists);
	char name[KEYS_MAX_NAME];
	double v;

	for (size_t i = 0; i < n; i++)
		for (const struct recipe_key *k = lists[i]; k->name; k++) {
			if (!formula(h->settings, k->formula, &v) || is_put(lists, k, h->settings))
				continue;
			keys_name(name, r, k->name);
			if ((k->kind == KEY_IS_TEXT ? gguf_put_string(to, name, k->text) : put_number(to, h, name, k->kind, v)) < 0)
				return -1;
		}
	return 0;
}

/* ---- pooling ---- */

static bool
is_pooling(const json_t *module)
{
	const char *type = hub_text(module, "type"), *last = type ? strrchr(type, '.') : NULL;

	return type && strcmp(last ? last + 1 : type, "Pooling") == 0;
}

/* The folder of the module that pools; NULL: none does. */
static const char *
pooling_folder(const json_t *modules)
{
	for (size_t i = 0; i < json_array_size(modules); i++)
		if (is_pooling(json_array_get(modules, i)))
			return hub_text(json_array_get(modules, i), "path");
	return NULL;
}

static int
put_pooling_of(struct gguf_writer *to, const struct hub *h, const struct recipe *r, const char *folder)
{
	static const struct {
		const char *formula;
		enum pooling is;
	} kinds[] = {
		{ "pooling_mode_mean_tokens | pooling_mode=mean", POOLING_MEAN }, { "pooling_mode_cls_token | pooling_mode=cls", POOLING_CLS },
		{ "pooling_mode_lasttoken | pooling_mode=lasttoken", POOLING_LAST },
	};
	char name[KEYS_MAX_NAME];
	json_t *settings;
	double v;

	/* A path could lead anywhere. */
	if (strchr(folder, '/') || snprintf(name, sizeof name, "%s/config.json", folder) >= (int)sizeof name)
		return err_set(ERR_DATA, "%s/modules.json: %.200s is no folder beside it", h->dir, folder);
	int rc = hub_json(h, name, &settings);
	enum pooling is = POOLING_NONE;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds && is == POOLING_NONE; i++)
		if (formula(settings, kinds[i].formula, &v) && v != 0)
			is = kinds[i].is;
	json_decref(settings);
	if (rc < 0)
		return -1;
	if (is == POOLING_NONE)
		return err_set(ERR_DATA, "%s/%s: pools in a way that is not known", h->dir, name);
	return gguf_put_u32(to, keys_name(name, r, "pooling_type"), is);
}

static int
put_pooling(struct gguf_writer *to, const struct hub *h, const struct recipe *r)
{
	json_t *modules;
	int rc = hub_json(h, "modules.json", &modules);
	const char *folder = pooling_folder(modules);

	if (folder)
		rc = put_pooling_of(to, h, r, folder);
	json_decref(modules);
	return rc < 0 ? -1 : 0;
}

int
keys_put(struct gguf_writer *to, const struct hub *h, const struct recipe *r)
{
	return put_recipe(to, h, r) < 0 ? -1 : put_pooling(to, h, r);
}
