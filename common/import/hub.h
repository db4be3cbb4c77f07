/*
 * hub.h: a model's folder as Hugging Face has it: config.json, tokenizer.json and the like, and weights in model.safetensors or, by
 * model.safetensors.index.json, in several such files.
 */
#ifndef MAI_IMPORT_HUB_H
#define MAI_IMPORT_HUB_H

#include <jansson.h>
#include <stdbool.h>

#include "model/safetensors.h"

enum { HUB_MAX_JSON = 1 << 28 }; /* bytes of a file of JSON */

struct hub_tensor {
	const struct safetensor *t;
	const struct safetensors *file;
};

/* Is a file to be read? 0, or -1 with a reason. */
typedef int hub_allow(const char *path);

struct hub {
	char *dir;
	hub_allow *allow;
	/*
	 * config.json, flat: those of "text_config", where a model has more than text, lie over the others, and those of the rotation stand
	 * beside them as "rope.NAME" (rope_parameters or rope_scaling, of attention over everything where there are two kinds).
	 */
	json_t *settings;
	struct safetensors **files;
	size_t n_files;
	struct hub_tensor *tensors; /* of all files, in order of names */
	size_t n;
};

/* NULL with a reason. `allow`, where there is one, is asked before a file is opened. */
struct hub *hub_open(const char *dir, hub_allow *allow);
void hub_free(struct hub *h);

/* A file of the folder: an object or an array. 1; 0: there is none, *to is NULL; -1 with a reason. Freed by json_decref. */
int hub_json(const struct hub *h, const char *name, json_t **to);

/* Its bytes, appended: 1, 0 or -1 as above. */
int hub_file(const struct hub *h, const char *name, struct buf *to);

const struct hub_tensor *hub_tensor(const struct hub *h, const char *name); /* NULL: none */

/* A text of an object; NULL when there is none. Lives as long as the object. */
const char *hub_text(const json_t *object, const char *key);

/* A whole number that is not negative; false: it is none. */
bool hub_number(const json_t *v, uint64_t *to);

#endif
