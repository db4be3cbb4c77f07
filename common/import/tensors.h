/*
 * tensors.h: the tensors of a model's folder as those of a GGUF.
 */
#ifndef MAI_IMPORT_TENSORS_H
#define MAI_IMPORT_TENSORS_H

#include "import/hub.h"
#include "import/recipe.h"
#include "model/gguf.h"

struct tensors;

/*
 * Gives the writer all tensors, by layer, each to be filled from the map of its file: matrices in the type that they have (f32, f16,
 * bf16, codes of MXFP4), vectors, routers, positions and the like as f32. NULL with a reason: a tensor has no place in the recipe, an expert is
 * missing, a shape does not fit. Writer and folder must outlive it, and it the writing.
 */
struct tensors *tensors_put(struct gguf_writer *to, const struct hub *h, const struct recipe *r);
void tensors_free(struct tensors *t);

/* What general.file_type says of them. */
uint32_t tensors_file_type(const struct tensors *t);

/* Before the writing: who is told how far it is, in bytes (or NULL). */
void tensors_progress(struct tensors *t, void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total), void *arg);

#endif
