/*
 * net.h: a Llama model as training holds it, and LoRA adapters for one (Hu et al., arXiv:2106.09685).
 *
 * Matrices that take the same input lie one behind the other and are one product: q, k and v; gate and up.
 */
#ifndef MAI_TRAIN_NET_H
#define MAI_TRAIN_NET_H

#include "model/model.h"
#include "train/params.h"

struct net_layer { /* first elements in weights.value */
	size_t attn_norm, qkv, out, ffn_norm, gate_up, down;
};

struct net {
	struct hparams hp;
	struct params weights;
	struct net_layer *layer;
	size_t embedding, output_norm, head; /* head: the embedding's when the model is tied */
};

/* The layout of a model; `tied`: without output.weight. Hyper-parameters are sound (model_check_llama). 0 or -1. */
int net_layout(struct net *n, const struct hparams *hp, bool tied);

/* A whole model, widened to f32. Refuses rope factors a position beyond those of hparams, and what can't be computed.
 * 0 or -1. */
int net_load(struct net *n, const struct model *m);
void net_free(struct net *n);

/* Rows of each product's output. */
size_t net_q_rows(const struct net *n);   /* heads x head_dim */
size_t net_kv_rows(const struct net *n);  /* KV heads x head_dim */
size_t net_qkv_rows(const struct net *n); /* one q, one k, one v */

/* ---- adapters ---- */

/* The matrices of a layer that an adapter changes, in the order of their rows in net_layer. */
enum lora_target { LORA_Q, LORA_K, LORA_V, LORA_OUT, LORA_GATE, LORA_UP, LORA_DOWN, LORA_TARGETS };

struct lora_pair { /* first elements in weights.value: a[rank][cols], b[rows][rank] */
	size_t a, b;
};

struct lora {
	struct params weights;
	uint32_t rank;
	float alpha;  /* W x + alpha / rank * B A x */
	struct lora_pair (*layer)[LORA_TARGETS];
};

/* An adapter that changes nothing yet: A is drawn from `seed`, B is zero. 0 or -1. */
int lora_new(struct lora *l, const struct net *n, uint32_t rank, float alpha, uint64_t seed);
void lora_free(struct lora *l);

/* Rows and columns of a target's matrix. */
void lora_shape(const struct net *n, enum lora_target t, size_t *rows, size_t *cols);

#endif
