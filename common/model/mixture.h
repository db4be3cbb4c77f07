/*
 * mixture.h: which types the matrices of a quantised model have. By name, as llama-quantize knows them: "q8_0" is one type for all that have
 * no reason for another, "q4_k_m" is q4_k and some q6_k where errors weigh most.
 */
#ifndef MAI_MODEL_MIXTURE_H
#define MAI_MODEL_MIXTURE_H

#include "model/model.h"

struct mixture {
	const char *name;
	uint32_t type;      /* of most matrices */
	uint32_t file_type; /* llama.cpp's number (enum llama_ftype) */
	bool more;          /* more bits for some */
};

/* By name, in small letters or large; NULL for another. */
const struct mixture *mixture_find(const char *name);

/* All names, with commas, for messages. */
#define MIXTURES "f32, f16, bf16, q8_0, q6_k, q5_k_m, q4_k_m and q4_0"

/*
 * What a matrix becomes. One whose rows are no whole blocks of that gets a type of smaller blocks, or f16. `weighed`: there is an importance
 * matrix.
 */
uint32_t mixture_type(const struct mixture *x, const struct model *m, const struct gguf_tensor *t, bool weighed);

#endif
