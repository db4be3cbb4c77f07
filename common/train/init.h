/* init.h: a new model, with weights drawn from a seed. */
#ifndef MAI_TRAIN_INIT_H
#define MAI_TRAIN_INIT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/gguf.h"

struct init_options {
	uint32_t dim, layers, heads, kv_heads, ffn, context;
	double rope_theta, rms_eps;
	const char *name; /* general.name; NULL: none */
	bool untied; /* an output head of its own */
	uint64_t seed;
};

/*
 * Writes a GGUF of the Llama architecture with the vocabulary of `vocab`. Matrices are normal with deviation 0.02,
 * those that add to the residual stream by 1 / sqrt(2 layers) smaller (Radford et al., GPT-2, 2019), norms 1. 0; -1
 * with a reason, also for sizes that make no model.
 */
int init_model(const char *path, const struct gguf *vocab, const struct init_options *o);

#endif
