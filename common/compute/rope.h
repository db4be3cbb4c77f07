/*
 * rope.h: the angles of rotary position embeddings (Su et al., RoFormer, arXiv:2104.09864), with linear scaling, YaRN
 * (Peng et al., arXiv:2309.00071) and per-frequency factors (Llama 3), as llama.cpp reads them from GGUF keys.
 */
#ifndef MAI_COMPUTE_ROPE_H
#define MAI_COMPUTE_ROPE_H

#include <stdint.h>

#include "model/model.h"

struct rope {
	uint32_t pairs;   /* rope_dim / 2 */
	double scale;     /* of cos and sin (YaRN's attention factor) */
	double *frequency; /* radians a position, for each pair, scaling applied */
};

/* `factors`: rope_freqs.weight, rope_dim / 2 divisors, or NULL. 0 or -1. */
int rope_init(struct rope *r, const struct hparams *hp, const float *factors);
void rope_free(struct rope *r);

/* cos and sin of position `pos` for each pair. */
void rope_at(const struct rope *r, uint32_t pos, float *cos, float *sin);

#endif
