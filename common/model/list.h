/* list.h: the tensors of a model, each once, in whichever files they lie. */
#ifndef MAI_MODEL_LIST_H
#define MAI_MODEL_LIST_H

#include "model/model.h"

struct place {
	const struct gguf_tensor *t;
	const struct gguf *g;
	uint32_t index; /* its place in the whole model */
};

struct tensor_list {
	struct place *at;
	uint64_t n;
	uint64_t count; /* tensors of the whole model: more than n when some layers are not here */
};

/* In order of index. A tensor that stands in two shards is listed once, as it lies in the first. 0 or -1. */
int list_tensors(struct tensor_list *l, const struct model *m);
void list_by_name(struct tensor_list *l);
void list_free(struct tensor_list *l);

#endif
