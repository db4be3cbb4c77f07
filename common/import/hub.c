#include "import/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"

/* ---- files ---- */

static char *
path_of(const struct hub *h, const char *name)
{
	char *dir = mem_join(h->dir, "/"), *path = dir ? mem_join(dir, name) : NULL;

	free(dir);
	return path;
}

/* 1, 0: there is none; -1: what is there is no file. */
static int
is_there(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return errno == ENOENT ? 0 : err_sys("%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(ERR_DATA, "%s: not a regular file", path);
	return 1;
}

static int
is_allowed(const struct hub *h, const char *path)
{
	return h->allow ? h->allow(path) : 0;
}

int
hub_file(const struct hub *h, const char *name, struct buf *to)
{
	char *path = path_of(h, name);
	int rc = path ? is_there(path) : -1;

	if (rc > 0 && (is_allowed(h, path) < 0 || io_read_file(to, path, HUB_MAX_JSON) < 0))
		rc = -1;
	free(path);
	return rc;
}

int
hub_json(const struct hub *h, const char *name, json_t **to)
{
	struct buf text = { 0 };
	json_error_t e;
	int rc = hub_file(h, name, &text);

	*to = NULL;
	if (rc > 0) {
		*to = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &e);
		if (!*to)
			rc = err_set(ERR_DATA, "%s/%s: line %d: %.200s", h->dir, name, e.line, e.text);
	}
	buf_free(&text);
	return rc;
}

const char *
hub_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

bool
hub_number(const json_t *v, uint64_t *to)
{
	*to = (uint64_t)json_integer_value(v); /* not negative where true is returned */
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

/* ---- settings ---- */

static int
no_memory(void)
{
	return err_set(ERR_SYSTEM, "out of memory");
}

/* Of `from` those settings whose names are put behind "rope.". */
static int
add_rope(json_t *settings, json_t *from)
{
	const char *key;
	char name[256];
	json_t *v;

	json_object_foreach(from, key, v) {
		/* "type" is the old name of "rope_type" */
		snprintf(name, sizeof name, "rope.%s", strcmp(key, "type") == 0 ? "rope_type" : key);
		if (json_object_set(settings, name, v) != 0)
			return no_memory();
	}
	return 0;
}

static int
flatten(json_t *settings)
{
	json_t *text = json_object_get(settings, "text_config"), *rope, *whole;

	if (json_is_object(text)) {
		json_incref(text);
		int rc = json_object_update(settings, text);
		json_decref(text);
		if (rc != 0)
			return no_memory();
	}
	rope = json_object_get(settings, "rope_parameters");
	if (!json_is_object(rope))
		rope = json_object_get(settings, "rope_scaling");
	whole = json_object_get(rope, "full_attention");
	return add_rope(settings, json_is_object(whole) ? whole : rope);
}

static int
read_settings(struct hub *h)
{
	int rc = hub_json(h, "config.json", &h->settings);

	if (rc == 0)
		return err_set(ERR_SYSTEM, "%s: no config.json there", h->dir);
	if (rc > 0 && !json_is_object(h->settings))
		return err_set(ERR_DATA, "%s/config.json: not an object", h->dir);
	return rc < 0 ? -1 : flatten(h->settings);
}

/* ---- weights ---- */

static int
open_weights(struct hub *h, const char *name)
{
	char *path = path_of(h, name);

	h->files[h->n_files] = path && is_allowed(h, path) == 0 ? safetensors_open(path) : NULL;
	free(path);
	return h->files[h->n_files] ? (int)(h->n_files++, 0) : -1;
}

static bool
is_open(const struct hub *h, const char *name)
{
	for (size_t i = 0; i < h->n_files; i++)
		if (strcmp(strrchr(h->files[i]->path, '/') + 1, name) == 0)
			return true;
	return false;
}

/* The files that an index names. */
static int
open_parts(struct hub *h, json_t *map)
{
	const char *tensor, *name;
	json_t *v;

	if (!json_is_object(map))
		return err_set(ERR_DATA, "%s/model.safetensors.index.json: no weight_map", h->dir);
	if (!(h->files = mem_alloc(json_object_size(map), sizeof *h->files)))
		return -1;
	json_object_foreach(map, tensor, v) {
		name = json_string_value(v);
		if (!name || *name == '\0' || strchr(name, '/'))
			return err_set(ERR_DATA, "%s/model.safetensors.index.json: tensor %.200s is in no file of the folder", h->dir, tensor);
		if (!is_open(h, name) && open_weights(h, name) < 0)
			return -1;
	}
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct hub_tensor *x = a, *y = b;

	return strcmp(x->t->name, y->t->name);
}

static int
list_tensors(struct hub *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_files; i++)
		n += h->files[i]->n;
	if (n == 0)
		return err_set(ERR_DATA, "%s: its weights are no tensors at all", h->dir);
	if (!(h->tensors = mem_alloc(n, sizeof *h->tensors)))
		return -1;
	for (size_t i = 0; i < h->n_files; i++)
		for (size_t k = 0; k < h->files[i]->n; k++)
			h->tensors[h->n++] = (struct hub_tensor){ &h->files[i]->tensors[k], h->files[i] };
	qsort(h->tensors, h->n, sizeof *h->tensors, by_name);
	for (size_t i = 1; i < h->n; i++)
		if (by_name(&h->tensors[i - 1], &h->tensors[i]) == 0)
			return err_set(ERR_DATA, "%s: tensor %.200s is in %.200s too", h->tensors[i].file->path, h->tensors[i].t->name,
			    h->tensors[i - 1].file->path);
	return 0;
}

/* Index and files name the same tensors. */
static int
check_index(const struct hub *h, json_t *map)
{
	const char *tensor;
	json_t *v;

	json_object_foreach(map, tensor, v) {
		const struct hub_tensor *t = hub_tensor(h, tensor);
		if (!t || strcmp(strrchr(t->file->path, '/') + 1, json_string_value(v)) != 0)
			return err_set(ERR_DATA, "%s/%.200s: tensor %.200s is not there, which the index says", h->dir, json_string_value(v), tensor);
	}
	return 0;
}

static int
open_index(struct hub *h, json_t *index)
{
	json_t *map = json_object_get(index, "weight_map");

	return open_parts(h, map) < 0 || list_tensors(h) < 0 ? -1 : check_index(h, map);
}

static int
read_weights(struct hub *h)
{
	json_t *index;
	int rc = hub_json(h, "model.safetensors.index.json", &index);

	if (rc > 0)
		rc = open_index(h, index);
	else if (rc == 0 && (!(h->files = mem_alloc(1, sizeof *h->files)) || open_weights(h, "model.safetensors") < 0 || list_tensors(h) < 0))
		rc = -1;
	json_decref(index);
	return rc;
}

/* ---- the folder ---- */

struct hub *
hub_open(const char *dir, hub_allow *allow)
{
	struct hub *h = mem_alloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->allow = allow;
	if (!(h->dir = mem_strdup(dir)) || read_settings(h) < 0 || read_weights(h) < 0) {
		hub_free(h);
		return NULL;
	}
	return h;
}

void
hub_free(struct hub *h)
{
	if (!h)
		return;
	free(h->tensors);
	for (size_t i = 0; i < h->n_files; i++)
		safetensors_free(h->files[i]);
	free(h->files);
	json_decref(h->settings);
	free(h->dir);
	free(h);
}

const struct hub_tensor *
hub_tensor(const struct hub *h, const char *name)
{
	struct safetensor t = { .name = name };
	struct hub_tensor key = { .t = &t };

	return bsearch(&key, h->tensors, h->n, sizeof key, by_name);
}
