#include "import/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "import/formula.h"
#include "import/keys.h"
#include "import/tensors.h"
#include "import/vocabulary.h"
#include "model/model.h"

enum { QUANTIZATION_VERSION = 2 }; /* GGML's */

static const struct recipe *
find_recipe(const struct hub *h)
{
	const char *class = json_string_value(json_array_get(json_object_get(h->settings, "architectures"), 0));
	const struct recipe *r = class ? recipe_find(class) : NULL;
	double v;

	if (!class)
		err_set(ERR_DATA, "%s/config.json: no \"architectures\", which says what model this is", h->dir);
	else if (!r)
		err_set(ERR_DATA, "%s/config.json: %.100s is no architecture that is known", h->dir, class);
	else if (r->refused && formula(h->settings, r->refused, &v) && v != 0) {
		err_set(ERR_DATA, "%s/config.json: %s of architecture %s is not computed", h->dir, r->refused, r->arch);
		return NULL;
	}
	return r;
}

/* The last part of the folder's path. */
static char *
model_name(const char *dir)
{
	char *path = realpath(dir, NULL), *slash = path ? strrchr(path, '/') : NULL, *name = slash ? mem_strdup(slash + 1) : NULL;

	free(path);
	return name;
}

static int
put_general(struct gguf_writer *to, const struct hub *h, const struct recipe *r, uint32_t file_type)
{
	char *name = model_name(h->dir);
	int rc = -1;

	if (gguf_put_string(to, "general.architecture", r->arch) == 0 && gguf_put_string(to, "general.type", "model") == 0 &&
	    (!name || *name == '\0' || gguf_put_string(to, "general.name", name) == 0) && gguf_put_u32(to, "general.file_type", file_type) == 0)
		rc = gguf_put_u32(to, "general.quantization_version", QUANTIZATION_VERSION);
	free(name);
	return rc;
}

/* What was written is taken for a model only where it is one. */
static int
check(const struct io_out *out, const char *dir)
{
	const char *path = out->temporary;
	struct model *m;
	int rc;

	if (!path)
		return 0;
	if (fflush(out->file) != 0)
		return err_sys("%s", out->path);
	m = model_open(&path, 1);
	rc = m ? model_check(m) : -1;
	model_free(m);
	return rc < 0 ? err_wrap("%s: what it makes is no model that is computed", dir) : 0;
}

static int
write_file(const struct import *i, const struct gguf_writer *w)
{
	struct io_out out = { 0 };
	int rc;

	if (io_out_open(&out, i->out) < 0)
		return -1;
	rc = gguf_write_file(w, out.file, i->out) < 0 || check(&out, i->dir) < 0 ? -1 : io_out_commit(&out);
	io_out_abort(&out);
	return rc;
}

static int
write_model(const struct import *i, const struct hub *h, const struct recipe *r, struct gguf_writer *w)
{
	struct keys_factors factors = { 0 };
	struct tensors *tensors = tensors_put(w, h, r);
	int rc = -1;

	if (tensors) {
		tensors_progress(tensors, i->progress, i->progress_arg);
		if (put_general(w, h, r, tensors_file_type(tensors)) == 0 && keys_put(w, h, r) == 0 && keys_put_factors(w, h, r, &factors) == 0 &&
		    vocabulary_put(w, h, r) == 0)
			rc = write_file(i, w);
	}
	tensors_free(tensors);
	keys_factors_free(&factors);
	return rc;
}

int
import_model(const struct import *i)
{
	struct hub *h = hub_open(i->dir, i->allow);
	const struct recipe *r = h ? find_recipe(h) : NULL;
	struct gguf_writer *w = r ? gguf_writer_new() : NULL;
	int rc = w ? write_model(i, h, r, w) : -1;

	gguf_writer_free(w);
	hub_free(h);
	return rc;
}
