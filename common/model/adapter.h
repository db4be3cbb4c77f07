/*
 * adapter.h: LoRA adapters, in the GGUF files that llama.cpp's convert_lora_to_gguf.py makes: for a matrix W (out x in) of a
 * model a pair A (rank x in) and B (out x rank), with which it becomes W + scale B A.
 * Source: llama.cpp, src/llama-adapter.cpp.
 *
 * The keys are general.type "adapter", adapter.type "lora", the model's general.architecture, and adapter.lora.alpha (f32;
 * absent: 0). For a matrix NAME there are the tensors NAME.lora_a, ne = [in, rank], and NAME.lora_b, ne = [rank, out]; their
 * types are f32, f16, bf16 or q8_0, not interleaved. scale is SCALE * alpha / rank in f32, one step after the other, or
 * SCALE where alpha is 0.
 */
#ifndef MAI_MODEL_ADAPTER_H
#define MAI_MODEL_ADAPTER_H

#include "model/model.h"

enum { ADAPTER_MAX_RANK = 4096 };

struct adapter_pair {
	char base[GGUF_MAX_NAME]; /* the matrix: "blk.0.attn_q.weight" */
	const struct gguf_tensor *a, *b;
	uint32_t rank;
	float scale;
};

struct adapter {
	struct model *file;
	float scale, alpha; /* SCALE, and as the file states it */
	struct adapter_pair *pairs;
	uint64_t n_pairs;   /* at least 1 */
};

/*
 * Opens an adapter of the model `m`, or of the model that `m` is a part of; pairs for matrices of other parts are checked
 * and kept too. NULL with a reason.
 *
 * Refused: another architecture; a tensor that is none of a pair, or whose pair is not whole; a matrix that is none of the
 * model's (as the output matrix of a tied one is), or of another shape; adapters of the embedding; a rank of 0 or above the
 * limit; a scale that is no finite number; adapters that apply only behind certain tokens (alora).
 */
struct adapter *adapter_open(const char *path, float scale, const struct model *m);
void adapter_free(struct adapter *a);

/* The pair for a matrix, or NULL. */
const struct adapter_pair *adapter_find(const struct adapter *a, const char *base);

/* Adapters that are applied one after the other. {0} is none. */
struct adapter_list {
	struct adapter **at;
	size_t n;
};

/*
 * Opens n adapters, each named as FILE[:SCALE] (opt_file_number; 1). One with a SCALE of 0 is checked and then left out: it
 * changes nothing. 0, or -1 with a reason.
 */
int adapters_open(struct adapter_list *l, const char *const *names, size_t n, const struct model *m);
void adapters_free(struct adapter_list *l);

/* What a compute profile says of a list that is not empty (mai-stream(5)): a hash over the adapters' ids, which are those of
 * their files as of models (mai-shard(5)), alphas and SCALEs. 0 or -1. */
int adapters_id(const struct adapter_list *l, struct hash *id);

#endif
