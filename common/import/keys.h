/*
 * keys.h: the keys of a GGUF that say what a model is, and the tensors that are made of settings alone: factors of rope frequencies.
 */
#ifndef MAI_IMPORT_KEYS_H
#define MAI_IMPORT_KEYS_H

#include "import/hub.h"
#include "import/recipe.h"
#include "model/gguf.h"

/* Those of the recipe, and how one row is made of a sequence's, which modules.json tells of models of embeddings. 0, or -1 with a reason. */
int keys_put(struct gguf_writer *to, const struct hub *h, const struct recipe *r);

/* ARCH.name in `to`, for keys that are not in the recipe. */
enum { KEYS_MAX_NAME = 128 };
const char *keys_name(char to[KEYS_MAX_NAME], const struct recipe *r, const char *name);

/* Vectors that the writer points to, of so many numbers; zeroed: none. */
struct keys_factors {
	float *of[2];
};

/*
 * rope_freqs of Llama 3, rope_factors_long and _short of Phi 3, where the settings have them. What is in `f` must live until the writing is
 * done, and is freed by keys_factors_free. A kind of rope scaling that the architecture is not computed with is refused.
 */
int keys_put_factors(struct gguf_writer *to, const struct hub *h, const struct recipe *r, struct keys_factors *f);
void keys_factors_free(struct keys_factors *f);

#endif
