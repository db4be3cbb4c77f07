/* tensors_impl.h: tensors between their making (tensors.c) and their writing (tensors_write.c). For these two alone. */
#ifndef MAI_IMPORT_TENSORS_IMPL_H
#define MAI_IMPORT_TENSORS_IMPL_H

#include "import/name.h"
#include "import/tensors.h"
#include "import/view.h"

enum {
	TENSORS_CHUNK = 1 << 13,  /* elements that are converted at a time */
	TENSORS_MAX_UNIT = 16,    /* bytes of an element */
	TENSORS_MXFP4 = 17,       /* of a block of MXFP4: the exponent, and codes of 4 bits */
};

/* A tensor of the folder as (a part of) one that is made. */
struct part {
	const struct hub_tensor *from;
	const struct recipe_tensor *rule;
	size_t place; /* of the rule */
	struct name_match match;
	struct view view;
	const uint8_t *scales; /* of MXFP4 */
};

/* One that is made, of n parts, one behind the other. */
struct made {
	struct tensors *all;
	struct part *part;
	size_t n;
	uint32_t type;
	FILE *to;
	const char *name; /* of the file */
	const struct part *now; /* the one that is being written */
};

struct tensors {
	const struct hub *h;
	const struct recipe *r;
	struct view_sizes sizes;
	uint64_t layers;
	struct part *parts;
	size_t n_parts, cap;
	struct made *made;
	size_t n_made;
	void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total);
	void *progress_arg;
	uint64_t done, total; /* bytes written */

	/* what is being converted */
	_Alignas(float) uint8_t raw[TENSORS_CHUNK * TENSORS_MAX_UNIT];
	uint8_t blocks[TENSORS_CHUNK * TENSORS_MXFP4];
	float x[TENSORS_CHUNK];
};

/* GGML's number of the type of a part's elements. 0, or -1 with a reason: it is none that is converted. */
int tensors_type(const struct part *p, uint32_t *type);

/* Writes a tensor, which is a struct made. */
gguf_fill tensors_write;

#endif
