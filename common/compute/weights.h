/*
 * weights.h: a model's tensors as the forward pass uses them.
 *
 * A matrix that is interleaved in its file is used where it is mapped, so processes share its pages: also one of several that lie in one
 * tensor, behind one another or, as queries, keys and values may, one below the other. A plain one is interleaved into memory of its own, and so
 * is one below another whose rows don't end with a tile.
 */
#ifndef MAI_COMPUTE_WEIGHTS_H
#define MAI_COMPUTE_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "compute/pool.h"
#include "model/adapter.h"

struct weight {
	uint32_t type;             /* plain type */
	size_t rows, cols;         /* outputs, inputs */
	const void *data, *scales; /* tiled (model/tile.h); of blocks these are two sections */
	void *owned;               /* data, where it is not mapped */
	const float *bias;         /* [rows]; NULL: none */
	struct low_rank *adapters; /* what they add to it; NULL: nothing */
	const struct gguf_tensor *tensor; /* that it is of; NULL: an adapter's, or rows of a tensor that has others before */
	uint32_t number;           /* which of the matrices in the tensor, where they are several */
};

/* Adapters of one matrix, in order: y = W x, then y += B (A x) for each. All are f32. */
struct low_rank {
	struct weight a;  /* the A of all, one below the other, each with rows of zeros up to whole tiles */
	size_t n;
	struct weight *b; /* [n]: the B of each, times its scale */
};

struct norm {
	const float *w, *b; /* w NULL: there is none; b may be */
};

/* Of a layer that has them, each with a feed-forward block of its own. */
struct experts {
	uint32_t n;                      /* 0: none */
	struct weight router;            /* n rows: how well a row and an expert go together */
	struct weight *gate, *up, *down; /* [n] */
	float *biases;                   /* of these three */
	const float *preference;         /* [n]: added to what is compared to choose them; NULL: nothing */
	struct weight shared_router, shared_gate, shared_up, shared_down; /* no data: no shared one; no router: its weight is 1 */
};

/* Latent attention (latent.c). */
struct latent {
	struct weight q_a, q_b;          /* no data: the layer's q makes queries */
	struct weight kv_a;
	struct norm q_norm, kv_norm;
	struct weight *k_b, *v_b;        /* [heads]; NULL: attention is not latent */
	struct weight kv_b;              /* no data: the one matrix that both are of, for its inputs; no tensor: they are two */
	uint32_t heads;
};

/* Mamba (mamba.c). */
struct mamba {
	struct weight in, x, dt, out;
	float *conv, *a;                 /* owned: [taps][inner] and [states][inner] */
	const float *conv_bias, *d;      /* [inner] */
};

/* A matrix that is two, through few numbers: second (f(first x)). */
struct low_pair {
	struct weight first, second;
};

/* RWKV-7 (rwkv.c): the time mix; the channel mix has the layer's up and down. */
struct rwkv {
	struct weight r, k, v, out;
	struct low_pair decay, rate, value, gate; /* value: no data in the first layer, whose values the others mix theirs with */
	const float *lerps;                       /* [6][dim]: of the inputs of r, decay, k, v, rate, gate */
	const float *kk, *ka, *rk;                /* [dim] */
	const float *channel_lerp;                /* [dim] */
	struct norm heads;                        /* of what comes of each head */
};

struct layer {
	struct norm attn, ffn;             /* before a block */
	struct norm attn_post, ffn_post;   /* behind it */
	struct norm attn_sum, ffn_sum;     /* of the hidden state, when it has been added */
	struct norm q_norm, k_norm;        /* of a head, or of all of a row */
	const float *sinks;                /* [heads]: scores beside those of keys; NULL: none */
	struct weight q, k, v, o, gate, up, down; /* gate: no data where there is none */
	struct latent latent;              /* in place of k and v */
	struct experts experts;            /* in place of gate, up and down */
	struct mamba mamba;                /* in place of all but `attn` */
	struct rwkv rwkv;                  /* in place of attention */
};

struct weights {
	const struct gguf_tensor *embedding; /* rows are tokens; plain or tiled. NULL without the embedding */
	const struct gguf_tensor *types, *positions; /* what is added to it, the first of the types, likewise; NULL: nothing */
	struct norm embedding_norm;          /* of the sum */
	struct norm output_norm;             /* [dim]; none without the head, or of encoders */
	struct weight head;
	const float *rope_factors, *rope_long, *rope_short; /* NULL: none; the last two for long contexts and for short ones */
	uint32_t n_layers, experts_used;     /* experts_used: by each row */
	struct layer *layer;
};

/* The tensors point into `m`, which must outlive them; of the adapters nothing is kept. 0, or -1 with a reason. */
int weights_load(struct weights *w, const struct model *m, const struct adapter_list *adapters, struct pool *pool);
void weights_free(struct weights *w);

/* Bytes that one token reads of the layers and the head, for figures of bandwidth. */
uint64_t weights_bytes(const struct weights *w);

/* The most rows that `a` has for matrices of the same inputs, all together; 0 where there are no adapters. */
size_t weights_low_rows(const struct weights *w);

#endif
