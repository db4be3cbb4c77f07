/*
 * safetensors.h: a file of tensors as Hugging Face's models come: 8 bytes that say how long a header in JSON is, the header, the data.
 * Source: the safetensors project, README.md (format) and its reference reader.
 *
 * A file is mapped and checked whole while it is opened, and then only looked at: names point into its header, data into the map.
 */
#ifndef MAI_MODEL_SAFETENSORS_H
#define MAI_MODEL_SAFETENSORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io.h"

enum {
	SAFETENSORS_MAX_HEADER = 100000000, /* bytes, as in the reference */
	SAFETENSORS_MAX_DIMS = 8,
};

struct safetensor {
	const char *name;  /* UTF-8 */
	const char *dtype; /* "F32", "BF16", "U8" ... */
	uint32_t bits;     /* of an element */
	uint32_t n_dims;   /* 0: a single number */
	uint64_t shape[SAFETENSORS_MAX_DIMS]; /* the last runs fastest; 1 beyond n_dims */
	uint64_t n;        /* elements; 0 is allowed */
	uint64_t offset;   /* from the start of the file */
	uint64_t size;     /* bytes */
	const uint8_t *data; /* not aligned */
};

struct safetensors {
	char *path;
	struct io_map map;
	struct safetensor *tensors; /* in the order of their data */
	size_t n;

	/* private: what names and types point into; is the map not ours to unmap */
	json_t *header;
	bool borrowed;
};

/*
 * NULL with a reason that names the file, the tensor or the offset, and the fault.
 *
 * Refused: a header that is too long, no object of JSON or names a tensor twice; names that are empty or hold control
 * characters; metadata that are not texts; a type that is not known;
 * offsets that are not those that type and shape give, that leave holes, overlap or don't end where the file does.
 */
struct safetensors *safetensors_open(const char *path);

/* The same of a file that lies in memory, which must stay there until safetensors_free. `name` is for reasons. */
struct safetensors *safetensors_open_memory(const void *data, size_t size, const char *name);
void safetensors_free(struct safetensors *s);

#endif
